//! Waiting for a condition instead of sleeping, and for many at once.

use std::env;
use std::thread;
use std::time::{Duration, Instant};

/// How long a condition may take before the test fails. A slow machine sets
/// `TOLLGATE_TEST_PATIENCE_S` (default 60); no test is slower for it when all is well.
#[must_use]
pub fn patience() -> Duration {
    let seconds = env::var("TOLLGATE_TEST_PATIENCE_S")
        .ok()
        .and_then(|s| s.parse().ok());
    Duration::from_secs(seconds.unwrap_or(60))
}

/// Tries until `attempt` gives `Ok`, then returns its value.
///
/// # Panics
/// With the last refusal, when [`patience`] is over.
pub fn eventually<T, E: std::fmt::Display>(what: &str, attempt: impl FnMut() -> Result<T, E>) -> T {
    within(patience(), what, attempt)
}

/// A look at a condition, and the pause after it, count for no more than this. On a machine that has
/// other things to do both take longer, and what is promised is what happens on one that has time.
const LOOK: Duration = Duration::from_millis(30);

const PAUSE: Duration = Duration::from_millis(10);

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
    let mut counted = Duration::ZERO;
    loop {
        let looked = Instant::now();
        match attempt() {
            Ok(value) => return value,
            Err(why) if counted > limit || started.elapsed() > limit + patience() => {
                panic!("not within {limit:?}: {what}: {why}")
            }
            Err(_) => thread::sleep(PAUSE),
        }
        counted += looked.elapsed().min(LOOK);
    }
}

/// Does this for all of them at the same time, where each mostly waits.
///
/// # Panics
/// When one of them does.
pub fn at_once<T: Send>(all: impl IntoIterator<Item = T>, act: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        let act = &act;
        let started: Vec<_> = all
            .into_iter()
            .map(|one| scope.spawn(move || act(one)))
            .collect();
        for thread in started {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}
