//! Where counters live: a slot holds the records of all scopes that fall into it.
//!
//! A record is 40 bytes: what it is about, three numbers, and the time after which it says nothing
//! that its absence would not say. Slots are fixed in number and bounded in size, so that memory is:
//! [`Key::SLOTS`](super::Key::SLOTS) × [`RECORDS_MAX`] × 40 bytes, 10 MiB. Where even that is full,
//! the record that would go soonest goes at once.

use super::Bucket;

/// Most records of a slot.
const RECORDS_MAX: usize = 64;

const RECORD_BYTES: usize = 40;

/// How long a worker's count of calls in flight holds unless it says it again. One that is lost
/// takes its calls with it, and they are free after this time.
const LEASE_MS: i64 = 30_000;

/// The counters of some scopes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slot(Vec<Record>);

/// A [`Bucket`], or a worker's count of calls in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Record {
    tag: u64,
    /// The bucket's level; the count.
    number: u64,
    /// When the bucket had that level.
    at_ms: i64,
    /// When the bucket was last empty; which worker counts.
    extra: i64,
    until_ms: i64,
}

// === impl Slot ===

impl Slot {
    /// How often a worker must say its counts again: twice could be lost.
    pub const RENEW_MS: i64 = LEASE_MS / 3;

    /// From its bytes, without what says nothing any more.
    #[must_use]
    pub fn read(bytes: &[u8], now_ms: i64) -> Self {
        let records = bytes.chunks_exact(RECORD_BYTES).map(Record::read);
        Self(records.filter(|it| it.until_ms > now_ms).collect())
    }

    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * RECORD_BYTES);
        for it in &self.0 {
            for number in [it.tag, it.number].map(u64::to_le_bytes) {
                bytes.extend_from_slice(&number);
            }
            for number in [it.at_ms, it.extra, it.until_ms].map(i64::to_le_bytes) {
                bytes.extend_from_slice(&number);
            }
        }
        bytes
    }

    /// The bucket of this tag; one that is not there is empty.
    pub(super) fn bucket(&self, tag: u64) -> Bucket {
        let record = self.0.iter().find(|it| it.tag == tag);
        record.map_or_else(Bucket::default, |it| Bucket {
            level: it.number,
            at_ms: it.at_ms,
            empty_ms: it.extra,
        })
    }

    pub(super) fn set_bucket(&mut self, tag: u64, limit: u64, bucket: Bucket) {
        let reset_ms = bucket.rate(limit, bucket.at_ms).reset_ms;
        self.0.retain(|it| it.tag != tag);
        self.put(Record {
            tag,
            number: bucket.level,
            at_ms: bucket.at_ms,
            extra: bucket.empty_ms,
            until_ms: bucket.at_ms.saturating_add_unsigned(reset_ms),
        });
    }

    /// Calls in flight of all workers but this one.
    pub(super) fn held_by_others(&self, tag: u64, worker: i64) -> u64 {
        let of_others = |it: &&Record| it.tag == tag && it.extra != worker;
        let counts = self.0.iter().filter(of_others).map(|it| it.number);
        counts.fold(0, u64::saturating_add)
    }

    /// This worker has so many calls in flight; its own count is the truth.
    pub(super) fn set_held(&mut self, tag: u64, worker: i64, count: u64, now_ms: i64) {
        self.0.retain(|it| it.tag != tag || it.extra != worker);
        if count > 0 {
            self.put(Record {
                tag,
                number: count,
                at_ms: now_ms,
                extra: worker,
                until_ms: now_ms.saturating_add(LEASE_MS),
            });
        }
    }

    fn put(&mut self, record: Record) {
        if record.until_ms <= record.at_ms {
            return;
        }
        if self.0.len() >= RECORDS_MAX {
            let soonest = self.0.iter().map(|it| it.until_ms).min();
            let at = self.0.iter().position(|it| Some(it.until_ms) == soonest);
            at.map(|at| self.0.swap_remove(at));
        }
        self.0.push(record);
    }
}

// === impl Record ===

impl Record {
    /// `bytes` are [`RECORD_BYTES`].
    fn read(bytes: &[u8]) -> Self {
        let mut words = bytes.chunks_exact(8).map(|word| {
            let word = word.first_chunk().copied().unwrap_or_default();
            i64::from_le_bytes(word)
        });
        let mut next = || words.next().unwrap_or_default();
        Self {
            tag: next().cast_unsigned(),
            number: next().cast_unsigned(),
            at_ms: next(),
            extra: next(),
            until_ms: next(),
        }
    }
}
