//! Where a channel's requests go: its own base URL, or its provider's.
//!
//! A base URL of one's own is taken as it was typed, with two exceptions that can only be meant
//! otherwise: on the provider's own host a path that merely begins like one of the provider's is
//! made whole (`https://api.openai.com` is `https://api.openai.com/v1`), and a deployment in the
//! path is cut off where the provider's requests name the deployment themselves.

use std::net::SocketAddr;

use tollgate_catalog::{Provider, Unfilled};
use tollgate_config::Also;

use crate::domain::{BaseUrl, ChannelConfigs, PublishedChannel};

/// What the demo provider's first dialect is below, behind what says which channel it is.
const DEMO_PATH: &str = "/v1";

pub(super) struct Place {
    /// Scheme, host and port.
    pub(super) base_url: BaseUrl,
    pub(super) base_path: String,
    pub(super) also: Vec<Also>,
}

pub(super) fn of(
    channel: &PublishedChannel,
    provider: &Provider,
    configs: &ChannelConfigs,
    demo: SocketAddr,
) -> Result<Place, String> {
    let base_url = match &channel.base_url {
        Some(own) => own.clone(),
        None => default(channel, provider, configs, demo)?,
    };
    let theirs = provider.base_path(&configs.values);
    let is_at_home = provider.is_at(base_url.host());
    let mut base_path = base_url.path().to_owned();
    if let Some((folder, _)) = provider.endpoint.as_deref().and_then(|e| e.split_once('{'))
        && let Some((before, _)) = base_path.split_once(folder)
    {
        base_path = before.to_owned();
    }
    if let Some(theirs) = theirs.as_deref().filter(|_| is_at_home) {
        let also = provider.also.iter().map(|also| also.base_path.as_str());
        if also.chain([theirs]).any(|whole| begins(whole, &base_path)) {
            base_path = theirs.to_owned();
        }
    }
    // What stands before the provider's path, on a proxy's host, stands before the others too.
    let theirs = theirs.or_else(|| provider.demo.then(|| DEMO_PATH.to_owned()));
    let before = theirs.and_then(|theirs| base_path.strip_suffix(&theirs));
    let native = configs.native_dialects || provider.demo;
    let also = before.filter(|_| native).map(|before| {
        let there = provider.also.iter();
        let there = there.filter(|also| is_at_home || !also.at_home);
        let also = there.map(|also| Also {
            dialect: also.dialect.clone(),
            base_path: format!("{before}{}", also.base_path),
        });
        also.collect()
    });
    Ok(Place {
        also: also.unwrap_or_default(),
        base_url,
        base_path,
    })
}

pub(super) fn unfilled(unfilled: Unfilled<'_>) -> String {
    match unfilled {
        Unfilled::Missing(name) => format!("it needs configs.{name}"),
        Unfilled::Unfit(name) => format!("configs.{name} does not fit into an address"),
    }
}

fn default(
    channel: &PublishedChannel,
    provider: &Provider,
    configs: &ChannelConfigs,
    demo: SocketAddr,
) -> Result<BaseUrl, String> {
    let text = match provider.base_url(&configs.values) {
        _ if provider.demo => format!("http://{demo}/channel/{}{DEMO_PATH}", channel.id),
        Some(url) => url.map_err(unfilled)?,
        None => return Err("it needs a base URL".into()),
    };
    BaseUrl::parse(&text)
        .map(|(url, _)| url)
        .map_err(|error| format!("its base URL {error}"))
}

/// Whether `path` is the first segments of `whole`, or all of them.
fn begins(whole: &str, path: &str) -> bool {
    let rest = whole.strip_prefix(path);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
