//! Limits of a call: it is counted in before it is routed, and corrected at its end.
//!
//! The [`counters`] are in the data that all workers share ([`tollgate_policy::limits`] says what they
//! are); a call that is under no limit ([`scopes`]) costs nothing here. Where rates are counted for all
//! gateways together, the call asks the control plane before it goes on ([`ask`]), and is counted here,
//! as far as this gateway's share goes, when nobody answers.

mod counters;
mod scopes;

use std::mem;

use prost::Message;
use tollgate_config::meter::{Outcome, Share, UsageEvent};
use tollgate_config::names::SHARE_KEY;
use tollgate_config::together::{self, Admitted, Counted, Rates};
use tollgate_host::Host;
use tollgate_policy::limits::{
    OUTPUT_TOKENS, Over, Rate, Refused, Scope, Shown, Standing, Whose, estimate, headers, share,
};
use tollgate_protocol::{Dialect, ErrorInfo, ErrorKind};

use self::scopes::scopes;
use super::control;
use crate::operation::Operation;
use crate::refusal;
use crate::stream::{Plan, Stream};

/// How long the control plane may take to answer.
const TIMEOUT_MS: u32 = 1_000;

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

/// Counts the call in; without a plan it is about what is kept. What is asked for the background only
/// sees whether it could be, for the call that is made then is counted itself.
///
/// # Errors
/// When it is over a limit. Then it is counted nowhere.
pub(super) fn admit(
    host: &dyn Host,
    stream: &mut Stream,
    plan: Option<&Plan>,
) -> Result<(), ErrorInfo> {
    let mut scopes = scopes(host, stream, plan);
    if scopes.is_empty() {
        return Ok(());
    }
    let told = host.shared(SHARE_KEY).unwrap_or_default();
    let share = Share::decode(told.as_slice()).unwrap_or_default();
    stream.limits = Taken {
        tokens: plan.map_or(0, |plan| reserved(stream, plan)),
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
    let mut rates = counted(taken);
    rates.is_void = stream.background.is_some();
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
        match stream.background {
            Some(_) => stream.limits.together.clear(),
            None => stream.limits.together_at_ms = told.at_ms,
        }
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

/// Counts the call in at this gateway's share of each of these, or at none; or sees whether it could.
fn take_all(host: &dyn Host, stream: &mut Stream, scopes: Vec<Scope>) -> Result<(), ErrorInfo> {
    let Share { nodes, index, .. } = stream.limits.share;
    let now_ms = host.now_unix_ms();
    stream.limits.at_ms = now_ms;
    let mut standing = Standing::default();
    let takes = stream.background.is_none();
    for mut scope in scopes {
        scope.limits = share(&scope.limits, nodes, index);
        if scope.limits.is_none() {
            continue;
        }
        match counters::take(host, &scope, stream.limits.tokens, now_ms, takes) {
            Ok(stands) => {
                standing = standing.tightest(stands);
                if takes {
                    stream.limits.scopes.push(scope);
                }
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
    // What is not there was looked for.
    let is_void = stream.refused && !stream.call.endpoint.is_kept();
    give_back(host, &taken, used, !is_void);
    if taken.together_at_ms != 0 {
        event.counted = Some(Counted {
            used,
            is_void,
            ..counted(&taken)
        });
    }
}

/// What the answer says of limits.
pub(crate) fn shown(stream: &Stream) -> impl Iterator<Item = (&'static str, &str)> {
    let headers = stream.limits.headers.iter();
    headers.map(|(name, value)| (*name, value.as_str()))
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

/// Says again, now and then, what this worker has in flight.
pub(crate) fn tick(host: &dyn Host) {
    counters::renew(host);
}

/// Corrects what was taken. What never was a call (`counts` is false) was no request either.
fn give_back(host: &dyn Host, taken: &Taken, used: u64, counts: bool) {
    if taken.scopes.is_empty() {
        return;
    }
    let (now_ms, reserved) = (host.now_unix_ms(), (taken.tokens, taken.at_ms));
    for scope in &taken.scopes {
        counters::give_back(host, scope, reserved, used, counts, now_ms);
    }
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

#[cfg(test)]
mod tests;
