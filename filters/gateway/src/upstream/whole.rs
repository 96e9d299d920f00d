//! An answer that is no stream: held until it is all there, judged, then sent.

use tollgate_host::{Body, Flow, Host};
use tollgate_protocol::stream::Outcome;
use tollgate_protocol::{ErrorInfo, ErrorKind, pass_response, translate_response};

use super::{Terms, send_headers};
use crate::stream::Stream;

pub(super) struct WholeAnswer {
    terms: Terms,
    sent: bool,
}

impl WholeAnswer {
    pub(super) fn new(terms: Terms) -> Self {
        Self { terms, sent: false }
    }

    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// # Errors
    /// When it is no answer: the attempt has failed.
    pub(super) fn take(
        &mut self,
        host: &dyn Host,
        stream: &mut Stream,
        size: usize,
        end: bool,
    ) -> Result<Flow, ErrorInfo> {
        if self.sent {
            return Ok(Flow::Continue);
        }
        if size > self.terms.max_response_bytes {
            return Err(ErrorInfo::new(
                ErrorKind::Upstream,
                "The upstream's answer was too large.",
            ));
        }
        if !end {
            return Ok(Flow::Hold);
        }
        let body = host.body(Body::Response, 0, size).unwrap_or_default();
        let length = body.len();
        let replacement = self.judge(stream, body)?;
        let length = replacement.as_ref().map_or(length, Vec::len);
        send_headers(host, stream, 200, "application/json", Some(length));
        if let Some(replacement) = replacement {
            let _ = host.set_body(Body::Response, 0, size, &replacement);
        }
        // For when it tells no usage and cannot be counted: a little too much.
        stream.output_bytes = u64::try_from(length).unwrap_or(0);
        stream.answer_begins(200);
        stream.outcome = Some(Outcome::Complete);
        self.sent = true;
        Ok(Flow::Continue)
    }

    /// What the caller gets instead of these bytes; `None` where it gets them untouched.
    fn judge(&self, stream: &mut Stream, body: Vec<u8>) -> Result<Option<Vec<u8>>, ErrorInfo> {
        let Terms {
            from,
            to,
            reply,
            shown_model,
            ..
        } = &self.terms;
        if let Some(operation) = &self.terms.operation {
            return operation.judge(stream, body, shown_model.as_deref());
        }
        let is_object = body.trim_ascii_start().first() == Some(&b'{');
        if !from.takes_as_it_is(*to) || !is_object {
            // Not an object: an upstream that streams although nobody asked it to.
            let (body, usage) = translate_response(*from, *to, body, reply)?;
            stream.usage = usage;
            stream.keep_response(std::str::from_utf8(&body).ok());
            stream.evidence.answered(&stream.usage, &body);
            return Ok(Some(body));
        }
        let passed = pass_response(*from, &body, shown_model.as_deref())?;
        stream.usage = passed.usage;
        if stream.writes_conversation {
            stream.keep_response(std::str::from_utf8(&body).ok());
        }
        stream.evidence.answered(&stream.usage, &body);
        Ok(passed.edited)
    }
}
