//! Budgets: a call takes what it may cost from each of its budgets before an upstream is called, and
//! settles when it is over.
//!
//! ```text
//! reserve ──enough──► on to the router ──…──► settle
//!    ▲ └─short──► asked ──told──┐    └─used up──► 429, insufficient_quota
//!    └──────────────────────────┘    └─asked too often──► 429, try again
//! ```
//!
//! What is here without asking are this Envoy's leases (see [`tollgate_policy::lease`]), which all its
//! workers share. A call that finds them too small waits while it asks the control plane for more;
//! that answers at once where there is more, and after a moment where all that is left is held for
//! calls under way. A token without budgets costs nothing here, and neither does a call that is free.

use prost::Message;
use tollgate_config::leases::{self, Leases};
use tollgate_config::meter::{ModelLimits, UsageEvent};
use tollgate_config::{Ceiling, Model};
use tollgate_host::Host;
use tollgate_policy::lease::{Reserved, SEARCHES, Short, most};
use tollgate_protocol::{ErrorInfo, ErrorKind};

use super::control;
use crate::accounts::change;
use crate::operation::Operation;
use crate::refusal;
use crate::settle::BYTES_PER_TOKEN;
use crate::stream::{Plan, Source, Stream};

/// How long the control plane may take to answer.
const TIMEOUT_MS: u32 = 3_000;

/// How often a call asks before it is told to come back later. The control plane delays an answer
/// that gives nothing by 150 ms, so this is about two seconds.
const ASKS_MAX: u32 = 12;

/// Length of an answer whose limit neither caller nor configuration tells, in tokens.
const OUTPUT_TOKENS: u64 = 32_768;

/// And of a prompt whose bytes do not tell.
const INPUT_TOKENS: u64 = 200_000;

/// The most that models count for a picture, but for small ones that multiply what they count.
const PICTURE_TOKENS: u64 = 16_384;

/// What a call holds of its budgets.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// One for each budget of the token, in its order; empty before.
    reserved: Vec<Reserved>,
    asks: u32,
}

/// Takes the most that the request can cost. What it gives is the call to the control plane that the
/// request has to wait for before it tries again; nothing when it may go on.
pub(super) fn reserve(host: &dyn Host, stream: &mut Stream) -> Result<Option<u32>, ErrorInfo> {
    let Some(token) = stream.token.as_ref().filter(|it| !it.budgets.is_empty()) else {
        return Ok(None);
    };
    let cost = estimate(stream);
    if cost == 0 {
        return Ok(None);
    }
    let now = host.now_unix_ms();
    // All or nothing: what follows a budget that is short is not taken, only asked for as well.
    let (mut reserved, mut lacking, mut used_up) = (Vec::new(), Vec::new(), None);
    for budget in &token.budgets {
        let mut taken = None;
        let is_written = change(host, budget, &mut |account| {
            taken = None;
            match account.reserve(cost, now) {
                Ok(part) if lacking.is_empty() => taken = Some(part),
                Ok(_) => {}
                Err(Short::By(need)) => lacking.push(account.report(budget, need)),
                Err(Short::Exhausted(why)) => used_up = Some(why),
            }
            taken.is_some()
        });
        if !is_written {
            return Err(away());
        }
        reserved.extend(taken);
        if used_up.is_some() {
            break;
        }
    }
    // What is asked for the background only looks: the call that is made then takes.
    if lacking.is_empty() && used_up.is_none() && stream.background.is_none() {
        stream.held.reserved = reserved;
        return Ok(None);
    }
    for (budget, part) in token.budgets.iter().zip(&reserved) {
        change(host, budget, &mut |account| {
            account.settle(part, 0, now);
            true
        });
    }
    if let Some(why) = used_up {
        let error = ErrorInfo::new(ErrorKind::InsufficientQuota, why);
        return Err(error.with_code("insufficient_quota"));
    }
    if lacking.is_empty() {
        return Ok(None);
    }
    stream.held.asks += 1;
    if stream.held.asks > ASKS_MAX {
        return Err(under_way());
    }
    let holder = host.shared(leases::HOLDER_KEY);
    let holder = holder.ok_or_else(refusal::not_ready)?;
    let asked = Leases {
        holder: String::from_utf8_lossy(&holder).into_owned(),
        leases: lacking,
    };
    let service = (leases::SERVICE, leases::METHOD);
    let call = control::call(host, service, &asked.encode_to_vec(), TIMEOUT_MS);
    call.map(Some).ok_or_else(away)
}

/// What the control plane told, to be reserved from.
pub(super) fn told(host: &dyn Host, message: Option<Vec<u8>>) -> Result<(), ErrorInfo> {
    let told = message.and_then(|message| Leases::decode(message.as_slice()).ok());
    let now = host.now_unix_ms();
    for lease in told.ok_or_else(away)?.leases {
        change(host, &lease.budget, &mut |account| {
            account.apply(&lease, now);
            true
        });
    }
    Ok(())
}

/// The call is over: it draws what its usage can have cost at most, and the event says so.
pub(crate) fn settle(host: &dyn Host, stream: &mut Stream, event: &mut UsageEvent) {
    let reserved = std::mem::take(&mut stream.held.reserved);
    let Some(token) = stream.token.as_ref().filter(|_| !reserved.is_empty()) else {
        return;
    };
    let mut ceiling = ceiling(stream);
    if !(200..300).contains(&event.status) {
        ceiling.request = 0;
    }
    let usage = event.usage.unwrap_or_default();
    let drawn = most(
        &ceiling,
        usage.input_tokens,
        usage.output_tokens,
        usage.web_searches,
    );
    let now = host.now_unix_ms();
    for (budget, part) in token.budgets.iter().zip(&reserved) {
        change(host, budget, &mut |account| {
            account.settle(part, drawn, now);
            true
        });
        event.leases.push(part.lease);
    }
    event.drawn_nano_usd = drawn;
}

/// The most that the request can cost: its body as input, or all that the model takes where the body
/// does not tell; the longest answers, and some searches where it offers any.
fn estimate(stream: &Stream) -> i64 {
    let operation = stream.call.operation();
    let counts = matches!(operation, Some(Operation::Count { .. }));
    let embeds = matches!(operation, Some(Operation::Embed { .. }));
    let Some(plan) = stream.plan.as_ref().filter(|_| !counts) else {
        return 0;
    };
    let model = stream.active.as_ref().and_then(|it| it.model(&plan.model));
    let longest = model.and_then(|model| model.max_output_tokens);
    let output = match (plan.peek.max_output_tokens, longest.map(u64::from)) {
        _ if embeds => 0,
        (Some(asked), Some(longest)) => asked.min(longest),
        (asked, longest) => asked.or(longest).unwrap_or(OUTPUT_TOKENS),
    };
    let output = output.saturating_mul(plan.peek.choices);
    let ceiling = ceiling(stream);
    let source = plan.source.as_ref();
    let input = match model.map_or(0, |model| u64::from(model.max_input_tokens)) {
        0 => input(plan, INPUT_TOKENS),
        most => input(plan, most),
    };
    // The dialects' tools and options for it have the word in their names, unless it is escaped;
    // OpenRouter has plugins.
    let offers_search = |source: &Source| {
        let body = source.body.as_str();
        ["earch", "\\u00", "plugins"]
            .iter()
            .any(|sign| body.contains(sign))
    };
    let searches = match ceiling.search > 0 && source.is_some_and(offers_search) {
        true => SEARCHES,
        false => 0,
    };
    most(&ceiling, input, output, searches)
}

/// How many tokens the prompt may be for a model that takes so many.
fn input(plan: &Plan, most: u64) -> u64 {
    let tokens =
        |bytes: usize| u64::try_from(bytes).map_or(u64::MAX, |it| it.div_ceil(BYTES_PER_TOKEN));
    let inputs = plan.inputs;
    let length = plan.source.as_ref().map_or(0, |it| it.body.as_str().len());
    let text = tokens(length.saturating_sub(inputs.picture_bytes));
    let all = text.saturating_add(inputs.pictures.saturating_mul(PICTURE_TOKENS));
    // More than the model takes is refused by its provider, but how much that is may be a guess: the
    // prompt's words go beyond it, and what is long because it is no text does not.
    let most = most.max(tokens(plan.body_bytes).min(text));
    match inputs {
        inputs if inputs.is_elsewhere => most,
        inputs if inputs.is_heard => all.min(most),
        _ => text.max(all.min(most)),
    }
}

/// Of what the token's group pays for the model.
fn ceiling(stream: &Stream) -> Ceiling {
    let (Some(plan), Some(token)) = (&stream.plan, &stream.token) else {
        return Ceiling::default();
    };
    let own = token.own(&plan.model);
    let model = || stream.active.as_ref()?.model(&plan.model);
    let ceiling = own
        .and_then(ModelLimits::ceiling)
        .or_else(|| model().map(Model::ceiling))
        .unwrap_or_default();
    match token.price_multiplier {
        Some(millionths) => ceiling.times(millionths),
        None => ceiling,
    }
}

fn under_way() -> ErrorInfo {
    let message = "What is left of this API key's budget is held for calls that are under way; try \
                   again in a moment.";
    ErrorInfo {
        retry_after_s: Some(1),
        ..ErrorInfo::new(ErrorKind::RateLimited, message)
    }
}

fn away() -> ErrorInfo {
    ErrorInfo::new(
        ErrorKind::Overloaded,
        "The budget of this API key cannot be checked at the moment; try again.",
    )
}

#[cfg(test)]
mod tests;
