//! Cohere Chat, version 2, `POST /v2/chat`.
//!
//! <https://docs.cohere.com/reference/chat>

mod check;
mod read_response;
mod read_stream;
mod usage;
mod write_messages;
mod write_request;

use crate::body::Body;
use crate::dialect::Codec;
use crate::error::{ErrorInfo, ErrorKind};
use crate::json::{Json, Kind};
use crate::neutral::{Request, Response, Usage};
use crate::problem::Unsupported;
use crate::stream::StreamReader;
use crate::target::{Target, Written};

pub(crate) struct Cohere;

impl Codec for Cohere {
    fn write_request(
        &self,
        request: &Request,
        target: &Target<'_>,
    ) -> Result<Written, Unsupported> {
        write_request::write(request, target)
    }

    fn is_answer(&self, answer: Json<'_>) -> bool {
        // An error has a text in this place.
        answer
            .get("message")
            .is_some_and(|message| message.kind() == Kind::Object)
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

    /// Statuses say everything; errors have no types.
    fn error_kind(&self, _kind: &str, _code: &str) -> Option<ErrorKind> {
        None
    }
}
