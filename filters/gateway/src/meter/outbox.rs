//! Usage events on their way to the control plane: kept until they are acknowledged, bounded, and
//! counted when they do not fit.

use std::collections::VecDeque;

use tollgate_config::meter::UsageBatch;

/// Bounds of what waits while the control plane is away. At about 400 bytes an event this holds
/// 160,000 calls.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// A batch closes at either.
const BATCH_EVENTS_MAX: usize = 512;
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Batches in flight; the control plane books one at a time, so more would only wait there.
const IN_FLIGHT_MAX: usize = 32;

#[derive(Debug)]
pub(super) struct Outbox {
    max_bytes: usize,
    waiting: VecDeque<Vec<u8>>,
    waiting_bytes: usize,
    in_flight: VecDeque<UsageBatch>,
    last_sequence: u64,
    dropped_events: u64,
}

impl Default for Outbox {
    fn default() -> Self {
        Self::of(WAITING_BYTES_MAX)
    }
}

impl Outbox {
    /// One that holds so many bytes.
    pub(super) fn of(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            in_flight: VecDeque::new(),
            last_sequence: 0,
            dropped_events: 0,
        }
    }

    /// Takes an event. When there is no room the newest is dropped and counted: what is older may
    /// already be on its way.
    pub(super) fn push(&mut self, event: Vec<u8>) {
        if self.waiting_bytes + event.len() > self.max_bytes {
            self.dropped_events += 1;
            return;
        }
        self.waiting_bytes += event.len();
        self.waiting.push_back(event);
    }

    /// Events were lost before they came here.
    pub(super) fn lost(&mut self, events: u64) {
        self.dropped_events += events;
    }

    /// Takes an event with the rest of it, unless so much waits that another event might want the
    /// room.
    pub(super) fn push_whole(&mut self, mut event: Vec<u8>, rest: Vec<u8>) {
        let is_ample = self.waiting_bytes + rest.len() <= WAITING_BYTES_MAX / 4;
        if is_ample {
            event.extend(rest);
        }
        self.push(event);
    }

    /// The next batch to send, which then counts as in flight.
    pub(super) fn next_batch(&mut self) -> Option<UsageBatch> {
        if self.waiting.is_empty() || self.in_flight.len() >= IN_FLIGHT_MAX {
            return None;
        }
        let (mut events, mut bytes) = (Vec::new(), 0);
        while events.len() < BATCH_EVENTS_MAX && bytes < BATCH_BYTES_MAX {
            let Some(event) = self.waiting.pop_front() else {
                break;
            };
            bytes += event.len();
            events.push(event);
        }
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        self.last_sequence += 1;
        let sequence = self.last_sequence;
        let batch = UsageBatch {
            sequence,
            events,
            dropped_events: self.dropped_events,
            ..UsageBatch::default()
        };
        self.in_flight.push_back(batch.clone());
        Some(batch)
    }

    /// Everything up to `sequence` is booked.
    pub(super) fn acknowledge(&mut self, sequence: u64) {
        while self
            .in_flight
            .front()
            .is_some_and(|batch| batch.sequence <= sequence)
        {
            self.in_flight.pop_front();
        }
    }

    /// The stream is lost: what was in flight waits again, in its order, before what is newer.
    pub(super) fn rewind(&mut self) {
        while let Some(batch) = self.in_flight.pop_back() {
            for event in batch.events.into_iter().rev() {
                self.waiting_bytes += event.len();
                self.waiting.push_front(event);
            }
        }
    }

    /// Whether everything was booked.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.in_flight.is_empty()
    }

    /// Events dropped since the Envoy started.
    pub(super) fn dropped_events(&self) -> u64 {
        self.dropped_events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_bytes(batch: &UsageBatch) -> Vec<u8> {
        batch
            .events
            .iter()
            .filter_map(|event| event.first().copied())
            .collect()
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_in_order() {
        let mut outbox = Outbox::default();
        outbox.push(vec![1]);
        let one = outbox.next_batch().unwrap();
        outbox.push(vec![2]);
        let two = outbox.next_batch().unwrap();
        outbox.push(vec![3]);
        outbox.acknowledge(one.sequence);
        outbox.rewind();
        let again = outbox.next_batch().unwrap();
        assert!(again.sequence > two.sequence);
        assert_eq!(first_bytes(&again), [2, 3]);
        outbox.acknowledge(again.sequence);
        outbox.rewind();
        assert_eq!(outbox.next_batch(), None);
    }

    #[test]
    fn a_full_outbox_counts_what_it_drops() {
        let mut outbox = Outbox::default();
        for _ in 0..65 {
            outbox.push(vec![0; 1 << 20]);
        }
        assert_eq!(outbox.dropped_events(), 1);
        assert_eq!(outbox.next_batch().unwrap().dropped_events, 1);
    }

    #[test]
    fn the_rest_of_an_event_never_takes_the_room_of_events() {
        let mut outbox = Outbox::default();
        for _ in 0..100 {
            outbox.push_whole(vec![1], vec![2; 1 << 20]);
        }
        assert_eq!(outbox.dropped_events(), 0);
        assert!(outbox.waiting_bytes <= WAITING_BYTES_MAX / 4 + 100);
        let lengths = |length| outbox.waiting.iter().filter(|e| e.len() == length).count();
        assert_eq!((lengths((1 << 20) + 1), lengths(1)), (15, 85));
        assert_eq!(outbox.next_batch().unwrap().events[0][..2], [1, 2]);
    }

    #[test]
    fn only_so_many_batches_are_in_flight() {
        let mut outbox = Outbox::default();
        for _ in 0..IN_FLIGHT_MAX + 1 {
            outbox.push(vec![0; BATCH_BYTES_MAX]);
        }
        let sent = std::iter::from_fn(|| outbox.next_batch()).count();
        assert_eq!(sent, IN_FLIGHT_MAX);
        outbox.acknowledge(1);
        assert!(outbox.next_batch().is_some());
    }
}
