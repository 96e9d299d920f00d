//! What the roles of one worker share: the active configuration and the requests in flight.
//!
//! Gateway and upstream role run in the same VM, so these statics are the same for both. That is
//! how an attempt finds the request that it serves without a header that a provider could see.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

use rustc_hash::FxBuildHasher;
use tollgate_config::{Also, Channel, GatewayConfig, InvalidConfig, Model};
use tollgate_policy::Subnet;
use tollgate_policy::routing::Routes;
use tollgate_protocol::Dialect;

use crate::stream::Stream;

thread_local! {
    static ACTIVE: RefCell<Option<Rc<Active>>> = const { RefCell::new(None) };
    // By ids that the gateway makes, not the caller.
    static STREAMS: RefCell<HashMap<String, Rc<RefCell<Stream>>, FxBuildHasher>> =
        const { RefCell::new(HashMap::with_hasher(FxBuildHasher)) };
}

/// A configuration with what is derived from it. A request keeps the one with which it began.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) config: GatewayConfig,
    pub(crate) routes: Routes,
    /// By names that administrators gave, in lower case.
    models: HashMap<String, usize, FxBuildHasher>,
    /// Blocks of addresses that are refused, and until when; 0: for ever.
    banned: Vec<(Subnet, i64)>,
}

/// Makes a configuration the active one of this worker.
pub(crate) fn activate(config: GatewayConfig) -> Result<(), InvalidConfig> {
    config.validate()?;
    let active = Rc::new(Active::new(config));
    ACTIVE.with_borrow_mut(|current| *current = Some(active));
    Ok(())
}

/// The active configuration, if there has been one yet.
pub(crate) fn active() -> Option<Rc<Active>> {
    ACTIVE.with_borrow(Clone::clone)
}

/// Makes a request known to the attempts that will serve it, by its id.
pub(crate) fn insert(id: String, stream: Rc<RefCell<Stream>>) {
    STREAMS.with_borrow_mut(|streams| streams.insert(id, stream));
}

pub(crate) fn find(id: &[u8]) -> Option<Rc<RefCell<Stream>>> {
    let id = std::str::from_utf8(id).ok()?;
    STREAMS.with_borrow(|streams| streams.get(id).cloned())
}

pub(crate) fn remove(id: &str) {
    STREAMS.with_borrow_mut(|streams| streams.remove(id));
}

impl Active {
    pub(crate) fn new(config: GatewayConfig) -> Self {
        let routes = Routes::new(&config);
        // Of two that differ in case alone, the first counts.
        let named = config.models.iter().enumerate().rev();
        let models = named
            .map(|(index, model)| (model.model.to_ascii_lowercase(), index))
            .collect();
        let banned = config.banned.iter();
        let banned = banned
            .filter_map(|it| Some((it.block.parse().ok()?, it.until_unix_ms)))
            .collect();
        Self {
            config,
            routes,
            models,
            banned,
        }
    }

    /// What is configured about a model, spelled in any case; nothing is a fine answer.
    pub(crate) fn model(&self, model: &str) -> Option<&Model> {
        let found = self.models.get(model).or_else(|| {
            // Most are spelled like their keys.
            let has_upper = model.bytes().any(|byte| byte.is_ascii_uppercase());
            self.models
                .get(&has_upper.then(|| model.to_ascii_lowercase())?)
        });
        found.and_then(|index| self.config.models.get(*index))
    }

    /// Whether there is anybody to refuse.
    pub(crate) fn bans(&self) -> bool {
        !self.banned.is_empty()
    }

    pub(crate) fn is_banned(&self, address: IpAddr, now_unix_ms: i64) -> bool {
        let mut banned = self.banned.iter();
        banned
            .any(|(block, until)| block.contains(address) && (*until == 0 || now_unix_ms < *until))
    }

    /// A channel by its place in the configuration.
    pub(crate) fn channel(&self, index: usize) -> Option<&Channel> {
        self.config.channels.get(index)
    }
}

/// What a channel speaks to a caller of this dialect: the same if it can, else its first. The
/// configuration was validated, so this is always known.
pub(crate) fn dialect(channel: &Channel, caller: Dialect) -> Dialect {
    match also(channel, caller) {
        Some(_) => caller,
        None => first_dialect(channel),
    }
}

/// What a channel speaks where nothing is known of its other dialects: to count and to embed.
pub(crate) fn first_dialect(channel: &Channel) -> Dialect {
    channel.dialect.parse().unwrap_or(Dialect::OpenaiChat)
}

/// The place of a dialect that is not the channel's first.
pub(crate) fn also(channel: &Channel, dialect: Dialect) -> Option<&Also> {
    let mut also = channel.also.iter();
    also.find(|also| also.dialect == dialect.as_str())
}
