//! Counting the tokens of a request without having it answered.
//!
//! Every dialect that can do so takes its ordinary request, less what only matters to
//! an answer, and gives one number; what differs is the envelope of either:
//!
//! - Anthropic, `POST /v1/messages/count_tokens`
//!   <https://docs.anthropic.com/en/api/messages-count-tokens>
//! - OpenAI Responses, `POST /v1/responses/input_tokens`
//!   <https://platform.openai.com/docs/api-reference/responses/input-tokens>
//! - Gemini, `POST /v1beta/models/{model}:countTokens`
//!   <https://ai.google.dev/api/tokens>
//! - Vertex AI, the same path, without Gemini's envelope (upstreams only)
//!   <https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.publishers.models/countTokens>
//! - Bedrock, `POST /model/{model}/count-tokens` (upstreams only)
//!   <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html>

mod estimate;

use crate::address::path_segment;
use crate::answer;
use crate::body::Body;
use crate::dialect::{Dialect, caller, codec};
use crate::error::ErrorInfo;
use crate::json::{Json, JsonWriter, Kind, Limits, object_bytes};
use crate::neutral::Request;
use crate::peek::{self, Peek};
use crate::problem::{InvalidRequest, Unsupported};
use crate::target::{Target, Written};

pub use self::estimate::estimate;

/// An endpoint that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    Anthropic,
    Responses,
    Gemini,
    /// Gemini's on Vertex AI, which takes an ordinary request without an envelope.
    Vertex,
    Bedrock,
}

/// Reads a request to count: an ordinary one, but for its envelope and for what it need
/// not say.
pub fn read_request(dialect: Dialect, body: &Body) -> Result<Request, InvalidRequest> {
    caller(dialect).read_request(&unwrapped(dialect, body)?)
}

/// Gemini's callers may wrap a whole request; then it holds the system prompt and the
/// tools too.
fn unwrapped(dialect: Dialect, body: &Body) -> Result<Body, InvalidRequest> {
    match (Counter::of(dialect), envelope(body)) {
        (Some(Counter::Gemini), Some(inner)) => {
            let bytes = inner.raw().as_bytes().to_vec();
            let limits = Limits::request(bytes.len());
            Body::parse(bytes, &limits)
        }
        _ => Ok(body.clone()),
    }
}

fn envelope(body: &Body) -> Option<Json<'_>> {
    let keys = ["generateContentRequest", "generate_content_request"];
    let [camel, snake] = body.json().members(keys);
    camel.or(snake).and_then(Json::non_null)
}

/// Who is asked, and on whose behalf. `model` is the one that the path names, where it
/// does; a body that names another is refused.
pub fn peek(dialect: Dialect, body: &Body, model: Option<&str>) -> Result<Peek, InvalidRequest> {
    let Some(model) = model else {
        return caller(dialect).peek(body);
    };
    let other = |name: Json<'_>| name.as_str().is_none_or(|name| bare_model(&name) != model);
    if model_name(body).is_some_and(other) {
        let message = "'model' must be the model that the path names.";
        return Err(InvalidRequest::new("generateContentRequest.model", message));
    }
    peek::of_path(model)
}

/// The body with another model name, for an upstream of the caller's own dialect; every
/// other byte stays. Nothing where it can go as it is.
pub fn rewrite(counter: Counter, body: &Body, peek: &Peek, model: &str) -> Option<Vec<u8>> {
    match counter {
        Counter::Gemini => {}
        Counter::Vertex => {
            return envelope(body).map(|inside| counter.wrapped(inside.raw().as_bytes(), model));
        }
        _ => return peek.rewrite(body, Some(model), false),
    }
    let name = model_name(body).filter(|_| bare_model(&peek.model) != bare_model(model))?;
    let edit = peek::replace_string(
        body.as_str(),
        name,
        &format!("models/{}", bare_model(model)),
    );
    edit.map(|edit| peek::apply(body.as_str().as_bytes(), &[edit]))
}

/// The model's name inside Gemini's envelope.
fn model_name(body: &Body) -> Option<Json<'_>> {
    let name = envelope(body)?.get("model")?;
    (name.kind() == Kind::String).then_some(name)
}

fn bare_model(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

/// Writes a request to count for an upstream of `dialect`, which counts so.
pub fn write_request(
    dialect: Dialect,
    counter: Option<Counter>,
    request: &Request,
    target: &Target<'_>,
) -> Result<Written, Unsupported> {
    let counter = counter
        .ok_or_else(|| Unsupported::new("model", "This model's provider does not count tokens."))?;
    let written = codec(dialect).write_request(request, target)?;
    let body = counter.wrapped(&written.body, target.model);
    Ok(Written { body, ..written })
}

/// The count in an upstream's answer. The error is ready for the caller.
pub fn read_answer(counter: Counter, body: &[u8]) -> Result<u64, ErrorInfo> {
    let json = Json::parse(body, &Limits::response()).map_err(|_| answer::garbage(body))?;
    if let Some(error) = answer::error_in(Dialect::OpenaiChat, json) {
        return Err(error);
    }
    let count = json.get(counter.answer_field()).and_then(Json::as_u64);
    count.ok_or_else(|| answer::garbage(body))
}

/// The answer for a caller.
pub fn write_answer(counter: Counter, tokens: u64) -> Vec<u8> {
    object_bytes(|w| {
        if counter == Counter::Responses {
            w.field_str("object", "response.input_tokens");
        }
        w.field_u64(counter.answer_field(), tokens);
    })
}

// === impl Counter ===

impl Counter {
    /// The endpoint of a dialect's providers, where they have one.
    pub fn of(dialect: Dialect) -> Option<Self> {
        match dialect {
            Dialect::Anthropic => Some(Self::Anthropic),
            Dialect::OpenaiResponses => Some(Self::Responses),
            Dialect::Gemini => Some(Self::Gemini),
            Dialect::BedrockConverse => Some(Self::Bedrock),
            _ => None,
        }
    }

    /// The path below a provider's base URL.
    pub fn path(self, model: &str) -> String {
        match self {
            Self::Anthropic => "/messages/count_tokens".to_owned(),
            Self::Responses => "/responses/input_tokens".to_owned(),
            Self::Gemini | Self::Vertex => {
                format!("/models/{}:countTokens", path_segment(bare_model(model)))
            }
            Self::Bedrock => format!("/model/{}/count-tokens", path_segment(model)),
        }
    }

    /// Whether the answers of both are read alike.
    pub fn answers_like(self, other: Self) -> bool {
        let plain = |counter| match counter {
            Self::Vertex => Self::Gemini,
            counter => counter,
        };
        plain(self) == plain(other)
    }

    fn answer_field(self) -> &'static str {
        match self {
            Self::Anthropic | Self::Responses => "input_tokens",
            Self::Gemini | Self::Vertex => "totalTokens",
            Self::Bedrock => "inputTokens",
        }
    }

    /// The members of an ordinary request that it takes; nothing where it takes all.
    fn fields(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Anthropic => Some(&[
                "model",
                "messages",
                "system",
                "tools",
                "tool_choice",
                "thinking",
                "output_config",
                "cache_control",
            ]),
            Self::Responses => Some(&[
                "model",
                "input",
                "instructions",
                "tools",
                "tool_choice",
                "parallel_tool_calls",
                "reasoning",
                "text",
                "truncation",
                "previous_response_id",
                "conversation",
            ]),
            Self::Gemini => None,
            Self::Vertex => Some(&[
                "contents",
                "systemInstruction",
                "system_instruction",
                "tools",
                "generationConfig",
                "generation_config",
            ]),
            Self::Bedrock => Some(&[
                "messages",
                "system",
                "toolConfig",
                "additionalModelRequestFields",
            ]),
        }
    }

    /// An ordinary request as this endpoint takes it.
    fn wrapped(self, request: &[u8], model: &str) -> Vec<u8> {
        let parsed = Json::parse(request, &Limits::response());
        // What was written here is JSON.
        let members = |w: &mut JsonWriter<'_>| {
            for (key, value) in parsed.iter().flat_map(|request| request.entries()) {
                if self.fields().is_none_or(|known| known.contains(&&*key)) {
                    w.field_raw(&key, value.raw());
                }
            }
        };
        object_bytes(|w| match self {
            Self::Anthropic | Self::Responses | Self::Vertex => members(w),
            Self::Gemini => w.field_object("generateContentRequest", |w| {
                w.key("model");
                w.strings(&["models/", bare_model(model)]);
                members(w);
            }),
            Self::Bedrock => {
                w.field_object("input", |w| w.field_object("converse", members));
            }
        })
    }
}
