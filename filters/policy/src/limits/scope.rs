//! One of the limits that a call is under, and what becomes of the call there.

use sha2::{Digest, Sha256};
use tollgate_config::meter::Limits;

use super::slot::Slot;
use super::{Bucket, Rate};

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The group's use of the model.
    Model,
    Token,
    /// The end user whom the request names, within the token's group.
    User,
    Address,
}

/// A limit and where its counters are.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    pub whose: Whose,
    pub key: Key,
    pub limits: Limits,
}

/// Where a scope's counters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Below [`Key::SLOTS`].
    pub slot: u16,
    tag: u64,
}

/// What the limits of a model are multiplied with for a group, in millionths; 0 is 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ratios {
    pub rpm: u64,
    pub tpm: u64,
}

/// Where a caller stands with a scope's rates, as far as they are limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    pub requests: Option<Rate>,
    pub tokens: Option<Rate>,
}

/// What there was too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Requests,
    Tokens,
    InFlight,
}

/// A call that must wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    pub over: Over,
    pub limit: u64,
    /// Until it would be let through if nobody else came; 0 when nobody can know.
    pub wait_ms: u64,
    pub standing: Standing,
}

/// What differs in the tags of a scope's three counters.
const REQUESTS: u64 = 0;
const TOKENS: u64 = 1;
const IN_FLIGHT: u64 = 2;

// === impl Key ===

impl Key {
    /// How many slots there are.
    pub const SLOTS: u16 = 4_096;

    /// Of the scope with this name, which is made of parts.
    #[must_use]
    pub fn of(whose: Whose, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        hash.update([whose as u8]);
        for part in parts {
            // A length before each part: no two lists of parts read the same.
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let [a, b, c, d, e, f, g, h, i, j, ..] = hash;
        Self {
            slot: u16::from_le_bytes([i, j]) % Self::SLOTS,
            // The two lowest bits tell the counters apart.
            tag: u64::from_le_bytes([a, b, c, d, e, f, g, h]) & !3,
        }
    }

    /// Among all scopes, of whichever gateway.
    #[must_use]
    pub fn tag(&self) -> u64 {
        self.tag
    }

    /// Writes down that `worker` has `count` calls of this scope in flight.
    pub fn hold(&self, slot: &mut Slot, worker: i64, count: u64, now_ms: i64) {
        slot.set_held(self.tag | IN_FLIGHT, worker, count, now_ms);
    }
}

// === impl Scope ===

impl Scope {
    /// Counts a call of so many `tokens` in. `held` is what this worker has in flight already; it is
    /// to add one when this is `Ok`.
    ///
    /// # Errors
    /// When it is over a limit; then nothing is changed.
    pub fn admit(
        &self,
        slot: &mut Slot,
        tokens: u64,
        (worker, held): (i64, u64),
        now_ms: i64,
    ) -> Result<Standing, Refused> {
        let limits = &self.limits;
        let (before, tokens_before) = self.buckets(slot);
        let refused = |over, limit, wait_ms| Refused {
            over,
            limit,
            wait_ms,
            standing: self.standing(&before, &tokens_before, now_ms),
        };
        let in_flight = slot
            .held_by_others(self.key.tag | IN_FLIGHT, worker)
            .saturating_add(held);
        if limits.max_concurrency > 0 && in_flight >= limits.max_concurrency {
            return Err(refused(Over::InFlight, limits.max_concurrency, 0));
        }
        let (mut requests, mut poured) = (before, tokens_before);
        if limits.rpm > 0
            && let Err(wait_ms) = requests.pour(limits.rpm, 1, now_ms)
        {
            return Err(refused(Over::Requests, limits.rpm, wait_ms));
        }
        if limits.tpm > 0
            && let Err(wait_ms) = poured.pour(limits.tpm, tokens, now_ms)
        {
            return Err(refused(Over::Tokens, limits.tpm, wait_ms));
        }
        self.write(slot, requests, poured);
        if limits.max_concurrency > 0 {
            self.key.hold(slot, worker, held.saturating_add(1), now_ms);
        }
        Ok(self.standing(&requests, &poured, now_ms))
    }

    /// A call that reserved `tokens` at `admitted_ms` has used `used`. One that was refused
    /// elsewhere (`counts` is false) never was a request. What it holds is not given back by this.
    pub fn correct(
        &self,
        slot: &mut Slot,
        (tokens, admitted_ms): (u64, i64),
        used: u64,
        counts: bool,
        now_ms: i64,
    ) {
        let (mut requests, mut poured) = self.buckets(slot);
        if !counts {
            requests.correct(self.limits.rpm, (1, admitted_ms), 0, now_ms);
        }
        poured.correct(self.limits.tpm, (tokens, admitted_ms), used, now_ms);
        self.write(slot, requests, poured);
    }

    fn buckets(&self, slot: &Slot) -> (Bucket, Bucket) {
        let bucket = |counter| slot.bucket(self.key.tag | counter);
        (bucket(REQUESTS), bucket(TOKENS))
    }

    fn write(&self, slot: &mut Slot, requests: Bucket, poured: Bucket) {
        if self.limits.rpm > 0 {
            slot.set_bucket(self.key.tag | REQUESTS, self.limits.rpm, requests);
        }
        if self.limits.tpm > 0 {
            slot.set_bucket(self.key.tag | TOKENS, self.limits.tpm, poured);
        }
    }

    fn standing(&self, requests: &Bucket, poured: &Bucket, now_ms: i64) -> Standing {
        let rate = |bucket: &Bucket, limit| (limit > 0).then(|| bucket.rate(limit, now_ms));
        Standing {
            requests: rate(requests, self.limits.rpm),
            tokens: rate(poured, self.limits.tpm),
        }
    }
}

// === impl Standing ===

impl Standing {
    /// Of two, the one of which less is left, for requests and tokens each.
    #[must_use]
    pub fn tightest(self, other: Self) -> Self {
        let less = |a: Option<Rate>, b: Option<Rate>| match (a, b) {
            (Some(a), Some(b)) if b.remaining < a.remaining => Some(b),
            (a, b) => a.or(b),
        };
        Self {
            requests: less(self.requests, other.requests),
            tokens: less(self.tokens, other.tokens),
        }
    }
}

// === impl Ratios ===

impl Ratios {
    /// The limits of a model for a group. No ratio makes a limit vanish.
    #[must_use]
    pub fn of(self, limits: &Limits) -> Limits {
        const ONE: u64 = 1_000_000;
        let scaled = |limit: u64, ratio: u64| match (limit, ratio) {
            (0, _) | (_, 0 | ONE) => limit,
            _ => (limit.saturating_mul(ratio) / ONE).max(1),
        };
        Limits {
            rpm: scaled(limits.rpm, self.rpm),
            tpm: scaled(limits.tpm, self.tpm),
            max_concurrency: limits.max_concurrency,
        }
    }
}

/// The part of each limit that one of `nodes` gateways gets: the one at place `index` among them.
///
/// All parts together are exactly the limit, or one for each gateway where the limit is lower than
/// their number: a caller that happens to come through one of them is never shut out for good.
#[must_use]
pub fn share(limits: &Limits, nodes: u64, index: u64) -> Limits {
    let part = |limit: u64| match (limit, nodes) {
        (0, _) | (_, 0 | 1) => limit,
        _ => (limit / nodes + u64::from(index < limit % nodes)).max(1),
    };
    Limits {
        rpm: part(limits.rpm),
        tpm: part(limits.tpm),
        max_concurrency: part(limits.max_concurrency),
    }
}
