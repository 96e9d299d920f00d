//! Time, allocations, and the table they are shown in.
//!
//! No benchmark framework: each would print ten lines a case, or need minutes to be
//! compiled, where one line a case is what can be compared.

use std::alloc::System;
use std::hint::black_box;
use std::time::{Duration, Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static MEMORY: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Short, and many of them, of which the fastest counts: what else the machine does only
/// ever adds, and seldom to all of them.
const BATCH: Duration = Duration::from_millis(2);
const BATCHES: usize = 50;
/// For one case, however long a batch takes.
const PATIENCE: Duration = Duration::from_millis(500);
/// Inputs are copied before the clock starts; not more than this at a time.
const BATCH_BYTES: usize = 64_000_000;

/// What one run costs.
pub(crate) struct Cost {
    ns: f64,
    allocations: usize,
    allocated_bytes: usize,
}

pub(crate) struct Table {
    wanted: String,
}

// === impl Cost ===

impl Cost {
    /// Of `run` with a copy of `input`: the copy is free, dropping the result is not.
    pub(crate) fn of<I: Clone + Size, O>(input: &I, run: impl Fn(I) -> O) -> Self {
        let copy = input.clone();
        let region = Region::new(MEMORY);
        let result = run(copy);
        let change = region.change();
        black_box(result);

        let once = time(vec![input.clone()], &run);
        let runs = (BATCH.as_nanos() / once.as_nanos().max(1)) as usize;
        let runs = runs.clamp(1, (BATCH_BYTES / input.size().max(1)).max(1));
        let start = Instant::now();
        let fastest = (0..BATCHES)
            .take_while(|batch| *batch < 3 || start.elapsed() < PATIENCE)
            .map(|_| time(vec![input.clone(); runs], &run))
            .min();
        Self {
            ns: fastest.unwrap_or_default().as_nanos() as f64 / runs as f64,
            allocations: change.allocations + change.reallocations,
            allocated_bytes: change.bytes_allocated,
        }
    }
}

fn time<I, O>(inputs: Vec<I>, run: impl Fn(I) -> O) -> Duration {
    let start = Instant::now();
    for input in inputs {
        black_box(run(black_box(input)));
    }
    start.elapsed()
}

/// Bytes of an input.
pub(crate) trait Size {
    fn size(&self) -> usize;
}

impl Size for Vec<u8> {
    fn size(&self) -> usize {
        self.len()
    }
}

impl Size for Vec<Vec<u8>> {
    fn size(&self) -> usize {
        self.iter().map(Vec::len).sum()
    }
}

// === impl Table ===

impl Table {
    /// Prints the head; rows follow as they are measured. Rows without `wanted` in
    /// their names are neither measured nor printed.
    pub(crate) fn new(wanted: String) -> Self {
        println!(
            "{:20} {:40} {:>8} {:>9} {:>12} {:>8} {:>12}",
            "what", "dialects", "size", "MB/s", "µs", "allocs", "allocated"
        );
        Self { wanted }
    }

    pub(crate) fn row(
        &mut self,
        what: &str,
        dialects: &str,
        size: &str,
        bytes: usize,
        measure: impl FnOnce() -> Cost,
    ) {
        if !format!("{what} {dialects} {size}").contains(&self.wanted) {
            return;
        }
        let cost = measure();
        println!(
            "{what:20} {dialects:40} {size:>8} {:>9.0} {:>12.2} {:>8} {:>9.2} KB",
            bytes as f64 * 1e3 / cost.ns,
            cost.ns / 1e3,
            cost.allocations,
            cost.allocated_bytes as f64 / 1e3,
        );
    }

    /// The same, by the event.
    pub(crate) fn events(
        &mut self,
        what: &str,
        dialects: &str,
        events: usize,
        bytes: usize,
        measure: impl FnOnce() -> Cost,
    ) {
        self.row(what, dialects, "an event", bytes / events, || {
            let cost = measure();
            Cost {
                ns: cost.ns / events as f64,
                allocations: cost.allocations / events,
                allocated_bytes: cost.allocated_bytes / events,
            }
        });
    }
}
