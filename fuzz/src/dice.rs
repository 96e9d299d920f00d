//! Random numbers that repeat.

use std::hash::{DefaultHasher, Hash, Hasher};

/// SplitMix64: any seed is a good one.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The same dice for the same bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Self(hasher.finish())
    }

    /// Evenly from `0..sides`; 0 where there are none.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let sides = sides.max(1) as u64;
        ((z ^ (z >> 31)) % sides) as usize
    }

    /// The bytes in order, in pieces: a few of them short, as packets end anywhere.
    pub fn cut<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let most = [3, 40, bytes.len()][self.roll(3)];
            let (piece, rest) = bytes.split_at((1 + self.roll(most)).min(bytes.len()));
            pieces.push(piece);
            bytes = rest;
            // Many tiny pieces of a long input take long and show nothing new.
            if pieces.len() > 200 {
                pieces.push(bytes);
                break;
            }
        }
        pieces
    }
}
