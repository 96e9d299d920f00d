//! Waiting for a condition instead of sleeping.

use std::env;
use std::thread;
use std::time::{Duration, Instant};

/// How long a condition may take before the test fails. A slow machine sets
/// `TOLLGATE_TEST_PATIENCE_S` (default 20); no test is slower for it when all is well.
#[must_use]
pub fn patience() -> Duration {
    let seconds = env::var("TOLLGATE_TEST_PATIENCE_S")
        .ok()
        .and_then(|s| s.parse().ok());
    Duration::from_secs(seconds.unwrap_or(20))
}

/// Tries until `attempt` gives `Ok`, then returns its value.
///
/// # Panics
/// With the last refusal, when [`patience`] is over.
pub fn eventually<T, E: std::fmt::Display>(what: &str, attempt: impl FnMut() -> Result<T, E>) -> T {
    within(patience(), what, attempt)
}

/// [`eventually`] with a deadline of its own, where the deadline is what is promised.
///
/// # Panics
/// With the last refusal, when the time is over.
#[track_caller]
pub fn within<T, E: std::fmt::Display>(
    limit: Duration,
    what: &str,
    mut attempt: impl FnMut() -> Result<T, E>,
) -> T {
    let started = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(why) if started.elapsed() > limit => {
                panic!("not within {limit:?}: {what}: {why}")
            }
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}
