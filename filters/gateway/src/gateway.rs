//! The `gateway` role: one per request, downstream.
//!
//! The head decides who calls and what ([`admit`]); the whole body decides which channels can serve
//! it ([`plan`]), and whether it must wait ([`limits`]). A request that continues a kept response waits for its history first, and one
//! about a kept response is answered from there ([`kept`]). Then Envoy's router takes over ([`router`]). What comes back was made fit for the caller
//! by the upstream role, or is Envoy's own and is made so here ([`answer`]). At the end one usage
//! event is left for the meter, whatever happened.

mod admit;
mod answer;
pub(crate) mod budget;
mod control;
mod counting;
pub(crate) mod inputs;
mod kept;
pub(crate) mod limits;
mod models;
mod operate;
mod plan;
mod router;

use std::cell::RefCell;
use std::rc::Rc;

use tollgate_host::{Body, Flow, Host, Level, Map};
use tollgate_protocol::ErrorInfo;
use tollgate_protocol::embeddings::Shape;

use self::inputs::Inputs;
use crate::detail;
use crate::memory::Hold;
use crate::operation::Operation;
use crate::refusal::{self, refuse};
use crate::settle;
use crate::state;
use crate::stream::{Plan, Stream};

pub(crate) use plan::target;

/// One request, as the gateway role sees it.
pub(crate) struct Gateway {
    stream: Rc<RefCell<Stream>>,
    phase: Phase,
    /// Bytes of the body that are there so far.
    buffered: usize,
    /// The call to the control plane that the request waits for.
    asked: Option<kept::Asked>,
    /// What takes the place of an answer that no role has made, until it was sent.
    replacement: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The body is being gathered.
    Gathering,
    /// The control plane was asked, see [`Gateway::asked`].
    Waiting,
    /// Answered here, or handed to the router.
    Decided,
}

impl Gateway {
    pub(crate) fn new(host: &dyn Host) -> Self {
        let now = host.now_unix_ms();
        // Time first, so that ids sort by age.
        let id = format!(
            "{now:012x}{:016x}{:04x}",
            host.random(),
            host.random() & 0xffff
        );
        let stream = Stream::new(id, now, state::active());
        Self {
            stream: Rc::new(RefCell::new(stream)),
            phase: Phase::Gathering,
            buffered: 0,
            asked: None,
            replacement: None,
        }
    }

    pub(crate) fn request_headers(&mut self, host: &dyn Host, end: bool) -> Flow {
        let Ok(mut stream) = self.stream.try_borrow_mut() else {
            return Flow::Continue;
        };
        match admit::admit(host, &mut stream, end) {
            Ok(admit::Admitted::WantsBody) => Flow::Hold,
            Ok(admit::Admitted::Answered) => {
                self.phase = Phase::Decided;
                Flow::Hold
            }
            Ok(admit::Admitted::AsksForResponse) => {
                drop(stream);
                self.look_up(host)
            }
            Err(error) => {
                self.phase = Phase::Decided;
                refuse(host, &mut stream, error);
                Flow::Hold
            }
        }
    }

    /// `size` is all that is buffered so far.
    pub(crate) fn request_body(&mut self, host: &dyn Host, size: usize, end: bool) -> Flow {
        if self.phase == Phase::Waiting {
            return Flow::Hold;
        }
        if self.phase == Phase::Decided {
            // A refused body has no one to go to.
            let refused = self.stream.try_borrow().is_ok_and(|stream| stream.answered);
            return if refused { Flow::Hold } else { Flow::Continue };
        }
        self.buffered = size;
        let Ok(mut stream) = self.stream.try_borrow_mut() else {
            return Flow::Hold;
        };
        let max = stream
            .active
            .as_ref()
            .map_or(0, |active| active.config.max_body_bytes);
        if u64::try_from(size).is_ok_and(|size| size > max) {
            self.phase = Phase::Decided;
            refuse(host, &mut stream, refusal::too_large(max));
            return Flow::Hold;
        }
        if !end {
            return Flow::Hold;
        }
        detail::take_request(host, &mut stream, size);
        if stream.call.endpoint.is_kept() {
            drop(stream);
            return self.look_up(host);
        }
        let gathered = plan::gather(host, &stream, size);
        let asked = gathered.and_then(|it| kept::history::ask(host, &mut stream, it));
        match asked {
            Ok(Ok(asked)) => {
                self.phase = Phase::Waiting;
                self.asked = Some(asked);
                Flow::Hold
            }
            Ok(Err(gathered)) => {
                drop(stream);
                self.hand_on(host, Ok(gathered))
            }
            Err(error) => {
                drop(stream);
                self.hand_on(host, Err(error))
            }
        }
    }

    /// Asks about what is kept, once limits allow.
    fn look_up(&mut self, host: &dyn Host) -> Flow {
        let counted = match self.stream.try_borrow_mut() {
            Ok(mut stream) => limits::admit(host, &mut stream, None),
            Err(_) => return Flow::Hold,
        };
        match counted {
            Ok(()) => self.afford(host),
            Err(error) => self.hand_on(host, Err(error)),
        }
    }

    /// Hands the request to the router, or refuses it.
    fn hand_on(&mut self, host: &dyn Host, gathered: Result<plan::Gathered, ErrorInfo>) -> Flow {
        self.phase = Phase::Decided;
        let Ok(mut stream) = self.stream.try_borrow_mut() else {
            return Flow::Hold;
        };
        match gathered.and_then(|gathered| decide(host, &mut stream, gathered)) {
            Ok(Some(asked)) => {
                self.phase = Phase::Waiting;
                self.asked = Some(asked);
                Flow::Hold
            }
            // Answered here.
            Ok(None) if stream.answered => Flow::Hold,
            Ok(None) => {
                drop(stream);
                self.afford(host)
            }
            Err(error) => {
                refuse(host, &mut stream, error);
                Flow::Hold
            }
        }
    }

    /// Lets the request go on if limits and budgets allow, or waits until they do.
    fn afford(&mut self, host: &dyn Host) -> Flow {
        let Ok(mut stream) = self.stream.try_borrow_mut() else {
            return Flow::Hold;
        };
        let asked = match limits::ask(host, &mut stream) {
            Ok(Some(call)) => Ok(Some(kept::Then::Admit.after(call))),
            Ok(None) if stream.call.endpoint.is_kept() => {
                kept::ask(host, &stream, self.buffered).map(Some)
            }
            Ok(None) => match budget::reserve(host, &mut stream) {
                Ok(None) => kept::background::ask(host, &mut stream),
                asked => asked.map(|call| call.map(|call| kept::Then::Afford.after(call))),
            },
            Err(error) => Err(error),
        };
        match asked {
            Ok(None) => {
                self.phase = Phase::Decided;
                let id = stream.id.clone();
                drop(stream);
                state::insert(id, Rc::clone(&self.stream));
                Flow::Continue
            }
            Ok(Some(asked)) => {
                self.phase = Phase::Waiting;
                self.asked = Some(asked);
                Flow::Hold
            }
            Err(error) => {
                self.phase = Phase::Decided;
                refuse(host, &mut stream, error);
                Flow::Hold
            }
        }
    }

    /// What was held goes on, or stays where it is answered.
    fn go_on(host: &dyn Host, flow: Flow) {
        if flow == Flow::Continue
            && let Err(error) = host.resume_request()
        {
            host.log(Level::Error, &format!("request not resumed: {error}"));
        }
    }

    /// The control plane answered with a message, or not at all.
    pub(crate) fn call_ended(&mut self, host: &dyn Host, call: u32, message: Option<Vec<u8>>) {
        let Some(asked) = self.asked.take_if(|asked| asked.call == call) else {
            return;
        };
        if let kept::Then::Count(counting) = asked.then {
            self.phase = Phase::Decided;
            if let Ok(mut stream) = self.stream.try_borrow_mut() {
                counting::reply(host, &mut stream, counting, message);
            }
            return;
        }
        if let kept::Then::Admit | kept::Then::Afford = asked.then {
            let told = match (asked.then, self.stream.try_borrow_mut()) {
                (kept::Then::Admit, Ok(mut stream)) => limits::told(host, &mut stream, message),
                _ => budget::told(host, message),
            };
            let flow = match told {
                Ok(()) => self.afford(host),
                Err(error) => self.hand_on(host, Err(error)),
            };
            return Self::go_on(host, flow);
        }
        // The message, and what is read from it.
        let size = message.as_ref().map_or(0, Vec::len);
        let room = Hold::take(size.saturating_mul(2));
        let answer = match room {
            Some(_) => kept::answered(message),
            None => Err(refusal::no_room()),
        };
        if let kept::Then::Plan(continuing) = asked.then {
            let gathered = match self.stream.try_borrow_mut() {
                Ok(mut stream) => answer
                    .and_then(|answer| kept::history::join(host, &mut stream, continuing, answer)),
                Err(_) => return,
            };
            let flow = self.hand_on(host, gathered);
            return Self::go_on(host, flow);
        }
        self.phase = Phase::Decided;
        let Ok(mut stream) = self.stream.try_borrow_mut() else {
            return;
        };
        match answer.and_then(|answer| kept::shown(&stream, answer)) {
            Ok(json) => {
                models::reply(host, &stream, json.as_bytes());
                stream.answer_begins(200);
            }
            Err(error) => refuse(host, &mut stream, error),
        }
    }

    /// Trailers end a body that did not end by itself. They are the caller's own and go nowhere.
    pub(crate) fn request_trailers(&mut self, host: &dyn Host) -> Flow {
        let _ = host.set_headers(Map::RequestTrailers, &[]);
        match self.phase {
            Phase::Waiting => return Flow::Hold,
            Phase::Decided => return Flow::Continue,
            Phase::Gathering => {}
        }
        self.request_body(host, self.buffered, true)
    }

    pub(crate) fn response_headers(&mut self, host: &dyn Host, end: bool) -> Flow {
        if let Ok(mut stream) = self.stream.try_borrow_mut()
            && !stream.answered
        {
            self.replacement = Some(answer::replace_headers(host, &mut stream, end));
        }
        Flow::Continue
    }

    pub(crate) fn response_body(&mut self, host: &dyn Host, mut size: usize, _end: bool) -> Flow {
        if let Ok(mut stream) = self.stream.try_borrow_mut()
            && size > 0
            && stream.first_byte_unix_ms.is_none()
        {
            stream.first_byte_unix_ms = Some(host.now_unix_ms());
        }
        if let Some(replacement) = &mut self.replacement {
            // The first piece is replaced by all of ours, the others by nothing.
            let ours = std::mem::take(replacement);
            let _ = host.set_body(Body::Response, 0, size, &ours);
            size = ours.len();
        }
        if let Ok(mut stream) = self.stream.try_borrow_mut() {
            detail::take_response(host, &mut stream, size);
        }
        Flow::Continue
    }

    /// The request is over, however it ended.
    pub(crate) fn log(&mut self, host: &dyn Host) {
        if let Some(asked) = self.asked.take() {
            host.cancel_call(asked.call);
        }
        if let Ok(mut stream) = self.stream.try_borrow_mut() {
            state::remove(&stream.id);
            settle::settle(host, &mut stream);
        }
    }
}

/// Makes the plan and tells the router; or asks for what is to be the answer.
fn decide(
    host: &dyn Host,
    stream: &mut Stream,
    gathered: plan::Gathered,
) -> Result<Option<kept::Asked>, ErrorInfo> {
    let gathered = match &stream.background {
        Some(_) => kept::background::foreground(gathered)?,
        None => gathered,
    };
    let mut plan = match stream.call.operation().cloned() {
        None => plan::plan(host, stream, gathered)?,
        Some(operation) => match operate::plan(host, stream, operation, gathered)? {
            operate::Planned::Route(plan) => *plan,
            operate::Planned::Counted { plan, counting } => {
                stream.plan = Some(*plan);
                let asked = counting::ask(host, stream, counting);
                match asked {
                    None => counting::reply(host, stream, counting, None),
                    // Until the count comes, nothing of it is needed but its names.
                    Some(_) => stream.forget_source(),
                }
                return Ok(asked);
            }
        },
    };
    if !stream.is_test() {
        limits::admit(host, stream, Some(&plan))?;
    }
    // What its price depends on, and what it holds until it is told.
    if let Some(source) = &plan.source {
        plan.inputs = Inputs::of(&source.body);
    }
    if stream.background.is_none() {
        keep_evidence(stream, &mut plan);
        router::tell(host, stream, &mut plan)?;
    }
    stream.plan = Some(plan);
    Ok(None)
}

/// Keeps of the request what its tokens are counted from, should its upstream not tell them.
fn keep_evidence(stream: &mut Stream, plan: &mut Plan) {
    let shape = match stream.call.operation() {
        Some(Operation::Count { .. }) => return,
        Some(Operation::Embed { shape, .. }) => shape.map_or("", Shape::as_str),
        None => "",
    };
    if let Some(source) = &plan.source {
        let length = stream.evidence.requested(source.body.as_str(), shape);
        plan.body_bytes = plan.body_bytes.min(length);
    }
}

#[cfg(test)]
mod tests;
