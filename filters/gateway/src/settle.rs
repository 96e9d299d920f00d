//! The end of a request: one usage event, whatever happened.

use prost::Message;
use tollgate_config::meter::{Outcome, Usage, UsageEvent};
use tollgate_host::Host;

use tollgate_protocol::neutral;
use tollgate_protocol::stream::Outcome as Ending;

use crate::bundle;
use crate::stream::{Stream, bounded};

/// Longest path, user or model that is reported, in bytes.
const TEXT_BYTES_MAX: usize = 512;

/// Leaves the usage event for the meter.
pub(crate) fn settle(host: &dyn Host, stream: &mut Stream) {
    stream.close_attempt();
    let event = event(host, stream);
    bundle::push(host, event.encode_to_vec(), host.now_unix_ms());
}

fn event(host: &dyn Host, stream: &Stream) -> UsageEvent {
    let (outcome, status) = ending(host, stream);
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

/// How it ended, as far as anybody can tell, and the status that the caller got (0 for none).
///
/// Envoy is asked only where the answer is not known here: attributes are slow to read.
fn ending(host: &dyn Host, stream: &Stream) -> (Outcome, u32) {
    let sent = stream.status.map(u32::from);
    match (stream.outcome, sent) {
        (_, Some(status)) if stream.refused => return (Outcome::Refused, status),
        (Some(Ending::Complete), Some(status)) => return (Outcome::Success, status),
        _ => {}
    }
    let status = property_number(host, &["response", "code"]);
    let details = host
        .property(&["response", "code_details"])
        .unwrap_or_default();
    let caller_left = status == 0 || String::from_utf8_lossy(&details).contains("downstream");
    let outcome = match stream.outcome {
        Some(Ending::Interrupted | Ending::Failed(_)) => Outcome::Interrupted,
        _ if caller_left => Outcome::ClientGone,
        Some(Ending::Running) => Outcome::Interrupted,
        _ if sent.is_some_and(|status| status < 300) => Outcome::Success,
        _ => Outcome::Failed,
    };
    (outcome, status)
}

fn usage(usage: &neutral::Usage) -> Usage {
    Usage {
        input_tokens: usage.input_tokens.unwrap_or(0),
        output_tokens: usage.output_tokens.unwrap_or(0),
        cache_read_tokens: usage.cache_read_tokens.unwrap_or(0),
        cache_write_5m_tokens: usage.cache_write_5m_tokens.unwrap_or(0),
        cache_write_1h_tokens: usage.cache_write_1h_tokens.unwrap_or(0),
        reasoning_tokens: usage.reasoning_tokens.unwrap_or(0),
        estimated: false,
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
