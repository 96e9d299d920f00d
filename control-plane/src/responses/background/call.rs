//! One call through a gateway, as a stream, from which its last event is wanted.

use std::time::{Duration, Instant};

use tollgate_config::names::CALLER_HEADER;
use tollgate_config::responses::STORED_BYTES_MAX;
use tollgate_protocol::json::{Json, Limits};
use tollgate_protocol::sse::{Parser, TooLarge};
use url::Url;

use super::{LIFE, object};
use crate::outbound::{self, Answer, Reach};
use crate::secrets::Secret;

/// Largest event: a whole response, and what is around it.
const EVENT_BYTES_MAX: usize = 2 * STORED_BYTES_MAX;

const ERROR_BYTES_MAX: usize = 64 << 10;

/// A gateway that has just begun may not know the control plane's own token yet.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);
const ASK_AGAIN: Duration = Duration::from_millis(250);

const BROKEN_OFF: &str = "The answer broke off.";

/// What is called, and for whom.
#[derive(Debug)]
pub(super) struct Call {
    /// Of the response.
    pub(super) id: String,
    pub(super) body: Vec<u8>,
    /// The value of [`CALLER_HEADER`].
    pub(super) caller: String,
    /// The response object as long as there is no answer.
    pub(super) response: String,
}

impl Call {
    /// Makes it, and says what came of it: a response object. `progress` is for when the answer
    /// begins.
    pub(super) async fn make(
        &self,
        gateway: &Url,
        token: &Secret,
        progress: impl Future<Output = ()>,
    ) -> String {
        let failed = |code: &str, message: &str| object::failed(&self.response, code, message);
        let begun = Instant::now();
        let mut url = gateway.clone();
        url.set_path("/v1/responses");
        loop {
            let body = self.body.clone();
            let call = outbound::Call::post(&url, Reach::Anywhere, "application/json", body)
                .header("authorization", format!("Bearer {}", token.expose()))
                .header(CALLER_HEADER, self.caller.clone())
                .within(LIFE);
            let (status, answer) = match outbound::open(call).await {
                Ok(opened) => opened,
                Err(error) => {
                    // It names where the gateway is.
                    tracing::error!(id = self.id, %error, "a response is not made");
                    return failed("server_error", "The gateway cannot be called.");
                }
            };
            if status.is_success() {
                return self.follow(answer, progress).await;
            }
            if status.as_u16() == 401 && begun.elapsed() < KNOWN_WITHIN {
                tokio::time::sleep(ASK_AGAIN).await;
                continue;
            }
            let body = answer.collect(ERROR_BYTES_MAX).await.unwrap_or_default();
            let (code, message) = refused(status.as_u16(), &String::from_utf8_lossy(&body));
            return failed(&code, &message);
        }
    }

    async fn follow(&self, mut answer: Answer, progress: impl Future<Output = ()>) -> String {
        progress.await;
        let mut events = Parser::new(EVENT_BYTES_MAX);
        let mut last = None;
        while let Some(piece) = answer.next().await {
            let read = events.push(&piece, |event| {
                if let (None, Some(data)) = (&last, &event.data) {
                    last = self.ended(event.name, data);
                }
                Ok::<(), TooLarge>(())
            });
            if read.is_err() {
                return object::failed(&self.response, "server_error", "The answer is too large.");
            }
            if let Some(last) = last {
                // To its end, so that it counts as read.
                while answer.next().await.is_some() {}
                return last;
            }
        }
        object::failed(&self.response, "server_error", BROKEN_OFF)
    }

    /// The response that an event ends with.
    fn ended(&self, name: &str, data: &str) -> Option<String> {
        let event = Json::parse_text(data, &Limits::response()).ok();
        let broken = || object::failed(&self.response, "server_error", BROKEN_OFF);
        match name {
            "response.completed" | "response.incomplete" | "response.failed" => {
                let response = event.and_then(|event| event.get("response"));
                Some(response.map_or_else(broken, |it| object::answered(&self.response, it.raw())))
            }
            "error" => {
                let error = event.map(|event| event.get("error").unwrap_or(event));
                let text = |key| error?.get(key)?.as_str();
                let message = text("message");
                let code = text("code").unwrap_or("server_error".into());
                Some(message.map_or_else(broken, |message| {
                    object::failed(&self.response, &code, &message)
                }))
            }
            _ => None,
        }
    }
}

/// Code and message of the gateway's own error, which the caller would have got otherwise.
fn refused(status: u16, body: &str) -> (String, String) {
    let body = Json::parse_text(body, &Limits::response()).ok();
    let error = body.and_then(|body| body.get("error"));
    let text = |key| Some(error?.get(key)?.as_str()?.into_owned());
    let code = text("code").unwrap_or_else(|| {
        let code = match status {
            429 => "rate_limit_exceeded",
            400..500 => "invalid_prompt",
            _ => "server_error",
        };
        code.to_owned()
    });
    let message = text("message").unwrap_or_else(|| format!("The gateway answered {status}."));
    (code, message)
}
