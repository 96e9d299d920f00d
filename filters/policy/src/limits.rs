//! How much a caller may ask for: per minute ([`Bucket`]) and at once.
//!
//! What applies to a call is a list of [`Scope`]s (its group's use of the model, its token, its end
//! user, its address). The counters of a scope are records in a [`Slot`], of which there is a fixed
//! number, so that callers without number cannot fill the memory; a record that says nothing any
//! more is dropped at the next write. Where slots are kept and how two writers at once are told
//! apart is the shell's business; nothing here knows.
//!
//! The tokens of a call are not known before its end. So it reserves an [`estimate`], and is
//! corrected by what it used. A refused call changes nothing, so that it never makes anybody wait
//! longer.

mod bucket;
mod headers;
mod scope;
mod slot;

pub use bucket::{Bucket, PERIOD_MS, Rate};
pub use headers::{Shown, headers};
pub use scope::{Key, Over, Ratios, Refused, Scope, Standing, Whose, share};
pub use slot::Slot;

/// What a call is taken to answer with if its caller sets no limit, in tokens.
pub const OUTPUT_TOKENS: u64 = 1_024;

/// What a token is taken for before anybody counted: English and code have about four bytes to one.
const BYTES_PER_TOKEN: u64 = 4;

/// What a call reserves, in tokens; at least one. `output` is what the answer may have.
#[must_use]
pub fn estimate(body_bytes: usize, output: u64) -> u64 {
    let bytes = u64::try_from(body_bytes).unwrap_or(u64::MAX);
    bytes
        .div_ceil(BYTES_PER_TOKEN)
        .saturating_add(output)
        .max(1)
}

#[cfg(test)]
mod tests;
