//! What the other control planes on the same database say of their gateways.
//!
//! Each writes down, again and again, which it has, and reads what the others wrote. One that says
//! nothing new for as long as a gateway is waited for ([`GRACE`]) is gone, and its gateways with it:
//! they have found another control plane, or nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::shares::{GRACE, Gateway, Shares};
use crate::store::{Peer, Result, Store};

/// A gateway that comes to one control plane is known to the others after at most two of these.
const BEAT_EVERY: Duration = Duration::from_millis(500);

/// What somebody else left behind is removed after so long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// Tells the others, and hears of them, for as long as it is polled.
pub(super) async fn keep(store: Store, shares: Shares) {
    let mut beat = 0;
    let mut others = Others::default();
    let mut own = shares.changes();
    let mut is_away = false;
    loop {
        beat += 1;
        let peer = Peer {
            id: shares.id().to_owned(),
            beat,
            gateways: own.borrow_and_update().own_names(),
        };
        match round(&store, &peer, &mut others).await {
            Ok(gateways) => {
                shares.hear_of(gateways);
                is_away = false;
            }
            Err(error) => {
                // Those who were there count on.
                others.lose_sight();
                if !std::mem::replace(&mut is_away, true) {
                    tracing::error!(%error, "other control planes are not heard of");
                }
            }
        }
        // A gateway of ours that comes or goes is told at once.
        let _ = tokio::time::timeout(BEAT_EVERY, own.changed()).await;
    }
}

async fn round(store: &Store, own: &Peer, others: &mut Others) -> Result<BTreeSet<Gateway>> {
    store.beat(own).await?;
    let mut peers = store.peers().await?;
    peers.retain(|peer| peer.id != own.id);
    let now = Instant::now();
    let gateways = others.hear(&peers, now);
    for (id, beat) in others.long_gone(now) {
        store.forget_peer(&id, beat).await?;
    }
    Ok(gateways)
}

/// Which beat of each other control plane was heard last, and when first.
#[derive(Debug, Default)]
struct Others(BTreeMap<String, (i64, Instant)>);

impl Others {
    /// The gateways of those that are there.
    fn hear(&mut self, peers: &[Peer], now: Instant) -> BTreeSet<Gateway> {
        self.0
            .retain(|id, _| peers.iter().any(|peer| peer.id == *id));
        let mut gateways = BTreeSet::new();
        for peer in peers {
            let heard = self.0.entry(peer.id.clone()).or_insert((peer.beat, now));
            if heard.0 != peer.beat {
                *heard = (peer.beat, now);
            }
            if now.duration_since(heard.1) < GRACE {
                let names = peer.gateways.iter();
                gateways.extend(names.map(|name| (name.clone(), peer.id.clone())));
            }
        }
        gateways
    }

    /// Nobody could say anything meanwhile.
    fn lose_sight(&mut self) {
        self.0.clear();
    }

    fn long_gone(&self, now: Instant) -> Vec<(String, i64)> {
        let gone = self
            .0
            .iter()
            .filter(|(_, (_, heard))| now.duration_since(*heard) >= FORGOTTEN_AFTER);
        gone.map(|(id, (beat, _))| (id.clone(), *beat)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: &str, beat: i64, gateways: &[&str]) -> Peer {
        Peer {
            id: id.into(),
            beat,
            gateways: gateways.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    fn names(gateways: &BTreeSet<Gateway>) -> Vec<String> {
        gateways
            .iter()
            .map(|(name, id)| format!("{name}@{id}"))
            .collect()
    }

    #[test]
    fn who_says_nothing_new_is_gone_after_the_grace() {
        let mut others = Others::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let b = [peer("b", 5, &["x", "y"]), peer("c", 1, &["x"])];
        assert_eq!(names(&others.hear(&b, at(0))), ["x@b", "x@c", "y@b"]);
        let b = [peer("b", 5, &["x", "y"]), peer("c", 9, &["z"])];
        assert_eq!(names(&others.hear(&b, at(7))), ["x@b", "y@b", "z@c"]);
        assert_eq!(names(&others.hear(&b, at(8))), ["z@c"]);
        assert_eq!(others.long_gone(at(59)), []);
        assert_eq!(others.long_gone(at(60)), [("b".to_owned(), 5)]);
        // It was only cut off.
        let b = [peer("b", 6, &["x"])];
        assert_eq!(names(&others.hear(&b, at(61))), ["x@b"]);
    }

    #[test]
    fn while_the_database_is_away_nobody_is_taken_for_gone() {
        let mut others = Others::default();
        let start = Instant::now();
        let b = [peer("b", 5, &["x"])];
        others.hear(&b, start);
        others.lose_sight();
        let later = start + Duration::from_secs(100);
        assert_eq!(names(&others.hear(&b, later)), ["x@b"]);
        assert!(others.hear(&b, later + GRACE).is_empty());
    }
}
