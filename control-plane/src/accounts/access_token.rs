//! Access tokens: JWTs (RFC 7519) of one form, signed with HMAC-SHA-256.

use std::fmt;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use ring::hmac;
use serde::{Deserialize, Serialize};

use super::{Refusal, crypto};
use crate::domain::now_unix_ms;
use crate::secrets::Secret;

/// Whom an access token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub user: i64,
    pub session: String,
    /// The user's `token_version` when it was made.
    pub version: i64,
}

const ISSUER: &str = "tollgate";
const AUDIENCE: &str = "tollgate-admin";

/// A JWT is no such text.
const DERIVING: &[u8] = b"tollgate: texts that follow from others";

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    exp: i64,
    sid: String,
    ver: i64,
}

pub(super) struct Signer {
    signing: EncodingKey,
    reading: DecodingKey,
    rules: Validation,
    /// For what is no access token.
    deriving: hmac::Key,
}

impl Signer {
    pub(super) fn new(secret: &Secret) -> Self {
        crypto::install();
        // One algorithm, whatever a token says of itself.
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&[AUDIENCE]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.leeway = 0;
        let secret = secret.expose().as_bytes();
        Self {
            signing: EncodingKey::from_secret(secret),
            reading: DecodingKey::from_secret(secret),
            rules,
            deriving: hmac::Key::new(
                hmac::HMAC_SHA256,
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), DERIVING).as_ref(),
            ),
        }
    }

    /// A token that is good until then, in Unix seconds.
    pub(super) fn sign(&self, named: &Named, expires: i64) -> Result<Secret, Refusal> {
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: named.user.to_string(),
            iat: now_unix_ms() / 1000,
            exp: expires,
            sid: named.session.clone(),
            ver: named.version,
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .map(Secret::new)
            .map_err(|_| Refusal::Secret)
    }

    /// 64 characters that follow from a text, for this purpose, and that nobody else can tell.
    pub(super) fn derive(&self, purpose: &str, text: &str) -> String {
        let derived = hmac::sign(&self.deriving, format!("{purpose}\n{text}").as_bytes());
        hex::encode(derived)
    }

    /// Whether it is one of ours, and be its time over.
    pub(super) fn has_signed(&self, token: &str) -> bool {
        let mut rules = self.rules.clone();
        rules.validate_exp = false;
        decode::<Claims>(token, &self.reading, &rules).is_ok()
    }

    /// Whom it names; `None` when it is not one of ours, or its time is over.
    pub(super) fn read(&self, token: &str) -> Option<Named> {
        let claims: Claims = decode(token, &self.reading, &self.rules).ok()?.claims;
        Some(Named {
            user: claims.sub.parse().ok()?,
            session: claims.sid,
            version: claims.ver,
        })
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    fn named() -> Named {
        Named {
            user: 7,
            session: "s".into(),
            version: 3,
        }
    }

    fn in_a_minute() -> i64 {
        now_unix_ms() / 1000 + 60
    }

    #[test]
    fn what_was_signed_is_read() {
        let signer = Signer::new(&Secret::new("secret"));
        let token = signer.sign(&named(), in_a_minute()).unwrap();
        assert_eq!(signer.read(token.expose()), Some(named()));
        assert_eq!(
            Signer::new(&Secret::new("other")).read(token.expose()),
            None
        );
        let past = signer.sign(&named(), now_unix_ms() / 1000 - 1).unwrap();
        assert_eq!(signer.read(past.expose()), None);
        assert_eq!(signer.read("sk-abc"), None);
    }

    #[test]
    fn what_was_bent_is_not() {
        let signer = Signer::new(&Secret::new("secret"));
        let claims = |change: fn(&mut Value)| {
            let mut claims = json!({
                "iss": ISSUER, "aud": AUDIENCE, "sub": "7", "iat": 0, "exp": in_a_minute(),
                "sid": "s", "ver": 3,
            });
            change(&mut claims);
            claims
        };
        let signed = |claims: &Value, header: &Header| {
            encode(header, claims, &EncodingKey::from_secret(b"secret")).unwrap()
        };
        let ours = Header::new(Algorithm::HS256);
        assert!(signer.read(&signed(&claims(|_| ()), &ours)).is_some());
        for change in [
            (|claims: &mut Value| claims["iss"] = json!("other")) as fn(&mut Value),
            |claims| claims["aud"] = json!("other"),
            |claims| claims["aud"] = Value::Null,
            |claims| claims["exp"] = json!(1),
            |claims| claims["exp"] = json!("9999999999"),
            |claims| {
                claims.as_object_mut().unwrap().remove("exp");
            },
            |claims| claims["sub"] = json!("root"),
        ] {
            let claims = claims(change);
            assert_eq!(signer.read(&signed(&claims, &ours)), None, "{claims}");
        }

        // Unsigned, or signed as it says itself.
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let body = part(claims(|_| ()));
        let signature = signed(&claims(|_| ()), &ours);
        let signature = signature.rsplit('.').next().unwrap();
        for (algorithm, signature) in [("none", ""), ("None", signature), ("RS256", signature)] {
            let header = part(json!({"alg": algorithm, "typ": "JWT"}));
            let token = format!("{header}.{body}.{signature}");
            assert_eq!(signer.read(&token), None, "{algorithm}");
        }
    }
}
