//! Settings of where operators are told things.

use clap::Args;

use super::secret;
use crate::secrets::Secret;

/// Whoever knows such an address can write there, so they are secrets. What they must be is checked
/// in [`crate::notify`], where an empty one counts as not set.
#[derive(Debug, Clone, Default, Args)]
pub struct NotifyArgs {
    /// Tell alerts to this custom bot of Feishu (Lark); http and private addresses are allowed here
    #[arg(long, env = "NOTIFY_FEISHU_WEBHOOK", hide_env_values = true, value_name = "URL",
        value_parser = secret)]
    pub notify_feishu_webhook: Option<Secret>,

    /// Post alerts as JSON to this address; likewise
    #[arg(long, env = "NOTIFY_WEBHOOK", hide_env_values = true, value_name = "URL",
        value_parser = secret)]
    pub notify_webhook: Option<Secret>,
}
