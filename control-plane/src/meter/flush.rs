//! Rounds of "send me all you have": one at every shutdown.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// The rounds so far and how far each stream is.
#[derive(Debug, Clone)]
pub(super) struct Flushes {
    round: Arc<watch::Sender<u64>>,
    streams: Arc<Mutex<BTreeMap<u64, Reached>>>,
    changes: Arc<watch::Sender<u64>>,
}

/// How far a stream is.
#[derive(Debug, Clone, Copy)]
enum Reached {
    /// It came in this round, and was not asked.
    Joined(u64),
    Flushed(u64),
}

/// One stream's part in it; dropping it takes the stream out of every round.
#[derive(Debug)]
pub(super) struct Member {
    flushes: Flushes,
    id: u64,
    pub(super) rounds: watch::Receiver<u64>,
}

impl Default for Flushes {
    fn default() -> Self {
        Self {
            round: Arc::new(watch::Sender::new(0)),
            streams: Arc::default(),
            changes: Arc::new(watch::Sender::new(0)),
        }
    }
}

impl Flushes {
    pub(super) fn join(&self) -> Member {
        let rounds = self.round.subscribe();
        let round = *rounds.borrow();
        let mut id = 0;
        self.changes.send_modify(|changes| {
            *changes += 1;
            id = *changes;
        });
        self.set(id, Some(Reached::Joined(round)));
        Member {
            flushes: self.clone(),
            id,
            rounds,
        }
    }

    /// Begins a round and waits until every stream has done it or is gone. Tells how many did it.
    pub(super) async fn flush(&self) -> usize {
        let mut changes = self.changes.subscribe();
        let mut round = 0;
        self.round.send_modify(|current| {
            *current += 1;
            round = *current;
        });
        while !self.all_reached(round) {
            // The sender lives as long as `self`.
            let _ = changes.changed().await;
        }
        self.count(|reached| matches!(reached, Reached::Flushed(at) if at >= round))
    }

    fn all_reached(&self, round: u64) -> bool {
        self.count(|reached| match reached {
            Reached::Joined(at) | Reached::Flushed(at) => at < round,
        }) == 0
    }

    fn count(&self, counts: impl Fn(Reached) -> bool) -> usize {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.values().filter(|reached| counts(**reached)).count()
    }

    fn set(&self, id: u64, reached: Option<Reached>) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        match reached {
            Some(reached) => streams.insert(id, reached),
            None => streams.remove(&id),
        };
        drop(streams);
        self.changes.send_modify(|changes| *changes += 1);
    }
}

impl Member {
    /// The gateway has sent all it had when the round began, and all of it is booked.
    pub(super) fn reached(&self, round: u64) {
        self.flushes.set(self.id, Some(Reached::Flushed(round)));
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.flushes.set(self.id, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_round_ends_when_everybody_did_it_or_left() {
        let flushes = Flushes::default();
        assert_eq!(flushes.flush().await, 0, "nobody: at once");
        let (a, b) = (flushes.join(), flushes.join());
        let round = tokio::spawn({
            let flushes = flushes.clone();
            async move { flushes.flush().await }
        });
        let mut rounds = a.rounds.clone();
        let current = *rounds.wait_for(|round| *round == 2).await.expect("a round");
        a.reached(current - 1);
        assert!(!flushes.all_reached(current));
        a.reached(current);
        assert!(!flushes.all_reached(current));
        drop(b);
        // It comes back too late to be asked.
        let _again = flushes.join();
        assert_eq!(round.await.expect("the round ends"), 1);
    }
}
