//! The request that one channel gets: path, headers and body, made anew from the caller's original.

use tollgate_config::Channel;
use tollgate_config::names::REQUEST_ID_HEADER;
use tollgate_config::responses::REPLY_PREFIX;
use tollgate_host::{Headers, Host, Map};
use tollgate_protocol::conversation::{echo, without_reasoning};
use tollgate_protocol::{Dialect, Framing, PassOn, Reply, pass_on, path_segment, write_request};

use super::endpoint::endpoint;
use super::{Terms, operate};
use crate::gateway::target;
use crate::memory::Hold;
use crate::state::{also, dialect};
use crate::stream::Stream;

pub(super) struct Prepared {
    pub(super) terms: Terms,
    /// What replaces the caller's body; `None` lets it pass untouched.
    pub(super) body: Option<Vec<u8>>,
    pub(super) stream_wanted: bool,
    /// The cluster of the attempt after this one.
    pub(super) following: Option<String>,
    /// False: the head is still the caller's own and must not go to a provider.
    pub(super) head_written: bool,
}

/// Takes the next channel and writes the request's head for it. `None` when there is no channel
/// left, which Envoy's retry limit prevents.
pub(super) fn prepare(host: &dyn Host, stream: &mut Stream) -> Option<Prepared> {
    if let Some(operation) = stream.call.operation().cloned() {
        return operate::prepare(host, stream, &operation);
    }
    let active = stream.active.clone()?;
    let (index, following) = stream.next_channel()?;
    let channel = active.channel(index)?;
    let following = following
        .and_then(|index| active.channel(index))
        .map(|c| c.cluster.clone());
    let to = stream.call.dialect();
    let from = dialect(channel, to);
    let plan = stream.plan.as_mut()?;
    let source = plan.source.as_ref()?;
    let sent_model = channel.upstream_model(&plan.model).to_owned();
    let is_ours = to == Dialect::OpenaiResponses;
    let stored = stream.keep.as_ref().is_some_and(|keep| keep.by_id);
    let mut reply = Reply {
        model: plan.peek.model.clone(),
        id: match is_ours {
            true => format!("{REPLY_PREFIX}{}", stream.id),
            false => stream.id.clone(),
        },
        stored,
        previous_response_id: stream.continues.clone(),
        conversation: stream.conversation.clone(),
        created_unix_s: u64::try_from(stream.started_unix_ms / 1_000).unwrap_or(0),
        include_usage: plan.peek.include_usage == Some(true),
        framing: stream
            .call
            .addressed
            .as_ref()
            .map_or(Framing::Events, |addressed| addressed.framing),
        ..Reply::default()
    };
    let target = target(&active, channel, &plan.model, &sent_model);
    let can_tell_usage = matches!(from, Dialect::OpenaiChat | Dialect::OpenaiCompletions);
    let asks_for_usage = can_tell_usage && plan.peek.stream && !target.no_stream_options;

    let (body, losses) = if from.takes_as_it_is(to) {
        let betas = betas(&stream.call.forwarded);
        let edits = PassOn {
            model: &sent_model,
            include_usage: asks_for_usage,
            betas: &betas.iter().map(String::as_str).collect::<Vec<_>>(),
            target: Some(&target),
        };
        let (edited, losses) = pass_on(from, &plan.peek, &source.body, &edits);
        if source.is_continued {
            // What Envoy holds is without the history, which came from other providers.
            let body = edited.unwrap_or_else(|| source.body.as_str().into());
            let ours = format!("rs_{REPLY_PREFIX}");
            (Some(without_reasoning(body, &ours)), losses)
        } else {
            (edited, losses)
        }
    } else {
        let written = match plan
            .written
            .take_if(|(written_for, _)| *written_for == index)
        {
            Some((_, written)) => written,
            None => write_request(from, source.request.as_ref()?, &target).ok()?,
        };
        reply.aliases = written.aliases;
        if is_ours && let Some(echo) = echo(&source.body) {
            // Without room the answer repeats nothing.
            stream.echoed = Hold::take(echo.len());
            reply.echo = stream.echoed.is_some().then_some(echo);
        }
        let mut losses = written.losses;
        losses.retain(|loss| loss.field != "store" || !stored);
        (Some(written.body), losses)
    };

    let length = body.as_ref().map_or(source.body.as_str().len(), Vec::len);
    let stream_wanted = plan.peek.stream;
    let terms = Terms {
        from,
        to,
        shown_model: (!sent_model.eq_ignore_ascii_case(&plan.model))
            .then(|| plan.peek.model.clone()),
        drops_usage_chunk: from.takes_as_it_is(to)
            && asks_for_usage
            && plan.peek.include_usage != Some(true),
        reply,
        operation: None,
        max_response_bytes: usize::try_from(active.config.max_response_bytes).unwrap_or(usize::MAX),
    };
    stream.losses = losses;
    stream.begin_attempt(channel, &sent_model, host.now_unix_ms());
    let path = path(channel, from, &sent_model, stream_wanted);
    let head_written = write_head(host, stream, channel, path, length, stream_wanted);
    if following.is_none()
        && let Some(plan) = &mut stream.plan
    {
        // No further attempt can come: the prompt need not wait for its answer to begin.
        plan.source = None;
    }
    Some(Prepared {
        terms,
        body,
        stream_wanted,
        following,
        head_written,
    })
}

/// Sets the whole head: what an earlier attempt wrote, what the caller must not tell a provider,
/// and what Envoy adds for itself are all gone with it. The key is added after this filter.
pub(super) fn write_head(
    host: &dyn Host,
    stream: &Stream,
    channel: &Channel,
    mut path: String,
    length: usize,
    stream_wanted: bool,
) -> bool {
    let call = &stream.call;
    let spoken = dialect(channel, call.dialect());
    // A dialect's own headers mean nothing, or something else, in another; Bedrock has those of
    // Anthropic in its bodies.
    let same_headers = spoken.takes_as_it_is(call.dialect()) && spoken != Dialect::AnthropicBedrock;
    let mut queries = vec![channel.query.clone()];
    // Gemini's query says how to answer, and could ask for an answer without its usage.
    if spoken == call.dialect() && spoken != Dialect::Gemini {
        queries.push(call.forwarded_query());
    }
    for query in queries.iter().filter(|query| !query.is_empty()) {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str(query);
    }
    let length = length.to_string();
    let mut headers: Vec<(&str, &[u8])> = vec![
        (":method", b"POST"),
        (":scheme", channel.scheme.as_bytes()),
        (":authority", channel.authority.as_bytes()),
        (":path", path.as_bytes()),
        // By it the next attempt finds this request; to the provider it is what the caller knows.
        (REQUEST_ID_HEADER, stream.id.as_bytes()),
        ("content-type", b"application/json"),
        ("content-length", length.as_bytes()),
        // Answers are read here.
        ("accept-encoding", b"identity"),
    ];
    for (name, value) in call.forwarded.iter() {
        if same_headers || name == "user-agent" {
            headers.push((name, value));
        }
    }
    for (name, value) in &channel.headers {
        if !headers.iter().any(|(there, _)| there == name) {
            headers.push((name, value.as_bytes()));
        }
    }
    if call.forwarded.get("accept").is_none() || !same_headers {
        headers.push(("accept", accepted(spoken, stream_wanted)));
    }
    host.set_headers(Map::Request, &headers).is_ok()
}

/// Where a channel takes model calls in this dialect.
fn path(channel: &Channel, dialect: Dialect, model: &str, stream: bool) -> String {
    let (base, own) = match also(channel, dialect) {
        Some(also) => (&also.base_path, None),
        None => (&channel.base_path, channel.endpoint.as_deref()),
    };
    match own {
        Some(own) => format!("{base}{}", own.replace("{model}", &path_segment(model))),
        None => format!("{base}{}", endpoint(dialect, model, stream)),
    }
}

/// What a provider may answer with.
fn accepted(dialect: Dialect, stream: bool) -> &'static [u8] {
    match (dialect, stream) {
        // As its SDKs ask: it names one type, not a list.
        (Dialect::BedrockConverse | Dialect::AnthropicBedrock, true) => {
            b"application/vnd.amazon.eventstream"
        }
        (Dialect::BedrockConverse | Dialect::AnthropicBedrock, false) => b"application/json",
        (Dialect::Ollama, _) => b"application/json, application/x-ndjson",
        _ => b"application/json, text/event-stream",
    }
}

/// The features that the caller's `anthropic-beta` headers name.
fn betas(forwarded: &Headers) -> Vec<String> {
    let values = forwarded
        .iter()
        .filter(|(name, _)| *name == "anthropic-beta");
    let values = values.map(|(_, value)| String::from_utf8_lossy(value));
    let mut betas = Vec::new();
    for value in values {
        let named = value.split(',').map(str::trim);
        betas.extend(named.filter(|beta| !beta.is_empty()).map(str::to_owned));
    }
    betas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_features_are_named_in_lists() {
        let headers = [
            ("accept", "x"),
            ("anthropic-beta", "a, b,"),
            ("anthropic-beta", "c"),
        ];
        assert_eq!(betas(&headers.into_iter().collect()), ["a", "b", "c"]);
    }
}
