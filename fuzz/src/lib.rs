//! Fuzz targets over the dialects.
//!
//! Each takes any bytes and reads them as every dialect, so that a new one is fuzzed as
//! soon as it is in [`tollgate_protocol::ALL`], in whatever framing its streams have.
//! What must hold, whatever comes in: no panic; valid output; output and memory in
//! proportion to the input; a stream means the same however it is cut.
//!
//! Two drivers: `make fuzz` lets libFuzzer look for new paths, and `tests/corpus.rs`, a
//! part of `make test`, replays a small corpus and damages it for a second or two.

mod answer;
pub mod damage;
pub mod dice;
mod error;
mod request;
mod sse;
mod stream;

use peak_alloc::PeakAlloc;
use tollgate_protocol::json::{Json, Limits};

pub use crate::answer::answer;
pub use crate::error::error;
pub use crate::request::request;
pub use crate::sse::sse;
pub use crate::stream::stream;

/// One fuzz target: panics where something does not hold.
pub type Target = fn(&[u8]);

pub const TARGETS: &[(&str, Target)] = &[
    ("request", request),
    ("answer", answer),
    ("stream", stream),
    ("sse", sse),
    ("error", error),
];

/// The longest input: beyond it, nothing new is found, only more slowly.
pub const MAX_INPUT_BYTES: usize = 64 << 10;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Runs a target and bounds the memory that it held at its worst.
pub fn run(target: Target, bytes: &[u8]) {
    if bytes.len() > MAX_INPUT_BYTES {
        return;
    }
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    target(bytes);
    let held = MEMORY.peak_usage().saturating_sub(before);
    let input = bytes.len();
    // The targets themselves keep two lists of events that may be a byte long each.
    let most = (256 << 10) + 512 * input;
    assert!(held <= most, "{held} bytes held for {input} of input");
}

/// The shortest event of a stream makes a chunk of a few hundred bytes, with the names
/// and ids that every chunk repeats.
fn assert_bounded(output: &[u8], input: &[u8]) {
    let (output, input) = (output.len(), input.len());
    let most = (4 << 10) + 64 * input;
    assert!(output <= most, "{output} bytes made of {input}");
}

/// Bytes of ours are JSON by our own strictest reading, but for its depth: a string of
/// JSON may have become a part of it.
fn assert_json(written: &[u8]) {
    if let Err(invalid) = Json::parse(written, &Limits::response()) {
        assert!(
            invalid.reason.contains("deep"),
            "{invalid:?} in {}",
            String::from_utf8_lossy(written)
        );
    }
}
