//! The end of a request: one usage event, whatever happened.

use prost::Message;
use tollgate_config::meter::{Outcome, Usage, UsageEvent};
use tollgate_config::names::USAGE_QUEUE;
use tollgate_host::{Host, Level};
use tollgate_protocol::neutral;
use tollgate_protocol::stream::Outcome as Ending;

use crate::stream::{Stream, bounded};

/// Longest path, user or model that is reported, in bytes.
const TEXT_BYTES_MAX: usize = 256;

/// Leaves the usage event for the meter.
pub(crate) fn settle(host: &dyn Host, stream: &mut Stream) {
    stream.close_attempt();
    let event = event(host, stream);
    if let Err(error) = host.enqueue(USAGE_QUEUE, &event.encode_to_vec()) {
        host.log(
            Level::Error,
            &format!("usage of {} not queued: {error}", stream.id),
        );
    }
}

fn event(host: &dyn Host, stream: &Stream) -> UsageEvent {
    let status = property_number(host, &["response", "code"]);
    let outcome = outcome(host, stream, status);
    let token = stream.token.clone().unwrap_or_default();
    let plan = stream.plan.as_ref();
    let error = match outcome {
        Outcome::Success => None,
        _ => stream.error.as_ref(),
    };
    UsageEvent {
        id: stream.id.clone(),
        started_unix_ms: stream.started_unix_ms,
        duration_ms: host.now_unix_ms() - stream.started_unix_ms,
        first_byte_ms: stream
            .first_byte_unix_ms
            .map(|at| at - stream.started_unix_ms),
        token_id: token.id,
        token_name: token.name,
        group: token.group,
        model: plan.map(|plan| short(&plan.model)).unwrap_or_default(),
        method: short(&stream.call.method),
        path: short(&stream.call.path),
        dialect: stream.call.dialect().as_str().to_owned(),
        stream: plan.is_some_and(|plan| plan.peek.stream),
        status,
        outcome: outcome.into(),
        error: error
            .map(|error| bounded(&error.message))
            .unwrap_or_default(),
        ip: stream.address.clone(),
        user: plan
            .and_then(|plan| plan.peek.user.as_deref())
            .map(short)
            .unwrap_or_default(),
        usage: (!stream.usage.is_empty()).then(|| usage(&stream.usage)),
        attempts: stream.attempts.clone(),
        upstream_id: stream.upstream_id.clone(),
        losses: stream.losses.clone(),
    }
}

/// How it ended, as far as anybody can tell.
fn outcome(host: &dyn Host, stream: &Stream, status: u32) -> Outcome {
    let details = host
        .property(&["response", "code_details"])
        .unwrap_or_default();
    let details = String::from_utf8_lossy(&details).into_owned();
    let caller_left = details.contains("downstream") || status == 0;
    if stream.refused {
        return Outcome::Refused;
    }
    match stream.outcome {
        Some(Ending::Complete) => Outcome::Success,
        Some(Ending::Interrupted | Ending::Failed(_)) if stream.answered => Outcome::Interrupted,
        _ if caller_left => Outcome::ClientGone,
        Some(Ending::Running) => Outcome::Interrupted,
        _ if stream.answered && (200..300).contains(&status) => Outcome::Success,
        _ => Outcome::Failed,
    }
}

fn usage(usage: &neutral::Usage) -> Usage {
    Usage {
        input_tokens: usage.input_tokens.unwrap_or(0),
        output_tokens: usage.output_tokens.unwrap_or(0),
        cache_read_tokens: usage.cache_read_tokens.unwrap_or(0),
        cache_write_5m_tokens: usage.cache_write_5m_tokens.unwrap_or(0),
        cache_write_1h_tokens: usage.cache_write_1h_tokens.unwrap_or(0),
        reasoning_tokens: usage.reasoning_tokens.unwrap_or(0),
    }
}

/// Envoy hands numbers over as 64 bits, little endian.
fn property_number(host: &dyn Host, path: &[&str]) -> u32 {
    let bytes = host.property(path).unwrap_or_default();
    let number = bytes
        .first_chunk::<8>()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes));
    u32::try_from(number).unwrap_or(0)
}

fn short(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}
