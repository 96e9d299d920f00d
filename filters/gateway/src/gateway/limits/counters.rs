//! The counters that all workers share, and what this worker has in flight.
//!
//! A slot is changed only if nobody else was faster. How many calls this worker has in flight it knows
//! by itself. Shared data only repeats it, again and again, so that the calls of a worker that is lost
//! are free again after a while.

use std::cell::RefCell;

use tollgate_config::names::limits_key;
use tollgate_host::{Host, Level};
use tollgate_policy::limits::{Key, Refused, Scope, Slot, Standing};

/// How often a worker tries where others are faster. Each time one of them got on, so more than
/// this says that the machine is overrun.
const TRIES_MAX: usize = 64;

/// This worker's calls in flight, where their number is limited.
struct InFlight {
    /// By what the other workers know this one.
    worker: i64,
    /// In the order of the keys.
    held: Vec<(Key, u64)>,
    renewed_ms: i64,
}

thread_local! {
    static IN_FLIGHT: RefCell<InFlight> = const {
        RefCell::new(InFlight { worker: 0, held: Vec::new(), renewed_ms: 0 })
    };
}

/// Counts a call in at one of its limits, unless it is only to be seen whether it could be (`takes` is
/// false).
///
/// # Errors
/// Why it must wait; `None` when too many others were faster.
pub(super) fn take(
    host: &dyn Host,
    scope: &Scope,
    tokens: u64,
    now_ms: i64,
    takes: bool,
) -> Result<Standing, Option<Refused>> {
    IN_FLIGHT.with_borrow_mut(|mine| {
        while mine.worker == 0 {
            mine.worker = host.random().cast_signed();
        }
        let held = mine.count(scope.key);
        let mut outcome = Err(None);
        let counted = change(host, scope.key, now_ms, &mut |slot| {
            let admitted = scope.admit(slot, tokens, (mine.worker, held), now_ms);
            outcome = admitted.map_err(Some);
            takes && outcome.is_ok()
        });
        if !counted {
            return Err(None);
        }
        if takes && outcome.is_ok() && scope.limits.max_concurrency > 0 {
            mine.set(scope.key, held.saturating_add(1));
        }
        outcome
    })
}

/// Gives back at one limit what a call has not used of the tokens that it `reserved`, at that time, and
/// its place. What never was a call (`counts` is false) was no request either.
pub(super) fn give_back(
    host: &dyn Host,
    scope: &Scope,
    reserved: (u64, i64),
    used: u64,
    counts: bool,
    now_ms: i64,
) {
    let (corrects, holds) = (
        scope.limits.tpm > 0 || !counts,
        scope.limits.max_concurrency > 0,
    );
    if !corrects && !holds {
        return;
    }
    let (worker, held) = IN_FLIGHT.with_borrow_mut(|mine| {
        let held = mine.count(scope.key).saturating_sub(1);
        if holds {
            mine.set(scope.key, held);
        }
        (mine.worker, held)
    });
    change(host, scope.key, now_ms, &mut |slot| {
        if corrects {
            scope.correct(slot, reserved, used, counts, now_ms);
        }
        if holds {
            scope.key.hold(slot, worker, held, now_ms);
        }
        true
    });
}

/// Says again, now and then, what this worker has in flight.
pub(super) fn renew(host: &dyn Host) {
    IN_FLIGHT.with_borrow_mut(|mine| {
        if mine.held.is_empty() {
            return;
        }
        let now_ms = host.now_unix_ms();
        if now_ms.abs_diff(mine.renewed_ms) < Slot::RENEW_MS.unsigned_abs() {
            return;
        }
        mine.renewed_ms = now_ms;
        for (key, count) in &mine.held {
            change(host, *key, now_ms, &mut |slot| {
                key.hold(slot, mine.worker, *count, now_ms);
                true
            });
        }
    });
}

/// Changes a slot, as often as others are faster; `work` says whether there is anything to write.
/// False when they always were.
pub(super) fn change(
    host: &dyn Host,
    key: Key,
    now_ms: i64,
    work: &mut dyn FnMut(&mut Slot) -> bool,
) -> bool {
    let name = limits_key(key.slot);
    for _ in 0..TRIES_MAX {
        let (bytes, version) = host.shared_version(&name);
        let mut slot = Slot::read(&bytes.unwrap_or_default(), now_ms);
        if !work(&mut slot) {
            return true;
        }
        match host.replace_shared(&name, &slot.write(), version) {
            Ok(true) => return true,
            Ok(false) => {}
            Err(_) => break,
        }
    }
    host.log(Level::Error, "a limit's counter cannot be written");
    false
}

// === impl InFlight ===

impl InFlight {
    fn count(&self, key: Key) -> u64 {
        let at = self.held.binary_search_by_key(&key, |(key, _)| *key);
        at.ok()
            .and_then(|at| self.held.get(at))
            .map_or(0, |(_, count)| *count)
    }

    fn set(&mut self, key: Key, count: u64) {
        match self.held.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(at) if count == 0 => {
                self.held.remove(at);
            }
            Ok(at) => {
                if let Some(held) = self.held.get_mut(at) {
                    held.1 = count;
                }
            }
            Err(_) if count == 0 => {}
            Err(at) => self.held.insert(at, (key, count)),
        }
    }
}
