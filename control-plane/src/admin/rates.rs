//! How often the admin API may be called: each user by their name, a session that is renewed by itself,
//! and whoever shows nothing that is good by network. So that one script that went wrong, or one
//! stranger, leaves the database to others: of what is refused it sees who is asking, and no more.
//!
//! Each control plane counts by itself and forgets at its end: what must not be guessed has limits of
//! its own, in the database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tollgate_policy::limits::Bucket;

use super::ApiError;

/// Who is counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Whose {
    User(i64),
    /// One that is being renewed, with the token that is good for that.
    Session(String),
    Network(String),
    /// All who are new while too many are counted.
    Rest,
}

/// Cloning shares it. The default lets everything through.
#[derive(Debug, Clone, Default)]
pub(super) struct Rates {
    per_minute: u64,
    counted: Arc<Mutex<Counted>>,
}

/// However many strangers come, those who have signed in keep places of their own.
#[derive(Debug, Default)]
struct Counted {
    known: Places,
    strangers: Places,
}

#[derive(Debug, Default)]
struct Places {
    buckets: HashMap<Whose, Bucket>,
    /// When those were looked for last that rested; Unix milliseconds.
    cleared_ms: i64,
}

/// Of either kind, so many are told apart at the same time.
const MOST: usize = 10_000;

/// Looking for those that rested takes a moment, and a stranger may come from everywhere.
const CLEARED_EVERY_MS: i64 = 1000;

impl Rates {
    /// 0: as often as they like.
    pub(super) fn new(per_minute: u64) -> Self {
        Self {
            per_minute,
            ..Self::default()
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// `TooMany` when there were too many.
    pub(super) fn count(&self, whose: Whose, now_ms: i64) -> Result<(), ApiError> {
        if self.per_minute == 0 {
            return Ok(());
        }
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = counted.of(whose, self.per_minute, now_ms);
        bucket.pour(self.per_minute, 1, now_ms).map_err(|wait_ms| {
            let seconds = i64::try_from(wait_ms.div_ceil(1000)).unwrap_or(i64::MAX);
            let text = format!("there were too many requests; try again in {seconds} seconds");
            ApiError::TooMany { text, seconds }
        })
    }
}

impl Counted {
    fn of(&mut self, whose: Whose, per_minute: u64, now_ms: i64) -> &mut Bucket {
        let places = match whose {
            Whose::User(_) | Whose::Session(_) => &mut self.known,
            Whose::Network(_) | Whose::Rest => &mut self.strangers,
        };
        places.of(whose, per_minute, now_ms)
    }
}

impl Places {
    fn of(&mut self, whose: Whose, per_minute: u64, now_ms: i64) -> &mut Bucket {
        let is_full = |buckets: &HashMap<_, _>| buckets.len() >= MOST;
        if is_full(&self.buckets)
            && now_ms.abs_diff(self.cleared_ms) >= CLEARED_EVERY_MS.unsigned_abs()
        {
            self.buckets
                .retain(|_, bucket| bucket.rate(per_minute, now_ms).reset_ms > 0);
            self.cleared_ms = now_ms;
        }
        let is_new = !self.buckets.contains_key(&whose);
        let whose = match is_new && is_full(&self.buckets) {
            true => Whose::Rest,
            false => whose,
        };
        self.buckets.entry(whose).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: usize) -> Whose {
        Whose::Network(number.to_string())
    }

    #[test]
    fn strangers_without_number_share_what_is_left() {
        let rates = Rates::new(2);
        for number in 0..MOST {
            assert_eq!(rates.count(network(number), 0), Ok(()));
        }
        // Two more, and no more, whoever they are; those who are known have what is theirs.
        assert_eq!(rates.count(network(MOST), 0), Ok(()));
        assert_eq!(rates.count(network(MOST + 1), 0), Ok(()));
        assert!(rates.count(network(MOST + 2), 0).is_err());
        assert_eq!(rates.count(network(0), 0), Ok(()));
        assert!(rates.count(network(0), 0).is_err());
        // Who has signed in comes from none of these places.
        for known in [Whose::User(1), Whose::Session("s".into())] {
            assert_eq!(rates.count(known, 0), Ok(()));
        }
        let held = || rates.counted.lock().unwrap().strangers.buckets.len();
        assert_eq!(held(), MOST + 1);
        // A minute later they have rested.
        assert_eq!(rates.count(network(MOST + 2), 60_000), Ok(()));
        assert_eq!(held(), 1);
    }

    #[test]
    fn one_waits_until_there_is_room_for_one() {
        let rates = Rates::new(600);
        for _ in 0..600 {
            assert_eq!(rates.count(Whose::User(1), 5), Ok(()));
        }
        let refused = rates.count(Whose::User(1), 5);
        assert!(
            matches!(refused, Err(ApiError::TooMany { seconds: 1, .. })),
            "{refused:?}"
        );
        assert_eq!(rates.count(Whose::User(2), 5), Ok(()));
        assert_eq!(rates.count(Whose::User(1), 105), Ok(()));
        for _ in 0..9 {
            assert_eq!(Rates::default().count(Whose::User(1), 5), Ok(()));
        }
    }
}
