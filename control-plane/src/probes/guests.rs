//! Channels that gateways have for the time of a test only.
//!
//! A guest is published like any other channel, under a negative id, and in no set: no caller's
//! token can be served by it. Dropping it takes it back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::domain::PublishedChannel;

/// The guests there are. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Guests(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    places: Arc<Semaphore>,
    /// Counts changes, for the publisher.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    channels: BTreeMap<i64, PublishedChannel>,
    made: i64,
    /// Of all channels that were published last: those that were not, and why.
    left_out: BTreeMap<i64, String>,
}

/// A channel that is published until this is dropped.
#[derive(Debug)]
pub struct Guest {
    guests: Guests,
    id: i64,
    _place: Option<OwnedSemaphorePermit>,
}

/// Every guest is a cluster in every gateway; whoever comes later waits.
const PLACES: usize = 8;

impl Default for Guests {
    fn default() -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            places: Arc::new(Semaphore::new(PLACES)),
            changes: watch::Sender::new(0),
        }))
    }
}

impl Guests {
    /// Has a channel published, once there is a place. Its own id and sets do not count.
    pub async fn admit(&self, channel: PublishedChannel) -> Guest {
        // Never closed.
        let place = Arc::clone(&self.0.places).acquire_owned().await.ok();
        let id = {
            let mut state = self.lock();
            state.made += 1;
            let id = -state.made;
            let guest = PublishedChannel {
                id,
                sets: Vec::new(),
                ..channel
            };
            state.channels.insert(id, guest);
            id
        };
        self.changed();
        Guest {
            guests: self.clone(),
            id,
            _place: place,
        }
    }

    /// Those to be published now.
    #[must_use]
    pub fn channels(&self) -> Vec<PublishedChannel> {
        self.lock().channels.values().cloned().collect()
    }

    /// Wakes whenever [`Guests::channels`] is another.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Everything was published but these channels.
    pub fn published(&self, left_out: &[(i64, String)]) {
        self.lock().left_out = left_out.iter().cloned().collect();
    }

    /// Why a channel, guest or not, is not published.
    #[must_use]
    pub fn left_out(&self, id: i64) -> Option<String> {
        self.lock().left_out.get(&id).cloned()
    }

    fn changed(&self) {
        self.0.changes.send_modify(|changes| *changes += 1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that panics is done under this lock, and every change is whole.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// Under which gateways know it.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.id
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.guests.lock().channels.remove(&self.id);
        self.guests.changed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    fn channel() -> PublishedChannel {
        PublishedChannel {
            id: 7,
            name: "c".into(),
            kind: 1,
            base_url: None,
            proxy: None,
            key: Secret::new("k"),
            models: vec!["m".into()],
            model_mapping: BTreeMap::new(),
            configs: serde_json::Map::new(),
            sets: vec!["default".into()],
            priority: 10,
            skip_tls_verify: false,
        }
    }

    #[tokio::test]
    async fn a_guest_is_in_no_set_and_gone_when_it_is_dropped() {
        let guests = Guests::default();
        let mut changes = guests.changes();
        let first = guests.admit(channel()).await;
        let second = guests.admit(channel()).await;
        assert!(changes.has_changed().unwrap());
        let seen: Vec<_> = guests.channels().iter().map(|it| it.id).collect();
        assert_eq!(seen, [second.id(), first.id()]);
        assert!(seen.iter().all(|id| *id < 0));
        assert!(guests.channels().iter().all(|it| it.sets.is_empty()));
        guests.published(&[(first.id(), "why".into())]);
        assert_eq!(guests.left_out(first.id()).as_deref(), Some("why"));
        assert_eq!(guests.left_out(second.id()), None);
        changes.borrow_and_update();
        drop(first);
        assert!(changes.has_changed().unwrap());
        assert_eq!(guests.channels().len(), 1);
    }

    #[tokio::test]
    async fn there_are_never_more_guests_than_places() {
        let guests = Guests::default();
        let mut all = Vec::new();
        for _ in 0..PLACES {
            all.push(guests.admit(channel()).await);
        }
        let mut another = std::pin::pin!(guests.admit(channel()));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(another.as_mut().poll(&mut context).is_pending());
        all.pop();
        let another = another.await;
        assert_eq!(guests.channels().len(), PLACES);
        drop(another);
    }
}
