//! Test calls: a tiny real request through a gateway, to one channel.
//!
//! The control plane calls a gateway as any caller would, with a token that no database holds. It
//! is made anew at every start, and gateways are told its hash over the meter stream. It is good
//! for one thing: a call that is served by the channel that it names and by no other. Such a call
//! is under no limit, leaves no usage event, and costs no customer anything. A channel that
//! gateways do not have, because it is disabled or not saved, is a [guest](guests::Guests) for as
//! long as its test lasts.

mod guests;
mod request;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::Semaphore;
use tollgate_config::meter::{TokenRecord, TokenUpdate};
use tollgate_config::names::CHANNEL_HEADER;
use url::Url;

pub use guests::{Guest, Guests};

use crate::domain::TestKind;
use crate::gateways::Registry;
use crate::outbound::{self, Call, CallError, Reach};
use crate::secrets::{NewToken, Secret};

/// Makes test calls. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Probes(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// A gateway, without a path.
    gateway: Url,
    token: NewToken,
    registry: Registry,
    guests: Guests,
    at_once: Semaphore,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status, the provider's own where it answered with an error; 0 without any answer.
    pub code: u16,
    /// The beginning of the body, without the channel's key.
    pub body: String,
    pub took: Duration,
}

/// Why nothing could be tested.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error("no gateway is connected that could make the call")]
    NoGateway,
    #[error("{0} does not answer as a gateway of this control plane; see TOLLGATE_GATEWAY_URL")]
    Stranger(String),
    #[error("the gateway cannot be called: {0}; see TOLLGATE_GATEWAY_URL")]
    Unreachable(CallError),
    /// The channel is not served at all; the text says why.
    #[error("the channel cannot be published: {0}")]
    NotPublished(String),
    #[error("the gateway has not got the channel in time")]
    Late,
}

/// Test calls under way at the same time, whoever asked for them.
const AT_ONCE: usize = 8;

/// For one call: models that think first are slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Until every worker of a gateway has got a channel that was just published.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Of a body, this much is kept.
const BODY_CHARS: usize = 1_000;

/// In the place of a key.
const HIDDEN: &str = "[redacted]";

impl Probes {
    #[must_use]
    pub fn new(gateway: Url, registry: Registry) -> Self {
        Self(Arc::new(Shared {
            gateway,
            token: NewToken::random(),
            registry,
            guests: Guests::default(),
            at_once: Semaphore::new(AT_ONCE),
        }))
    }

    /// What gateways must know of the token.
    #[must_use]
    pub fn token(&self) -> TokenUpdate {
        TokenUpdate {
            hash: self.0.token.hash.to_vec(),
            record: Some(TokenRecord {
                name: "channel test".into(),
                enabled: true,
                group_enabled: true,
                only_channel: Some(0),
                ..TokenRecord::default()
            }),
        }
    }

    /// Where gateways are called, and the token itself.
    #[must_use]
    pub fn gateway(&self) -> (Url, Secret) {
        (self.0.gateway.clone(), self.0.token.secret.clone())
    }

    #[must_use]
    pub fn guests(&self) -> &Guests {
        &self.0.guests
    }

    /// # Errors
    /// When no gateway is connected.
    pub fn ready(&self) -> Result<(), ProbeError> {
        match self.0.registry.readiness().ready {
            0 => Err(ProbeError::NoGateway),
            _ => Ok(()),
        }
    }

    /// Asks a model of a channel for something short. `key` is the channel's, so that it can be
    /// taken out of whatever comes back.
    ///
    /// # Errors
    /// When it is the gateway that does not answer; whatever the channel does is an answer.
    pub async fn call(
        &self,
        channel: i64,
        key: &Secret,
        model: &str,
        kind: TestKind,
    ) -> Result<Answer, ProbeError> {
        // Never closed.
        let _turn = self.0.at_once.acquire().await;
        let begun = Instant::now();
        loop {
            let asked = Instant::now();
            let (status, body) = self.ask(channel, model, kind).await?;
            match refusal(status, &body) {
                None => {
                    return Ok(Answer {
                        code: status,
                        body: shown(&body, key),
                        took: asked.elapsed(),
                    });
                }
                Some(Refusal::UnknownToken) => {
                    return Err(ProbeError::Stranger(self.0.gateway.to_string()));
                }
                Some(Refusal::NoSuchChannel) => {
                    if let Some(reason) = self.0.guests.left_out(channel) {
                        return Err(ProbeError::NotPublished(reason));
                    }
                    if begun.elapsed() > PUBLISHED_WITHIN {
                        return Err(ProbeError::Late);
                    }
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
    }

    async fn ask(
        &self,
        channel: i64,
        model: &str,
        kind: TestKind,
    ) -> Result<(u16, Vec<u8>), ProbeError> {
        let mut url = self.0.gateway.clone();
        url.set_path(request::path(kind));
        let body = request::body(kind, model).to_string().into_bytes();
        let token = self.0.token.secret.expose();
        let call = Call::post(&url, Reach::Anywhere, "application/json", body)
            .header("authorization", format!("Bearer {token}"))
            .header(CHANNEL_HEADER, channel.to_string())
            .within(PATIENCE);
        match outbound::call(call).await {
            Ok((status, body)) => Ok((status.as_u16(), body.to_vec())),
            // The gateway has taken the call; it is the channel that does not answer.
            Err(late @ CallError::Late(..)) => Ok((0, late.to_string().into_bytes())),
            Err(error) => Err(ProbeError::Unreachable(error)),
        }
    }
}

/// What the gateway itself says, before any channel is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    UnknownToken,
    NoSuchChannel,
}

/// A provider's error never has these codes and fields: the gateway passes on its words alone.
fn refusal(status: u16, body: &[u8]) -> Option<Refusal> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let field = |name| body.get("error")?.get(name)?.as_str();
    match (status, field("code")) {
        (401, Some("invalid_api_key")) => Some(Refusal::UnknownToken),
        (404, _) if field("param") == Some("model") => Some(Refusal::NoSuchChannel),
        _ => None,
    }
}

fn shown(body: &[u8], key: &Secret) -> String {
    let text = String::from_utf8_lossy(body);
    let text = match key.expose() {
        "" => text.into_owned(),
        key => text.replace(key, HIDDEN),
    };
    text.chars()
        .filter(|char| *char != '\0')
        .take(BODY_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_gateway_s_own_refusals_are_its() {
        for (status, body, expected) in [
            (
                401,
                r#"{"error":{"code":"invalid_api_key","param":null}}"#,
                Some(Refusal::UnknownToken),
            ),
            (401, r#"{"error":{"code":null,"message":"bad key"}}"#, None),
            (
                404,
                r#"{"error":{"code":"model_not_found","param":"model"}}"#,
                Some(Refusal::NoSuchChannel),
            ),
            (
                404,
                r#"{"error":{"code":"model_not_found","param":null}}"#,
                None,
            ),
            (200, "{}", None),
            (502, "<html>", None),
        ] {
            assert_eq!(
                refusal(status, body.as_bytes()),
                expected,
                "{status} {body}"
            );
        }
    }

    #[test]
    fn what_is_shown_is_short_and_without_the_key() {
        let key = Secret::new("odd key");
        assert_eq!(
            shown(b"your odd key is wrong\0", &key),
            "your [redacted] is wrong"
        );
        assert_eq!(shown(b"as it is", &Secret::default()), "as it is");
        let long = "é".repeat(BODY_CHARS + 1);
        assert_eq!(shown(long.as_bytes(), &key).chars().count(), BODY_CHARS);
    }

    #[test]
    fn the_token_is_told_as_a_hash_that_goes_to_one_channel_alone() {
        let gateway = Url::parse("http://127.0.0.1:1").unwrap();
        let probes = Probes::new(gateway, Registry::new());
        let TokenUpdate { hash, record } = probes.token();
        assert_eq!(hash, probes.0.token.hash);
        assert_eq!(record.unwrap().only_channel, Some(0));
        assert!(!format!("{probes:?}").contains(probes.0.token.secret.expose()));
        assert!(matches!(probes.ready(), Err(ProbeError::NoGateway)));
    }
}
