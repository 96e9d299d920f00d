//! The host that a channel's key goes to.
//!
//! A key is for the host that it was entered for. Whoever moves a channel, by its address, its type or
//! its settings, sends the key again: an administrator who has no key must not be able to send it
//! where they like, and no mistake hands a provider the key of another.

use serde_json::{Map, Value};
use tollgate_catalog::builtin;

use crate::domain::{BaseUrl, Channel, ChannelConfigs, ChannelPatch};

#[derive(Debug, PartialEq, Eq)]
enum Host {
    At(String),
    /// The key alone says where, or nothing does: as good as another for each type.
    OfType(i64),
}

/// Whether the patch leads the channel to another host.
pub(super) fn changes(now: &Channel, patch: &ChannelPatch) -> bool {
    let base_url = patch.base_url.as_ref().unwrap_or(&now.base_url);
    let configs = patch.configs.as_ref().unwrap_or(&now.configs);
    let kind = patch.kind.unwrap_or(now.kind);
    let before = host(now.kind, &now.configs, now.base_url.as_ref());
    before != host(kind, configs, base_url.as_ref())
}

fn host(kind: i64, configs: &Map<String, Value>, own: Option<&BaseUrl>) -> Host {
    if let Some(url) = own {
        return Host::At(url.origin());
    }
    let filled = builtin().provider(kind).and_then(|provider| {
        let configs = ChannelConfigs::read(provider, configs).ok()?;
        let filled = provider.base_url(&configs.values)?.ok()?;
        Some(BaseUrl::parse(&filled).ok()?.0)
    });
    match filled {
        Some(url) => Host::At(url.origin()),
        None => Host::OfType(kind),
    }
}
