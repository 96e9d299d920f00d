//! The provider: sending browsers there, and what a code is worth that they bring back.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::id_token::{self, Expected, Invalid};
use super::keys::Keys;
use super::metadata::Metadata;
use super::{Error, Settings};
use crate::domain::{Identity, now_unix_ms};
use crate::outbound::{self, Call};

/// A provider that users may sign in at.
#[derive(Debug)]
pub struct Provider {
    settings: Settings,
    /// Held while it is read, so that many who sign in at once make one call.
    read: Mutex<Read>,
}

#[derive(Debug, Default)]
struct Read {
    known: Option<Known>,
    /// The last attempt, if nothing came of it.
    failed: Option<Failed>,
}

#[derive(Debug)]
struct Failed {
    at: Instant,
    text: String,
    passes: bool,
}

#[derive(Debug, Clone)]
struct Known {
    metadata: Metadata,
    keys: Keys,
    read_at: Instant,
}

/// The three values of one sign-in by which both sides know it again. They do not print.
pub struct Proof {
    pub state: String,
    pub nonce: String,
    /// PKCE's code verifier: 43 to 128 characters.
    pub verifier: String,
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Proof")
    }
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: Option<String>,
}

/// Discovery documents and keys are read again after so long; new keys when one is asked for.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// After a failure nothing is tried for so long: everybody may ask, and each would wait for the one
/// before.
const PAUSE: Duration = Duration::from_secs(5);

impl Provider {
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        crate::accounts::install_crypto();
        Self {
            settings,
            read: Mutex::default(),
        }
    }

    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Reads what the provider says of itself.
    ///
    /// # Errors
    /// When it is away, or says what cannot be used.
    pub async fn check(&self) -> Result<(), Error> {
        self.known().await.map(drop)
    }

    /// Where a browser goes to sign in.
    ///
    /// # Errors
    /// When the provider is away, or says what cannot be used.
    pub async fn authorization(&self, proof: &Proof) -> Result<Url, Error> {
        let mut url = self.known().await?.metadata.authorization;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(proof.verifier.as_bytes()));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", self.settings.redirect.as_str())
            .append_pair("scope", &self.settings.scopes)
            .append_pair("state", &proof.state)
            .append_pair("nonce", &proof.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    /// Whether an answer that names this issuer, or none, may be the provider's (RFC 9207).
    ///
    /// # Errors
    /// As [`Provider::authorization`].
    pub async fn may_have_answered(&self, issuer: Option<&str>) -> Result<bool, Error> {
        match issuer {
            Some(issuer) => Ok(issuer == self.settings.issuer),
            None => Ok(!self.known().await?.metadata.names_itself),
        }
    }

    /// Who brings this code.
    ///
    /// # Errors
    /// When the provider is away, does not take the code, or vouches for nobody.
    pub async fn identity(&self, code: &str, proof: &Proof) -> Result<Identity, Error> {
        let Known { metadata, keys, .. } = self.known().await?;
        let token = self.id_token(&metadata, code, proof).await?;
        let keys = match id_token::key(&token, &keys) {
            Err(Invalid::UnknownKey) => self.new_keys(&metadata).await?,
            _ => keys,
        };
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce: &proof.nonce,
            now_s: now_unix_ms() / 1000,
        };
        let claims = id_token::key(&token, &keys)
            .and_then(|key| id_token::claims(&token, key, expected))
            .map_err(|invalid| {
                Error::IdToken(match invalid {
                    Invalid::UnknownKey => "it is signed with none of the provider's keys".into(),
                    Invalid::Rule(text) => text,
                })
            })?;
        Ok(self.read(&claims))
    }

    fn read(&self, claims: &Map<String, Value>) -> Identity {
        let text = |name: &str| {
            let text = claims.get(name).and_then(Value::as_str);
            text.map(str::to_owned)
        };
        Identity {
            issuer: self.settings.issuer.clone(),
            subject: text("sub").unwrap_or_default(),
            username: text("preferred_username"),
            email: text("email"),
            role: self.settings.role(claims),
        }
    }

    async fn id_token(
        &self,
        metadata: &Metadata,
        code: &str,
        proof: &Proof,
    ) -> Result<String, Error> {
        const WHAT: &str = "answer to a code";
        let (form, header) = self.request(metadata, code, proof);
        let form_type = "application/x-www-form-urlencoded";
        let endpoint = &metadata.token;
        let mut call = Call::post(&endpoint.url, endpoint.reach, form_type, form.into_bytes());
        if let Some(header) = header {
            call = call.header("authorization", header);
        }
        let (status, body) = outbound::call(call).await?;
        if !status.is_success() {
            return Err(Error::Status {
                what: "an ID token",
                status: status.as_u16(),
                code: refusal(&body),
            });
        }
        let tokens: Tokens =
            serde_json::from_slice(&body).map_err(|_| Error::answer(WHAT, "it is not JSON"))?;
        let token = tokens.id_token.filter(|token| !token.is_empty());
        token.ok_or_else(|| Error::answer(WHAT, "it holds no id_token"))
    }

    /// The form that asks what a code is worth, and the header that goes with it (RFC 6749, sections
    /// 2.3.1 and 4.1.3).
    fn request(&self, metadata: &Metadata, code: &str, proof: &Proof) -> (String, Option<String>) {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", self.settings.redirect.as_str())
            .append_pair("code_verifier", &proof.verifier);
        let client_id = &self.settings.client_id;
        let mut header = None;
        match &self.settings.client_secret {
            Some(secret) if metadata.secret_in_form => {
                form.append_pair("client_id", client_id)
                    .append_pair("client_secret", secret.expose());
            }
            Some(secret) => {
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encoded(client_id), encoded(secret.expose()));
                header = Some(format!("Basic {}", STANDARD.encode(pair)));
            }
            None => {
                form.append_pair("client_id", client_id);
            }
        }
        (form.finish(), header)
    }

    async fn known(&self) -> Result<Known, Error> {
        let mut read = self.read.lock().await;
        let fetch = async || {
            let metadata = Metadata::fetch(&self.settings).await?;
            let keys = Keys::fetch(&metadata.keys).await?;
            Ok((metadata, keys))
        };
        read.known(Instant::now, fetch).await
    }

    /// The provider's keys as they are now. It is the provider alone who brings this about: ID
    /// tokens come from it, and not from browsers.
    async fn new_keys(&self, metadata: &Metadata) -> Result<Keys, Error> {
        let keys = Keys::fetch(&metadata.keys).await?;
        if let Some(known) = self.read.lock().await.known.as_mut() {
            known.keys = keys.clone();
        }
        Ok(keys)
    }
}

// === impl Read ===

impl Read {
    /// What is known, read again when it is old. When that fails, what was known goes on being
    /// used.
    async fn known(
        &mut self,
        now: impl Fn() -> Instant,
        fetch: impl AsyncFnOnce() -> Result<(Metadata, Keys), Error>,
    ) -> Result<Known, Error> {
        if let Some(known) = self
            .known
            .as_ref()
            .filter(|it| now().duration_since(it.read_at) < FRESH)
        {
            return Ok(known.clone());
        }
        let lately = self
            .failed
            .as_ref()
            .filter(|it| now().duration_since(it.at) < PAUSE);
        let error = match lately {
            Some(failed) => Error::Lately {
                text: failed.text.clone(),
                passes: failed.passes,
            },
            None => match fetch().await {
                Ok((metadata, keys)) => {
                    let known = Known {
                        metadata,
                        keys,
                        read_at: now(),
                    };
                    self.failed = None;
                    return Ok(self.known.insert(known).clone());
                }
                Err(error) => {
                    tracing::warn!(%error, "what the OpenID provider says of itself was not read");
                    self.failed = Some(Failed {
                        at: now(),
                        text: error.to_string(),
                        passes: error.passes(),
                    });
                    error
                }
            },
        };
        self.known.clone().ok_or(error)
    }
}

/// The code of a refusal (RFC 6749, section 5.2), as it follows a sentence; nothing else that the
/// provider says.
fn refusal(body: &[u8]) -> String {
    let refusal: Option<Refusal> = serde_json::from_slice(body).ok();
    match refusal.and_then(|refusal| refusal.error) {
        Some(code) if is_code(&code) => format!(": {code}"),
        _ => String::new(),
    }
}

/// Whether a text looks like one of the codes that the specifications have.
pub(crate) fn is_code(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests;
