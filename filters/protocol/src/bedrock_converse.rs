//! Amazon Bedrock Converse, `POST /model/{modelId}/converse` and `/converse-stream`.
//!
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>

mod check;
mod formats;
mod read_response;
mod read_stream;
mod usage;
mod write_messages;
mod write_request;
mod write_tools;

use crate::body::Body;
use crate::dialect::Codec;
use crate::error::{ErrorInfo, ErrorKind, aws};
use crate::framing::Framing;
use crate::json::{Json, Kind};
use crate::neutral::{Request, Response, Usage};
use crate::problem::Unsupported;
use crate::stream::StreamReader;
use crate::target::{Target, Written};

pub(crate) struct BedrockConverse;

impl Codec for BedrockConverse {
    fn write_request(
        &self,
        request: &Request,
        target: &Target<'_>,
    ) -> Result<Written, Unsupported> {
        write_request::write(request, target)
    }

    fn is_answer(&self, answer: Json<'_>) -> bool {
        answer
            .get("output")
            .is_some_and(|output| output.kind() == Kind::Object)
    }

    fn read_response(&self, body: &Body) -> Result<Response, ErrorInfo> {
        read_response::read(body)
    }

    fn read_usage(&self, answer: Json<'_>) -> Option<Usage> {
        usage::of_holder(answer)
    }

    fn stream_reader(&self) -> Box<dyn StreamReader> {
        Box::new(read_stream::Reader::default())
    }

    fn framing(&self) -> Framing {
        Framing::EventStream
    }

    fn error_kind(&self, kind: &str, _code: &str) -> Option<ErrorKind> {
        aws::kind(kind)
    }
}
