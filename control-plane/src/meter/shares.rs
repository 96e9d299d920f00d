//! Which part of every limit each gateway has: limits hold over all of them together.
//!
//! Limits are counted where calls come in, so each gateway gets an equal part and is told its place
//! among those that are connected. What follows from that:
//! - However calls spread, all gateways together let through no more than the limit, or one for each
//!   gateway where it is lower than their number.
//! - A caller whose calls all come in through one of `n` gateways gets an `n`th of its limit there.
//! - A gateway that comes makes the others' parts smaller at once; those of other control planes on
//!   the same database within a second ([`peers`](super::peers)). For as long as that takes to
//!   arrive, and while one that lost its stream serves on, a limit may be exceeded by the part of
//!   those who do not know yet.
//! - A gateway that goes is waited for, so that one that only lost its stream for a moment, or a
//!   control plane that has just started, gives nobody too much.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tollgate_config::meter::Share;

use crate::secrets::random;

/// How long a gateway that has gone keeps its part. Gateways that have lost their stream try again
/// within 5 seconds.
pub(super) const GRACE: Duration = Duration::from_secs(8);

/// All gateways that limits are shared among. Cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    /// Of this control plane, among others.
    id: Arc<str>,
    nodes: Arc<watch::Sender<Nodes>>,
    grace: Duration,
    /// Before that, not all have come back yet.
    from: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Nodes {
    /// Streams of each node that is connected here, or was until lately.
    own: BTreeMap<String, usize>,
    /// Those of other control planes.
    others: BTreeSet<Gateway>,
}

/// A node's name, and its control plane's id. All control planes have the same order of them.
pub(super) type Gateway = (String, String);

/// A node's place, for as long as it is connected.
#[derive(Debug)]
pub(super) struct Place {
    shares: Shares,
    node: String,
    nodes: watch::Receiver<Nodes>,
}

impl Shares {
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            id: hex::encode(random::<8>()).into(),
            nodes: Arc::new(watch::Sender::default()),
            grace,
            from: Instant::now() + grace,
        }
    }

    /// A gateway has connected.
    pub(super) fn join(&self, node: &str) -> Place {
        self.nodes.send_modify(|nodes| {
            *nodes.own.entry(node.to_owned()).or_default() += 1;
        });
        Place {
            shares: self.clone(),
            node: node.to_owned(),
            nodes: self.nodes.subscribe(),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Wakes when a gateway comes or goes.
    pub(super) fn changes(&self) -> watch::Receiver<Nodes> {
        self.nodes.subscribe()
    }

    /// What other control planes have now.
    pub(super) fn hear_of(&self, others: BTreeSet<Gateway>) {
        self.nodes.send_if_modified(|nodes| {
            let is_new = nodes.others != others;
            nodes.others = others;
            is_new
        });
    }
}

// === impl Nodes ===

impl Nodes {
    pub(super) fn own_names(&self) -> Vec<String> {
        self.own.keys().cloned().collect()
    }
}

// === impl Place ===

impl Place {
    /// What the gateway is to be told next; waits until it is something else than `told`.
    pub(super) async fn next(&mut self, told: Option<Share>) -> Share {
        tokio::time::sleep_until(self.shares.from).await;
        loop {
            let share = self.share();
            if told != Some(share) {
                return share;
            }
            if self.nodes.changed().await.is_err() {
                // Not while this place holds the sender.
                std::future::pending::<()>().await;
            }
        }
    }

    fn share(&mut self) -> Share {
        let nodes = self.nodes.borrow_and_update();
        let me = (self.node.as_str(), &*self.shares.id);
        let own = nodes.own.keys().map(|node| (node.as_str(), me.1));
        let others = nodes.others.iter();
        let all = own.chain(others.map(|(node, id)| (node.as_str(), id.as_str())));
        let (mut count, mut index) = (0, 0);
        for gateway in all {
            count += 1;
            index += u64::from(gateway < me);
        }
        Share {
            nodes: count,
            index,
            ..Share::default()
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Shares { nodes, grace, .. } = self.shares.clone();
        let node = std::mem::take(&mut self.node);
        let leave = move || {
            nodes.send_modify(|nodes| {
                if let Some(streams) = nodes.own.get_mut(&node) {
                    *streams = streams.saturating_sub(1);
                    if *streams == 0 {
                        nodes.own.remove(&node);
                    }
                }
            });
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move {
                    tokio::time::sleep(grace).await;
                    leave();
                });
            }
            // Everything ends.
            Err(_) => leave(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(nodes: u64, index: u64) -> Share {
        Share {
            nodes,
            index,
            ..Share::default()
        }
    }

    #[tokio::test]
    async fn each_gateway_knows_its_place_among_those_that_are_there() {
        let grace = Duration::from_millis(20);
        let shares = Shares::new(grace);
        let mut first = shares.join("b");
        assert_eq!(first.next(None).await, share(1, 0));
        let mut second = shares.join("a");
        assert_eq!(first.next(Some(share(1, 0))).await, share(2, 1));
        assert_eq!(second.next(None).await, share(2, 0));

        // It loses its stream and is back at once: nobody hears of anything before a third comes.
        drop(second);
        let second = shares.join("a");
        let (told, third) = tokio::join!(first.next(Some(share(2, 1))), async {
            tokio::time::sleep(grace * 10).await;
            shares.join("c")
        });
        assert_eq!(told, share(3, 1));

        drop((second, third));
        let mut told = share(3, 1);
        while told != share(1, 0) {
            told = first.next(Some(told)).await;
        }
    }

    #[tokio::test]
    async fn gateways_of_other_control_planes_have_their_parts_too() {
        let shares = Shares::new(Duration::from_millis(1));
        let mut place = shares.join("b");
        assert_eq!(place.next(None).await, share(1, 0));
        let gateway = |name: &str, id: &str| (name.to_owned(), id.to_owned());
        // All have the same names, as `tollgate run` gives them; what differs is whose they are.
        shares.hear_of([gateway("b", ""), gateway("b", "~"), gateway("a", "~")].into());
        assert_eq!(place.next(Some(share(1, 0))).await, share(4, 2));
        shares.hear_of([gateway("c", "")].into());
        assert_eq!(place.next(Some(share(4, 2))).await, share(2, 0));
    }

    #[tokio::test]
    async fn a_control_plane_that_has_just_started_waits_for_those_who_come_back() {
        let shares = Shares::new(Duration::from_millis(200));
        let mut first = shares.join("a");
        let (told, _second) = tokio::join!(first.next(None), async { shares.join("b") });
        assert_eq!(told, share(2, 0));
    }
}
