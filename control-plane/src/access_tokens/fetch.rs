//! One access token, from a token endpoint (RFC 6749, section 5; RFC 7523 for service accounts).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use serde_json::json;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::domain::{GoogleKey, Grant};
use crate::outbound::{self, Call, CallError, Reach};
use crate::secrets::Secret;

/// Where tokens are made: as the operator says, else as the key says, which is at Google's.
#[derive(Debug)]
pub(super) struct Endpoint(pub(super) Option<Url>);

/// A token, and how long it lasts.
pub(super) struct Minted {
    pub(super) token: Secret,
    pub(super) lasts: Duration,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the token endpoint answered {0} {1}")]
    Refused(u16, String),
    #[error("the token endpoint's answer holds no access token")]
    NoToken,
    #[error("the private key cannot sign")]
    Key,
}

/// What a token is good for: everything that the account may do, as Vertex AI demands.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The longest that Google allows a statement to be good for.
const ASSERTION_S: u64 = 3600;

/// Clocks differ; a statement from the future is refused.
const SKEW_S: u64 = 30;

/// A token that ends sooner is of no use to anybody.
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_TOKEN: usize = 16 * 1024;

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Refusal {
    error: Option<String>,
}

pub(super) async fn token(key: &GoogleKey, endpoint: &Endpoint) -> Result<Minted, FetchError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let form = form(key, now.unwrap_or_default().as_secs())?;
    let call = match &endpoint.0 {
        Some(told) => Call::form(told, Reach::Anywhere, form),
        None => Call::form(key.token_uri(), Reach::Public, form).through(key.proxy()),
    };
    let (status, body) = outbound::call(call).await?;
    if !status.is_success() {
        return Err(FetchError::Refused(status.as_u16(), code(&body)));
    }
    minted(&body).ok_or(FetchError::NoToken)
}

fn form(key: &GoogleKey, now_unix_s: u64) -> Result<String, FetchError> {
    let mut form = Serializer::new(String::new());
    match &key.grant {
        Grant::Assertion {
            account,
            key_id,
            private_key,
        } => {
            let issued = now_unix_s.saturating_sub(SKEW_S);
            let head = json!({"alg": "RS256", "typ": "JWT", "kid": key_id});
            let claims = json!({
                "iss": account, "scope": SCOPE, "aud": key.token_uri().as_str(),
                "iat": issued, "exp": issued + ASSERTION_S,
            });
            let [head, claims] =
                [head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
            let signed = format!("{head}.{claims}");
            let signature = sign(private_key.expose(), signed.as_bytes()).ok_or(FetchError::Key)?;
            let signature = URL_SAFE_NO_PAD.encode(signature);
            form.append_pair("grant_type", JWT_BEARER);
            form.append_pair("assertion", &format!("{signed}.{signature}"));
        }
        Grant::Refresh {
            client_id,
            client_secret,
            refresh_token,
        } => {
            form.append_pair("grant_type", "refresh_token");
            form.append_pair("client_id", client_id);
            form.append_pair("client_secret", client_secret.expose());
            form.append_pair("refresh_token", refresh_token.expose());
        }
    }
    Ok(form.finish())
}

/// RS256 (RFC 7518, section 3.3).
fn sign(private_key: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let key = RsaKeyPair::from_pkcs8(private_key).ok()?;
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        text,
        &mut signature,
    )
    .ok()?;
    Some(signature)
}

/// A token that can stand in a header, and whose end is known.
fn minted(body: &[u8]) -> Option<Minted> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let token = Secret::new(answer.access_token?);
    let fits = |text: &str| {
        (1..=MAX_TOKEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let lasts = Duration::from_secs(answer.expires_in?).min(LONGEST);
    (fits(token.expose()) && lasts >= SHORTEST).then_some(Minted { token, lasts })
}

/// The error's code, such as `invalid_grant`; its text may quote what was sent.
fn code(body: &[u8]) -> String {
    let refusal: Option<Refusal> = serde_json::from_slice(body).ok();
    let code = refusal
        .and_then(|refusal| refusal.error)
        .unwrap_or_default();
    let plain = |code: &String| {
        code.len() <= 64
            && code
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    Some(code).filter(plain).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use serde_json::Value;

    use super::*;
    use crate::domain::google_key::tests::{REFRESH, service_account};

    fn form_of(json: &str) -> BTreeMap<String, String> {
        let form = form(&GoogleKey::parse(json).unwrap(), 1_000_000).unwrap();
        let pairs = url::form_urlencoded::parse(form.as_bytes());
        pairs.into_owned().collect()
    }

    #[test]
    fn a_service_account_signs_who_it_is() {
        let form = form_of(&service_account());
        assert_eq!(form["grant_type"], JWT_BEARER);
        let parts: Vec<&str> = form["assertion"].split('.').collect();
        let json = |part: &str| -> Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        let expected = json!({"alg": "RS256", "typ": "JWT", "kid": "k1"});
        assert_eq!(json(parts[0]), expected);
        let expected = json!({
            "iss": "a@p-1.iam.gserviceaccount.com", "scope": SCOPE,
            "aud": "https://oauth2.googleapis.com/token", "iat": 999_970, "exp": 1_003_570,
        });
        assert_eq!(json(parts[1]), expected);
        let key = GoogleKey::parse(&service_account()).unwrap();
        let Grant::Assertion { private_key, .. } = &key.grant else {
            panic!("a service account");
        };
        let pair = RsaKeyPair::from_pkcs8(private_key.expose()).unwrap();
        let public =
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
        let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
        let signed = format!("{}.{}", parts[0], parts[1]);
        public.verify(signed.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn a_user_shows_a_refresh_token() {
        let form = form_of(REFRESH);
        assert_eq!(form["grant_type"], "refresh_token");
        assert_eq!((&*form["client_id"], &*form["refresh_token"]), ("id", "r"));
    }

    #[test]
    fn answers_are_taken_when_they_are_of_use() {
        for (body, lasts) in [
            (
                r#"{"access_token":"ya29.a","expires_in":3599,"token_type":"Bearer"}"#,
                Some(3599),
            ),
            (
                r#"{"access_token":"ya29.a","expires_in":999999999}"#,
                Some(86_400),
            ),
            (r#"{"access_token":"ya29.a"}"#, None),
            (r#"{"access_token":"ya29.a","expires_in":1}"#, None),
            (r#"{"access_token":"a\nb","expires_in":3599}"#, None),
            (r#"{"access_token":"","expires_in":3599}"#, None),
            (r#"{"id_token":"x","expires_in":3599}"#, None),
            ("<html>", None),
        ] {
            let seen = minted(body.as_bytes()).map(|minted| minted.lasts.as_secs());
            assert_eq!(seen, lasts, "{body}");
        }
        assert_eq!(
            code(br#"{"error":"invalid_grant","error_description":"x"}"#),
            "invalid_grant"
        );
        assert_eq!(code(br#"{"error":"eyJ CANARY"}"#), "");
    }
}
