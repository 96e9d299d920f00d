//! One vector, as its upstream wrote it, and the way to the other format.
//!
//! Base64 is that of RFC 4648, section 4, over IEEE 754 single precision numbers, the
//! least significant byte first: what OpenAI's SDKs ask for by default and decode.

use crate::base64;
use crate::body::Body;
use crate::embeddings::Formats;
use crate::json::{Json, JsonWriter, Kind};
use crate::text::{Raw, Text};

/// The numbers of one embedding.
#[derive(Clone, Debug, PartialEq)]
pub enum Vector {
    /// A JSON array of numbers, verbatim.
    Numbers(Raw),
    Base64(Text),
}

// === impl Vector ===

impl Vector {
    /// An array of numbers, or a string.
    pub(super) fn read(body: &Body, json: Json<'_>) -> Option<Self> {
        match json.kind() {
            Kind::Array if holds_numbers(json) => Some(Self::Numbers(body.raw(json))),
            Kind::String => body.text(json).map(Self::Base64),
            _ => None,
        }
    }

    /// How many numbers it has; nothing where it cannot be decoded.
    pub fn dimensions(&self) -> Option<usize> {
        match self {
            Self::Numbers(numbers) => Some(numbers.json().items().count()),
            Self::Base64(text) => {
                let digits = text.trim_end_matches('=').len();
                let bytes = digits.checked_mul(3)? / 4;
                bytes.is_multiple_of(4).then_some(bytes / 4)
            }
        }
    }

    /// Writes it in the one format that the caller wants.
    pub(super) fn write(&self, formats: Formats, w: &mut JsonWriter<'_>) -> Option<()> {
        if formats.only_base64() {
            self.write_base64(w)
        } else {
            self.write_numbers(w)
        }
    }

    /// Nothing, and nothing written, where it cannot be decoded.
    pub(super) fn write_numbers(&self, w: &mut JsonWriter<'_>) -> Option<()> {
        match self {
            Self::Numbers(numbers) => w.raw(numbers.as_str()),
            Self::Base64(text) => {
                let numbers = floats(text)?;
                w.array(|w| {
                    for number in &numbers {
                        // The shortest text that reads back as the same number.
                        w.raw(&number.to_string());
                    }
                });
            }
        }
        Some(())
    }

    /// Nothing, and nothing written, where a number cannot be encoded.
    pub(super) fn write_base64(&self, w: &mut JsonWriter<'_>) -> Option<()> {
        match self {
            Self::Base64(text) => w.text(text),
            Self::Numbers(numbers) => {
                let mut bytes = Vec::new();
                for number in numbers.json().items() {
                    let number: f32 = number.raw().parse().ok()?;
                    if !number.is_finite() {
                        return None;
                    }
                    bytes.extend_from_slice(&number.to_le_bytes());
                }
                w.string(&base64::encode(&bytes));
            }
        }
        Some(())
    }
}

/// What is copied verbatim must be what it is said to be. The text is valid JSON, so that
/// the characters tell.
fn holds_numbers(array: Json<'_>) -> bool {
    let inside = array.raw().get(1..).unwrap_or_default();
    let of_number = |byte: u8| byte.is_ascii_digit() || b"+-.eE, \t\r\n]".contains(&byte);
    inside.bytes().all(of_number) && inside.bytes().filter(|byte| *byte == b']').count() == 1
}

/// The numbers in a base64 text; nothing where it is none, or holds what JSON cannot say.
fn floats(text: &str) -> Option<Vec<f32>> {
    let bytes = base64::decode(text)?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    let numbers = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let numbers: Vec<f32> = numbers.collect();
    (rest.is_empty() && numbers.iter().all(|number| number.is_finite())).then_some(numbers)
}
