//! The inside of strings, sixty-four bytes at a time.
//!
//! Prompts of coding agents hold an escape every few bytes, so a scan that stops at
//! each is slow. Here a bit stands for a byte, and bit arithmetic finds in a few
//! steps what is escaped and where the string ends, however many escapes there are:
//! the idea of Langdale and Lemire, "Parsing Gigabytes of JSON per Second" (2019).

use self::lanes::Lanes;

pub(super) const BLOCK_BYTES: usize = 64;

/// One block. Beyond the end of the text it holds control characters.
pub(super) struct Block(Lanes);

/// What a block that begins inside a string, and not within an escape, says of it.
pub(super) enum Inside {
    /// It ends with the quote at this offset.
    Ends(usize),
    /// It goes on at this offset.
    GoesOn(usize),
    /// A control character at this offset, or the end of the text.
    Control(usize),
    /// At this offset begins an escape that needs a closer look.
    Escape(usize),
}

/// What stands after the backslash in the commonest escapes.
const COMMON: [u8; 5] = *b"nrt\"\\";

const EVEN: u64 = 0x5555_5555_5555_5555;

// === impl Block ===

impl Block {
    pub(super) fn at_front_of(bytes: &[u8]) -> Self {
        if let Some(whole) = bytes.first_chunk() {
            return Self(Lanes::load(whole));
        }
        let mut padded = [0; BLOCK_BYTES];
        for (slot, byte) in padded.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        Self(Lanes::load(&padded))
    }

    /// For text that is not known to be valid yet.
    pub(super) fn inside(&self) -> Inside {
        let backslashes = self.0.which([b'\\']);
        let (escaped, unknown) = match backslashes {
            0 => (0, 0),
            _ => {
                let escaped = escaped(backslashes);
                (escaped, escaped & !self.0.which(COMMON))
            }
        };
        let end = self.0.which([b'"']) & !escaped;
        let controls = self.0.controls();
        let faults = controls | unknown;
        match (end.trailing_zeros(), faults.trailing_zeros()) {
            (64, 64) => Inside::GoesOn(length(backslashes)),
            (end, fault) if end < fault => Inside::Ends(end as usize),
            (_, fault) if unknown >> fault & 1 == 0 => Inside::Control(fault as usize),
            (_, fault) => Inside::Escape(fault.saturating_sub(1) as usize),
        }
    }

    /// For a string that is known to be valid: where it ends, or else goes on.
    pub(super) fn end(&self) -> Result<usize, usize> {
        let backslashes = self.0.which([b'\\']);
        let escaped = match backslashes {
            0 => 0,
            _ => escaped(backslashes),
        };
        match self.0.which([b'"']) & !escaped {
            0 => Err(length(backslashes)),
            end => Ok(end.trailing_zeros() as usize),
        }
    }

    /// A bit for every backslash.
    pub(super) fn backslashes(&self) -> u64 {
        self.0.which([b'\\'])
    }

    /// For text that is to be put into a string: a bit for every byte that must be
    /// escaped. Only those of the text count.
    pub(super) fn to_escape(&self) -> u64 {
        self.0.which(*b"\"\\") | self.0.controls()
    }
}

/// The characters after runs of backslashes of odd length. (What is escaped within a
/// run is a backslash, which nobody asks about.)
fn escaped(backslashes: u64) -> u64 {
    let starts = backslashes & !(backslashes << 1);
    let ends = (backslashes << 1) & !backslashes;
    // Adding a run's first bit to it carries to the bit after it.
    let ends_of_even = backslashes.wrapping_add(starts & EVEN) & ends;
    let ends_of_odd = ends & !ends_of_even;
    ends_of_even & !EVEN | ends_of_odd & EVEN
}

/// How much of a block can be passed over: an escape that it cuts stays whole.
fn length(backslashes: u64) -> usize {
    BLOCK_BYTES - (backslashes.leading_ones() % 2) as usize
}

/// With the vector instructions of WebAssembly.
#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
mod lanes {
    use core::arch::wasm32::{
        u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u64x2, v128, v128_any_true, v128_or,
    };

    use super::BLOCK_BYTES;

    pub(super) struct Lanes([v128; 4]);

    impl Lanes {
        /// Compiles to four loads.
        pub(super) fn load(bytes: &[u8; BLOCK_BYTES]) -> Self {
            let (words, _) = bytes.as_chunks();
            let word = |index| u64::from_le_bytes(words.get(index).copied().unwrap_or_default());
            Self([0, 2, 4, 6].map(|index| u64x2(word(index), word(index + 1))))
        }

        pub(super) fn which<const N: usize>(&self, bytes: [u8; N]) -> u64 {
            self.bits(|lane| {
                let hits = bytes.map(|byte| u8x16_eq(lane, u8x16_splat(byte)));
                let none = u8x16_splat(0);
                hits.into_iter().fold(none, |all, hit| v128_or(all, hit))
            })
        }

        pub(super) fn controls(&self) -> u64 {
            let is = |lane| u8x16_lt(lane, u8x16_splat(0x20));
            let [a, b, c, d] = self.0.map(is);
            match v128_any_true(v128_or(v128_or(a, b), v128_or(c, d))) {
                false => 0,
                true => self.bits(is),
            }
        }

        fn bits(&self, holds: impl Fn(v128) -> v128) -> u64 {
            let [a, b, c, d] = self.0.map(|lane| u64::from(u8x16_bitmask(holds(lane))));
            a | b << 16 | c << 32 | d << 48
        }
    }
}

/// The same anywhere else, which is where tests and tools run: eight bytes a word.
#[cfg(not(all(target_family = "wasm", target_feature = "simd128")))]
mod lanes {
    use super::BLOCK_BYTES;
    use crate::word;

    pub(super) struct Lanes([u64; 8]);

    impl Lanes {
        pub(super) fn load(bytes: &[u8; BLOCK_BYTES]) -> Self {
            let (words, _) = bytes.as_chunks();
            let mut words = words.iter().copied().map(u64::from_le_bytes);
            Self([(); 8].map(|()| words.next().unwrap_or_default()))
        }

        pub(super) fn which<const N: usize>(&self, bytes: [u8; N]) -> u64 {
            self.bits(|word| {
                bytes
                    .iter()
                    .fold(0, |hits, byte| hits | word::equal(word, *byte))
            })
        }

        pub(super) fn controls(&self) -> u64 {
            self.bits(word::controls)
        }

        /// `holds` leaves the highest bit of a byte set; here it becomes the byte's bit.
        fn bits(&self, holds: impl Fn(u64) -> u64) -> u64 {
            self.0.iter().rev().fold(0, |bits, word| {
                let gathered = (holds(*word) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
                bits << 8 | gathered
            })
        }
    }
}
