//! What all tests share: short names for the two dialects and one-line translations.

use serde_json::Value;
use tollgate_protocol::neutral::{Request, Usage};
use tollgate_protocol::stream::{Outcome, Status, Translator};
use tollgate_protocol::{
    Body, Dialect, Limits, Loss, Reply, Target, Unsupported, Written, read_request, write_request,
};

pub(crate) const C: Dialect = Dialect::OpenaiChat;
pub(crate) const M: Dialect = Dialect::Anthropic;
pub(crate) const G: Dialect = Dialect::Gemini;
pub(crate) const R: Dialect = Dialect::OpenaiResponses;
pub(crate) const L: Dialect = Dialect::OpenaiCompletions;

pub(crate) fn body(json: impl ToString) -> Body {
    Body::parse(json.to_string().into_bytes(), &Limits::request(1 << 24)).unwrap()
}

pub(crate) fn request(dialect: Dialect, json: impl ToString) -> Request {
    read_request(dialect, &body(json)).unwrap()
}

pub(crate) const TARGET: Target<'static> = Target {
    model: "upstream-model",
    max_output_tokens: Some(64_000),
    drops_sampling: false,
    one_of_sampling: false,
    thinking: tollgate_protocol::Thinking::Default,
    efforts: &[],
    legacy_max_tokens: false,
    string_content: false,
    no_developer_role: false,
    reasoning_field: None,
    earlier_thinking: tollgate_protocol::EarlierThinking::OfProviders,
    google_signatures: false,
    keeps_cache_control: false,
    model_fields: tollgate_protocol::ModelFields::Unknown,
    extra_body: &[],
    custom_tools: false,
    shared_fields: false,
    client_metadata: false,
    no_stream_options: false,
    nine_char_call_ids: false,
    thinking_words: tollgate_protocol::ThinkingWords::Effort,
};

/// The dialects of callers who can be told of tools and thinking: all but the legacy
/// completions, which have text and nothing else.
pub(crate) const CHATTING: [Dialect; 4] = [C, R, M, G];

/// The error that a stream's last event holds.
pub(crate) fn last_error(stream: &str) -> Value {
    let mut last = events(stream).pop().unwrap_or_default();
    match &mut last {
        last if last["error"].is_object() => last["error"].take(),
        last => last["response"]["error"].take(),
    }
}

pub(crate) fn write(from: Dialect, to: Dialect, json: &Value) -> Result<Written, Unsupported> {
    write_request(to, &request(from, json), &TARGET)
}

pub(crate) fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(bytes)))
}

/// The written body, and the fields that were lost.
pub(crate) fn translate(from: Dialect, to: Dialect, json: &Value) -> (Value, Vec<String>) {
    translate_for(from, to, json, &TARGET)
}

pub(crate) fn translate_for(
    from: Dialect,
    to: Dialect,
    json: &Value,
    target: &Target<'_>,
) -> (Value, Vec<String>) {
    let written = write_request(to, &request(from, json), target).unwrap();
    (value(&written.body), fields(&written.losses))
}

pub(crate) fn fields(losses: &[Loss]) -> Vec<String> {
    losses.iter().map(|loss| loss.field.clone()).collect()
}

pub(crate) fn refused(from: Dialect, to: Dialect, json: &Value) -> Unsupported {
    write(from, to, json).unwrap_err()
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

/// A stream as it came out, and how it ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Streamed {
    pub(crate) text: String,
    pub(crate) status: Status,
    pub(crate) outcome: Outcome,
    pub(crate) usage: Usage,
}

/// Translates `chunks`, then ends the stream.
pub(crate) fn stream<'c>(
    from: Dialect,
    to: Dialect,
    reply: Reply,
    chunks: impl IntoIterator<Item = &'c [u8]>,
) -> Streamed {
    let mut translator = Translator::new(from, to, reply);
    let mut out = Vec::new();
    for chunk in chunks {
        if let Err(fault) = translator.push(chunk, &mut out) {
            translator.fail(&fault.into(), &mut out);
            break;
        }
    }
    let outcome = translator.finish(&mut out);
    Streamed {
        text: String::from_utf8(out).unwrap(),
        status: translator.status().clone(),
        outcome,
        usage: translator.usage(),
    }
}

/// As [`stream`], checked to be the same however the bytes are cut.
pub(crate) fn stream_at_every_split(from: Dialect, to: Dialect, text: &str) -> Streamed {
    let whole = stream(from, to, reply(), [text.as_bytes()]);
    for at in 0..=text.len() {
        let (head, tail) = text.as_bytes().split_at(at);
        let cut = stream(from, to, reply(), [head, tail]);
        assert_eq!(cut, whole, "cut at byte {at}");
    }
    let bytes = stream(from, to, reply(), text.as_bytes().chunks(1));
    assert_eq!(bytes, whole, "byte by byte");
    whole
}

/// Events as `data:` lines with blank lines between.
pub(crate) fn sse(events: &[Value]) -> String {
    let event = |event: &Value| match event.get("type").and_then(Value::as_str) {
        Some(name) => format!("event: {name}\ndata: {event}\n\n"),
        None => format!("data: {event}\n\n"),
    };
    events.iter().map(event).collect()
}

/// The JSON of every `data:` line; `[DONE]` as a string.
pub(crate) fn events(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data:"));
    data.map(str::trim)
        .map(|data| serde_json::from_str(data).unwrap_or_else(|_| data.into()))
        .collect()
}

/// A small deterministic generator (xorshift64*), so that a failure can be repeated
/// from the seed that it prints.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new() -> Self {
        let seed = std::env::var("SEED").ok();
        let seed = seed.map_or(0x7011_6A7E, |seed| seed.parse().expect("SEED is a number"));
        println!("SEED={seed}");
        Self(seed)
    }

    pub(crate) fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % below.max(1)
    }

    pub(crate) fn cut<'b>(&mut self, bytes: &'b [u8]) -> Vec<&'b [u8]> {
        let mut chunks = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(1 + self.roll(rest.len().min(200)));
            chunks.push(chunk);
            rest = after;
        }
        chunks
    }
}
