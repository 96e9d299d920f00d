//! The dialects and the one registry that knows where each is implemented.
//!
//! To add a dialect: a folder beside [`crate::openai_chat`] that implements
//! [`Codec`], a variant here, a line in [`ALL`], [`Dialect::as_str`] and [`codec`]; if
//! callers speak it, [`CallerCodec`] and a line in [`CALLERS`] and [`caller`] as well.

use std::fmt;
use std::str::FromStr;

use crate::address::Addressed;
use crate::anthropic::{Anthropic, Platform};
use crate::body::Body;
use crate::error::{ErrorInfo, ErrorKind};
use crate::framing::Framing;
use crate::json::Json;
use crate::models::ModelEntry;
use crate::neutral::{Extra, Request, Response, Usage};
use crate::peek::Peek;
use crate::problem::{InvalidRequest, Losses, Unsupported};
use crate::reply::Reply;
use crate::stream::{StreamReader, StreamWriter};
use crate::target::{PassOn, Target, Written};
use crate::{
    bedrock_converse, cohere, gemini, ollama, openai_chat, openai_completions, openai_responses,
};

/// A wire format that callers or providers speak.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// OpenAI Chat Completions, `POST /v1/chat/completions`.
    OpenaiChat,
    /// OpenAI Responses, `POST /v1/responses`.
    OpenaiResponses,
    /// OpenAI's legacy completions, `POST /v1/completions`.
    OpenaiCompletions,
    /// Anthropic Messages, `POST /v1/messages`.
    Anthropic,
    /// Gemini, `POST /v1beta/models/{model}:generateContent`.
    Gemini,
    /// Anthropic Messages on Amazon Bedrock, `POST /model/{modelId}/invoke`; upstreams
    /// only.
    AnthropicBedrock,
    /// Anthropic Messages on Google Vertex AI, `POST …:rawPredict`; upstreams only.
    AnthropicVertex,
    /// Amazon Bedrock Converse, `POST /model/{modelId}/converse`; upstreams only.
    BedrockConverse,
    /// Cohere Chat, version 2, `POST /v2/chat`; upstreams only.
    Cohere,
    /// Ollama's own chat, `POST /api/chat`; upstreams only.
    Ollama,
}

/// Every dialect, for tables and tests.
pub const ALL: &[Dialect] = &[
    Dialect::OpenaiChat,
    Dialect::OpenaiResponses,
    Dialect::OpenaiCompletions,
    Dialect::Anthropic,
    Dialect::Gemini,
    Dialect::AnthropicBedrock,
    Dialect::AnthropicVertex,
    Dialect::BedrockConverse,
    Dialect::Cohere,
    Dialect::Ollama,
];

/// The dialects that callers speak.
pub const CALLERS: &[Dialect] = &[
    Dialect::OpenaiChat,
    Dialect::OpenaiResponses,
    Dialect::OpenaiCompletions,
    Dialect::Anthropic,
    Dialect::Gemini,
];

/// What every dialect must be able to do: an upstream may speak it. Each method is
/// the implementation behind the function of the same name at the top of the crate,
/// and documented there.
pub(crate) trait Codec: Sync {
    fn write_request(&self, request: &Request, target: &Target<'_>)
    -> Result<Written, Unsupported>;
    /// For a caller's body that the upstream takes as it is.
    fn pass_on(
        &self,
        peek: &Peek,
        body: &Body,
        edits: &PassOn<'_>,
        _losses: &mut Losses,
    ) -> Option<Vec<u8>> {
        peek.rewrite(body, Some(edits.model), edits.include_usage)
    }

    /// Whether a JSON object that holds no error is an answer of this dialect.
    fn is_answer(&self, answer: Json<'_>) -> bool;
    /// `body` is an answer.
    fn read_response(&self, body: &Body) -> Result<Response, ErrorInfo>;
    fn read_usage(&self, answer: Json<'_>) -> Option<Usage>;
    fn stream_reader(&self) -> Box<dyn StreamReader>;
    /// How the events of its streams are cut.
    fn framing(&self) -> Framing {
        Framing::Sse
    }
    /// What this dialect's providers mean by an error's `type` and `code`.
    fn error_kind(&self, kind: &str, code: &str) -> Option<ErrorKind>;
}

/// What a dialect must be able to do besides if callers speak it too.
pub(crate) trait CallerCodec: Codec {
    fn peek(&self, body: &Body) -> Result<Peek, InvalidRequest>;
    /// As `peek`, where the path says what the body does not.
    fn peek_addressed(&self, body: &Body, _addressed: &Addressed) -> Result<Peek, InvalidRequest> {
        self.peek(body)
    }
    /// What this dialect calls things that all dialects have.
    fn names(&self) -> &'static Names;
    fn read_request(&self, body: &Body) -> Result<Request, InvalidRequest>;
    /// What dropping one of this dialect's own fields does to a request's meaning.
    fn without(&self, extra: &Extra) -> Without;
    /// Whether this dialect's providers run tools of this type themselves; the rest
    /// of the types that only this dialect knows are run by the caller.
    fn hosts(&self, _tool_type: &str) -> bool {
        false
    }
    /// Whether its answers can hold calls of custom tools ([`crate::neutral::CallKind::Custom`]);
    /// where not, they are told as functions.
    fn knows_custom_calls(&self) -> bool {
        false
    }

    fn write_response(&self, response: &Response, reply: &Reply) -> Vec<u8>;
    fn stream_writer(&self, reply: Reply) -> Box<dyn StreamWriter>;
    /// The last formality of a stream that is whole without it.
    fn stream_end(&self) -> &'static [u8];
    /// Whether a stream's event holds usage and nothing else.
    fn is_usage_chunk(&self, event: Json<'_>) -> bool;
    /// Paths of the model's name in answers and stream events.
    fn model_paths(&self) -> &'static [&'static [&'static str]];

    fn write_error(&self, error: &ErrorInfo) -> (u16, Vec<u8>);
    fn write_model_list(&self, models: &[ModelEntry<'_>]) -> Vec<u8>;
    fn write_model(&self, model: &ModelEntry<'_>) -> Vec<u8>;
}

/// Fields of a request body by their meaning, so that what is said about a request
/// is said in its caller's words.
pub(crate) struct Names {
    pub(crate) max_output_tokens: &'static str,
    pub(crate) stop: &'static str,
    pub(crate) reasoning: &'static str,
    pub(crate) format: &'static str,
    pub(crate) user: &'static str,
    pub(crate) choices: &'static str,
}

/// What becomes of a request whose field another dialect cannot express.
pub(crate) enum Without {
    /// It still means the same, or nearly: the clause is the loss's reason.
    Loss(&'static str),
    /// It would mean something else: the sentence tells the caller.
    Unsupported(&'static str),
}

/// The dialect as an upstream speaks it.
pub(crate) fn codec(dialect: Dialect) -> &'static dyn Codec {
    match dialect {
        Dialect::OpenaiChat => &openai_chat::OpenaiChat,
        Dialect::Gemini => &gemini::Gemini,
        Dialect::Anthropic => &Anthropic(Platform::Api),
        Dialect::AnthropicBedrock => &Anthropic(Platform::Bedrock),
        Dialect::AnthropicVertex => &Anthropic(Platform::Vertex),
        Dialect::BedrockConverse => &bedrock_converse::BedrockConverse,
        Dialect::Cohere => &cohere::Cohere,
        Dialect::Ollama => &ollama::Ollama,
        Dialect::OpenaiResponses => &openai_responses::OpenaiResponses,
        Dialect::OpenaiCompletions => &openai_completions::OpenaiCompletions,
    }
}

/// The dialect as a caller speaks it; for one that callers do not speak, what it is
/// another platform's envelope of, or Chat Completions, in which nearly everybody can at
/// least read an error.
pub(crate) fn caller(dialect: Dialect) -> &'static dyn CallerCodec {
    match dialect {
        Dialect::Gemini => &gemini::Gemini,
        Dialect::OpenaiChat | Dialect::BedrockConverse | Dialect::Cohere | Dialect::Ollama => {
            &openai_chat::OpenaiChat
        }
        Dialect::Anthropic | Dialect::AnthropicBedrock | Dialect::AnthropicVertex => {
            &Anthropic(Platform::Api)
        }
        Dialect::OpenaiResponses => &openai_responses::OpenaiResponses,
        Dialect::OpenaiCompletions => &openai_completions::OpenaiCompletions,
    }
}

// === impl Dialect ===

impl Dialect {
    /// The name in configuration, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai-chat",
            Self::OpenaiResponses => "openai-responses",
            Self::OpenaiCompletions => "openai-completions",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::AnthropicBedrock => "anthropic-bedrock",
            Self::AnthropicVertex => "anthropic-vertex",
            Self::BedrockConverse => "bedrock-converse",
            Self::Cohere => "cohere",
            Self::Ollama => "ollama",
        }
    }

    /// Whether an upstream of this dialect takes the bodies of callers of `caller`, and
    /// they its answers, without a translation: the dialect is the same, though it may
    /// come in the envelope of another platform ([`crate::pass_on`]).
    pub fn takes_as_it_is(self, caller: Self) -> bool {
        match self {
            Self::AnthropicBedrock | Self::AnthropicVertex => caller == Self::Anthropic,
            own => own == caller,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The text names no dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownDialect;

impl fmt::Display for UnknownDialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("unknown dialect")
    }
}

impl std::error::Error for UnknownDialect {}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(name: &str) -> Result<Self, UnknownDialect> {
        ALL.iter()
            .copied()
            .find(|dialect| dialect.as_str() == name)
            .ok_or(UnknownDialect)
    }
}
