//! Where alerts go: a custom bot of Feishu (Lark), and any address that takes JSON.
//!
//! Addresses are secrets. They come from the operator's environment alone, which is why they may be
//! anywhere, and nothing here says any part of them.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use crate::cli::NotifyArgs;
use crate::domain::{Alert, Delivery, Level};
use crate::outbound::{self, Call, CallError, Reach};
use crate::secrets::Secret;

const PATIENCE: Duration = Duration::from_secs(10);

/// Where this control plane can tell things.
#[derive(Default)]
pub struct Sinks {
    feishu: Option<Url>,
    webhook: Option<Url>,
}

/// Why an alert was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("it cannot be reached")]
    Unreachable,
    #[error("it did not answer in time")]
    Late,
    #[error("its answer cannot be read")]
    Answer,
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("it answered with code {0}")]
    Code(i64),
    #[error("this control plane has no such address")]
    NoAddress,
}

/// What is posted to the webhook.
#[derive(Serialize)]
struct Posted<'a> {
    /// The same for every try.
    id: i64,
    /// Unix milliseconds.
    created_at: i64,
    level: &'static str,
    kind: &'a str,
    subject: &'a str,
    title: &'a str,
    text: &'a str,
    note: &'a str,
}

/// What Feishu answers, whatever its status.
#[derive(Deserialize)]
struct FeishuAnswer {
    code: i64,
}

impl Sinks {
    /// # Errors
    /// Names the variable whose value is no address, and not the value.
    pub fn read(args: &NotifyArgs) -> Result<Self> {
        Ok(Self {
            feishu: address("NOTIFY_FEISHU_WEBHOOK", args.notify_feishu_webhook.as_ref())?,
            webhook: address("NOTIFY_WEBHOOK", args.notify_webhook.as_ref())?,
        })
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.feishu.is_none() && self.webhook.is_none()
    }

    /// How a new alert begins: by Feishu, and at the webhook.
    pub(super) fn wanted(&self) -> (Delivery, Delivery) {
        let wanted = |sink: &Option<Url>| match sink {
            Some(_) => Delivery::Waiting,
            None => Delivery::NotWanted,
        };
        (wanted(&self.feishu), wanted(&self.webhook))
    }

    /// Whether an alert waits for something that this control plane has.
    pub(super) fn has_any_of(&self, alert: &Alert) -> bool {
        (self.feishu.is_some() && alert.feishu == Delivery::Waiting)
            || (self.webhook.is_some() && alert.webhook == Delivery::Waiting)
    }

    /// A card, as AI Proxy makes it.
    pub(super) async fn to_feishu(&self, alert: &Alert, note: &str) -> Result<(), Failure> {
        let url = self.feishu.as_ref().ok_or(Failure::NoAddress)?;
        let colour = match alert.level {
            Level::Info => "green",
            Level::Warn => "orange",
            Level::Error => "red",
        };
        let card = json!({
            "msg_type": "interactive",
            "card": {
                "config": { "wide_screen_mode": true, "enable_forward": true },
                "header": {
                    "title": { "tag": "plain_text", "content": alert.title },
                    "template": colour,
                },
                "elements": [
                    { "tag": "div", "text": { "tag": "lark_md", "content": plain(&alert.text) } },
                    { "tag": "hr" },
                    {
                        "tag": "note",
                        "elements": [{ "tag": "lark_md", "content": plain(note) }],
                    },
                ],
            },
        });
        let body = post(url, card.to_string().into_bytes()).await?;
        let answer: FeishuAnswer = serde_json::from_slice(&body).map_err(|_| Failure::Answer)?;
        match answer.code {
            0 => Ok(()),
            code => Err(Failure::Code(code)),
        }
    }

    /// JSON; any 2xx is well.
    pub(super) async fn to_webhook(&self, alert: &Alert, note: &str) -> Result<(), Failure> {
        let url = self.webhook.as_ref().ok_or(Failure::NoAddress)?;
        let posted = Posted {
            id: alert.id,
            created_at: alert.created_at_ms,
            level: alert.level.name(),
            kind: &alert.kind,
            subject: &alert.subject,
            title: &alert.title,
            text: &alert.text,
            note,
        };
        let body = serde_json::to_vec(&posted).map_err(|_| Failure::Answer)?;
        post(url, body).await.map(|_| ())
    }
}

async fn post(url: &Url, body: Vec<u8>) -> Result<Bytes, Failure> {
    let call = Call::post(url, Reach::Anywhere, "application/json", body).within(PATIENCE);
    let (status, body) = outbound::call(call).await.map_err(|error| match error {
        CallError::Late(..) => Failure::Late,
        CallError::Answer(_) => Failure::Answer,
        _ => Failure::Unreachable,
    })?;
    if !status.is_success() {
        return Err(Failure::Status(status.as_u16()));
    }
    Ok(body)
}

fn address(variable: &str, given: Option<&Secret>) -> Result<Option<Url>> {
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        return Ok(None);
    };
    let rule = || format!("{variable} must be a URL that begins with https:// or http://");
    let url = Url::parse(given.expose().trim()).ok().with_context(rule)?;
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
        bail!(rule());
    }
    Ok(Some(url))
}

/// Text as it is: a group's name must not become a mention of everybody.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => plain.push_str("&#38;"),
            '<' => plain.push_str("&#60;"),
            '>' => plain.push_str("&#62;"),
            '*' => plain.push_str("&#42;"),
            '_' => plain.push_str("&#95;"),
            '~' => plain.push_str("&#126;"),
            '`' => plain.push_str("&#96;"),
            '[' => plain.push_str("&#91;"),
            ']' => plain.push_str("&#93;"),
            _ => plain.push(letter),
        }
    }
    plain
}

/// Without the addresses.
impl std::fmt::Debug for Sinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sinks")
            .field("feishu", &self.feishu.is_some())
            .field("webhook", &self.webhook.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_not_repeated() {
        for wrong in ["canary", "ftp://canary/", "https:///", "https:canary@"] {
            let args = NotifyArgs {
                notify_webhook: Some(Secret::new(wrong)),
                ..NotifyArgs::default()
            };
            let told = match Sinks::read(&args) {
                Ok(sinks) => panic!("{wrong}: {sinks:?}"),
                Err(error) => format!("{error:#}"),
            };
            assert!(told.starts_with("NOTIFY_WEBHOOK must be"), "{told}");
            assert!(!told.contains("canary"), "{told}");
        }
        let sinks = Sinks::read(&NotifyArgs {
            notify_feishu_webhook: Some(Secret::new("https://h.example/canary")),
            notify_webhook: Some(Secret::new("")),
        });
        let shown = format!("{:?}", sinks.unwrap());
        assert_eq!(shown, "Sinks { feishu: true, webhook: false }");
    }

    #[test]
    fn names_mention_nobody() {
        assert_eq!(
            plain("<at id=all></at> a_b"),
            "&#60;at id=all&#62;&#60;/at&#62; a&#95;b"
        );
    }
}
