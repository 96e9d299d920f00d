//! Leases: how many Envoys spend one budget without asking for every call.
//!
//! ```text
//! control plane                               an Envoy's account
//! remaining = limit − booked
//! free = remaining − Σ outstanding ──grant──► left ──reserve──► reserved
//! outstanding = granted − returned − drawn ◄─give back── left     │
//! booked += cost, drawn += drawn ◄───────usage event────── drawn ◄┘ settle
//! ```
//!
//! A call reserves the most that it can cost before its upstream is called, and draws the most that
//! its usage can have cost when it is over; what is booked is exact and never more than that.
//! So as long as usage is what was foreseen, what is booked and what is outstanding never exceed the
//! limit together. What can go beyond it:
//!
//! - One call for each Envoy: where nothing else is reserved and the last of a budget is here, a
//!   call goes on that could cost more than is left. Otherwise a small budget could never be used up
//!   by a model whose longest answer costs more.
//! - What a call uses beyond the estimate of its input (four bytes to a token, or all that the model
//!   takes where its bytes do not tell), beyond the longest answer that is configured, beyond [`SEARCHES`] searches, or at a price that was raised while it
//!   ran.
//! - What was held of a wallet when money was taken out of it.
//! - What an Envoy held that the control plane gave up for lost, and that came back.
//!
//! Everything saturates; nothing here panics. Amounts are nano-USD.

use tollgate_config::leases::Lease;
use tollgate_config::{Ceiling, times_millionths};

/// Reservations are forgotten in the second epoch after theirs: the worker that made them is gone,
/// or the call takes so long that its end will have to do. That is after 15 to 30 minutes.
const EPOCH_MS: i64 = 15 * 60 * 1000;

/// How long "there is nothing left" is believed without asking again.
pub const REFUSAL_MS: i64 = 1_000;

/// Searches that a call is taken to make if it may search at all; who limits them limits them lower.
pub const SEARCHES: u64 = 10;

/// A slice is for about so many calls like the one that asks …
const SLICE_CALLS: i64 = 64;
/// … but no more than this part of what is free, so that slices shrink as the budget ends.
const SLICE_PART: i64 = 8;

/// What an Envoy holds of one budget. All its workers change it, by compare and swap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Id of the lease; 0: none yet.
    lease: i64,
    /// When it ends; 0: never.
    until_unix_ms: i64,
    granted: i64,
    returned: i64,
    /// Granted, and neither returned nor drawn. Below zero after a call that cost more than there was.
    left: i64,
    epoch: i64,
    reserved_now: i64,
    reserved_before: i64,
    is_last: bool,
    refused_until_unix_ms: i64,
    refusal: String,
}

/// A call's part of an account, until the call is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    pub lease: i64,
    epoch: i64,
    amount: i64,
}

/// Why nothing was reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Short {
    /// It is more than there is here.
    By(i64),
    /// The budget is used up, in words for the caller.
    Exhausted(String),
}

/// The most that a call of this usage costs.
#[must_use]
pub fn most(ceiling: &Ceiling, input_tokens: u64, output_tokens: u64, searches: u64) -> i64 {
    let most = [
        times_millionths(input_tokens, ceiling.input),
        times_millionths(output_tokens, ceiling.output),
        searches.saturating_mul(ceiling.search),
    ];
    let most = most.into_iter().fold(ceiling.request, u64::saturating_add);
    i64::try_from(most).unwrap_or(i64::MAX)
}

// === impl Account ===

impl Account {
    const NUMBERS: usize = 10;

    /// Of what [`Account::write`] wrote; what is not there is zero.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut numbers = bytes.chunks_exact(8);
        let mut next = || {
            let number = numbers.next().and_then(|number| number.try_into().ok());
            number.map_or(0, i64::from_le_bytes)
        };
        let text = bytes.get(Self::NUMBERS * 8..).unwrap_or_default();
        Self {
            lease: next(),
            until_unix_ms: next(),
            granted: next(),
            returned: next(),
            left: next(),
            epoch: next(),
            reserved_now: next(),
            reserved_before: next(),
            is_last: next() != 0,
            refused_until_unix_ms: next(),
            refusal: String::from_utf8_lossy(text).into_owned(),
        }
    }

    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let numbers: [i64; Self::NUMBERS] = [
            self.lease,
            self.until_unix_ms,
            self.granted,
            self.returned,
            self.left,
            self.epoch,
            self.reserved_now,
            self.reserved_before,
            i64::from(self.is_last),
            self.refused_until_unix_ms,
        ];
        let mut bytes = Vec::with_capacity(Self::NUMBERS * 8 + self.refusal.len());
        for number in numbers {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(self.refusal.as_bytes());
        bytes
    }

    /// Takes what a call may cost.
    ///
    /// # Errors
    /// When there is not as much.
    pub fn reserve(&mut self, amount: i64, now_unix_ms: i64) -> Result<Reserved, Short> {
        self.forget_old(now_unix_ms);
        let ended = self.until_unix_ms != 0 && now_unix_ms >= self.until_unix_ms;
        let free = if ended { 0 } else { self.free() };
        let alone = self.is_last && self.reserved_now == 0 && self.reserved_before == 0;
        if amount <= free || (alone && free > 0) {
            self.reserved_now = self.reserved_now.saturating_add(amount);
            return Ok(Reserved {
                lease: self.lease,
                epoch: self.epoch,
                amount,
            });
        }
        // Not longer than it can be, should the clock have been set back.
        let refused_ms = self.refused_until_unix_ms.saturating_sub(now_unix_ms);
        if (1..=REFUSAL_MS).contains(&refused_ms) {
            Err(Short::Exhausted(self.refusal.clone()))
        } else {
            Err(Short::By(amount.saturating_sub(free)))
        }
    }

    /// The call is over: gives back what it reserved and takes what it drew.
    pub fn settle(&mut self, reserved: &Reserved, drawn: i64, now_unix_ms: i64) {
        if reserved.lease != self.lease {
            // Of a window that has ended.
            return;
        }
        self.forget_old(now_unix_ms);
        let held = match self.epoch.saturating_sub(reserved.epoch) {
            0 => Some(&mut self.reserved_now),
            1 => Some(&mut self.reserved_before),
            _ => None,
        };
        if let Some(held) = held {
            *held = held.saturating_sub(reserved.amount).max(0);
        }
        self.left = self.left.saturating_sub(drawn);
    }

    /// Takes what the control plane says.
    pub fn apply(&mut self, told: &Lease, now_unix_ms: i64) {
        self.refused_until_unix_ms = 0;
        if !told.exhausted.is_empty() {
            self.refused_until_unix_ms = now_unix_ms.saturating_add(REFUSAL_MS);
            self.refusal.clone_from(&told.exhausted);
        }
        if told.id > self.lease {
            *self = Self {
                lease: told.id,
                refused_until_unix_ms: self.refused_until_unix_ms,
                refusal: std::mem::take(&mut self.refusal),
                ..Self::default()
            };
        }
        if told.id == self.lease && told.granted >= self.granted {
            let more = told.granted.saturating_sub(self.granted);
            self.granted = told.granted;
            self.left = self.left.saturating_add(more);
            self.until_unix_ms = told.until_unix_ms;
            self.is_last = told.is_last;
        }
    }

    /// Gives back all that no call has reserved.
    pub fn give_back(&mut self, now_unix_ms: i64) {
        self.forget_old(now_unix_ms);
        let free = self.free().max(0);
        self.left = self.left.saturating_sub(free);
        self.returned = self.returned.saturating_add(free);
        self.is_last = false;
    }

    /// What the control plane is told, with what a call lacks.
    #[must_use]
    pub fn report(&self, budget: &str, need: i64) -> Lease {
        Lease {
            budget: budget.to_owned(),
            id: self.lease,
            granted: self.granted,
            returned: self.returned,
            need,
            ..Lease::default()
        }
    }

    fn free(&self) -> i64 {
        let reserved = self.reserved_now.saturating_add(self.reserved_before);
        self.left.saturating_sub(reserved)
    }

    fn forget_old(&mut self, now_unix_ms: i64) {
        let epoch = now_unix_ms / EPOCH_MS;
        match epoch.saturating_sub(self.epoch) {
            // A clock that was set back forgets nothing.
            ..=0 => return,
            1 => self.reserved_before = self.reserved_now,
            _ => self.reserved_before = 0,
        }
        self.reserved_now = 0;
        self.epoch = epoch;
    }
}

// === the control plane's side ===

/// A budget as the control plane sees it when one holder asks for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Book {
    /// The limit less what is booked.
    pub remaining: i64,
    /// Outstanding with who asks: granted − returned − drawn. Below zero after an overdraft, which
    /// its next slice has to fill.
    pub own: i64,
    /// Outstanding with all others; none of them counts below zero.
    pub others: i64,
}

/// What is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    pub amount: i64,
    /// With it, all that is left is with who asks.
    pub is_last: bool,
}

impl Book {
    /// What to grant to who lacks `need`: never more than is free.
    #[must_use]
    pub fn slice(self, need: i64) -> Slice {
        let outstanding = self.own.saturating_add(self.others.max(0));
        let free = self.remaining.saturating_sub(outstanding).max(0);
        let amount = if need > 0 {
            let generous = need.saturating_mul(SLICE_CALLS).min(free / SLICE_PART);
            need.max(generous).min(free)
        } else {
            0
        };
        Slice {
            amount,
            is_last: amount == free && self.others <= 0,
        }
    }
}

#[cfg(test)]
mod tests;
