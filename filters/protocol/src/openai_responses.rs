//! OpenAI Responses, `POST /v1/responses`, and what speaks like it.
//!
//! <https://platform.openai.com/docs/api-reference/responses>
//!
//! A conversation is a flat list of items here: a turn of the model is a run of
//! `reasoning`, `message` and `function_call` items, which in the neutral form is one
//! message of several blocks. Nothing is stored here: what refers to stored responses is
//! refused where it cannot be passed on, and upstreams are told to store nothing. A
//! gateway that stores answers itself says so by [`Reply::stored`], and puts the history
//! into a request before this reads it ([`crate::conversation`]).

mod check;
mod context;
pub(crate) mod echo;
mod fields;
mod output;
mod read_input;
mod read_parts;
mod read_request;
mod read_response;
mod read_stream;
mod read_tools;
mod reasoning;
mod usage;
mod write_input;
mod write_items;
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
use crate::neutral::{Extra, Request, Response, Usage, holds_marked};
use crate::openai_chat::{error, models};
use crate::peek::{self, Peek};
use crate::problem::{InvalidRequest, Losses, Unsupported};
use crate::reply::Reply;
use crate::stream::{StreamReader, StreamWriter};
use crate::target::{PassOn, Target, Written};

pub(crate) struct OpenaiResponses;

const NAMES: Names = Names {
    max_output_tokens: "max_output_tokens",
    stop: "stop",
    reasoning: "reasoning",
    format: "text.format",
    user: "user",
    choices: "n",
};

impl Codec for OpenaiResponses {
    fn write_request(
        &self,
        request: &Request,
        target: &Target<'_>,
    ) -> Result<Written, Unsupported> {
        write_request::write(request, target)
    }

    /// What another provider signed goes no further; then the body is written anew.
    fn pass_on(
        &self,
        peek: &Peek,
        body: &Body,
        edits: &PassOn<'_>,
        losses: &mut Losses,
    ) -> Option<Vec<u8>> {
        let marked = holds_marked(body.as_str(), "encrypted_content");
        let anew = marked.then(|| {
            let mut request = read_request::read(body).ok()?;
            reasoning::drop_foreign(&mut request, losses);
            let target = Target {
                model: edits.model,
                ..edits.target.copied().unwrap_or_default()
            };
            write_request::write(&request, &target).ok()
        });
        match anew.flatten() {
            None => {
                let mends = mend::responses(body, edits, losses);
                peek.rewrite_with(body, Some(edits.model), edits.include_usage, mends)
            }
            Some(written) => {
                for loss in written.losses {
                    losses.note(loss.field, loss.reason);
                }
                Some(written.body)
            }
        }
    }

    fn is_answer(&self, answer: Json<'_>) -> bool {
        answer
            .get("output")
            .is_some_and(|output| output.kind() == Kind::Array)
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

impl CallerCodec for OpenaiResponses {
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
        // The last event says why the model stopped, so no stream is whole without it.
        b""
    }

    fn is_usage_chunk(&self, _event: Json<'_>) -> bool {
        false
    }

    fn model_paths(&self) -> &'static [&'static [&'static str]] {
        &[&["response", "model"], &["model"]]
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
