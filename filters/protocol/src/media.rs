//! Data URIs (RFC 2397) and media types.

use std::borrow::Cow;

use crate::neutral::Source;
use crate::text::Text;

/// Splits a base64 data URI without copying its payload. Nothing where it is not
/// base64 or has no media type. Parameters such as `charset` are dropped; line
/// breaks, the URL alphabet and missing padding are made standard.
pub(crate) fn from_data_uri(uri: &Text) -> Option<Source> {
    let rest = strip_scheme(uri)?;
    let (head, data) = rest.split_once(',')?;
    let mut head = head.split(';').map(str::trim);
    let media_type = head.next().filter(|media_type| media_type.contains('/'))?;
    if !head.any(|parameter| parameter.eq_ignore_ascii_case("base64")) {
        return None;
    }
    Some(Source::Base64 {
        media_type: media_type_of(uri, media_type),
        data: match standard_base64(data)? {
            Cow::Borrowed(data) => uri.slice(data),
            Cow::Owned(data) => data.into(),
        },
    })
}

/// Base64 as RFC 4648, section 4, has it, copied only where it was written otherwise.
pub(crate) fn base64(data: &Text) -> Option<Text> {
    Some(match standard_base64(data)? {
        Cow::Borrowed(_) => data.clone(),
        Cow::Owned(standard) => standard.into(),
    })
}

pub(crate) fn is_data_uri(uri: &str) -> bool {
    strip_scheme(uri).is_some()
}

fn strip_scheme(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_at_checked(5)?;
    scheme.eq_ignore_ascii_case("data:").then_some(rest)
}

/// A media type as it is registered: `image/jpg` is not, but it is sent.
pub(crate) fn media_type(written: &Text) -> Text {
    media_type_of(written, written.as_str())
}

fn media_type_of(uri: &Text, media_type: &str) -> Text {
    if media_type.eq_ignore_ascii_case("image/jpg") {
        return Text::from_static("image/jpeg");
    }
    if media_type.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return media_type.to_ascii_lowercase().into();
    }
    uri.slice(media_type)
}

/// Base64 as RFC 4648, section 4, has it; nothing where it cannot be.
fn standard_base64(data: &str) -> Option<Cow<'_, str>> {
    let standard = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    let payload = data.trim_end_matches('=');
    let padding = data.len() - payload.len();
    if payload.bytes().all(standard)
        && data.len().is_multiple_of(4)
        && padding <= 2
        && !payload.is_empty()
    {
        return Some(Cow::Borrowed(data));
    }
    let mut clean = String::with_capacity(data.len() + 2);
    let data = data
        .replace("%2B", "+")
        .replace("%2F", "/")
        .replace("%3D", "=");
    let end = data.trim_end_matches(|char: char| char == '=' || char.is_ascii_whitespace());
    for char in end.chars().filter(|char| !char.is_ascii_whitespace()) {
        clean.push(match char {
            '-' => '+',
            '_' => '/',
            char if u8::try_from(char).is_ok_and(standard) => char,
            _ => return None,
        });
    }
    match clean.len() % 4 {
        _ if clean.is_empty() => return None,
        0 => {}
        1 => return None,
        remainder => clean.push_str("==".get(remainder - 2..).unwrap_or_default()),
    }
    Some(Cow::Owned(clean))
}
