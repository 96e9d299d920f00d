//! The end of a request: one usage event, whatever happened.

use std::mem;

use prost::Message;
use tollgate_config::meter::{Outcome, Usage, UsageEvent};
use tollgate_config::responses::{self, Stored};
use tollgate_host::{Host, Level};

use tollgate_protocol::Loss;
use tollgate_protocol::neutral::ServiceTier;
use tollgate_protocol::stream::Outcome as Ending;

use crate::bundle;
use crate::detail;
use crate::gateway::{budget, limits};
use crate::losses;
use crate::operation::Operation;
use crate::stream::{Stream, bounded};
use crate::uncounted::Missing;

/// What a token is taken for where nobody counted: English and code have about four bytes to one.
pub(crate) const BYTES_PER_TOKEN: u64 = 4;

/// Longest path, user or model that is reported, in bytes.
const TEXT_BYTES_MAX: usize = 512;

/// Leaves the usage event for the meter.
pub(crate) fn settle(host: &dyn Host, stream: &mut Stream) {
    if stream.is_test() {
        return;
    }
    let was_open = stream.close_attempt();
    if let Some(response) = kept(host, stream) {
        bundle::push_response(host, response);
    }
    let (mut event, missing) = event(host, stream, was_open);
    limits::settle(host, stream, &mut event);
    budget::settle(host, stream, &mut event);
    detail::settle(host, stream, &event);
    let evidence = mem::take(&mut stream.evidence);
    let rest = evidence.uncounted(missing, &stream.usage).map(|uncounted| {
        let rest = UsageEvent {
            uncounted: Some(uncounted),
            ..UsageEvent::default()
        };
        rest.encode_to_vec()
    });
    bundle::push(host, event.encode_to_vec(), rest, host.now_unix_ms());
}

/// The answer as it is kept, if it is whole and is to be; for a conversation that waits for it, that
/// there is none as well.
fn kept(host: &dyn Host, stream: &mut Stream) -> Option<Vec<u8>> {
    let token = stream.token.as_ref()?;
    let mut stored = Stored {
        id: responses::id(&stream.id),
        group: token.group.clone(),
        token_id: token.id,
        ..Stored::default()
    };
    if stream.writes_conversation {
        stored.conversation = stream.conversation.clone().unwrap_or_default();
    }
    let nothing = stored.clone();
    if let Some(keep) = stream.keep.take()
        && let Some(response) = keep.response
        && stream.outcome == Some(Ending::Complete)
    {
        let plan = stream.plan.as_ref();
        stored.model = plan.map(|plan| plan.model.clone()).unwrap_or_default();
        stored.previous = stream.continues.clone().unwrap_or_default();
        stored.input = keep.input;
        stored.response = response;
        stored.not_by_id = !keep.by_id;
        if stored.encoded_len() > responses::STORED_BYTES_MAX {
            host.log(Level::Warn, "a response is not kept: it is too large");
            stored = nothing;
        }
    }
    let is_news = !stored.response.is_empty() || stream.writes_conversation;
    is_news.then(|| stored.encode_to_vec())
}

/// Takes from the stream what nobody needs after it.
fn event(host: &dyn Host, stream: &mut Stream, was_open: bool) -> (UsageEvent, Missing) {
    let (outcome, status) = ending(host, stream);
    let is_cut = matches!(outcome, Outcome::ClientGone | Outcome::Interrupted);
    let is_cut = is_cut && had_the_prompt(host, stream, was_open);
    let missing = missing(stream, outcome, is_cut);
    let service_tier = service_tier(stream).to_owned();
    let usage = usage(stream, missing);
    let token = stream.token.as_ref();
    let plan = stream.plan.as_ref();
    let error = match outcome {
        Outcome::Success => None,
        _ => stream.error.as_ref(),
    };
    let inputs = plan.map(|plan| plan.inputs);
    let event = UsageEvent {
        id: stream.id.clone(),
        started_unix_ms: stream.started_unix_ms,
        duration_ms: host.now_unix_ms() - stream.started_unix_ms,
        first_byte_ms: stream
            .first_byte_unix_ms
            .map(|at| at - stream.started_unix_ms),
        token_id: token.map_or(0, |token| token.id),
        token_name: token.map(|token| token.name.clone()).unwrap_or_default(),
        group: token.map(|token| token.group.clone()).unwrap_or_default(),
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
        ip: mem::take(&mut stream.address),
        user: plan
            .and_then(|plan| plan.peek.user.as_deref())
            .map(short)
            .unwrap_or_default(),
        usage,
        attempts: mem::take(&mut stream.attempts),
        upstream_id: mem::take(&mut stream.upstream_id),
        losses: losses::lines(&stream.losses),
        service_tier,
        input_media: inputs.and_then(|it| it.knows(it.pictures > 0 || it.is_heard)),
        input_video: inputs.and_then(|it| it.knows(it.is_film)),
        ..UsageEvent::default()
    };
    (event, missing)
}

/// As what the call was served. Where the answer does not say, it is what the caller asked for,
/// unless the provider was never told.
fn service_tier(stream: &Stream) -> &'static str {
    const FIELDS: [&str; 3] = ["service_tier", "serviceTier", "speed"];
    let asked = || {
        let is_lost = |loss: &Loss| FIELDS.contains(&&*loss.field);
        let is_told = !stream.attempts.is_empty() && !stream.losses.iter().any(is_lost);
        let peek = &stream.plan.as_ref()?.peek;
        peek.service_tier.filter(|_| is_told)
    };
    let tier = stream.usage.service_tier.or_else(asked);
    tier.map(ServiceTier::as_str).unwrap_or_default()
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
        _ if caller_left && sent.is_none_or(|status| status < 300) => Outcome::ClientGone,
        Some(Ending::Running) => Outcome::Interrupted,
        _ if sent.is_some_and(|status| status < 300) => Outcome::Success,
        // Envoy itself refused what it could not read.
        _ if stream.attempts.is_empty() => Outcome::Refused,
        _ => Outcome::Failed,
    };
    (outcome, status)
}

/// Whether the last upstream has the prompt, and neither refused it nor ended its answer with an error
/// before the first word: it works, and is paid for that, whether or not there was a word yet. An
/// attempt without a status may have waited for its connection; or for a proxy's, of which only TLS
/// would tell, for what leads to proxies is Envoy itself.
fn had_the_prompt(host: &dyn Host, stream: &Stream, was_open: bool) -> bool {
    let status = stream.attempts.last().map(|attempt| attempt.status);
    match (&stream.outcome, status) {
        (Some(Ending::Failed(_)), _) => counted_output(stream) > 0,
        (Some(_), status) => status.is_some(),
        (None, Some(0)) if was_open => {
            let told = |what| host.property(&["upstream", what]);
            told("local_address").is_some_and(|address| {
                !address.starts_with(b"envoy:") || told("tls_version").is_some()
            })
        }
        (None, Some(200..300)) => was_open,
        (None, _) => false,
    }
}

/// What the upstream should have told and did not. What was cut before its upstream told (OpenAI's
/// tells last) was used all the same; vectors are paid by what goes in.
fn missing(stream: &Stream, outcome: Outcome, is_cut: bool) -> Missing {
    let told = &stream.usage;
    let is_whole = outcome == Outcome::Success
        && stream.outcome == Some(Ending::Complete)
        && !stream.attempts.is_empty();
    match stream.call.operation() {
        Some(Operation::Embed { .. }) => Missing {
            input: (outcome == Outcome::Success || is_cut) && told.input_tokens.is_none(),
            output: false,
        },
        Some(_) => Missing::default(),
        None if is_whole => Missing::of(told),
        None if is_cut => Missing {
            input: told.input_tokens.is_none(),
            output: counted_output(stream) > told.output_tokens.unwrap_or(0),
        },
        None => Missing::default(),
    }
}

/// What the call used. What is missing is a rough estimate, until the control plane counts it.
fn usage(stream: &Stream, missing: Missing) -> Option<Usage> {
    let told = &stream.usage;
    let mut usage = Usage {
        input_tokens: told.input_tokens.unwrap_or(0),
        output_tokens: told.output_tokens.unwrap_or(0),
        cache_read_tokens: told.cache_read_tokens.unwrap_or(0),
        cache_write_5m_tokens: told.cache_write_5m_tokens.unwrap_or(0),
        cache_write_1h_tokens: told.cache_write_1h_tokens.unwrap_or(0),
        reasoning_tokens: told.reasoning_tokens.unwrap_or(0),
        estimated: missing != Missing::default(),
        image_input_tokens: told.input_image_tokens.unwrap_or(0),
        audio_input_tokens: told.input_audio_tokens.unwrap_or(0),
        video_input_tokens: told.input_video_tokens.unwrap_or(0),
        image_output_tokens: told.output_image_tokens.unwrap_or(0),
        audio_output_tokens: told.output_audio_tokens.unwrap_or(0),
        web_searches: told.web_searches.unwrap_or(0),
        web_fetches: told.web_fetches.unwrap_or(0),
        code_runs: told.code_runs.unwrap_or(0),
        file_searches: told.file_searches.unwrap_or(0),
    };
    if missing.input {
        usage.input_tokens = estimated_input(stream);
    }
    if missing.output {
        usage.output_tokens = counted_output(stream).max(usage.output_tokens);
    }
    (usage != Usage::default()).then_some(usage)
}

fn counted_output(stream: &Stream) -> u64 {
    stream.output_bytes.div_ceil(BYTES_PER_TOKEN)
}

fn estimated_input(stream: &Stream) -> u64 {
    let body = stream.plan.as_ref().map_or(0, |plan| plan.body_bytes);
    u64::try_from(body).unwrap_or(0).div_ceil(BYTES_PER_TOKEN)
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
