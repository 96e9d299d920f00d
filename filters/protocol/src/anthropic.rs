//! Anthropic Messages, `POST /v1/messages`.
//!
//! <https://docs.anthropic.com/en/api/messages>

mod check;
mod error;
mod fields;
mod models;
mod platform;
mod read_messages;
mod read_request;
mod read_response;
mod read_stream;
mod usage;
mod write_messages;
mod write_request;
mod write_response;
mod write_stream;

use crate::body::Body;
use crate::dialect::{CallerCodec, Codec, Names, Without};
use crate::error::{ErrorInfo, ErrorKind, aws};
use crate::framing::Framing;
use crate::json::{Json, Kind};
use crate::models::ModelEntry;
use crate::neutral::{Extra, Request, Response, Usage};
use crate::peek::{self, Peek};
use crate::problem::{InvalidRequest, Losses, Unsupported};
use crate::reply::Reply;
use crate::stream::{StreamReader, StreamWriter};
use crate::target::{PassOn, Target, Written};

pub(crate) use self::platform::Platform;

pub(crate) struct Anthropic(pub(crate) Platform);

const NAMES: Names = Names {
    max_output_tokens: "max_tokens",
    stop: "stop_sequences",
    reasoning: "thinking",
    format: "output_config.format",
    user: "metadata.user_id",
    choices: "n",
};

impl Codec for Anthropic {
    fn write_request(
        &self,
        request: &Request,
        target: &Target<'_>,
    ) -> Result<Written, Unsupported> {
        write_request::write(request, target, self.0)
    }

    fn pass_on(
        &self,
        peek: &Peek,
        body: &Body,
        edits: &PassOn<'_>,
        losses: &mut Losses,
    ) -> Option<Vec<u8>> {
        self.0.pass_on(peek, body, edits, losses)
    }

    fn is_answer(&self, answer: Json<'_>) -> bool {
        answer
            .get("content")
            .is_some_and(|content| content.kind() == Kind::Array)
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

    fn framing(&self) -> Framing {
        match self.0 {
            Platform::Bedrock => Framing::ChunkedEventStream,
            Platform::Api | Platform::Vertex => Framing::Sse,
        }
    }

    fn error_kind(&self, kind: &str, code: &str) -> Option<ErrorKind> {
        match self.0 {
            Platform::Bedrock => aws::kind(kind).or_else(|| error::kind(kind, code)),
            Platform::Api | Platform::Vertex => error::kind(kind, code),
        }
    }
}

impl CallerCodec for Anthropic {
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

    fn hosts(&self, tool_type: &str) -> bool {
        fields::hosts(tool_type)
    }

    fn write_response(&self, response: &Response, reply: &Reply) -> Vec<u8> {
        write_response::write(response, reply)
    }

    fn stream_writer(&self, reply: Reply) -> Box<dyn StreamWriter> {
        Box::new(write_stream::Writer::new(reply))
    }

    fn stream_end(&self) -> &'static [u8] {
        write_stream::STOP
    }

    fn is_usage_chunk(&self, _event: Json<'_>) -> bool {
        false
    }

    fn model_paths(&self) -> &'static [&'static [&'static str]] {
        &[&["model"], &["message", "model"]]
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
