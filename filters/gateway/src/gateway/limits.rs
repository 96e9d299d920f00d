//! Limits of a call: it is counted in before it is routed, and corrected at its end.
//!
//! The counters are in the data that all workers share ([`tollgate_policy::limits`] says what they
//! are), changed only if nobody else was faster; a call that is under no limit costs nothing here.
//! Where rates are counted for all gateways together, the call asks the control plane before it goes on
//! ([`ask`]), and is counted here, as far as this gateway's share goes, when nobody answers. How many
//! calls this worker has in flight it knows by itself. Shared data only repeats it, again
//! and again, so that the calls of a worker that is lost are free again after a while.

use std::cell::RefCell;
use std::mem;

use prost::Message;
use tollgate_config::meter::{Limits, Outcome, Share, TokenRecord, UsageEvent};
use tollgate_config::names::{SHARE_KEY, limits_key};
use tollgate_config::together::{self, Admitted, Counted, Rates};
use tollgate_host::{Host, Level};
use tollgate_policy::limits::{
    Key, OUTPUT_TOKENS, Over, Rate, Ratios, Refused, Scope, Shown, Slot, Standing, Whose, estimate,
    headers, share,
};
use tollgate_protocol::{Dialect, ErrorInfo, ErrorKind};

use super::admit::peer;
use super::control;
use crate::operation::Operation;
use crate::refusal;
use crate::state::Active;
use crate::stream::{Plan, Stream};

/// How long the control plane may take to answer.
const TIMEOUT_MS: u32 = 1_000;

/// How often a worker tries where others are faster. Each time one of them got on, so more than
/// this says that the machine is overrun.
const TRIES_MAX: usize = 64;

/// What a call has taken, until its end.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    scopes: Vec<Scope>,
    /// Those whose rates are counted for all gateways together.
    together: Vec<Scope>,
    /// When they were, by the clock of who counts; 0: not yet.
    together_at_ms: i64,
    /// Of the others.
    share: Share,
    /// Reserved in each.
    tokens: u64,
    at_ms: i64,
    /// What the answer says of them.
    headers: Vec<Shown>,
}

/// This worker's calls in flight, where their number is limited.
struct InFlight {
    /// By what the other workers know this one.
    worker: i64,
    /// In the order of the keys.
    held: Vec<(Key, u64)>,
    renewed_ms: i64,
}

thread_local! {
    static IN_FLIGHT: RefCell<InFlight> = const {
        RefCell::new(InFlight { worker: 0, held: Vec::new(), renewed_ms: 0 })
    };
}

/// Counts the call in.
///
/// # Errors
/// When it is over a limit. Then it is counted nowhere.
pub(super) fn admit(host: &dyn Host, stream: &mut Stream, plan: &Plan) -> Result<(), ErrorInfo> {
    let mut scopes = scopes(host, stream, plan);
    if scopes.is_empty() {
        return Ok(());
    }
    let told = host.shared(SHARE_KEY).unwrap_or_default();
    let share = Share::decode(told.as_slice()).unwrap_or_default();
    stream.limits = Taken {
        tokens: reserved(stream, plan),
        share,
        ..Taken::default()
    };
    if share.is_counted_together {
        stream.limits.together.clone_from(&scopes);
        for scope in &mut scopes {
            (scope.limits.rpm, scope.limits.tpm) = (0, 0);
        }
        for scope in &mut stream.limits.together {
            scope.limits.max_concurrency = 0;
        }
    }
    take_all(host, stream, scopes)
}

/// Has the call counted together with those of other gateways, where that is done. What it gives is
/// the call to the control plane that the request has to wait for.
pub(super) fn ask(host: &dyn Host, stream: &mut Stream) -> Result<Option<u32>, ErrorInfo> {
    let taken = &stream.limits;
    let rates = counted(taken);
    if rates.rates.is_empty() || taken.together_at_ms != 0 {
        return Ok(None);
    }
    let service = (together::SERVICE, together::METHOD);
    match control::call(host, service, &rates.encode_to_vec(), TIMEOUT_MS) {
        Some(call) => Ok(Some(call)),
        None => take_alone(host, stream).map(|()| None),
    }
}

/// What became of it.
pub(super) fn told(
    host: &dyn Host,
    stream: &mut Stream,
    message: Option<Vec<u8>>,
) -> Result<(), ErrorInfo> {
    let told = message.and_then(|message| Admitted::decode(message.as_slice()).ok());
    let Some(told) = told.filter(|told| told.at_ms != 0) else {
        return take_alone(host, stream);
    };
    let rate = |limit, remaining, reset_ms| {
        let rate = Rate {
            limit,
            remaining,
            reset_ms,
        };
        (limit > 0).then_some(rate)
    };
    let standing = Standing {
        requests: rate(told.requests, told.requests_left, told.requests_reset_ms),
        tokens: rate(told.tokens, told.tokens_left, told.tokens_reset_ms),
    };
    stream.limits.headers = written(stream, &standing, host.now_unix_ms());
    let place = told.refused_by.checked_sub(1);
    let Some(place) = place.and_then(|place| usize::try_from(place).ok()) else {
        stream.limits.together_at_ms = told.at_ms;
        return Ok(());
    };
    let limited = mem::take(&mut stream.limits.together);
    let mut limited = limited.iter().filter(|scope| !scope.limits.is_none());
    let (over, limit) = match told.for_tokens {
        true => (Over::Tokens, told.tokens),
        false => (Over::Requests, told.requests),
    };
    let refused = Refused {
        over,
        limit,
        wait_ms: told.wait_ms,
        standing,
    };
    let whose = limited.nth(place).map_or(Whose::Token, |scope| scope.whose);
    Err(too_many(&refused, whose))
}

/// Nobody counts for all: this gateway's share of the rates is what holds.
fn take_alone(host: &dyn Host, stream: &mut Stream) -> Result<(), ErrorInfo> {
    let scopes = mem::take(&mut stream.limits.together);
    take_all(host, stream, scopes)
}

/// Counts the call in at this gateway's share of each of these, or at none.
fn take_all(host: &dyn Host, stream: &mut Stream, scopes: Vec<Scope>) -> Result<(), ErrorInfo> {
    let Share { nodes, index, .. } = stream.limits.share;
    let now_ms = host.now_unix_ms();
    stream.limits.at_ms = now_ms;
    let mut standing = Standing::default();
    for mut scope in scopes {
        scope.limits = share(&scope.limits, nodes, index);
        if scope.limits.is_none() {
            continue;
        }
        match take(host, &scope, stream.limits.tokens, now_ms) {
            Ok(stands) => {
                standing = standing.tightest(stands);
                stream.limits.scopes.push(scope);
            }
            Err(refused) => {
                let taken = mem::take(&mut stream.limits);
                give_back(host, &taken, 0, false);
                let Some(refused) = refused else {
                    return Err(refusal::no_room());
                };
                stream.limits.headers = written(stream, &refused.standing, now_ms);
                return Err(too_many(&refused, scope.whose));
            }
        }
    }
    stream.limits.headers = written(stream, &standing, now_ms);
    Ok(())
}

/// Where the caller stands, as its dialect says it.
fn written(stream: &Stream, standing: &Standing, now_ms: i64) -> Vec<Shown> {
    match stream.call.dialect() {
        Dialect::Gemini => Vec::new(),
        dialect => headers(standing, dialect == Dialect::Anthropic, now_ms),
    }
}

/// What is asked, and at the end told, of rates that are counted together.
fn counted(taken: &Taken) -> Counted {
    let limited = taken.together.iter().filter(|it| !it.limits.is_none());
    let rates = limited.map(|scope| Rates {
        key: scope.key.tag(),
        rpm: scope.limits.rpm,
        tpm: scope.limits.tpm,
    });
    Counted {
        rates: rates.collect(),
        tokens: taken.tokens,
        at_ms: taken.together_at_ms,
        ..Counted::default()
    }
}

/// The call is over: what it holds is free, and what it has not used.
pub(crate) fn settle(host: &dyn Host, stream: &mut Stream, event: &mut UsageEvent) {
    let taken = mem::take(&mut stream.limits);
    let used = match &event.usage {
        Some(usage) => usage.input_tokens.saturating_add(usage.output_tokens),
        // Nobody counted.
        None if event.outcome() == Outcome::Success => taken.tokens,
        None => 0,
    };
    give_back(host, &taken, used, !stream.refused);
    if taken.together_at_ms != 0 {
        event.counted = Some(Counted {
            used,
            is_void: stream.refused,
            ..counted(&taken)
        });
    }
}

/// What the answer says of limits.
pub(crate) fn shown(stream: &Stream) -> impl Iterator<Item = (&'static str, &str)> {
    let headers = stream.limits.headers.iter();
    headers.map(|(name, value)| (*name, value.as_str()))
}

/// Says again, now and then, what this worker has in flight.
pub(crate) fn tick(host: &dyn Host) {
    IN_FLIGHT.with_borrow_mut(|mine| {
        if mine.held.is_empty() {
            return;
        }
        let now_ms = host.now_unix_ms();
        if now_ms.abs_diff(mine.renewed_ms) < Slot::RENEW_MS.unsigned_abs() {
            return;
        }
        mine.renewed_ms = now_ms;
        for (key, count) in &mine.held {
            change(host, *key, now_ms, &mut |slot| {
                key.hold(slot, mine.worker, *count, now_ms);
                true
            });
        }
    });
}

/// The limits that the call is under.
fn scopes(host: &dyn Host, stream: &Stream, plan: &Plan) -> Vec<Scope> {
    let (Some(token), Some(active)) = (&stream.token, &stream.active) else {
        return Vec::new();
    };
    let mut scopes = Vec::new();
    let mut add = |whose, limits: Option<Limits>, parts: &[&[u8]]| {
        if let Some(limits) = limits.filter(|limits| !limits.is_none()) {
            let key = Key::of(whose, parts);
            scopes.push(Scope { whose, key, limits });
        }
    };
    let group = token.group.as_bytes();
    if let Some(address) = token.ip_limits.and_then(|_| peer(host)) {
        add(Whose::Address, token.ip_limits, &[&network(address)]);
    }
    add(Whose::Token, token.limits, &[&token.id.to_le_bytes()]);
    if let Some(user) = plan.peek.user.as_deref() {
        add(Whose::User, token.user_limits, &[group, user.as_bytes()]);
    }
    let of_model = of_model(active, token, &plan.model);
    add(Whose::Model, of_model, &[group, plan.model.as_bytes()]);
    scopes
}

/// What the token's group may ask of a model.
fn of_model(active: &Active, token: &TokenRecord, model: &str) -> Option<Limits> {
    let own = token.model_limits.iter().find(|own| own.model == model);
    let of_all = active.model(model).map(|model| Limits {
        rpm: model.rpm,
        tpm: model.tpm,
        max_concurrency: model.max_concurrency,
    });
    let limits = match own.and_then(|own| own.limits) {
        // Groups have rates of their own; how many calls go on at once is the model's matter.
        Some(own) => Limits {
            max_concurrency: match own.max_concurrency {
                0 => of_all.map_or(0, |of_all| of_all.max_concurrency),
                own => own,
            },
            ..own
        },
        None => of_all?,
    };
    let ratios = Ratios {
        rpm: token.rpm_ratio,
        tpm: token.tpm_ratio,
    };
    Some(ratios.of(&limits))
}

/// Whoever has an IPv6 address has 2⁶⁴ of them.
fn network(address: std::net::IpAddr) -> [u8; 8] {
    match address {
        std::net::IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [0, 0, 0, 0, a, b, c, d]
        }
        std::net::IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h, ..] = address.octets();
            [a, b, c, d, e, f, g, h]
        }
    }
}

/// Tokens that the call reserves: its body and the longest answers that it allows. A count is none.
fn reserved(stream: &Stream, plan: &Plan) -> u64 {
    let output = match stream.call.operation() {
        Some(Operation::Count { .. }) => return 0,
        Some(Operation::Embed { .. }) => 0,
        None => {
            let output = plan.peek.max_output_tokens.unwrap_or(OUTPUT_TOKENS);
            output.saturating_mul(plan.peek.choices)
        }
    };
    estimate(plan.body_bytes, output)
}

/// # Errors
/// Why it must wait; `None` when too many others were faster.
fn take(
    host: &dyn Host,
    scope: &Scope,
    tokens: u64,
    now_ms: i64,
) -> Result<Standing, Option<Refused>> {
    IN_FLIGHT.with_borrow_mut(|mine| {
        while mine.worker == 0 {
            mine.worker = host.random().cast_signed();
        }
        let held = mine.count(scope.key);
        let mut outcome = Err(None);
        let counted = change(host, scope.key, now_ms, &mut |slot| {
            let admitted = scope.admit(slot, tokens, (mine.worker, held), now_ms);
            outcome = admitted.map_err(Some);
            outcome.is_ok()
        });
        if !counted {
            return Err(None);
        }
        if outcome.is_ok() && scope.limits.max_concurrency > 0 {
            mine.set(scope.key, held.saturating_add(1));
        }
        outcome
    })
}

/// Corrects what was taken. What never was a call (`counts` is false) was no request either.
fn give_back(host: &dyn Host, taken: &Taken, used: u64, counts: bool) {
    let now_ms = match taken.scopes.is_empty() {
        true => return,
        false => host.now_unix_ms(),
    };
    for scope in &taken.scopes {
        let (corrects, holds) = (
            scope.limits.tpm > 0 || !counts,
            scope.limits.max_concurrency > 0,
        );
        if !corrects && !holds {
            continue;
        }
        let (worker, held) = IN_FLIGHT.with_borrow_mut(|mine| {
            let held = mine.count(scope.key).saturating_sub(1);
            if holds {
                mine.set(scope.key, held);
            }
            (mine.worker, held)
        });
        change(host, scope.key, now_ms, &mut |slot| {
            if corrects {
                let reserved = (taken.tokens, taken.at_ms);
                scope.correct(slot, reserved, used, counts, now_ms);
            }
            if holds {
                scope.key.hold(slot, worker, held, now_ms);
            }
            true
        });
    }
}

/// Changes a slot, as often as others are faster; `work` says whether there is anything to write.
/// False when they always were.
fn change(host: &dyn Host, key: Key, now_ms: i64, work: &mut dyn FnMut(&mut Slot) -> bool) -> bool {
    let name = limits_key(key.slot);
    for _ in 0..TRIES_MAX {
        let (bytes, version) = host.shared_version(&name);
        let mut slot = Slot::read(&bytes.unwrap_or_default(), now_ms);
        if !work(&mut slot) {
            return true;
        }
        match host.replace_shared(&name, &slot.write(), version) {
            Ok(true) => return true,
            Ok(false) => {}
            Err(_) => break,
        }
    }
    host.log(Level::Error, "a limit's counter cannot be written");
    false
}

fn too_many(refused: &Refused, whose: Whose) -> ErrorInfo {
    let what = match refused.over {
        Over::Requests => "requests per minute",
        Over::Tokens => "tokens per minute",
        Over::InFlight => "requests at the same time",
    };
    let whose = match whose {
        Whose::Model => "for this model",
        Whose::Token => "for this API key",
        Whose::User => "for this user",
        Whose::Address => "from your address",
    };
    let seconds = refused.wait_ms.div_ceil(1_000).max(1);
    let limit = refused.limit;
    let message =
        format!("Rate limit reached {whose}: {limit} {what}. Please try again in {seconds}s.");
    let mut error = ErrorInfo::new(ErrorKind::RateLimited, message);
    error.retry_after_s = Some(seconds);
    error
}

// === impl InFlight ===

impl InFlight {
    fn count(&self, key: Key) -> u64 {
        let at = self.held.binary_search_by_key(&key, |(key, _)| *key);
        at.ok()
            .and_then(|at| self.held.get(at))
            .map_or(0, |(_, count)| *count)
    }

    fn set(&mut self, key: Key, count: u64) {
        match self.held.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(at) if count == 0 => {
                self.held.remove(at);
            }
            Ok(at) => {
                if let Some(held) = self.held.get_mut(at) {
                    held.1 = count;
                }
            }
            Err(_) if count == 0 => {}
            Err(at) => self.held.insert(at, (key, count)),
        }
    }
}

#[cfg(test)]
mod tests;
