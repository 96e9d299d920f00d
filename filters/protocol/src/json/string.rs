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
        rest = push_escape(escape, &mut decoded);
        let run = memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
        let (plain, after) = rest.split_at_checked(run).unwrap_or((rest, ""));
        decoded.push_str(plain);
        rest = after;
    }
    Cow::Owned(decoded)
}

/// Decodes one escape, given without its backslash; what follows it comes back.
fn push_escape<'a>(escape: &'a str, decoded: &mut String) -> &'a str {
    let mut chars = escape.chars();
    decoded.push(match chars.next() {
        Some('n') => '\n',
        Some('t') => '\t',
        Some('r') => '\r',
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('u') => return push_unicode(chars.as_str(), decoded),
        Some(other) => other,
        None => return "",
    });
    chars.as_str()
}

fn push_unicode<'a>(digits: &'a str, decoded: &mut String) -> &'a str {
    let (Some(high), after) = unit(digits) else {
        return after_unit(digits);
    };
    if matches!(high, 0xD800..=0xDBFF)
        && let Some(second) = after.strip_prefix("\\u")
        && let (Some(low @ 0xDC00..=0xDFFF), after_pair) = unit(second)
    {
        let scalar = 0x10000 + ((u32::from(high) - 0xD800) << 10) + (u32::from(low) - 0xDC00);
        decoded.push(char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER));
        return after_pair;
    }
    decoded.push(char::from_u32(u32::from(high)).unwrap_or(char::REPLACEMENT_CHARACTER));
    after
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
