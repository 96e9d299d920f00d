//! The way that a channel's key takes, and who can read it there.
//!
//! A key is for the host that it was entered for. Whoever moves a channel, by its address, its type or
//! its settings, sends the key again, and so does who lets somebody on the way read it: an administrator
//! who has no key must not be able to send it where they like, and no mistake hands a provider the key
//! of another.

use serde_json::{Map, Value};
use tollgate_catalog::builtin;

use super::{BaseUrl, Channel, ChannelConfigs, ChannelPatch, ProxyUrl};

#[derive(Debug, PartialEq, Eq)]
enum Host {
    At(BaseUrl),
    /// The key alone says where, or nothing does: as good as another for each type.
    OfType(i64),
}

/// Why a key that the channel has must be sent again for this patch; `None`: it may stay.
pub(crate) fn key_again(now: &Channel, patch: &ChannelPatch) -> Option<&'static str> {
    let base_url = patch.base_url.as_ref().unwrap_or(&now.base_url);
    let configs = patch.configs.as_ref().unwrap_or(&now.configs);
    let kind = patch.kind.unwrap_or(now.kind);
    let before = Host::of(now.kind, &now.configs, now.base_url.as_ref());
    let after = Host::of(kind, configs, base_url.as_ref());
    if !before.is(&after) {
        return Some("must be sent again: the channel moves to another host");
    }
    let skips = patch.skip_tls_verify.unwrap_or(now.skip_tls_verify);
    if !after.is_open(skips) {
        return None;
    }
    if !before.is_open(now.skip_tls_verify) {
        return Some("must be sent again: a host whose certificate is not verified may be anybody");
    }
    let proxy = patch.proxy.as_ref().unwrap_or(&now.proxy);
    (place(proxy.as_ref()) != place(now.proxy.as_ref()))
        .then_some("must be sent again: the proxy reads what no verified TLS protects")
}

// === impl Host ===

impl Host {
    fn of(kind: i64, configs: &Map<String, Value>, own: Option<&BaseUrl>) -> Self {
        if let Some(url) = own {
            return Self::At(url.clone());
        }
        let filled = builtin().provider(kind).and_then(|provider| {
            let configs = ChannelConfigs::read(provider, configs).ok()?;
            let filled = provider.base_url(&configs.values)?.ok()?;
            Some(BaseUrl::parse(&filled).ok()?.0)
        });
        filled.map_or(Self::OfType(kind), Self::At)
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::At(one), Self::At(other)) => one.origin() == other.origin(),
            (one, other) => one == other,
        }
    }

    /// Whether others than the host can read what is sent there.
    fn is_open(&self, skips_verify: bool) -> bool {
        let plain = matches!(self, Self::At(url) if !url.is_https());
        plain || skips_verify
    }
}

fn place(proxy: Option<&ProxyUrl>) -> Option<(&str, u16, bool)> {
    proxy.map(|proxy| (proxy.host(), proxy.port(), proxy.is_https()))
}
