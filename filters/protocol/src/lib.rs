//! Translates between the dialects of AI providers.
//!
//! Everything goes through one neutral form: a dialect knows how to read itself
//! into it and to write itself out of it, and knows no other dialect. Requests are
//! read once ([`Body`], [`read_request`]) and written for each upstream attempt
//! ([`write_request`]); answers come back whole ([`translate_response`]) or as
//! streams ([`stream::Translator`]). Where caller and upstream speak the same
//! dialect nothing is translated: bytes pass, edited in place where they must be
//! ([`Peek::rewrite`], [`stream::Observer`], [`replace_response_model`]).
//!
//! This crate does no IO, reads no clock, draws no random numbers, keeps no global
//! state, and does not panic: whatever bytes come in, an answer or a typed error
//! comes out. It does not decide where a request goes, and it does not know any
//! model by name.

mod address;
mod after_calls;
mod alias;
mod answer;
mod anthropic;
mod arguments;
mod base64;
mod bedrock_converse;
mod body;
mod cohere;
pub mod conversation;
pub mod count;
mod counts;
mod custom;
mod dialect;
pub mod embeddings;
mod error;
mod extras;
mod framing;
mod function;
mod gemini;
mod media;
mod mend;
mod models;
pub mod neutral;
mod ollama;
mod openai_chat;
mod openai_completions;
mod openai_responses;
mod path;
mod peek;
mod plan;
mod problem;
mod quirk;
mod read;
mod reply;
mod schema;
pub mod sse;
pub mod stream;
mod target;
mod turns;
mod vision;

/// Texts and raw values, which the JSON view keeps as ranges of a body.
mod text {
    pub use tollgate_json::{Raw, Text};
}

use crate::dialect::{caller, codec};
use crate::neutral::{Request, Response, Usage};
use crate::problem::Losses;

pub use crate::address::{Addressed, path_segment};
pub use crate::alias::Aliases;
pub use crate::answer::{Classified, Passed};
pub use crate::body::Body;
pub use crate::dialect::{ALL, CALLERS, Dialect, UnknownDialect};
pub use crate::error::{ErrorInfo, ErrorKind, redact};
pub use crate::json::Limits;
pub use crate::models::ModelEntry;
pub use crate::peek::Peek;
pub use crate::problem::{InvalidRequest, Loss, Unsupported};
pub use crate::quirk::{Quirk, UnknownQuirk};
pub use crate::reply::{Framing, Reply};
pub use crate::target::{
    EarlierThinking, ModelFields, PassOn, Target, Thinking, ThinkingWords, Written,
};
pub use crate::text::{Raw, Text};
pub use crate::vision::image_field;
/// The JSON view that all of this is built on.
pub use tollgate_json as json;

/// The facts that policy needs, without reading the messages.
pub fn peek(dialect: Dialect, body: &Body) -> Result<Peek, InvalidRequest> {
    caller(dialect).peek(body)
}

/// As [`peek`], for a call whose path says what its body does not.
pub fn peek_addressed(
    dialect: Dialect,
    body: &Body,
    addressed: &Addressed,
) -> Result<Peek, InvalidRequest> {
    caller(dialect).peek_addressed(body, addressed)
}

/// Reads a request into the neutral form. Large strings stay ranges of `body`.
pub fn read_request(dialect: Dialect, body: &Body) -> Result<Request, InvalidRequest> {
    let mut request = caller(dialect).read_request(body)?;
    request.length = neutral::Length(body.as_str().len());
    Ok(request)
}

/// Writes a request for an upstream of `dialect`. Cheap enough to be called for
/// every candidate before routing, to see whether the channel can serve it: it is
/// one pass over the request, and large strings are copied once.
pub fn write_request(
    dialect: Dialect,
    request: &Request,
    target: &Target<'_>,
) -> Result<Written, Unsupported> {
    codec(dialect).write_request(request, target)
}

/// A caller's body for an upstream that takes it as it is (see
/// [`Dialect::takes_as_it_is`]), with as few edits as it needs; nothing where it needs
/// none. The losses tell what the upstream's platform does not know.
pub fn pass_on(
    dialect: Dialect,
    peek: &Peek,
    body: &Body,
    edits: &PassOn<'_>,
) -> (Option<Vec<u8>>, Vec<Loss>) {
    let mut losses = Losses::default();
    let edited = codec(dialect).pass_on(peek, body, edits, &mut losses);
    (edited, losses.into_vec())
}

/// What a body that came with a 2xx status really is.
pub fn classify_response(dialect: Dialect, body: &[u8]) -> Classified {
    answer::classify(dialect, body)
}

/// Reads a whole answer of an upstream: JSON, or all the events of a stream from
/// an upstream that can do nothing else. The error is ready for the caller.
pub fn read_response(dialect: Dialect, body: Vec<u8>) -> Result<Response, ErrorInfo> {
    answer::read(dialect, body)
}

/// Writes a whole answer for the caller.
pub fn write_response(dialect: Dialect, response: &Response, reply: &Reply) -> Vec<u8> {
    let codec = caller(dialect);
    let response = custom::fit(response, &reply.aliases, codec.knows_custom_calls());
    codec.write_response(&response, reply)
}

/// A whole answer from the upstream's dialect to the caller's.
pub fn translate_response(
    from: Dialect,
    to: Dialect,
    body: Vec<u8>,
    reply: &Reply,
) -> Result<(Vec<u8>, Usage), ErrorInfo> {
    let response = read_response(from, body)?;
    let usage = response.usage.unwrap_or_default();
    Ok((write_response(to, &response, reply), usage))
}

/// A whole JSON answer for a caller of the same dialect: its usage, and, where `model` is
/// given and it names one, its bytes with that model name and nothing else changed. The
/// error, of what is no answer, is ready for the caller; so is a stream's, which must be
/// read with [`read_response`].
pub fn pass_response(
    dialect: Dialect,
    body: &[u8],
    model: Option<&str>,
) -> Result<Passed, ErrorInfo> {
    answer::pass(dialect, body, model)
}

/// The usage in a whole answer that is passed on as it is.
pub fn read_usage(dialect: Dialect, body: &[u8]) -> Option<Usage> {
    answer::usage(dialect, body)
}

/// A whole answer with another model name, every other byte untouched; nothing
/// where it holds no model name.
pub fn replace_response_model(dialect: Dialect, body: &[u8], model: &str) -> Option<Vec<u8>> {
    answer::replace_model(dialect, body, model)
}

/// Reads an upstream's error. Keeps what callers act on (context length, rate
/// limits, quota, overload) and nothing that is the operator's: an upstream that
/// refuses the gateway's credentials becomes 502 with a neutral text, and keys,
/// hosts and addresses are redacted everywhere.
pub fn read_error(dialect: Dialect, status: u16, body: &[u8]) -> ErrorInfo {
    error::read_error(dialect, status, body)
}

/// What an upstream says about its error, whatever it is about, for administrators: keys, hosts
/// and addresses are redacted all the same. `None` when it says nothing.
pub fn error_words(body: &[u8]) -> Option<String> {
    error::words(body)
}

/// Status and JSON body of an error in the caller's dialect.
pub fn write_error(dialect: Dialect, error: &ErrorInfo) -> (u16, Vec<u8>) {
    caller(dialect).write_error(error)
}

/// The answer of the model list endpoint: OpenAI's list, Anthropic's or Gemini's page.
pub fn write_model_list(dialect: Dialect, models: &[ModelEntry<'_>]) -> Vec<u8> {
    caller(dialect).write_model_list(models)
}

/// The answer of the endpoint for one model.
pub fn write_model(dialect: Dialect, model: &ModelEntry<'_>) -> Vec<u8> {
    caller(dialect).write_model(model)
}
