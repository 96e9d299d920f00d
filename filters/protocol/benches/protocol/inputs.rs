//! What is measured: written once, as Chat Completions, and brought into every other
//! dialect by the protocol itself, so that a new dialect needs nothing here.

use serde_json::{Map, Value, json};
use tollgate_protocol::stream::{Outcome, Translator};
use tollgate_protocol::{
    Body, Dialect, Limits, Reply, Target, read_request, translate_response, write_request,
};

/// Above everything here.
pub(crate) const LIMIT: usize = 64 << 20;

const CHAT: Dialect = Dialect::OpenaiChat;

pub(crate) struct Size {
    pub(crate) name: &'static str,
    bytes: usize,
    images: usize,
}

/// A question, a long prompt, pictures.
pub(crate) const SIZES: &[Size] = &[
    Size {
        name: "1 KB",
        bytes: 1_000,
        images: 0,
    },
    Size {
        name: "100 KB",
        bytes: 100_000,
        images: 0,
    },
    Size {
        name: "10 MB",
        bytes: 10_000_000,
        images: 4,
    },
];

/// Prose and code: what needs an escape comes every few dozen bytes.
const LINE: &str =
    "    let shown = format!(\"{name}: {count}\"); // counted twice in a while, \u{fc}ber alles\n";

fn text(bytes: usize) -> String {
    LINE.repeat(bytes.div_ceil(LINE.len()))
}

/// A request of about this size in a dialect that callers speak; nothing where that
/// dialect cannot say it (tools in the legacy Completions).
pub(crate) fn request(dialect: Dialect, size: &Size) -> Option<Vec<u8>> {
    // Pictures fill what is asked for; otherwise text does, less what is around it.
    let words = match size.images {
        0 => size.bytes.saturating_sub(700),
        _ => 50_000,
    };
    let older = text(words / 4);
    let mut content = vec![json!({"type": "text", "text": text(words / 2)})];
    content.extend((0..size.images).map(|_| {
        let data = "iVBORw0KGgoAAAANSUhEUgAA".repeat(size.bytes / size.images / 24);
        json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}})
    }));
    let chat = json!({
        "model": "asked-model",
        "max_completion_tokens": 500,
        "temperature": 0.5,
        "stream": true,
        "tools": [{"type": "function", "function": {"name": "look", "description": "Looks it up",
            "parameters": {"type": "object", "properties": {"what": {"type": "string"}}}}}],
        "messages": [
            {"role": "system", "content": "You are brief."},
            {"role": "user", "content": older},
            {"role": "assistant", "content": "I see.", "tool_calls": [{"id": "call_1", "type": "function",
                "function": {"name": "look", "arguments": "{\"what\":\"it\"}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": older},
            {"role": "user", "content": content},
        ],
    });
    let bytes = chat.to_string().into_bytes();
    if dialect == CHAT {
        return Some(bytes);
    }
    let body = Body::parse(bytes, &Limits::request(LIMIT)).expect("JSON");
    let request = read_request(CHAT, &body).expect("a request");
    let written = write_request(dialect, &request, &target()).ok()?;
    // As its own callers would send it: with the model and the flag in the body.
    let mut request: Map<String, Value> = serde_json::from_slice(&written.body).expect("JSON");
    request.insert("model".into(), json!("asked-model"));
    request.insert("stream".into(), json!(true));
    Some(Value::from(request).to_string().into_bytes())
}

/// A whole answer of about this size.
pub(crate) fn answer(dialect: Dialect, size: &Size) -> Vec<u8> {
    let chat = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "upstream-model",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text(size.bytes)}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
    });
    let bytes = chat.to_string().into_bytes();
    if dialect == CHAT {
        return bytes;
    }
    translate_response(CHAT, dialect, bytes, &reply())
        .expect("an answer")
        .0
}

/// The packets of a stream of a thousand pieces of text.
pub(crate) fn stream_events(dialect: Dialect) -> Vec<Vec<u8>> {
    let chunk = |delta: Value, finish: Value| {
        let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
            "model": "upstream-model", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
        format!("data: {chunk}\n\n").into_bytes()
    };
    let usage = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "upstream-model",
        "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 1000, "total_tokens": 1010}});
    let mut events = vec![chunk(
        json!({"role": "assistant", "content": ""}),
        Value::Null,
    )];
    events.extend((0..1_000).map(|_| chunk(json!({"content": " some words\n"}), Value::Null)));
    events.push(chunk(json!({}), json!("stop")));
    events.push(format!("data: {usage}\n\n").into_bytes());
    events.push(b"data: [DONE]\n\n".to_vec());
    if dialect == CHAT {
        return events;
    }
    let mut translator = Translator::new(CHAT, dialect, reply());
    let mut translated = Vec::new();
    for event in events {
        let mut out = Vec::new();
        translator.push(&event, &mut out).expect("a sound event");
        translated.push(out);
    }
    let mut end = Vec::new();
    assert_eq!(translator.finish(&mut end), Outcome::Complete);
    translated.push(end);
    translated.retain(|packet| !packet.is_empty());
    translated
}

pub(crate) fn target() -> Target<'static> {
    Target {
        model: "upstream-model",
        max_output_tokens: Some(64_000),
        ..Target::default()
    }
}

pub(crate) fn reply() -> Reply {
    Reply {
        model: "asked-model".into(),
        id: "r1".into(),
        created_unix_s: 1_700_000_000,
        include_usage: true,
        ..Reply::default()
    }
}
