//! Anthropic Messages: its requests, answers, streams and errors.
//!
//! Shapes and order are those of the API reference of `POST /v1/messages` and its streaming guide:
//! `message_start`, then for each block its start, deltas and stop, then `message_delta` with the
//! final usage, then `message_stop`.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Ask, Call, Choice, Failure, Finish};
use super::events::{Step, named, script};

pub(super) fn read(body: &[u8]) -> Result<Ask, Failure> {
    let request: Value = serde_json::from_slice(body)
        .map_err(|_| Failure::bad_request("The request body is not valid JSON"))?;
    let model = request
        .get("model")
        .and_then(Value::as_str)
        .filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| Failure::bad_request("model: Field required"))?;
    let max_tokens = request
        .get("max_tokens")
        .and_then(Value::as_u64)
        .filter(|max| *max > 0);
    let max_tokens =
        max_tokens.ok_or_else(|| Failure::bad_request("max_tokens: Field required"))?;
    let messages = request
        .get("messages")
        .and_then(Value::as_array)
        .filter(|list| !list.is_empty());
    let messages = messages.ok_or_else(|| Failure::bad_request("messages: Field required"))?;
    let content = messages.last().and_then(|message| message.get("content"));
    let blocks = || content.and_then(Value::as_array).into_iter().flatten();
    let count = |kind: &str| {
        blocks()
            .filter(|block| block.get("type").and_then(Value::as_str) == Some(kind))
            .count()
    };
    Ok(Ask {
        model: model.to_owned(),
        stream: request
            .get("stream")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        text: content.map(text).unwrap_or_default(),
        tool_result: count("tool_result") > 0,
        images: count("image"),
        tools: tools(&request),
        choice: choice(request.get("tool_choice")),
        max_tokens: Some(max_tokens),
        thinking: request.pointer("/thinking/type").and_then(Value::as_str) == Some("enabled"),
        schema: None,
        bytes: messages
            .iter()
            .map(|message| message.to_string().len())
            .sum(),
    })
}

pub(super) fn whole(answer: &Answer) -> Value {
    let mut message = message(answer);
    if let Some(message) = message.as_object_mut() {
        message.insert(
            "content".into(),
            blocks(answer).iter().map(Block::whole).collect(),
        );
        message.insert("stop_reason".into(), json!(finish(answer)));
        message.insert("usage".into(), usage(answer, answer.usage.output));
    }
    message
}

pub(super) fn stream(answer: &Answer) -> Vec<Step> {
    let beginning = vec![named(
        &json!({ "type": "message_start", "message": message(answer) }),
    )];
    let mut pieces = Vec::new();
    for (index, block) in blocks(answer).iter().enumerate() {
        let mut start = named(
            &json!({ "type": "content_block_start", "index": index, "content_block": block.empty() }),
        );
        if index == 0 {
            start += &named(&json!({ "type": "ping" }));
        }
        let deltas = block.deltas();
        let last = deltas.len().saturating_sub(1);
        for (at, delta) in deltas.into_iter().enumerate() {
            let delta = json!({ "type": "content_block_delta", "index": index, "delta": delta });
            let mut piece = std::mem::take(&mut start) + &named(&delta);
            if at == last {
                piece += &named(&json!({ "type": "content_block_stop", "index": index }));
            }
            pieces.push(piece);
        }
    }
    let end = vec![
        named(&json!({ "type": "message_delta",
            "delta": { "stop_reason": finish(answer), "stop_sequence": null },
            "usage": usage(answer, answer.usage.output) })),
        named(&json!({ "type": "message_stop" })),
    ];
    let failure = Failure {
        status: 529,
        ..Failure::bad_request("Overloaded")
    };
    script(answer, beginning, pieces, end, || named(&error(&failure)))
}

pub(super) fn error(failure: &Failure) -> Value {
    let kind = match failure.status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    };
    json!({ "type": "error", "error": { "type": kind, "message": failure.message } })
}

/// A block of the answer's content.
enum Block<'a> {
    Thinking(&'a str),
    Text(&'a [String]),
    Call(&'a Call),
}

fn blocks(answer: &Answer) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    if !answer.reasoning.is_empty() {
        blocks.push(Block::Thinking(&answer.reasoning));
    }
    if answer.calls.is_empty() {
        blocks.push(Block::Text(&answer.text));
    }
    blocks.extend(answer.calls.iter().map(Block::Call));
    blocks
}

/// Stands for Anthropic's signature of thoughts; a caller must send it back as it is.
const SIGNATURE: &str = "ZGVtbyBzaWduYXR1cmU=";

impl Block<'_> {
    fn whole(&self) -> Value {
        match self {
            Self::Thinking(text) => {
                json!({ "type": "thinking", "thinking": text, "signature": SIGNATURE })
            }
            Self::Text(pieces) => json!({ "type": "text", "text": pieces.concat() }),
            Self::Call(call) => json!({ "type": "tool_use", "id": call_id(call), "name": call.name,
                "input": call.arguments }),
        }
    }

    fn empty(&self) -> Value {
        match self {
            Self::Thinking(_) => json!({ "type": "thinking", "thinking": "", "signature": "" }),
            Self::Text(_) => json!({ "type": "text", "text": "" }),
            Self::Call(call) => {
                json!({ "type": "tool_use", "id": call_id(call), "name": call.name, "input": {} })
            }
        }
    }

    /// At least one.
    fn deltas(&self) -> Vec<Value> {
        match self {
            Self::Thinking(text) => text
                .split_inclusive(' ')
                .map(|words| json!({ "type": "thinking_delta", "thinking": words }))
                .chain([json!({ "type": "signature_delta", "signature": SIGNATURE })])
                .collect(),
            Self::Text([]) => vec![json!({ "type": "text_delta", "text": "" })],
            Self::Text(pieces) => pieces
                .iter()
                .map(|piece| json!({ "type": "text_delta", "text": piece }))
                .collect(),
            Self::Call(call) => {
                let input = call.arguments.to_string();
                let parts = std::iter::once("").chain(input.split_inclusive([':', ',']));
                parts
                    .map(|part| json!({ "type": "input_json_delta", "partial_json": part }))
                    .collect()
            }
        }
    }
}

/// As at the start of a stream: nothing said yet.
fn message(answer: &Answer) -> Value {
    json!({
        "id": format!("msg_{}", answer.id), "type": "message", "role": "assistant",
        "model": answer.model, "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": usage(answer, 1),
    })
}

/// Net input: what came from or went into the cache is counted beside it.
fn usage(answer: &Answer, output: u64) -> Value {
    let usage = answer.usage;
    json!({
        "input_tokens": usage.input.saturating_sub(usage.cached.saturating_add(usage.cache_creation)),
        "cache_creation_input_tokens": usage.cache_creation,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": { "ephemeral_5m_input_tokens": usage.cache_creation,
            "ephemeral_1h_input_tokens": 0 },
        "output_tokens": output, "service_tier": "standard",
    })
}

fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts = blocks.iter().filter_map(|block| {
                let inner = block.get("text").or_else(|| block.get("content"))?;
                Some(text(inner)).filter(|text| !text.is_empty())
            });
            texts.collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

fn tools(request: &Value) -> Vec<(String, Value)> {
    let tools = request
        .get("tools")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    tools
        .filter_map(|tool| {
            let schema = tool.get("input_schema").cloned().unwrap_or_default();
            Some((tool.get("name")?.as_str()?.to_owned(), schema))
        })
        .collect()
}

fn choice(choice: Option<&Value>) -> Choice {
    let field = |name: &str| {
        choice
            .and_then(|choice| choice.get(name))
            .and_then(Value::as_str)
    };
    match (field("type"), field("name")) {
        (Some("none"), _) => Choice::None,
        (Some("any"), _) => Choice::Any,
        (Some("tool"), Some(name)) => Choice::Named(name.to_owned()),
        _ => Choice::Auto,
    }
}

fn call_id(call: &Call) -> String {
    format!("toolu_{}", call.id)
}

fn finish(answer: &Answer) -> &'static str {
    match answer.finish {
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::Tools => "tool_use",
    }
}

pub(super) fn models() -> Value {
    let mut model = Map::new();
    model.insert("type".into(), json!("model"));
    model.insert("id".into(), json!("demo"));
    model.insert("display_name".into(), json!("Demo"));
    model.insert("created_at".into(), json!("2026-01-01T00:00:00Z"));
    json!({ "data": [model], "has_more": false, "first_id": "demo", "last_id": "demo" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::Behaviour;

    fn answer(request: Value) -> Answer {
        let ask = read(request.to_string().as_bytes()).expect("a request");
        ask.answer(Behaviour::default()).expect("an answer")
    }

    fn events(request: Value) -> Vec<String> {
        let steps = stream(&answer(request)).into_iter();
        let text: String = steps
            .map(|step| match step {
                Step::Now(event) | Step::Piece(event) => event,
                Step::Break => "event: break\ndata: {}\n\n".into(),
            })
            .collect();
        text.lines()
            .filter_map(|line| line.strip_prefix("event: "))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn streams_are_in_anthropics_order() {
        let request = |text: &str| {
            json!({ "model": "m", "max_tokens": 99, "stream": true,
            "messages": [{ "role": "user", "content": [{ "type": "text", "text": text }] }] })
        };
        let (start, ping, delta, stop) = (
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_stop",
        );
        assert_eq!(
            events(request("[demo text=ab chunks=2]")),
            [
                "message_start",
                start,
                ping,
                delta,
                delta,
                stop,
                "message_delta",
                "message_stop"
            ],
        );
        assert_eq!(
            events(request("[demo text=a reasoning=b]")),
            [
                "message_start",
                start,
                ping,
                delta,
                delta,
                stop,
                start,
                delta,
                stop,
                "message_delta",
                "message_stop"
            ],
        );
        assert_eq!(
            events(request("[demo tool=f args={}]")),
            [
                "message_start",
                start,
                ping,
                delta,
                delta,
                stop,
                "message_delta",
                "message_stop"
            ],
        );
        assert_eq!(
            events(request("[demo text=ab chunks=2 cut=1]")),
            ["message_start", start, ping, delta, "break"]
        );
        assert_eq!(
            events(request("[demo text=ab fail_after=0]")),
            ["message_start", "error"]
        );
    }

    #[test]
    fn the_largest_figures_are_bounded() {
        let most = u64::MAX;
        let text = format!(
            "[demo input_tokens={most} output_tokens={most} cached_tokens={most} \
             cache_creation_tokens={most} reasoning_tokens={most}]"
        );
        let request = json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content": text }] });
        let usage = whole(&answer(request))["usage"].clone();
        assert_eq!(usage["output_tokens"], json!(10_000_000));
        assert_eq!(usage["cache_read_input_tokens"], json!(10_000_000));
        assert_eq!(usage["input_tokens"], json!(0));
    }

    #[test]
    fn input_is_net_of_the_cache() {
        let text = "[demo input_tokens=10 cached_tokens=4 cache_creation_tokens=1]";
        let request = json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content": text }] });
        let usage = whole(&answer(request))["usage"].clone();
        assert_eq!(
            (
                &usage["input_tokens"],
                &usage["cache_read_input_tokens"],
                &usage["cache_creation_input_tokens"]
            ),
            (&json!(5), &json!(4), &json!(1)),
        );
    }
}
