//! Which gateways are connected, what they have, and what they refused.
//!
//! Kept in memory: a gateway that connects again tells it again.

mod api;
mod ready;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::sync::watch;

pub use api::{NODE_HEADER, admin_routes, no_such_path, public_routes};
pub use ready::Readiness;

use crate::xds::Kind;
use crate::xds::delta::{Refusal, Status};

/// All gateways that are, or lately were, connected. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Registry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    gateways: Mutex<BTreeMap<String, Gateway>>,
    /// Counts changes, for whoever waits for one.
    changes: watch::Sender<u64>,
}

/// What is known of one gateway, by its Envoy node id.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Gateway {
    /// `None`: no xDS stream at the moment.
    pub xds: Option<Xds>,
    /// `None`: no meter stream at the moment.
    pub meter: Option<Meter>,
    /// The last refusal of each kind, kept over reconnects.
    pub refusals: BTreeMap<&'static str, Refused>,
    /// Unix milliseconds.
    pub last_seen_at: i64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Xds {
    #[serde(skip)]
    session: u64,
    pub connected_at: i64,
    pub resources: BTreeMap<&'static str, Progress>,
}

/// How far a gateway is with one kind of resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Version that it should have.
    pub version: String,
    /// Version that it last acknowledged; empty before the first.
    pub acked: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    pub version: String,
    pub message: String,
    pub at: i64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Meter {
    #[serde(skip)]
    session: u64,
    pub connected_at: i64,
    /// The first version that stands for every token; 0 before it was sent.
    #[serde(skip)]
    snapshot_version: u64,
    pub tokens_sent: u64,
    pub tokens_applied: u64,
    /// Usage events that its bounded queue had no room for, since its Envoy started.
    pub usage_dropped: u64,
    /// Which part of every limit it has; `None`: nobody has told it, and it has all of them.
    pub limits_share: Option<LimitsShare>,
}

/// One of `nodes` equal parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LimitsShare {
    pub nodes: u64,
    pub index: u64,
}

/// An xDS stream. Dropping it marks the gateway as disconnected.
#[derive(Debug)]
pub struct XdsSession {
    registry: Registry,
    node: String,
    session: u64,
}

/// A meter stream. Dropping it marks the gateway's meter as disconnected.
#[derive(Debug)]
pub struct MeterSession {
    registry: Registry,
    node: String,
    session: u64,
}

/// Gateways that come and go under ever new names must not fill the memory.
const MAX_GATEWAYS: usize = 1000;

/// Envoy's words about a refused resource may repeat the whole of it.
const MAX_MESSAGE_BYTES: usize = 1024;

// === impl Registry ===

impl Registry {
    #[must_use]
    pub fn new() -> Self {
        let changes = watch::Sender::new(0);
        Self(Arc::new(Shared {
            gateways: Mutex::default(),
            changes,
        }))
    }

    #[must_use]
    pub fn xds_connected(&self, node: &str) -> XdsSession {
        let session = self.update(node, |gateway, session| {
            let resources = BTreeMap::new();
            gateway.xds = Some(Xds {
                session,
                connected_at: now_unix_ms(),
                resources,
            });
            session
        });
        XdsSession {
            registry: self.clone(),
            node: node.to_owned(),
            session,
        }
    }

    #[must_use]
    pub fn meter_connected(&self, node: &str) -> MeterSession {
        let session = self.update(node, |gateway, session| {
            gateway.meter = Some(Meter {
                session,
                connected_at: now_unix_ms(),
                snapshot_version: 0,
                tokens_sent: 0,
                tokens_applied: 0,
                usage_dropped: 0,
                limits_share: None,
            });
            session
        });
        MeterSession {
            registry: self.clone(),
            node: node.to_owned(),
            session,
        }
    }

    /// All gateways by node id.
    #[must_use]
    pub fn gateways(&self) -> BTreeMap<String, Gateway> {
        self.lock().clone()
    }

    /// Whether this gateway's meter is connected.
    #[must_use]
    pub fn has_meter(&self, node: &str) -> bool {
        self.lock()
            .get(node)
            .is_some_and(|gateway| gateway.meter.is_some())
    }

    /// Wakes whenever something changed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Gateway>> {
        // Nothing that panics is done under this lock, and every change is whole.
        self.0
            .gateways
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn update<T>(&self, node: &str, change: impl FnOnce(&mut Gateway, u64) -> T) -> T {
        let mut gateways = self.lock();
        if !gateways.contains_key(node) && gateways.len() >= MAX_GATEWAYS {
            forget_one(&mut gateways);
        }
        let gateway = gateways.entry(node.to_owned()).or_default();
        gateway.last_seen_at = now_unix_ms();
        let session = *self.0.changes.borrow() + 1;
        let result = change(gateway, session);
        self.0.changes.send_replace(session);
        result
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

/// The disconnected one that was seen longest ago.
fn forget_one(gateways: &mut BTreeMap<String, Gateway>) {
    let oldest = gateways
        .iter()
        .filter(|(_, gateway)| gateway.xds.is_none() && gateway.meter.is_none())
        .min_by_key(|(_, gateway)| gateway.last_seen_at)
        .map(|(node, _)| node.clone());
    if let Some(node) = oldest {
        gateways.remove(&node);
    }
}

// === impl XdsSession ===

impl XdsSession {
    /// Records how far the gateway is; `None` when it did not ask for this kind.
    pub fn progress(&self, kind: Kind, status: Option<Status>) {
        let Some(status) = status else { return };
        self.update(|xds| {
            let progress = xds.resources.entry(kind.label()).or_default();
            if status.acked {
                progress.acked.clone_from(&status.published);
            }
            progress.version = status.published;
        });
    }

    pub fn refused(&self, kind: Kind, refusal: &Refusal) {
        // Envoy may quote what it refuses, and of this kind that is a key.
        let message = match kind {
            Kind::Secret => "refused; Envoy's words are not shown because they may quote the key",
            _ => truncate(&refusal.message),
        };
        tracing::warn!(node = %self.node, kind = kind.label(), message, "gateway refused an update");
        let refused = Refused {
            version: refusal.version.clone(),
            message: message.into(),
            at: now_unix_ms(),
        };
        self.registry.update(&self.node, |gateway, _| {
            gateway.refusals.insert(kind.label(), refused);
        });
    }

    fn update(&self, change: impl FnOnce(&mut Xds)) {
        self.registry.update(&self.node, |gateway, _| {
            // A newer stream of the same gateway may have taken its place.
            if let Some(xds) = gateway
                .xds
                .as_mut()
                .filter(|xds| xds.session == self.session)
            {
                change(xds);
            }
        });
    }
}

impl Drop for XdsSession {
    fn drop(&mut self) {
        self.registry.update(&self.node, |gateway, _| {
            gateway.xds.take_if(|xds| xds.session == self.session);
        });
    }
}

// === impl MeterSession ===

impl MeterSession {
    /// A snapshot of all tokens, or a change to it, is on its way under this version.
    pub fn sent(&self, version: u64) {
        self.update(|meter| {
            meter.tokens_sent = version;
            if meter.snapshot_version == 0 {
                meter.snapshot_version = version;
            }
        });
    }

    pub fn applied(&self, version: u64) {
        self.update(|meter| meter.tokens_applied = version);
    }

    /// It was told its part of every limit.
    pub fn shared(&self, share: LimitsShare) {
        self.update(|meter| meter.limits_share = Some(share));
    }

    pub fn dropped(&self, events: u64) {
        self.update(|meter| meter.usage_dropped = events);
    }

    fn update(&self, change: impl FnOnce(&mut Meter)) {
        self.registry.update(&self.node, |gateway, _| {
            if let Some(meter) = gateway
                .meter
                .as_mut()
                .filter(|meter| meter.session == self.session)
            {
                change(meter);
            }
        });
    }
}

impl Drop for MeterSession {
    fn drop(&mut self) {
        self.registry.update(&self.node, |gateway, _| {
            gateway.meter.take_if(|meter| meter.session == self.session);
        });
    }
}

fn truncate(message: &str) -> &str {
    message
        .get(..message.floor_char_boundary(MAX_MESSAGE_BYTES))
        .unwrap_or_default()
}

pub(crate) fn now_unix_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
