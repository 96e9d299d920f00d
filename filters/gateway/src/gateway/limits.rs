//! Limits of a call: it is counted in before it is routed, and corrected at its end.
//!
//! The counters are in the data that all workers share ([`tollgate_policy::limits`] says what they
//! are), changed only if nobody else was faster; a call that is under no limit costs nothing here.
//! How many calls this worker has in flight it knows by itself. Shared data only repeats it, again
//! and again, so that the calls of a worker that is lost are free again after a while.

use std::cell::RefCell;
use std::mem;

use prost::Message;
use tollgate_config::meter::{Limits, Outcome, Share, TokenRecord, UsageEvent};
use tollgate_config::names::{SHARE_KEY, limits_key};
use tollgate_host::{Host, Level};
use tollgate_policy::limits::{
    Key, OUTPUT_TOKENS, Over, Ratios, Refused, Scope, Shown, Slot, Standing, Whose, estimate,
    headers, share,
};
use tollgate_protocol::{Dialect, ErrorInfo, ErrorKind};

use super::admit::peer;
use crate::operation::Operation;
use crate::refusal;
use crate::state::Active;
use crate::stream::{Plan, Stream};

/// How often a worker tries where others are faster. Each time one of them got on, so more than
/// this says that the machine is overrun.
const TRIES_MAX: usize = 64;

/// What a call has taken, until its end.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    scopes: Vec<Scope>,
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
    let scopes = scopes(host, stream, plan);
    if scopes.is_empty() {
        return Ok(());
    }
    let dialect = stream.call.dialect();
    let shown = |standing: &Standing, now_ms| match dialect {
        Dialect::Gemini => Vec::new(),
        _ => headers(standing, dialect == Dialect::Anthropic, now_ms),
    };
    let mut taken = Taken {
        tokens: reserved(stream, plan),
        at_ms: host.now_unix_ms(),
        ..Taken::default()
    };
    let mut standing = Standing::default();
    for scope in scopes {
        match take(host, &scope, taken.tokens, taken.at_ms) {
            Ok(stands) => {
                standing = standing.tightest(stands);
                taken.scopes.push(scope);
            }
            Err(refused) => {
                give_back(host, &taken, 0, false);
                let Some(refused) = refused else {
                    return Err(refusal::no_room());
                };
                stream.limits.headers = shown(&refused.standing, taken.at_ms);
                return Err(too_many(&refused, scope.whose));
            }
        }
    }
    taken.headers = shown(&standing, taken.at_ms);
    stream.limits = taken;
    Ok(())
}

/// The call is over: what it holds is free, and what it has not used.
pub(crate) fn settle(host: &dyn Host, stream: &mut Stream, event: &UsageEvent) {
    let taken = mem::take(&mut stream.limits);
    let used = match &event.usage {
        Some(usage) => usage.input_tokens.saturating_add(usage.output_tokens),
        // Nobody counted.
        None if event.outcome() == Outcome::Success => taken.tokens,
        None => 0,
    };
    give_back(host, &taken, used, !stream.refused);
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

/// The limits that the call is under, as far as they are this gateway's to keep.
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
    if !scopes.is_empty() {
        let told = host.shared(SHARE_KEY).unwrap_or_default();
        let Share { nodes, index } = Share::decode(told.as_slice()).unwrap_or_default();
        for scope in &mut scopes {
            scope.limits = share(&scope.limits, nodes, index);
        }
    }
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
