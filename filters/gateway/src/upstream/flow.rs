//! An answer that streams: held until its first event shows that it is one, then passed on event by
//! event, never more of it held than the event that is incomplete.

use tollgate_host::{Body, Flow, Host};
use tollgate_protocol::conversation::final_response;
use tollgate_protocol::neutral::Usage;
use tollgate_protocol::stream::{
    Observer, ObserverOptions, Outcome, Status, StreamFault, Translator,
};
use tollgate_protocol::{ErrorInfo, ErrorKind, Framing};

use super::{Terms, send_headers};
use crate::stream::Stream;

/// What an upstream may send before it is known whether it is an answer; one event may be large.
const UNDECIDED_BYTES_MAX: usize = 16 << 20;

pub(super) struct StreamAnswer {
    terms: Terms,
    passage: Passage,
    /// Bytes of the buffer that were taken already, while the head is held.
    taken: usize,
    /// What is to be sent once the head may go.
    held: Vec<u8>,
    begun: bool,
}

/// The way through: watched in the same dialect, rewritten into another.
enum Passage {
    Same(Observer),
    Other(Translator),
}

impl StreamAnswer {
    pub(super) fn new(terms: Terms) -> Self {
        let mut passage = if terms.from.takes_as_it_is(terms.to) {
            let options = ObserverOptions {
                model: terms.shown_model.clone(),
                drops_usage_chunk: terms.drops_usage_chunk,
                framing: terms.reply.framing,
            };
            Passage::Same(Observer::new(terms.from, options))
        } else {
            Passage::Other(Translator::new(terms.from, terms.to, terms.reply.clone()))
        };
        passage.keep_words();
        Self {
            terms,
            passage,
            taken: 0,
            held: Vec::new(),
            begun: false,
        }
    }

    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Whether the caller has got something of it.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// # Errors
    /// When it is no answer and nothing was sent yet: the attempt has failed.
    pub(super) fn take(
        &mut self,
        host: &dyn Host,
        stream: &mut Stream,
        size: usize,
        end: bool,
    ) -> Result<Flow, ErrorInfo> {
        let bytes = host
            .body(Body::Response, self.taken, size.saturating_sub(self.taken))
            .unwrap_or_default();
        let mut out = std::mem::take(&mut self.held);
        if let Err(fault) = self.passage.push(&bytes, &mut out) {
            self.passage.fail(&fault.into(), &mut out);
        }
        if end {
            self.passage.finish(&self.terms, &mut out);
        }
        stream.usage = self.passage.usage();
        stream.output_bytes = self.passage.output_bytes();
        stream.evidence.said(&self.passage.take_words());
        if !self.begun {
            match self.passage.status() {
                Status::Error(error) => return Err(error.clone()),
                Status::Undecided if size > UNDECIDED_BYTES_MAX => return Err(no_answer()),
                Status::Undecided => {
                    self.taken = size;
                    self.held = out;
                    return Ok(Flow::Hold);
                }
                Status::Answer => {
                    let kind = match self.terms.reply.framing {
                        Framing::Events => "text/event-stream",
                        Framing::Array => "application/json",
                    };
                    send_headers(host, stream, 200, kind, None);
                    stream.answer_begins(200);
                    self.begun = true;
                    self.taken = 0;
                }
            }
        }
        let outcome = self.passage.outcome();
        let ends = outcome == Outcome::Complete && stream.outcome != Some(outcome);
        stream.outcome = Some(outcome);
        if ends && stream.keep.is_some() {
            stream.keep_response(final_response(&out));
        }
        if matches!(outcome, Outcome::Interrupted | Outcome::Failed(_)) && stream.error.is_none() {
            stream.attempt_failed(broken_off());
        }
        let _ = host.set_body(Body::Response, 0, size, &out);
        Ok(Flow::Continue)
    }
}

fn no_answer() -> ErrorInfo {
    ErrorInfo::new(ErrorKind::Upstream, "The upstream's answer did not begin.")
}

/// What the log says of an answer that had begun; the caller was told by the stream itself.
fn broken_off() -> ErrorInfo {
    ErrorInfo::new(ErrorKind::Upstream, "The upstream broke the answer off.")
}

// === impl Passage ===

impl Passage {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), StreamFault> {
        match self {
            Self::Same(observer) => observer.push(bytes, out),
            Self::Other(translator) => translator.push(bytes, out),
        }
    }

    fn finish(&mut self, terms: &Terms, out: &mut Vec<u8>) {
        match self {
            Self::Same(observer) => observer.finish(terms.reply.clone(), out),
            Self::Other(translator) => translator.finish(out),
        };
    }

    fn fail(&mut self, error: &ErrorInfo, out: &mut Vec<u8>) {
        match self {
            Self::Same(observer) => observer.fail(error, out),
            Self::Other(translator) => translator.fail(error, out),
        }
    }

    fn status(&self) -> &Status {
        match self {
            Self::Same(observer) => observer.status(),
            Self::Other(translator) => translator.status(),
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Self::Same(observer) => observer.outcome(),
            Self::Other(translator) => translator.outcome(),
        }
    }

    fn output_bytes(&self) -> u64 {
        match self {
            Self::Same(observer) => observer.output_bytes(),
            Self::Other(translator) => translator.output_bytes(),
        }
    }

    fn keep_words(&mut self) {
        match self {
            Self::Same(observer) => observer.keep_words(),
            Self::Other(translator) => translator.keep_words(),
        }
    }

    fn take_words(&mut self) -> String {
        match self {
            Self::Same(observer) => observer.take_words(),
            Self::Other(translator) => translator.take_words(),
        }
    }

    fn usage(&self) -> Usage {
        match self {
            Self::Same(observer) => observer.usage(),
            Self::Other(translator) => translator.usage(),
        }
    }
}
