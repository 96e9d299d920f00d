//! JSON strings: taking escapes out and putting them in (RFC 8259, section 7).

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

use super::block::{BLOCK_BYTES, Block};
use super::{Json, Kind, Limits, word};

/// Decodes what stands between the quotes of a validated string.
pub fn decode(body: &str) -> Cow<'_, str> {
    let Some(first) = memchr(b'\\', body.as_bytes()) else {
        return Cow::Borrowed(body);
    };
    let bytes = body.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len() + RUN_BYTES);
    let (mut copied, mut at) = (0, first);
    // Block by block; an escape may reach into the next one.
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let mut marks = Block::at_front_of(rest).backslashes();
        let block = at;
        at += BLOCK_BYTES;
        while marks != 0 {
            let next = block + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            if next < copied {
                // The second of two backslashes.
                continue;
            }
            push_run(bytes, copied..next, &mut decoded);
            copied = push_decoded(body, next, &mut decoded);
        }
        at = at.max(copied);
    }
    push_run(bytes, copied..bytes.len(), &mut decoded);
    Cow::Owned(String::from_utf8(decoded).unwrap_or_default())
}

/// Decodes the escape at `at`; where it ends comes back.
fn push_decoded(body: &str, at: usize, decoded: &mut Vec<u8>) -> usize {
    let simple = match body.as_bytes().get(at + 1) {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
        _ => {
            let (char, after) = take_escape(body.get(at + 1..).unwrap_or_default());
            let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
            decoded.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            return body.len() - after.len();
        }
    };
    decoded.push(simple);
    at + 2
}

/// Between escapes there is often no more than a word.
const RUN_BYTES: usize = 16;

/// Copies `bytes[run]`; a short run as a constant number of bytes, which is fast.
fn push_run(bytes: &[u8], run: Range<usize>, out: &mut Vec<u8>) {
    let length = run.len();
    let rest = bytes.get(run.start..).unwrap_or_default();
    match rest.first_chunk::<RUN_BYTES>() {
        Some(word) if length <= RUN_BYTES => {
            let end = out.len() + length;
            out.extend_from_slice(word);
            out.truncate(end);
        }
        _ => out.extend_from_slice(rest.get(..length).unwrap_or_default()),
    }
}

/// As [`decode`], one character at a time.
pub(crate) fn chars(body: &str) -> impl Iterator<Item = char> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let (char, after) = match rest.strip_prefix('\\') {
            Some(escape) => take_escape(escape),
            None => {
                let mut chars = rest.chars();
                (chars.next(), chars.as_str())
            }
        };
        rest = after;
        char
    })
}

/// Decodes one escape, given without its backslash; what follows it comes back.
fn take_escape(escape: &str) -> (Option<char>, &str) {
    let mut chars = escape.chars();
    let char = match chars.next() {
        Some('n') => Some('\n'),
        Some('t') => Some('\t'),
        Some('r') => Some('\r'),
        Some('b') => Some('\u{8}'),
        Some('f') => Some('\u{c}'),
        Some('u') => return take_unicode(chars.as_str()),
        other => other,
    };
    (char, chars.as_str())
}

fn take_unicode(digits: &str) -> (Option<char>, &str) {
    let (Some(high), after) = unit(digits) else {
        return (None, after_unit(digits));
    };
    if matches!(high, 0xD800..=0xDBFF)
        && let Some(second) = after.strip_prefix("\\u")
        && let (Some(low @ 0xDC00..=0xDFFF), after_pair) = unit(second)
    {
        let scalar = 0x10000 + ((u32::from(high) - 0xD800) << 10) + (u32::from(low) - 0xDC00);
        return (char::from_u32(scalar), after_pair);
    }
    let char = char::from_u32(u32::from(high)).unwrap_or(char::REPLACEMENT_CHARACTER);
    (Some(char), after)
}

fn unit(digits: &str) -> (Option<u16>, &str) {
    let value = digits.as_bytes().get(..4).and_then(hex4);
    (value, after_unit(digits))
}

fn after_unit(digits: &str) -> &str {
    digits.get(4..).unwrap_or_default()
}

/// Four hexadecimal digits as one UTF-16 unit.
pub fn hex4(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |unit: u16, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some((unit << 4) | u16::try_from(value).ok()?)
    })
}

/// Appends `text` as the inside of a JSON string. Only what must be escaped is.
pub fn push_escaped(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    if bytes.len() < BLOCK_BYTES && word::are_plain(bytes) {
        return out.extend_from_slice(bytes);
    }
    out.reserve(bytes.len());
    let (mut at, mut copied) = (0, 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let mut marks = Block::at_front_of(rest).to_escape();
        while marks != 0 {
            let next = at + marks.trailing_zeros() as usize;
            let Some(byte) = bytes.get(next) else {
                break;
            };
            push_run(bytes, copied..next, out);
            push_escape(*byte, out);
            copied = next + 1;
            marks &= marks - 1;
        }
        at += BLOCK_BYTES;
    }
    out.extend_from_slice(bytes.get(copied..).unwrap_or_default());
}

fn push_escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    let hex = |digit: u8| HEX.get(usize::from(digit)).copied().unwrap_or(b'0');
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        control => out.extend_from_slice(&[
            b'\\',
            b'u',
            b'0',
            b'0',
            hex(control >> 4),
            hex(control & 15),
        ]),
    }
}

/// Whether `text` is one whole JSON object.
pub fn is_json_object(text: &str) -> bool {
    Json::parse_text(text, &Limits::response()).is_ok_and(|json| json.kind() == Kind::Object)
}
