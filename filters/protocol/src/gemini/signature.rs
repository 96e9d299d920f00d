//! Proof of thinking in this dialect: `thoughtSignature`, bytes in base64.
//!
//! SDKs decode it and encode it again, in the URL alphabet as they please, so what
//! other providers wrote travels here as base64 of its marked form:
//!
//! ```text
//! thoughtSignature = base64("tg." dialect "." data)      ; signed by another provider
//!                  / base64("tg.redacted." data)         ; redacted thinking
//!                  / data                                ; Gemini's own
//! ```

use std::borrow::Cow;
use std::ops::Range;

use crate::dialect::Dialect;
use crate::neutral::{Signature, shown_signature};
use crate::text::Text;

/// Base64 of "tg.": three bytes are four characters, whatever follows.
const MARK: &str = "dGcu";
const REDACTED: &str = "tg.redacted.";

/// Stands in for a signature that nobody has: calls that another model made, or whose
/// signature a client lost. Gemini 3 refuses a call of the current turn without any.
/// <https://ai.google.dev/gemini-api/docs/thought-signatures>
pub(crate) const BYPASS: &str = "skip_thought_signature_validator";
const QUOTED_BYPASS: &str = "\"skip_thought_signature_validator\"";

/// What a `thoughtSignature` turned out to be.
pub(super) enum Proof {
    Signature(Signature),
    Redacted(Text),
}

pub(super) fn read(text: Text) -> Proof {
    let marked = text
        .starts_with(MARK)
        .then(|| decode(&text))
        .flatten()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(marked) = marked {
        if let Some(data) = marked.strip_prefix(REDACTED) {
            return Proof::Redacted(data.into());
        }
        let signature = Signature::read(Dialect::Gemini, marked.into());
        if signature.by != Dialect::Gemini {
            return Proof::Signature(signature);
        }
    }
    Proof::Signature(Signature {
        by: Dialect::Gemini,
        data: text,
    })
}

/// Where a body holds what other providers signed: Gemini would refuse it for that. With
/// each the JSON of what it takes instead.
///
/// The text is searched, not read: between quotes of its own, the name of a member
/// cannot be a piece of a string, where quotes are escaped.
pub(super) fn foreign(body: &str) -> Vec<(Range<usize>, &'static str)> {
    const OPENING: &str = "\"dGcu";
    let mut found = Vec::new();
    for at in memchr::memmem::find_iter(body.as_bytes(), OPENING) {
        let (Some(before), Some(value)) = (body.get(..at), body.get(at + 1..)) else {
            continue;
        };
        let before = before.trim_ascii_end().strip_suffix(':');
        let before = before.map(str::trim_ascii_end).unwrap_or_default();
        let names = ["\"thoughtSignature\"", "\"thought_signature\""];
        let text = value.split('"').next().unwrap_or_default();
        let is_own = || match read(text.into()) {
            Proof::Signature(signature) => signature.by == Dialect::Gemini,
            Proof::Redacted(_) => false,
        };
        if names.iter().any(|name| before.ends_with(name)) && !is_own() {
            found.push((at..at + text.len() + 2, QUOTED_BYPASS));
        }
    }
    found
}

/// How a caller of this dialect is given a signature to carry.
pub(super) fn shown(by: Dialect, data: &str) -> Cow<'_, str> {
    match shown_signature(by, data, Dialect::Gemini) {
        Cow::Borrowed(own) => Cow::Borrowed(own),
        Cow::Owned(marked) => Cow::Owned(encode(marked.as_bytes())),
    }
}

pub(super) fn shown_redacted(data: &str) -> String {
    encode(format!("{REDACTED}{data}").as_bytes())
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, section 4.
fn encode(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4_usize {
            let index = (bits >> (18 - 6 * at)) & 63;
            let digit = usize::try_from(index)
                .ok()
                .and_then(|index| ALPHABET.get(index).copied());
            encoded.push(match digit {
                Some(digit) if at <= chunk.len() => char::from(digit),
                _ => '=',
            });
        }
    }
    encoded
}

/// Either alphabet of RFC 4648, padded or not.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in text.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(digit)) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push(u8::try_from((bits >> count) & 0xff).unwrap_or(0));
        }
    }
    Some(decoded)
}
