//! Other control planes on the same database: what they write is announced here too.
//!
//! Every write that changes what gateways have raises the database's revision by one, in the same
//! transaction. Whoever sees a revision that it did not write rereads everything.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::row::Columns;
use super::sql::sql;
use super::{Change, Error, Inner, Result, Store};

/// Well below the second in which a change is to be effective.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// The revisions that this control plane wrote and has not seen yet.
#[derive(Debug, Default)]
pub(super) struct Revisions(Mutex<BTreeSet<i64>>);

impl Revisions {
    /// To be called before the commit, so that it is known when the revision is seen.
    pub(super) fn is_ours(&self, revision: i64) {
        self.with(|ours| ours.insert(revision));
    }

    /// The commit failed, and the number may be another control plane's next.
    pub(super) fn is_not_ours(&self, revision: i64) {
        self.with(|ours| ours.remove(&revision));
    }

    /// Whether every revision after `seen` up to `now` is ours. They are forgotten then.
    fn are_ours(&self, seen: i64, now: i64) -> bool {
        self.with(|ours| {
            let later = ours.split_off(&now.saturating_add(1));
            let passed = std::mem::replace(ours, later);
            now >= seen && (seen..now).all(|before| passed.contains(&(before + 1)))
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeSet<i64>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store {
    /// Looks for other control planes' writes for as long as the store is open.
    pub(super) async fn watch(&self) -> Result<()> {
        let seen = self.revision().await?;
        tokio::spawn(watch(Arc::downgrade(&self.0), seen));
        Ok(())
    }

    /// Rises with every write that changes what gateways have.
    pub(crate) async fn revision(&self) -> Result<i64> {
        let row = sql("SELECT number FROM revision")
            .fetch_one(self.reader())
            .await?;
        row.int("number")
    }
}

async fn watch(store: Weak<Inner>, mut seen: i64) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(store) = store.upgrade().map(Store) else {
            return;
        };
        match store.revision().await {
            Ok(now) => {
                if !store.0.revisions.are_ours(seen, now) {
                    store.announce(Change::AllTokens);
                    store.announce(Change::Topology);
                }
                seen = now;
            }
            Err(Error::Unavailable(sqlx::Error::PoolClosed)) => return,
            // Whoever needs the database reports that it is away.
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_others_revisions_are_news() {
        let revisions = Revisions::default();
        assert!(revisions.are_ours(3, 3), "nothing happened");
        revisions.is_ours(4);
        revisions.is_ours(6);
        assert!(revisions.are_ours(3, 4));
        assert!(!revisions.are_ours(4, 6), "5 is somebody else's");
        revisions.is_ours(7);
        revisions.is_not_ours(7);
        assert!(!revisions.are_ours(6, 7));
        assert!(!revisions.are_ours(7, 2), "another database");
        assert!(revisions.with(|ours| ours.is_empty()));
    }
}
