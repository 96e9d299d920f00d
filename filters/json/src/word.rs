//! Eight bytes at once, for what is too short for a block.
//!
//! What is said of a byte of a word is said in its highest bit.

const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
const ONES: u64 = 0x0101_0101_0101_0101;

/// The bytes that are `byte`.
pub(super) fn equal(word: u64, byte: u8) -> u64 {
    zeros(word ^ (u64::from(byte) * ONES))
}

/// The control characters, below 0x20.
pub(super) fn controls(word: u64) -> u64 {
    zeros(word & (0xE0 * ONES))
}

fn zeros(word: u64) -> u64 {
    !(((word & LOW) + LOW) | word | LOW)
}

/// Whether nothing in `bytes` has to be escaped inside a string.
pub(super) fn are_plain(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks();
    let words = words.iter().copied().map(u64::from_le_bytes);
    words.fold(0, |faults, word| faults | escaped(word)) == 0
        && match bytes.last_chunk() {
            Some(last) => escaped(u64::from_le_bytes(*last)) == 0,
            None => rest
                .iter()
                .all(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\'),
        }
}

fn escaped(word: u64) -> u64 {
    equal(word, b'"') | equal(word, b'\\') | controls(word)
}
