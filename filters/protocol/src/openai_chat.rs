//! OpenAI Chat Completions, `POST /v1/chat/completions`, and what speaks like it.
//!
//! <https://platform.openai.com/docs/api-reference/chat>

mod calls;
mod check;
mod context;
mod details;
pub(crate) mod error;
mod fields;
pub(crate) mod models;
mod read_messages;
mod read_request;
pub(crate) mod read_response;
mod read_stream;
pub(crate) mod thinking;
pub(crate) mod usage;
mod write_messages;
mod write_parts;
mod write_request;
mod write_response;
mod write_stream;
mod write_tools;

use crate::body::Body;
use crate::dialect::{CallerCodec, Codec, Names, Without};
use crate::error::{ErrorInfo, ErrorKind};
use crate::json::{Json, Kind};
use crate::mend;
use crate::models::ModelEntry;
use crate::neutral::{Extra, Request, Response, Usage};
use crate::peek::{self, Peek};
use crate::problem::{InvalidRequest, Losses, Unsupported};
use crate::reply::Reply;
use crate::stream::{StreamReader, StreamWriter};
use crate::target::{PassOn, Target, Written};

pub(crate) struct OpenaiChat;

const NAMES: Names = Names {
    max_output_tokens: "max_completion_tokens",
    stop: "stop",
    reasoning: "reasoning_effort",
    format: "response_format",
    user: "user",
    choices: "n",
};

impl Codec for OpenaiChat {
    fn write_request(
        &self,
        request: &Request,
        target: &Target<'_>,
    ) -> Result<Written, Unsupported> {
        write_request::write(request, target)
    }

    fn pass_on(
        &self,
        peek: &Peek,
        body: &Body,
        edits: &PassOn<'_>,
        losses: &mut Losses,
    ) -> Option<Vec<u8>> {
        let mends = mend::chat(body, edits, losses);
        let takes_options = edits.target.is_none_or(|target| !target.no_stream_options);
        let include_usage = edits.include_usage && takes_options;
        peek.rewrite_with(body, Some(edits.model), include_usage, mends)
    }

    fn is_answer(&self, answer: Json<'_>) -> bool {
        answer
            .get("choices")
            .is_some_and(|choices| choices.kind() == Kind::Array)
    }

    fn read_response(&self, body: &Body) -> Result<Response, ErrorInfo> {
        read_response::read(body)
    }

    fn read_usage(&self, answer: Json<'_>) -> Option<Usage> {
        usage::of_answer(answer)
    }

    fn stream_reader(&self) -> Box<dyn StreamReader> {
        Box::new(read_stream::Reader::default())
    }

    fn error_kind(&self, kind: &str, code: &str) -> Option<ErrorKind> {
        error::kind(kind, code)
    }
}

impl CallerCodec for OpenaiChat {
    fn peek(&self, body: &Body) -> Result<Peek, InvalidRequest> {
        peek::peek(body)
    }

    fn names(&self) -> &'static Names {
        &NAMES
    }

    fn read_request(&self, body: &Body) -> Result<Request, InvalidRequest> {
        read_request::read(body)
    }

    fn without(&self, extra: &Extra) -> Without {
        fields::without(extra)
    }

    fn knows_custom_calls(&self) -> bool {
        true
    }

    fn write_response(&self, response: &Response, reply: &Reply) -> Vec<u8> {
        write_response::write(response, reply)
    }

    fn stream_writer(&self, reply: Reply) -> Box<dyn StreamWriter> {
        Box::new(write_stream::Writer::new(reply))
    }

    fn stream_end(&self) -> &'static [u8] {
        write_stream::DONE
    }

    fn is_usage_chunk(&self, event: Json<'_>) -> bool {
        let no_choices = event.get("choices").is_some_and(|choices| {
            choices.kind() == Kind::Array && choices.items().next().is_none()
        });
        no_choices && event.get("usage").and_then(Json::non_null).is_some()
    }

    fn model_paths(&self) -> &'static [&'static [&'static str]] {
        &[&["model"]]
    }

    fn write_error(&self, error: &ErrorInfo) -> (u16, Vec<u8>) {
        error::write(error)
    }

    fn write_model_list(&self, models: &[ModelEntry<'_>]) -> Vec<u8> {
        models::write_list(models)
    }

    fn write_model(&self, model: &ModelEntry<'_>) -> Vec<u8> {
        models::write_one(model)
    }
}
