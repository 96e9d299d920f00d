//! The clouds that serve Anthropic's models under their own envelopes. What is inside
//! is Anthropic Messages, word for word.
//!
//! - Amazon Bedrock, `POST /model/{modelId}/invoke` and `/invoke-with-response-stream`:
//!   the model and whether the answer streams are in the path, beta features in the
//!   body. Streams are chunks of an AWS event stream.
//!   <https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html>
//! - Google Vertex AI, `POST …/publishers/anthropic/models/{model}:rawPredict` and
//!   `:streamRawPredict`: the model is in the path.
//!   <https://docs.anthropic.com/en/api/claude-on-vertex-ai>

use crate::anthropic::write_request;
use crate::body::Body;
use crate::json::{Json, JsonWriter, object_bytes};
use crate::mend;
use crate::neutral::holds_marked;
use crate::peek::Peek;
use crate::problem::Losses;
use crate::target::{PassOn, Target};
use crate::{dialect::Dialect, read_request};

/// Who serves the models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// Anthropic itself.
    Api,
    Bedrock,
    Vertex,
}

/// Beta features of Bedrock, by its documentation; it refuses a request with any other.
const BEDROCK_BETAS: [&str; 15] = [
    "compact-2026-01-12",
    "computer-use-2024-10-22",
    "computer-use-2025-01-24",
    "computer-use-2025-11-24",
    "context-1m-2025-08-07",
    "context-management-2025-06-27",
    "dev-full-thinking-2025-05-14",
    "effort-2025-11-24",
    "fallback-credit-2026-06-09",
    "fine-grained-tool-streaming-2025-05-14",
    "interleaved-thinking-2025-05-14",
    "output-128k-2025-02-19",
    "token-efficient-tools-2025-02-19",
    "tool-examples-2025-10-29",
    "tool-search-tool-2025-10-19",
];

// === impl Platform ===

impl Platform {
    /// The value of `anthropic_version`, where the body has one.
    const fn version(self) -> Option<&'static str> {
        match self {
            Self::Api => None,
            Self::Bedrock => Some("bedrock-2023-05-31"),
            Self::Vertex => Some("vertex-2023-10-16"),
        }
    }

    /// What stands at the front of a body.
    pub(super) fn head(self, model: &str, w: &mut JsonWriter<'_>) {
        match self.version() {
            None => w.field_str("model", model),
            Some(version) => w.field_str("anthropic_version", version),
        }
    }

    /// Whether the body says that the answer shall stream.
    pub(super) fn tells_stream(self) -> bool {
        self != Self::Bedrock
    }

    /// A caller's own body in this platform's envelope: members come, go and stay, but
    /// none that stays is changed.
    pub(super) fn pass_on(
        self,
        peek: &Peek,
        body: &Body,
        edits: &PassOn<'_>,
        losses: &mut Losses,
    ) -> Option<Vec<u8>> {
        let Some(version) = self.version() else {
            if holds_marked(body.as_str(), "signature") {
                return self.anew(body, edits, losses);
            }
            let mends = mend::anthropic(body, edits, losses);
            return peek.rewrite_with(body, Some(edits.model), false, mends);
        };
        let inside = self.with_system_on_top(body, edits, losses);
        let json = inside.as_ref().map_or(body.json(), Body::json);
        Some(object_bytes(|w| {
            w.field_str("anthropic_version", version);
            if self == Self::Bedrock {
                betas(json, edits.betas, losses, w);
            }
            for (key, value) in json.entries() {
                let gone = match &*key {
                    "model" | "anthropic_version" => true,
                    "stream" | "anthropic_beta" => self == Self::Bedrock,
                    _ => false,
                };
                let unwanted = edits
                    .target
                    .and_then(|target| mend::anthropic_drops(&key, json, target));
                if let Some(reason) = unwanted.filter(|_| !gone) {
                    losses.note(&*key, reason);
                } else if !gone {
                    w.field_raw(&key, value.raw());
                }
            }
        }))
    }

    /// These platforms take no system message at the top of `messages`, as Anthropic
    /// does; a body with one goes through the neutral form, as does one with what other
    /// providers signed.
    fn with_system_on_top(
        self,
        body: &Body,
        edits: &PassOn<'_>,
        losses: &mut Losses,
    ) -> Option<Body> {
        let first = body.json().get("messages")?.items().next()?;
        let is_system = first.get("role")?.as_str()? == "system";
        if !is_system && !holds_marked(body.as_str(), "signature") {
            return None;
        }
        let written = Self::Api.anew(body, edits, losses)?;
        Body::parse(written, &crate::json::Limits::response()).ok()
    }

    /// The body through the neutral form, which leaves out what other providers signed.
    fn anew(self, body: &Body, edits: &PassOn<'_>, losses: &mut Losses) -> Option<Vec<u8>> {
        let request = read_request(Dialect::Anthropic, body).ok()?;
        let target = Target {
            model: edits.model,
            ..edits.target.copied().unwrap_or_default()
        };
        let written = write_request::write(&request, &target, self).ok()?;
        for loss in written.losses {
            losses.note(loss.field, loss.reason);
        }
        Some(written.body)
    }
}

/// What the caller's header and body ask for, as far as the platform knows it.
fn betas(body: Json<'_>, asked: &[&str], losses: &mut Losses, w: &mut JsonWriter<'_>) {
    let own = body.get("anthropic_beta").map(Json::items);
    let own: Vec<_> = own.into_iter().flatten().filter_map(Json::as_str).collect();
    let mut betas: Vec<&str> = Vec::new();
    for beta in asked.iter().copied().chain(own.iter().map(|beta| &**beta)) {
        if !BEDROCK_BETAS.contains(&beta) {
            losses.note(
                "anthropic-beta",
                "Bedrock does not know all of these features",
            );
        } else if !betas.contains(&beta) {
            betas.push(beta);
        }
    }
    if !betas.is_empty() {
        w.field_array("anthropic_beta", |w| {
            betas.iter().for_each(|beta| w.string(beta));
        });
    }
}
