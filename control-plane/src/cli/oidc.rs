//! Settings of signing in at an OpenID provider.

use clap::Args;
use url::Url;

use super::{secret, web_address};
use crate::secrets::Secret;

/// Names are those that other programs use. What they must be is checked in [`crate::oidc`], where
/// an empty one counts as not set.
#[derive(Debug, Clone, Default, Args)]
pub struct OidcArgs {
    /// Let users sign in at this OpenID provider: its issuer, letter for letter as its discovery
    /// document says it
    #[arg(long, env = "OIDC_ISSUER", value_name = "URL")]
    pub oidc_issuer: Option<String>,

    /// What the provider knows this gateway as
    #[arg(long, env = "OIDC_CLIENT_ID", value_name = "ID")]
    pub oidc_client_id: Option<String>,

    /// The secret to it; not every provider gives one
    #[arg(long, env = "OIDC_CLIENT_SECRET", hide_env_values = true, value_name = "SECRET",
        value_parser = secret)]
    pub oidc_client_secret: Option<Secret>,

    /// Where the provider sends browsers back to: this gateway's own address as browsers see it,
    /// followed by /api/auth/oidc/callback; the provider must be told the same
    #[arg(long, env = "OIDC_REDIRECT_URL", value_name = "URL", value_parser = optional_address)]
    pub oidc_redirect_url: Option<OptionalUrl>,

    /// What the provider is asked for
    #[arg(
        long,
        env = "OIDC_SCOPES",
        default_value = "openid profile email",
        value_name = "SCOPES"
    )]
    pub oidc_scopes: String,

    /// Claim of the ID token that says what a user may do, such as `groups` or
    /// `realm_access.roles`; without it, the provider has no say in that
    #[arg(long, env = "OIDC_ROLE_CLAIM", value_name = "CLAIM")]
    pub oidc_role_claim: Option<String>,

    /// Which of its values is which role: `gateway-admins=administrator,auditors=read_only`; whoever
    /// has none of them is an ordinary user
    #[arg(long, env = "OIDC_ROLE_MAPPING", value_name = "VALUE=ROLE,…")]
    pub oidc_role_mapping: Option<String>,
}

/// An address, or nothing, as a Compose file passes on a variable that is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionalUrl(pub Option<Url>);

fn optional_address(text: &str) -> Result<OptionalUrl, &'static str> {
    if text.is_empty() {
        return Ok(OptionalUrl(None));
    }
    web_address(text).map(|url| OptionalUrl(Some(url)))
}
