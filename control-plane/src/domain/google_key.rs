//! A key file of Google Cloud: a service account's, or a user's as `gcloud auth application-default
//! login` leaves it.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use url::Url;

use super::ProxyUrl;
use crate::secrets::Secret;

/// What access tokens are fetched with.
#[derive(Clone)]
pub struct GoogleKey {
    fingerprint: [u8; 32],
    project: String,
    token_uri: Url,
    proxy: Option<Box<ProxyUrl>>,
    pub grant: Grant,
}

/// What is shown for a token.
#[derive(Clone)]
pub enum Grant {
    /// A statement signed with the account's key (RFC 7523).
    Assertion {
        account: String,
        key_id: Option<String>,
        /// PKCS #8, DER.
        private_key: PrivateKey,
    },
    /// A user's refresh token (RFC 6749, section 6).
    Refresh {
        client_id: String,
        client_secret: Secret,
        refresh_token: Secret,
    },
}

/// Bytes of a key that do not print, and that are zeroed when dropped.
#[derive(Clone)]
pub struct PrivateKey(Vec<u8>);

const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

#[derive(Deserialize)]
struct File {
    #[serde(rename = "type")]
    kind: String,
    project_id: Option<String>,
    quota_project_id: Option<String>,
    token_uri: Option<String>,
    client_email: Option<String>,
    private_key_id: Option<String>,
    private_key: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    refresh_token: Option<String>,
}

// === impl GoogleKey ===

impl GoogleKey {
    /// # Errors
    /// The rule that is broken; nothing of the key is in it.
    pub fn parse(json: &str) -> Result<Self, &'static str> {
        // The parser's own words could quote the key.
        let file: File = serde_json::from_str(json)
            .map_err(|_| "must be the JSON of a Google Cloud key file, whole")?;
        let token_uri = file.token_uri.as_deref().unwrap_or(TOKEN_URI);
        let token_uri = Url::parse(token_uri).ok().filter(is_googles);
        let grant = match file.kind.as_str() {
            "service_account" => {
                let account = file.client_email.filter(|email| !email.is_empty());
                let pem = Secret::new(file.private_key.unwrap_or_default());
                Grant::Assertion {
                    account: account.ok_or("has no client_email")?,
                    key_id: file.private_key_id,
                    private_key: PrivateKey::from_pem(pem.expose())?,
                }
            }
            "authorized_user" => Grant::Refresh {
                client_id: file.client_id.ok_or("has no client_id")?,
                client_secret: word(file.client_secret).ok_or("has no client_secret")?,
                refresh_token: word(file.refresh_token).ok_or("has no refresh_token")?,
            },
            _ => return Err("must be a key of type service_account or authorized_user"),
        };
        Ok(Self {
            fingerprint: Sha256::digest(json).into(),
            project: file
                .project_id
                .or(file.quota_project_id)
                .unwrap_or_default(),
            token_uri: token_uri.ok_or("has a token_uri that is not Google's")?,
            proxy: None,
            grant,
        })
    }

    /// The same, with its tokens fetched through this proxy.
    #[must_use]
    pub fn through(self, proxy: Option<&ProxyUrl>) -> Self {
        let Some(proxy) = proxy else { return self };
        let mut hash = Sha256::new_with_prefix(self.fingerprint);
        hash.update(proxy.to_string());
        hash.update(proxy.credentials().map_or("", Secret::expose));
        Self {
            fingerprint: hash.finalize().into(),
            proxy: Some(Box::new(proxy.clone())),
            ..self
        }
    }

    /// Through which its tokens are fetched.
    #[must_use]
    pub fn proxy(&self) -> Option<&ProxyUrl> {
        self.proxy.as_deref()
    }

    /// Tells keys apart, and the ways to their tokens; nothing can be learned from it.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The project that it belongs to; empty where it does not say.
    #[must_use]
    pub fn project(&self) -> &str {
        &self.project
    }

    /// Where its tokens are made: at Google's.
    #[must_use]
    pub fn token_uri(&self) -> &Url {
        &self.token_uri
    }
}

impl std::fmt::Debug for GoogleKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

fn word(text: Option<String>) -> Option<Secret> {
    text.map(Secret::new).filter(|text| !text.is_empty())
}

/// A key file is pasted by whoever has it: it must not choose whom the control plane calls.
fn is_googles(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    url.scheme() == "https"
        && url.port().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && (host.ends_with(".googleapis.com") || host == "accounts.google.com")
}

// === impl PrivateKey ===

impl PrivateKey {
    fn from_pem(pem: &str) -> Result<Self, &'static str> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| "has no private_key in PEM (PKCS #8)")?;
        let key = Self(der.secret_pkcs8_der().to_vec());
        ring::signature::RsaKeyPair::from_pkcs8(&key.0)
            .map_err(|_| "has a private_key that is no RSA key of 2048 bits or more")?;
        Ok(key)
    }

    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        self.0.fill(0);
        std::hint::black_box(&mut self.0);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Made for these tests, and good for nothing else.
    pub(crate) const PRIVATE_KEY: &str = include_str!("testdata/service-account.pem");

    pub(crate) const REFRESH: &str =
        r#"{"type":"authorized_user","client_id":"id","client_secret":"s","refresh_token":"r"}"#;

    pub(crate) fn service_account() -> String {
        account_with("token_uri", TOKEN_URI)
    }

    fn account_with(name: &str, value: &str) -> String {
        let mut account = serde_json::json!({
            "type": "service_account", "project_id": "p-1", "private_key_id": "k1",
            "client_email": "a@p-1.iam.gserviceaccount.com", "private_key": PRIVATE_KEY,
        });
        account[name] = value.into();
        account.to_string()
    }

    #[test]
    fn key_files_are_read() {
        let key = GoogleKey::parse(&service_account()).unwrap();
        assert_eq!(key.project(), "p-1");
        assert_eq!(key.token_uri().as_str(), TOKEN_URI);
        assert!(matches!(&key.grant, Grant::Assertion { account, .. } if account.starts_with('a')));
        let user = GoogleKey::parse(REFRESH).unwrap();
        assert!(matches!(user.grant, Grant::Refresh { .. }));
        assert_ne!(key.fingerprint(), user.fingerprint());
        assert_eq!(format!("{key:?}"), "[redacted]");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (name, value, words) in [
            (
                "type",
                "external_account",
                "service_account or authorized_user",
            ),
            ("client_email", "", "client_email"),
            ("private_key", "CANARY", "private_key in PEM"),
            ("token_uri", "https://169.254.169.254/token", "not Google's"),
            (
                "token_uri",
                "http://oauth2.googleapis.com/token",
                "not Google's",
            ),
            (
                "token_uri",
                "https://oauth2.googleapis.com:8443/token",
                "not Google's",
            ),
            (
                "token_uri",
                "https://oauth2.googleapis.com@evil.example/",
                "not Google's",
            ),
            (
                "token_uri",
                "https://evilgoogleapis.com/token",
                "not Google's",
            ),
            ("token_uri", "CANARY", "not Google's"),
        ] {
            let error = GoogleKey::parse(&account_with(name, value)).unwrap_err();
            assert!(
                error.contains(words) && !error.contains("CANARY"),
                "{error}"
            );
        }
        assert!(GoogleKey::parse("{\"type\":CANARY}").is_err());
    }
}
