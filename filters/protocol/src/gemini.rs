//! Gemini, `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`.
//!
//! <https://ai.google.dev/api/generate-content>

mod check;
mod error;
mod fields;
mod frames;
mod models;
mod read_data;
mod read_parts;
mod read_request;
mod read_response;
mod read_stream;
mod read_tools;
mod schema;
mod signature;
mod turns;
mod usage;
mod write_media;
mod write_parts;
mod write_request;
mod write_response;
mod write_stream;
mod write_tools;

use crate::address::Addressed;
use crate::body::Body;
use crate::dialect::{CallerCodec, Codec, Names, Without};
use crate::error::{ErrorInfo, ErrorKind};
use crate::framing::Framing;
use crate::json::Json;
use crate::models::ModelEntry;
use crate::neutral::{Extra, Request, Response, ServiceTier, Usage};
use crate::peek::{self, Peek};
use crate::problem::{InvalidRequest, Unsupported};
use crate::reply::Reply;
use crate::stream::{StreamReader, StreamWriter};
use crate::target::{Target, Written};

pub(crate) use self::frames::Frames;
pub(crate) use self::signature::BYPASS;

pub(crate) struct Gemini;

const NAMES: Names = Names {
    max_output_tokens: "generationConfig.maxOutputTokens",
    stop: "generationConfig.stopSequences",
    reasoning: "generationConfig.thinkingConfig",
    format: "generationConfig.responseSchema",
    user: "labels",
    choices: "generationConfig.candidateCount",
};

impl Codec for Gemini {
    fn write_request(
        &self,
        request: &Request,
        target: &Target<'_>,
    ) -> Result<Written, Unsupported> {
        write_request::write(request, target)
    }

    fn framing(&self) -> Framing {
        Framing::SseOrJsonArray
    }

    fn is_answer(&self, answer: Json<'_>) -> bool {
        read_response::is_answer(answer)
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

impl CallerCodec for Gemini {
    /// A body alone does not say which model it is for, unless it does so needlessly.
    fn peek(&self, body: &Body) -> Result<Peek, InvalidRequest> {
        let model = body.json().get("model").and_then(Json::as_str);
        let model = model.unwrap_or_default().into_owned();
        let addressed = Addressed {
            model,
            ..Addressed::default()
        };
        self.peek_addressed(body, &addressed)
    }

    fn peek_addressed(&self, body: &Body, addressed: &Addressed) -> Result<Peek, InvalidRequest> {
        let config = fields::member(body.json(), "generationConfig");
        let limit = config.and_then(|config| fields::member(config, "maxOutputTokens"));
        let foreign = signature::foreign(body.as_str());
        let mut peek = peek::addressed(addressed, limit.and_then(Json::as_u64), foreign)?;
        peek.choices = peek::choices(config.and_then(|it| fields::member(it, "candidateCount")));
        peek.service_tier = ServiceTier::of(fields::member(body.json(), "serviceTier"));
        Ok(peek)
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

    fn write_response(&self, response: &Response, reply: &Reply) -> Vec<u8> {
        write_response::write(response, reply)
    }

    fn stream_writer(&self, reply: Reply) -> Box<dyn StreamWriter> {
        Box::new(write_stream::Writer::new(reply))
    }

    /// There is none.
    fn stream_end(&self) -> &'static [u8] {
        b""
    }

    fn is_usage_chunk(&self, _event: Json<'_>) -> bool {
        false
    }

    fn model_paths(&self) -> &'static [&'static [&'static str]] {
        &[&["modelVersion"], &["model_version"]]
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
