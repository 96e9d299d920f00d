//! Ollama's own chat, `POST /api/chat`.
//!
//! <https://docs.ollama.com/api/chat>

mod check;
mod read_answer;
mod read_stream;
mod write_messages;
mod write_request;

use crate::body::Body;
use crate::dialect::Codec;
use crate::error::{ErrorInfo, ErrorKind};
use crate::framing::Framing;
use crate::json::{Json, Kind};
use crate::neutral::{Request, Response, Usage};
use crate::problem::Unsupported;
use crate::stream::StreamReader;
use crate::target::{Target, Written};

pub(crate) struct Ollama;

impl Codec for Ollama {
    fn write_request(
        &self,
        request: &Request,
        target: &Target<'_>,
    ) -> Result<Written, Unsupported> {
        write_request::write(request, target)
    }

    fn is_answer(&self, answer: Json<'_>) -> bool {
        answer
            .get("message")
            .is_some_and(|message| message.kind() == Kind::Object)
    }

    fn read_response(&self, body: &Body) -> Result<Response, ErrorInfo> {
        Ok(read_answer::read(body))
    }

    fn read_usage(&self, answer: Json<'_>) -> Option<Usage> {
        read_answer::usage(answer)
    }

    fn stream_reader(&self) -> Box<dyn StreamReader> {
        Box::new(read_stream::Reader::default())
    }

    fn framing(&self) -> Framing {
        Framing::JsonLines
    }

    /// Statuses say everything; errors are a text.
    fn error_kind(&self, _kind: &str, _code: &str) -> Option<ErrorKind> {
        None
    }
}
