//! Legacy completions of OpenAI, `POST /v1/completions`, and what speaks like it.
//!
//! <https://platform.openai.com/docs/api-reference/completions>
//!
//! A prompt is text to go on with, not a conversation: towards chat models it becomes
//! what the user says, and from other dialects only that much can be written.

mod answer;
mod request;
mod stream;

use crate::body::Body;
use crate::dialect::{CallerCodec, Codec, Names, Without};
use crate::error::{ErrorInfo, ErrorKind};
use crate::json::{Json, Kind};
use crate::models::ModelEntry;
use crate::neutral::{Extra, Request, Response, Usage};
use crate::openai_chat::{OpenaiChat, error, models, usage};
use crate::peek::{self, Peek};
use crate::problem::{InvalidRequest, Unsupported};
use crate::reply::Reply;
use crate::stream::{StreamReader, StreamWriter};
use crate::target::{Target, Written};

pub(crate) struct OpenaiCompletions;

const NAMES: Names = Names {
    max_output_tokens: "max_tokens",
    stop: "stop",
    reasoning: "reasoning",
    format: "response_format",
    user: "user",
    choices: "n",
};

impl Codec for OpenaiCompletions {
    fn write_request(
        &self,
        request: &Request,
        target: &Target<'_>,
    ) -> Result<Written, Unsupported> {
        request::write(request, target)
    }

    fn is_answer(&self, answer: Json<'_>) -> bool {
        answer
            .get("choices")
            .is_some_and(|choices| choices.kind() == Kind::Array)
    }

    fn read_response(&self, body: &Body) -> Result<Response, ErrorInfo> {
        answer::read(body)
    }

    fn read_usage(&self, answer: Json<'_>) -> Option<Usage> {
        usage::of_answer(answer)
    }

    fn stream_reader(&self) -> Box<dyn StreamReader> {
        Box::new(stream::Reader::default())
    }

    fn error_kind(&self, kind: &str, code: &str) -> Option<ErrorKind> {
        error::kind(kind, code)
    }
}

impl CallerCodec for OpenaiCompletions {
    fn peek(&self, body: &Body) -> Result<Peek, InvalidRequest> {
        peek::peek(body)
    }

    fn names(&self) -> &'static Names {
        &NAMES
    }

    fn read_request(&self, body: &Body) -> Result<Request, InvalidRequest> {
        request::read(body)
    }

    fn without(&self, extra: &Extra) -> Without {
        request::without(extra)
    }

    fn write_response(&self, response: &Response, reply: &Reply) -> Vec<u8> {
        answer::write(response, reply)
    }

    fn stream_writer(&self, reply: Reply) -> Box<dyn StreamWriter> {
        Box::new(stream::Writer::new(reply))
    }

    fn stream_end(&self) -> &'static [u8] {
        stream::DONE
    }

    fn is_usage_chunk(&self, event: Json<'_>) -> bool {
        OpenaiChat.is_usage_chunk(event)
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
