//! Whether an ID token is the provider's, for us, about this sign-in, and now (OpenID Connect Core
//! 1.0, section 3.1.3.7).

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::keys::{Key, Keys};

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    /// Unix seconds.
    pub(super) now_s: i64,
}

/// Why a token is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Invalid {
    /// The key that it names is none of those that are known here; it may be a new one.
    UnknownKey,
    Rule(String),
}

/// Clocks differ by so much.
const LEEWAY_S: u64 = 60;
/// Section 2: at most 255 characters.
const LONGEST_SUBJECT: usize = 255;

/// The key that a token says it is signed with.
pub(super) fn key<'a>(token: &str, keys: &'a Keys) -> Result<&'a Key, Invalid> {
    // No other algorithm is known to the parser that could mean anything here: `none` is no
    // algorithm, and one with a shared secret finds no key.
    let header = decode_header(token)
        .map_err(|_| rule("it is no JWT, or signed with an algorithm that is not known"))?;
    keys.find(&header).ok_or(Invalid::UnknownKey)
}

/// What a token claims, if all of it holds.
pub(super) fn claims(
    token: &str,
    key: &Key,
    expected: Expected<'_>,
) -> Result<Map<String, Value>, Invalid> {
    let mut rules = Validation::new(key.algorithm);
    rules.set_issuer(&[expected.issuer]);
    rules.set_audience(&[expected.client_id]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    rules.validate_nbf = true;
    rules.leeway = LEEWAY_S;
    let claims: Map<String, Value> = decode(token, &key.key, &rules)
        .map_err(|error| rule(why(error.kind())))?
        .claims;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let others = claims
        .get("aud")
        .and_then(Value::as_array)
        .is_some_and(|audiences| audiences.len() > 1);
    match text("azp") {
        Some(party) if party == expected.client_id => {}
        None if !others && !claims.contains_key("azp") => {}
        _ => return Err(rule("it was made for another client")),
    }
    let issued = claims.get("iat").and_then(Value::as_f64);
    let latest = expected.now_s.saturating_add_unsigned(LEEWAY_S);
    #[expect(clippy::cast_precision_loss, reason = "seconds of some thousand years")]
    if issued.is_none_or(|issued| issued > latest as f64) {
        return Err(rule(
            "it does not say when it was made, or says a later time than now",
        ));
    }
    if text("nonce") != Some(expected.nonce) {
        return Err(rule("it belongs to another sign-in"));
    }
    let subject = text("sub").unwrap_or_default();
    if subject.is_empty() || subject.len() > LONGEST_SUBJECT || subject.contains('\0') {
        return Err(rule("it does not say whom it is about"));
    }
    Ok(claims)
}

fn rule(text: impl Into<String>) -> Invalid {
    Invalid::Rule(text.into())
}

fn why(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::InvalidSignature => "its signature is not the provider's".into(),
        ErrorKind::ExpiredSignature => "its time is over".into(),
        ErrorKind::ImmatureSignature => "its time has not come".into(),
        ErrorKind::InvalidIssuer => "another provider made it".into(),
        ErrorKind::InvalidAudience => "it was made for another client".into(),
        ErrorKind::MissingRequiredClaim(name) => format!("it has no {name}"),
        _ => "it cannot be read".into(),
    }
}

#[cfg(test)]
mod tests;
