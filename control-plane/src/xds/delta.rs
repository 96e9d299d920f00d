//! One gateway's side of the incremental xDS protocol: a state machine without IO or clock.
//!
//! Requests and snapshots go in, responses come out of [`Stream::respond`] until it is empty. Order
//! is make-before-break: secrets and clusters first; listeners and routes when those are
//! acknowledged; the gateway's plugin configuration, which is what sends traffic to a channel,
//! when listeners (one leads to each proxy) and routes are; removals when the gateway holds
//! everything else. At most one response per kind is unanswered.
//!
//! A refused response (NACK) counts as answered: the gateway keeps its last good version, and one
//! bad cluster does not hold back a hundred good ones. What was refused is remembered until it is
//! accepted in another version, or gone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::snapshot::{Kind, Resource, Snapshot};

/// What the server knows of one stream.
#[derive(Debug)]
pub struct Stream {
    snapshot: Arc<Snapshot>,
    kinds: BTreeMap<Kind, Subscription>,
    nonces: u64,
    /// Waiting for the gateway has taken too long; send what is left regardless of order.
    impatient: bool,
}

/// The parts of a `DeltaDiscoveryRequest` that matter here.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub subscribe: Vec<String>,
    pub unsubscribe: Vec<String>,
    pub initial_versions: HashMap<String, String>,
    pub nonce: String,
    pub error: Option<String>,
}

/// The parts of a `DeltaDiscoveryResponse`.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    pub kind: Kind,
    pub nonce: String,
    /// Version of the kind as a whole.
    pub version: String,
    pub resources: Vec<(String, Resource)>,
    pub removed: Vec<String>,
}

/// The gateway refused a response and keeps what it had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub version: String,
    pub message: String,
}

/// How far a gateway is with one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Version that is published.
    pub published: String,
    /// The gateway has accepted all of it.
    pub acked: bool,
}

#[derive(Debug, Default)]
struct Subscription {
    wildcard: bool,
    names: BTreeSet<String>,
    /// Name → version that the gateway was sent or said it has.
    held: BTreeMap<String, String>,
    /// What an answer is due for: names that it lacks or has in another version, and names that it
    /// just asked for, even if nothing changed.
    due: BTreeSet<String>,
    /// A gateway that starts waits for an answer to its wildcard, even if there is nothing.
    owed: bool,
    pending: Option<Pending>,
    /// Names that the gateway refused and has not accepted since.
    refused: BTreeSet<String>,
}

#[derive(Debug)]
struct Pending {
    nonce: String,
    version: String,
    /// What was sent, without removals.
    names: Vec<String>,
}

// === impl Stream ===

impl Stream {
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>) -> Self {
        Self {
            snapshot,
            kinds: BTreeMap::new(),
            nonces: 0,
            impatient: false,
        }
    }

    /// Replaces what the gateway should have.
    pub fn publish(&mut self, snapshot: Arc<Snapshot>) {
        for (&kind, subscription) in &mut self.kinds {
            if snapshot.version(kind) != self.snapshot.version(kind) {
                subscription
                    .refused
                    .retain(|name| snapshot.resource(kind, name).is_some());
                subscription.compare(kind, &snapshot);
            }
        }
        self.snapshot = snapshot;
        self.impatient = false;
    }

    /// Takes a request in; tells when it refuses an earlier response.
    pub fn request(&mut self, kind: Kind, request: Request) -> Option<Refusal> {
        let first = !self.kinds.contains_key(&kind);
        let subscription = self.kinds.entry(kind).or_default();
        if first {
            subscription.held = request.initial_versions.into_iter().collect();
            // A first request that names nothing asks for everything (the older form of "*").
            subscription.wildcard = request.subscribe.is_empty();
        }
        let asks_for_all = subscription.wildcard;
        subscription.subscribe(request.subscribe, first);
        subscription.unsubscribe(&request.unsubscribe);
        if first || subscription.wildcard != asks_for_all {
            subscription.compare(kind, &self.snapshot);
            subscription.owed = subscription.wildcard && subscription.held.is_empty();
        }
        subscription.answer(&request.nonce, request.error)
    }

    /// The next response to send, if one is due.
    pub fn respond(&mut self) -> Option<Response> {
        let addition = Kind::ALL
            .into_iter()
            .find(|&kind| self.is_idle(kind) && self.is_due(kind) && self.may_add(kind));
        if let Some(kind) = addition {
            return self.respond_with_additions(kind);
        }
        if !Kind::ALL
            .into_iter()
            .all(|kind| !self.kinds.contains_key(&kind) || self.is_settled(kind))
        {
            return None;
        }
        let removal = Kind::ALL
            .into_iter()
            .rev()
            .find(|&kind| !self.surplus(kind).is_empty())?;
        self.respond_with_removals(removal)
    }

    /// Gives up waiting for the order to be kept, so that one stuck resource cannot hold back the
    /// rest for ever. Lasts until the next snapshot.
    pub fn lose_patience(&mut self) {
        self.impatient = true;
    }

    /// The gateway has subscribed and still lacks something.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.kinds.keys().any(|&kind| !self.is_settled(kind))
    }

    /// `None`: the gateway did not ask for this kind.
    #[must_use]
    pub fn status(&self, kind: Kind) -> Option<Status> {
        let subscription = self.kinds.get(&kind)?;
        Some(Status {
            published: self.snapshot.version(kind).to_owned(),
            acked: self.is_settled(kind) && subscription.refused.is_empty(),
        })
    }

    /// Whether what this kind refers to has arrived.
    fn may_add(&self, kind: Kind) -> bool {
        if self.impatient {
            return true;
        }
        match kind {
            Kind::Secret | Kind::Cluster => true,
            Kind::Listener | Kind::Route => self.has_clusters(),
            Kind::Extension => {
                self.has_clusters() && self.is_settled(Kind::Route) && self.has(Kind::Listener)
            }
        }
    }

    fn has_clusters(&self) -> bool {
        self.has(Kind::Cluster)
    }

    /// A cluster or a listener is ready only with its secret, which the gateway asks for after it has
    /// seen the thing itself; a refused one never asks.
    fn has(&self, kind: Kind) -> bool {
        let secrets = self.kinds.get(&Kind::Secret);
        let has_secret = |name: &str| {
            let wanted = self.snapshot.resource(Kind::Secret, name);
            wanted.is_none_or(|wanted| {
                secrets.is_some_and(|it| it.held.get(name) == Some(&wanted.version))
            })
        };
        let refused = |name: &str| {
            let things = self.kinds.get(&kind);
            things.is_some_and(|it| it.refused.contains(name))
        };
        self.is_settled(kind)
            && secrets.is_none_or(|it| it.pending.is_none())
            && self
                .snapshot
                .resources(kind)
                .filter(|(name, _)| !refused(name))
                .filter_map(|(_, thing)| thing.secret.as_deref())
                .all(has_secret)
    }

    /// Asked for, everything sent and answered.
    fn is_settled(&self, kind: Kind) -> bool {
        self.is_idle(kind) && !self.is_due(kind)
    }

    fn is_idle(&self, kind: Kind) -> bool {
        self.kinds
            .get(&kind)
            .is_some_and(|subscription| subscription.pending.is_none())
    }

    fn is_due(&self, kind: Kind) -> bool {
        self.kinds
            .get(&kind)
            .is_some_and(|subscription| subscription.owed || !subscription.due.is_empty())
    }

    /// What the gateway holds and should not.
    fn surplus(&self, kind: Kind) -> Vec<String> {
        let held = self.kinds.get(&kind).map(|subscription| &subscription.held);
        held.into_iter()
            .flat_map(BTreeMap::keys)
            .filter(|name| self.snapshot.resource(kind, name).is_none())
            .cloned()
            .collect()
    }

    fn respond_with_additions(&mut self, kind: Kind) -> Option<Response> {
        let due = &self.kinds.get(&kind)?.due;
        let (mut resources, mut removed) = (Vec::new(), Vec::new());
        for name in due {
            match self.snapshot.resource(kind, name) {
                Some(resource) => resources.push((name.clone(), resource.clone())),
                // Asked for, and there is no such thing.
                None => removed.push(name.clone()),
            }
        }
        self.send(kind, resources, removed)
    }

    fn respond_with_removals(&mut self, kind: Kind) -> Option<Response> {
        let removed = self.surplus(kind);
        self.send(kind, Vec::new(), removed)
    }

    fn send(
        &mut self,
        kind: Kind,
        resources: Vec<(String, Resource)>,
        removed: Vec<String>,
    ) -> Option<Response> {
        self.nonces += 1;
        let nonce = self.nonces.to_string();
        let version = self.snapshot.version(kind).to_owned();
        let subscription = self.kinds.get_mut(&kind)?;
        subscription.due.clear();
        subscription.owed = false;
        for (name, resource) in &resources {
            subscription
                .held
                .insert(name.clone(), resource.version.clone());
        }
        for name in &removed {
            subscription.held.remove(name);
        }
        subscription.pending = Some(Pending {
            nonce: nonce.clone(),
            version: version.clone(),
            names: resources.iter().map(|(name, _)| name.clone()).collect(),
        });
        Some(Response {
            kind,
            nonce,
            version,
            resources,
            removed,
        })
    }
}

// === impl Subscription ===

impl Subscription {
    fn wants(&self, name: &str) -> bool {
        self.wildcard || self.names.contains(name)
    }

    /// Adds what is lacking to what is due.
    fn compare(&mut self, kind: Kind, snapshot: &Snapshot) {
        self.due.retain(|name| self.names.contains(name));
        for (name, resource) in snapshot.resources(kind) {
            if self.wants(name) && self.held.get(name) != Some(&resource.version) {
                self.due.insert(name.to_owned());
            }
        }
    }

    /// After a reconnect (`first`) an answer is due only for what the gateway lacks; later even a
    /// repeated subscription must be answered.
    fn subscribe(&mut self, names: Vec<String>, first: bool) {
        for name in names {
            if name == "*" {
                self.wildcard = true;
                continue;
            }
            if !(first && self.held.contains_key(&name)) {
                self.due.insert(name.clone());
            }
            self.names.insert(name);
        }
    }

    fn unsubscribe(&mut self, names: &[String]) {
        for name in names {
            if name == "*" {
                self.wildcard = false;
            } else {
                self.names.remove(name);
                self.due.remove(name);
                if !self.wildcard {
                    self.held.remove(name);
                }
            }
        }
    }

    /// Any nonce but the pending one belongs to a response that a newer one has replaced.
    fn answer(&mut self, nonce: &str, error: Option<String>) -> Option<Refusal> {
        let pending = self.pending.take_if(|pending| pending.nonce == nonce)?;
        let Some(message) = error else {
            self.refused.retain(|name| !pending.names.contains(name));
            return None;
        };
        // Envoy takes the good ones of a response, and usually names the others.
        let named = |name: &&String| message.contains(name.as_str());
        if pending.names.iter().any(|name| named(&name)) {
            self.refused.retain(|name| !pending.names.contains(name));
            self.refused
                .extend(pending.names.iter().filter(named).cloned());
        } else {
            self.refused.extend(pending.names);
        }
        Some(Refusal {
            version: pending.version,
            message,
        })
    }
}

#[cfg(test)]
mod tests;
