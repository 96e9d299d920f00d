//! One request from its first byte to its last: what both roles know of it.

use std::net::IpAddr;
use std::rc::Rc;

use tollgate_config::meter::{Attempt, TokenRecord};
use tollgate_config::{Channel, responses};
use tollgate_protocol::embeddings;
use tollgate_protocol::json::Json;
use tollgate_protocol::neutral::{Request, Usage};
use tollgate_protocol::stream::Outcome;
use tollgate_protocol::{Body, ErrorInfo, Loss, Peek, Written};

use crate::call::Call;
use crate::detail::Captured;
use crate::gateway::budget::Held;
use crate::gateway::inputs::Inputs;
use crate::gateway::limits::Taken;
use crate::memory::Hold;
use crate::state::Active;
use crate::uncounted::Evidence;

/// Longest error text that is kept for the log, in bytes.
const ERROR_BYTES_MAX: usize = 1_024;

/// Why an attempt has no status.
const NO_ANSWER: &str = "no answer: not connected, reset or timed out";

/// Why an attempt has a status, and another one came after it.
const BROKEN_OFF: &str = "the answer broke off";

/// One request.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Request id and id of the usage event.
    pub(crate) id: String,
    pub(crate) started_unix_ms: i64,
    pub(crate) active: Option<Rc<Active>>,
    pub(crate) call: Call,
    pub(crate) token: Option<TokenRecord>,
    pub(crate) address: String,
    /// The caller's, where it is the control plane that is connected.
    pub(crate) caller: Option<IpAddr>,
    /// The caller does not wait: it knows the answer by our id, whoever makes it.
    pub(crate) is_background: bool,
    /// What is to be done, once the body was read.
    pub(crate) plan: Option<Plan>,
    pub(crate) attempts: Vec<Attempt>,
    /// One of the roles has made the answer that the caller gets; without it, what comes from
    /// Envoy or an upstream is not fit for the caller.
    pub(crate) answered: bool,
    /// The HTTP status of that answer.
    pub(crate) status: Option<u16>,
    /// The gateway refused the request; no upstream was called.
    pub(crate) refused: bool,
    /// How the upstream's answer ended.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) usage: Usage,
    /// Text that the upstream has sent so far, in bytes; for when it never tells the usage.
    pub(crate) output_bytes: u64,
    /// What both are counted from then.
    pub(crate) evidence: Evidence,
    pub(crate) first_byte_unix_ms: Option<i64>,
    /// The last error on the way; the caller's, if no attempt serves.
    pub(crate) error: Option<ErrorInfo>,
    pub(crate) upstream_id: String,
    /// What the current attempt's translation dropped.
    pub(crate) losses: Vec<Loss>,
    /// The response of our own that the request continues.
    pub(crate) continues: Option<String>,
    /// The conversation of ours that the request continues.
    pub(crate) conversation: Option<String>,
    /// Nobody else continues that conversation until it is known what this request adds to it.
    pub(crate) writes_conversation: bool,
    /// The body of a call that the control plane is to make, as the caller sent it.
    pub(crate) background: Option<String>,
    /// What is to be kept with the answer, if the gateway makes it.
    pub(crate) keep: Option<Keep>,
    /// The memory of what the answer repeats of the request.
    pub(crate) echoed: Option<Hold>,
    /// What it has taken of its limits.
    pub(crate) limits: Taken,
    /// Bodies that the log may want.
    pub(crate) detail: Option<Captured>,
    /// Its part of the token's budgets.
    pub(crate) held: Held,
}

/// A response on its way to being kept.
#[derive(Debug)]
pub(crate) struct Keep {
    /// The request's own items.
    pub(crate) input: String,
    /// The whole answer, once it is there.
    pub(crate) response: Option<String>,
    /// It can be asked for by its id afterwards, if the gateway makes it.
    pub(crate) by_id: bool,
    /// The memory of both.
    pub(crate) hold: Hold,
}

/// A request that may be served, and by whom.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) peek: Peek,
    /// Name of the model as configured.
    pub(crate) model: String,
    /// Length of the caller's body.
    pub(crate) body_bytes: usize,
    /// What it has beside text.
    pub(crate) inputs: Inputs,
    /// What an attempt is made from; gone as soon as no further attempt can come.
    pub(crate) source: Option<Source>,
    /// Places of the channels in the configuration, in the order in which they are tried.
    pub(crate) channels: Vec<usize>,
    /// How many of them have been tried.
    pub(crate) tried: usize,
    /// The first channel's body, written while it was checked that it can be.
    pub(crate) written: Option<(usize, Written)>,
}

/// The caller's body, as it came and as it was understood.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) body: Body,
    /// Only where at least one channel speaks another dialect.
    pub(crate) request: Option<Request>,
    /// The same of a call for vectors.
    pub(crate) embed: Option<embeddings::Request>,
    /// History was put into the body: even where nothing else changes, it is not what Envoy holds.
    pub(crate) is_continued: bool,
    /// The memory that all of it takes, given back with it.
    #[expect(dead_code, reason = "held for its drop")]
    pub(crate) hold: Hold,
}

impl Stream {
    pub(crate) fn new(id: String, started_unix_ms: i64, active: Option<Rc<Active>>) -> Self {
        Self {
            id,
            started_unix_ms,
            active,
            call: Call::default(),
            token: None,
            address: String::new(),
            caller: None,
            is_background: false,
            plan: None,
            attempts: Vec::new(),
            answered: false,
            status: None,
            refused: false,
            outcome: None,
            usage: Usage::default(),
            output_bytes: 0,
            evidence: Evidence::default(),
            first_byte_unix_ms: None,
            error: None,
            upstream_id: String::new(),
            losses: Vec::new(),
            continues: None,
            conversation: None,
            writes_conversation: false,
            background: None,
            keep: None,
            echoed: None,
            limits: Taken::default(),
            detail: None,
            held: Held::default(),
        }
    }

    /// The caller got all of this response; keeps it if it is to be kept and the caller knows it by an
    /// id of ours. Another one is kept for its conversation alone.
    pub(crate) fn keep_response(&mut self, response: Option<&str>) {
        let (Some(keep), Some(response)) = (&mut self.keep, response) else {
            return;
        };
        let id = Json::trusted(response).get("id").and_then(Json::as_str);
        let is_ours = self.is_background || id.is_some_and(|id| id == responses::id(&self.id));
        keep.by_id &= is_ours;
        if (is_ours || self.writes_conversation) && keep.hold.grow(response.len()) {
            keep.response = Some(response.to_owned());
        }
    }

    /// Whether the control plane tests a channel.
    pub(crate) fn is_test(&self) -> bool {
        let token = self.token.as_ref();
        token.is_some_and(|token| token.only_channel.is_some())
    }

    /// The place of the next attempt's channel, and of the one after it.
    pub(crate) fn next_channel(&mut self) -> Option<(usize, Option<usize>)> {
        let plan = self.plan.as_mut()?;
        let next = *plan.channels.get(plan.tried)?;
        plan.tried += 1;
        Some((next, plan.channels.get(plan.tried).copied()))
    }

    /// The caller gets this answer: there will be no further attempt, and a prompt must not take up
    /// memory for as long as its answer streams.
    pub(crate) fn answer_begins(&mut self, status: u16) {
        self.answered = true;
        self.status = Some(status);
        if status < 300 {
            // What earlier attempts ran into is theirs.
            self.error = None;
        }
        self.forget_source();
    }

    /// No attempt will be made any more.
    pub(crate) fn forget_source(&mut self) {
        if let Some(plan) = &mut self.plan {
            plan.source = None;
            plan.written = None;
        }
    }

    /// Whether another channel could still serve.
    pub(crate) fn has_another_channel(&self) -> bool {
        self.plan
            .as_ref()
            .is_some_and(|plan| plan.tried < plan.channels.len())
    }

    pub(crate) fn begin_attempt(&mut self, channel: &Channel, model: &str, now_unix_ms: i64) {
        self.close_attempt();
        self.attempts.push(Attempt {
            channel_id: channel.id,
            model: model.to_owned(),
            started_ms: now_unix_ms - self.started_unix_ms,
            ..Attempt::default()
        });
    }

    /// The upstream's status has come.
    pub(crate) fn attempt_answered(&mut self, status: u16, now_unix_ms: i64) {
        let since_start = now_unix_ms - self.started_unix_ms;
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.status = u32::from(status);
            attempt.headers_ms = Some(since_start - attempt.started_ms);
        }
    }

    /// The current attempt failed.
    pub(crate) fn attempt_failed(&mut self, error: ErrorInfo) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.error = bounded(&error.message);
        }
        self.error = Some(error);
    }

    /// The current attempt is over. One that ended without an answer says so: true.
    pub(crate) fn close_attempt(&mut self) -> bool {
        if let Some(attempt) = self.attempts.last_mut()
            && attempt.error.is_empty()
            && !self.answered
        {
            let why = if attempt.status == 0 {
                NO_ANSWER
            } else {
                BROKEN_OFF
            };
            why.clone_into(&mut attempt.error);
            return true;
        }
        false
    }
}

/// An error text as it goes into the log.
pub(crate) fn bounded(text: &str) -> String {
    let mut end = text.len().min(ERROR_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}
