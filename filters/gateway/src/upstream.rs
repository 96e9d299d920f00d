//! The `upstream` role: one per attempt, in front of one channel.
//!
//! The request is made anew from the caller's original, because Envoy keeps what an earlier attempt
//! wrote into the headers ([`outgoing`]). Of the answer nothing goes on before it is known whether
//! it is one: errors, errors in disguise, HTML, nothing. Where another channel could still serve, a
//! bad answer becomes a 503, which Envoy retries; on the last channel it becomes an error in the
//! caller's dialect.
//!
//! ```text
//!            ┌─2xx, stream──► Stream ─first event is an answer─► (flows)
//! Waiting ───┼─2xx, whole───► Whole ──all of it is there───────► (sent)
//!            ├─error, more channels──► GivenUp  (Envoy retries)
//!            └─error, last channel───► Error ──all of it is there──► (sent)
//! ```

mod endpoint;
mod flow;
mod operate;
mod outgoing;
mod whole;

use std::cell::RefCell;
use std::rc::Rc;

use tollgate_config::names::{CLUSTER_PROPERTY, REQUEST_ID_HEADER};
use tollgate_host::{Body, Flow, Host, Level, Map};
use tollgate_protocol::stream::Outcome;
use tollgate_protocol::{
    Dialect, ErrorInfo, ErrorKind, Reply, error_words, read_error, write_error,
};

use crate::gateway::limits;
use crate::losses;
use crate::refusal::answer_headers;
use crate::state;
use crate::stream::Stream;

/// Of an upstream's error this much is read.
const ERROR_BODY_BYTES_MAX: usize = 64 << 10;

/// One attempt.
#[derive(Default)]
pub(crate) struct Attempt {
    stream: Option<Rc<RefCell<Stream>>>,
    /// What replaces the body, until it has.
    body: Option<Vec<u8>>,
    /// When to come back, as a failing upstream says it.
    retry_after: Option<Vec<u8>>,
    /// Bytes of the answer that are held back.
    buffered: usize,
    phase: Phase,
}

#[derive(Default)]
enum Phase {
    #[default]
    Waiting,
    Stream(Box<flow::StreamAnswer>),
    Whole(Box<whole::WholeAnswer>),
    /// The last channel answered with this status.
    Error {
        status: u16,
        dialect: Dialect,
    },
    /// Envoy goes on to the next channel; nothing of this answer is of interest.
    GivenUp,
    /// The caller has its error. What else the upstream sends must not follow it: behind a body of
    /// a declared length it would read as the next answer on that connection.
    Emptied,
}

/// What an answer is translated with.
pub(crate) struct Terms {
    /// The channel's dialect.
    from: Dialect,
    /// The caller's.
    to: Dialect,
    reply: Reply,
    /// The model name to show where the upstream uses another, same dialect only.
    shown_model: Option<String>,
    /// The gateway asked for the closing usage chunk, the caller did not.
    drops_usage_chunk: bool,
    /// The answer to something else than a model call.
    operation: Option<operate::Answer>,
    max_response_bytes: usize,
}

impl Attempt {
    pub(crate) fn request_headers(&mut self, host: &dyn Host, _end: bool) -> Flow {
        let id = host.header(Map::Request, REQUEST_ID_HEADER);
        let found = id.and_then(|id| state::find(&id));
        let Some(shared) = found else {
            host.log(Level::Error, "an attempt without its request");
            return self.impossible(host);
        };
        let made = match shared.try_borrow_mut() {
            Ok(mut stream) => outgoing::prepare(host, &mut stream),
            Err(_) => None,
        };
        let Some(outgoing::Prepared {
            terms,
            body,
            stream_wanted,
            following,
            head_written,
        }) = made
        else {
            host.log(Level::Error, "an attempt without a channel");
            return self.impossible(host);
        };
        if !head_written {
            host.log(Level::Error, "an attempt whose head cannot be written");
            return self.impossible(host);
        }
        if let Some(cluster) = following {
            // Already now: when this attempt fails, Envoy asks again where to go.
            let _ = host.set_property(CLUSTER_PROPERTY, cluster.as_bytes());
        }
        self.phase = if stream_wanted {
            Phase::Stream(Box::new(flow::StreamAnswer::new(terms)))
        } else {
            Phase::Whole(Box::new(whole::WholeAnswer::new(terms)))
        };
        self.body = body;
        self.stream = Some(shared);
        Flow::Continue
    }

    /// The router holds the whole original; the first callback replaces all that it brings, the
    /// others bring what is replaced already.
    pub(crate) fn request_body(&mut self, host: &dyn Host, size: usize) -> Flow {
        match &mut self.body {
            None => {}
            Some(body) => {
                let body = std::mem::take(body);
                let _ = host.set_body(Body::Request, 0, size, &body);
            }
        }
        Flow::Continue
    }

    pub(crate) fn response_headers(&mut self, host: &dyn Host, end: bool) -> Flow {
        let Some(shared) = self.stream.clone() else {
            return Flow::Continue;
        };
        let Ok(mut stream) = shared.try_borrow_mut() else {
            return Flow::Continue;
        };
        // All of it, because that costs no more than one of them.
        let headers = host.headers(Map::Response).unwrap_or_default();
        let status = headers
            .get(":status")
            .and_then(|status| std::str::from_utf8(status).ok()?.parse().ok())
            .unwrap_or(0);
        stream.attempt_answered(status, host.now_unix_ms());
        let id_header = match self.dialect() {
            Some(Dialect::Anthropic) => "request-id",
            Some(Dialect::BedrockConverse | Dialect::AnthropicBedrock) => "x-amzn-requestid",
            _ => "x-request-id",
        };
        if let Some(id) = headers.get(id_header) {
            stream.upstream_id = String::from_utf8_lossy(id).chars().take(128).collect();
        }
        if (200..300).contains(&status) {
            if end {
                let empty = ErrorInfo::new(ErrorKind::Upstream, "The upstream's answer was empty.");
                return self.fail(host, &mut stream, empty, Ended::AtHeaders);
            }
            return Flow::Hold;
        }
        let Some(dialect) = self.dialect() else {
            return Flow::Continue;
        };
        let by_status = read_error(dialect, status, b"");
        self.retry_after = headers.get("retry-after").map(<[u8]>::to_vec);
        if worth_retrying(status) && stream.has_another_channel() {
            return self.fail(host, &mut stream, by_status, Ended::AtHeaders);
        }
        if end {
            return self.fail(host, &mut stream, by_status, Ended::AtHeaders);
        }
        self.phase = Phase::Error { status, dialect };
        Flow::Hold
    }

    /// `size` is all that is buffered, `end` whether there is no more.
    pub(crate) fn response_body(&mut self, host: &dyn Host, size: usize, end: bool) -> Flow {
        let Some(shared) = self.stream.clone() else {
            return Flow::Continue;
        };
        let Ok(mut stream) = shared.try_borrow_mut() else {
            return Flow::Continue;
        };
        self.buffered = size;
        let verdict = match &mut self.phase {
            Phase::Waiting | Phase::GivenUp => return Flow::Continue,
            Phase::Emptied => {
                let _ = host.set_body(Body::Response, 0, size, &[]);
                return Flow::Continue;
            }
            Phase::Error { .. } if !end && size < ERROR_BODY_BYTES_MAX => return Flow::Hold,
            Phase::Error { status, dialect } => {
                let body = host.body(Body::Response, 0, size.min(ERROR_BODY_BYTES_MAX));
                let body = body.unwrap_or_default();
                let mut error = read_error(*dialect, *status, &body);
                if stream.is_test() {
                    // An administrator wants to know what exactly is wrong with a channel.
                    error.status = *status;
                    error.code = None;
                    error.param = None;
                    if let Some(words) = error_words(&body) {
                        error.message = words.into();
                    }
                }
                Err(error)
            }
            Phase::Stream(answer) => answer.take(host, &mut stream, size, end),
            Phase::Whole(answer) => answer.take(host, &mut stream, size, end),
        };
        match verdict {
            Ok(flow) => flow,
            Err(error) => self.fail(host, &mut stream, error, Ended::InBody { size }),
        }
    }

    /// Trailers end a body that did not end by itself. They are the provider's and go nowhere.
    pub(crate) fn response_trailers(&mut self, host: &dyn Host) -> Flow {
        let _ = host.set_headers(Map::ResponseTrailers, &[]);
        let begun = matches!(&self.phase, Phase::Stream(answer) if answer.has_begun());
        if !begun {
            return self.response_body(host, self.buffered, true);
        }
        // Nothing can be added to a body here. An answer that is not whole must not look whole.
        if let Some(shared) = &self.stream
            && let Ok(stream) = shared.try_borrow()
            && stream.outcome != Some(Outcome::Complete)
        {
            host.abort();
        }
        Flow::Continue
    }

    /// This attempt gave no answer: on to the next channel, or an error for the caller.
    fn fail(&mut self, host: &dyn Host, stream: &mut Stream, error: ErrorInfo, at: Ended) -> Flow {
        let again = error.kind.worth_another_channel() && stream.has_another_channel();
        stream.attempt_failed(error.clone());
        if again {
            self.phase = Phase::GivenUp;
            // Whatever it was: this is the status that Envoy retries.
            let _ = host.set_headers(Map::Response, &[(":status", b"503")]);
            return Flow::Continue;
        }
        self.phase = Phase::Emptied;
        let (to, id) = (stream.call.dialect(), stream.id.clone());
        let retry_after = self.retry_after.take().filter(|value| value.is_ascii());
        let mut error = error.with_request_id(id.clone());
        let told = retry_after.as_deref().and_then(seconds);
        error.retry_after_s = told.or(error.retry_after_s);
        let retry_after = retry_after.or_else(|| {
            let seconds = error.retry_after_s?;
            Some(seconds.to_string().into_bytes())
        });
        let (status, body) = stream.call.write_error(&error);
        stream.answer_begins(status);
        match at {
            Ended::AtHeaders => {
                let mut headers = answer_headers(to, &id);
                headers.push(("content-type", "application/json"));
                let retry_after = retry_after.and_then(|value| String::from_utf8(value).ok());
                headers.extend(retry_after.as_deref().map(|value| ("retry-after", value)));
                headers.extend(limits::shown(stream));
                let _ = host.reply(status, &headers, &body);
                Flow::Hold
            }
            Ended::InBody { size } => {
                send_headers(host, stream, status, "application/json", Some(body.len()));
                if let Some(value) = &retry_after {
                    let _ = host.set_header(Map::Response, "retry-after", Some(value));
                }
                let _ = host.set_body(Body::Response, 0, size, &body);
                Flow::Continue
            }
        }
    }

    fn dialect(&self) -> Option<Dialect> {
        match &self.phase {
            Phase::Stream(answer) => Some(answer.terms().from),
            Phase::Whole(answer) => Some(answer.terms().from),
            _ => None,
        }
    }

    /// Fails closed: a request that cannot be rebuilt must not reach a provider as it is.
    fn impossible(&mut self, host: &dyn Host) -> Flow {
        let error = ErrorInfo::new(
            ErrorKind::Internal,
            "The gateway lost track of the request.",
        );
        let (status, body) = write_error(Dialect::OpenaiChat, &error);
        let _ = host.reply(status, &[("content-type", "application/json")], &body);
        Flow::Hold
    }
}

/// `retry-after` as a number; it may be a date as well (RFC 9110 §10.2.3).
fn seconds(retry_after: &[u8]) -> Option<u64> {
    std::str::from_utf8(retry_after).ok()?.trim().parse().ok()
}

#[derive(Debug, Clone, Copy)]
enum Ended {
    /// There is no body to put an error into.
    AtHeaders,
    InBody {
        size: usize,
    },
}

/// Whether another channel might do better, by the status alone. What is wrong with the request
/// itself is wrong everywhere.
fn worth_retrying(status: u16) -> bool {
    !matches!(status, 400 | 413 | 414 | 415 | 422 | 451)
}

/// The head of the caller's answer; nothing of the upstream's own head goes on.
fn send_headers(
    host: &dyn Host,
    stream: &Stream,
    status: u16,
    content_type: &str,
    length: Option<usize>,
) {
    // An error was not made from what the upstream got.
    let lost = losses::header(&stream.losses).filter(|_| status < 300);
    let (status, length) = (status.to_string(), length.map(|length| length.to_string()));
    let mut headers: Vec<(&str, &[u8])> = vec![
        (":status", status.as_bytes()),
        ("content-type", content_type.as_bytes()),
    ];
    if let Some(length) = &length {
        headers.push(("content-length", length.as_bytes()));
    } else {
        headers.push(("cache-control", b"no-cache"));
    }
    headers.extend(
        lost.as_ref()
            .map(|fields| (losses::HEADER, fields.as_bytes())),
    );
    let own = answer_headers(stream.call.dialect(), &stream.id);
    let own = own.into_iter().chain(limits::shown(stream));
    headers.extend(own.map(|(name, value)| (name, value.as_bytes())));
    if let Err(error) = host.set_headers(Map::Response, &headers) {
        host.log(Level::Warn, &format!("answer head: {error}"));
    }
}

#[cfg(test)]
mod tests;
