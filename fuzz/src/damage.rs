//! Damage to healthy inputs, for runs without an engine.

use crate::MAX_INPUT_BYTES;
use crate::dice::Dice;

/// One to four changes: cut, repeated, replaced, or spliced with a word or a piece of
/// `other`.
pub fn damage(bytes: &mut Vec<u8>, words: &[Vec<u8>], other: &[u8], dice: &mut Dice) {
    for _ in 0..1 + dice.roll(4) {
        let at = dice.roll(bytes.len() + 1);
        let end = (at + dice.roll(40)).min(bytes.len());
        match dice.roll(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => {
                let from = dice.roll(other.len() + 1);
                let piece = &other[from..(from + dice.roll(200)).min(other.len())];
                bytes.splice(at..end, piece.iter().copied());
            }
            4 => {
                let word = &words[dice.roll(words.len())];
                bytes.splice(at..at, word.iter().copied());
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = dice.roll(256) as u8;
                }
            }
        }
    }
    bytes.truncate(MAX_INPUT_BYTES);
}

/// The words of a dictionary in libFuzzer's format: one in quotes a line, `\xNN` and
/// `\\` and `\"` being escapes.
pub fn words(dictionary: &str) -> Vec<Vec<u8>> {
    let quoted = dictionary.lines().filter_map(|line| {
        let line = line.trim().strip_prefix('"')?;
        line.strip_suffix('"')
    });
    quoted.map(unescape).collect()
}

fn unescape(quoted: &str) -> Vec<u8> {
    let mut word = Vec::new();
    let mut rest = quoted.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            word.push(byte);
        } else if let Some(hex) = rest.strip_prefix(b"x").and_then(|hex| hex.get(..2)) {
            let hex = std::str::from_utf8(hex).expect("ASCII");
            word.push(u8::from_str_radix(hex, 16).expect("two hexadecimal digits"));
            rest = &rest[3..];
        } else if let Some((&escaped, after)) = rest.split_first() {
            word.push(escaped);
            rest = after;
        }
    }
    word
}
