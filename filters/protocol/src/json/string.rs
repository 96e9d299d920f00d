//! JSON strings: taking escapes out and putting them in (RFC 8259, section 7).

use std::borrow::Cow;

use memchr::memchr;

use super::{Json, Kind, Limits};

/// Decodes what stands between the quotes of a validated string.
pub(crate) fn decode(body: &str) -> Cow<'_, str> {
    let Some(first) = memchr(b'\\', body.as_bytes()) else {
        return Cow::Borrowed(body);
    };
    let mut decoded = String::with_capacity(body.len());
    let (plain, mut rest) = body.split_at_checked(first).unwrap_or((body, ""));
    decoded.push_str(plain);
    while let Some(escape) = rest.strip_prefix('\\') {
        let (char, after) = take_escape(escape);
        decoded.extend(char);
        let run = match after.as_bytes().first() {
            Some(b'\\') => 0,
            _ => memchr(b'\\', after.as_bytes()).unwrap_or(after.len()),
        };
        let (plain, after) = after.split_at_checked(run).unwrap_or((after, ""));
        decoded.push_str(plain);
        rest = after;
    }
    Cow::Owned(decoded)
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
pub(super) fn hex4(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |unit: u16, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some((unit << 4) | u16::try_from(value).ok()?)
    })
}

/// Appends `text` as the inside of a JSON string. Only what must be escaped is.
pub(crate) fn push_escaped(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len());
    let mut rest = text.as_bytes();
    loop {
        let run = rest
            .iter()
            .position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\')
            .unwrap_or(rest.len());
        let (plain, after) = rest.split_at_checked(run).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        let Some((byte, after)) = after.split_first() else {
            return;
        };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
        rest = after;
    }
}

/// Whether `text` is one whole JSON object.
pub(crate) fn is_json_object(text: &str) -> bool {
    Json::parse_text(text, &Limits::response()).is_ok_and(|json| json.kind() == Kind::Object)
}
