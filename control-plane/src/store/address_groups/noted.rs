//! What this control plane has written down in this hour. Most calls come from where others came from
//! a moment ago, and need not be written again.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::{Log, Span};

/// Pairs that are remembered: some megabytes.
const MOST: usize = 65_536;

/// Addresses and groups, of one hour. Rows are deleted when they are a day old or older, so what is
/// remembered is there.
#[derive(Debug, Default)]
pub(in crate::store) struct Noted(Mutex<Hour>);

#[derive(Debug, Default)]
struct Hour {
    start_ms: i64,
    pairs: HashSet<(String, String)>,
}

impl Noted {
    /// The rows that say something that was not written down yet, as far as is known here.
    pub(in crate::store) fn news<'l>(&self, logs: &'l [Log]) -> Vec<&'l Log> {
        let hour = self.hour();
        let is_known = |log: &&Log| hour.has(start_of(log), &log.ip, &log.group);
        logs.iter().filter(|log| !is_known(log)).collect()
    }

    /// To be called once the transaction that wrote them down is committed.
    pub(in crate::store) fn remember(&self, logs: &[Log]) {
        let mut hour = self.hour();
        for log in logs {
            hour.add(start_of(log), &log.ip, &log.group);
        }
    }

    fn hour(&self) -> MutexGuard<'_, Hour> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hour {
    fn has(&self, start_ms: i64, ip: &str, group: &str) -> bool {
        self.start_ms == start_ms && self.pairs.contains(&(ip.to_owned(), group.to_owned()))
    }

    /// A later hour takes the place of this one; what belongs to an earlier one is not remembered.
    fn add(&mut self, start_ms: i64, ip: &str, group: &str) {
        if start_ms > self.start_ms || self.pairs.len() >= MOST {
            self.start_ms = self.start_ms.max(start_ms);
            self.pairs.clear();
        }
        if start_ms == self.start_ms {
            self.pairs.insert((ip.to_owned(), group.to_owned()));
        }
    }
}

fn start_of(log: &Log) -> i64 {
    Span::Hour.start(log.created_at_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hour_is_remembered_at_a_time() {
        let mut hour = Hour::default();
        assert!(!hour.has(1, "a", "g"));
        hour.add(1, "a", "g");
        assert!(hour.has(1, "a", "g"));
        assert!(!hour.has(1, "a", "h") && !hour.has(1, "b", "g") && !hour.has(2, "a", "g"));
        hour.add(2, "a", "g");
        hour.add(1, "b", "g");
        assert!(hour.has(2, "a", "g"));
        assert!(!hour.has(1, "a", "g") && !hour.has(1, "b", "g"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut hour = Hour::default();
        for at in 0..=MOST {
            hour.add(1, &at.to_string(), "g");
        }
        assert_eq!(hour.pairs.len(), 1);
        assert!(hour.has(1, &MOST.to_string(), "g"));
    }
}
