//! Random bytes and random damage: every parser answers, none panics. The same dice fall in every
//! `make test`, so that it says the same of the same code; `make fuzz` throws others, for longer.
//! `SEED` and `FUZZ_ROUNDS` repeat what it prints.

use tollgate_protocol::json::{Json, Limits};
use tollgate_protocol::stream::{Observer, ObserverOptions};
use tollgate_protocol::{
    ALL, Body, CALLERS, Dialect, Framing, PassOn, Quirk, Reply, Target, classify_response, pass_on,
    peek, read_error, read_request, read_response, read_usage, redact, replace_response_model,
    write_request, write_response,
};

use crate::event_stream;
use crate::support::{Dice, TARGET, reply, stream};

/// Healthy inputs to damage: every golden holds one, and what becomes of it.
fn corpus() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/goldens");
    let files = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort(); // so that a seed means the same everywhere
    let texts = paths
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap());
    texts
        .flat_map(|text| {
            let parts = text.split("\n------");
            // Behind the ruler's own line.
            let bodies = parts.map(|part| match part.strip_prefix('-') {
                Some(ruled) => ruled.split_once('\n').map_or("", |(_, body)| body),
                None => part,
            });
            bodies
                .map(|body| body.as_bytes().to_vec())
                .collect::<Vec<_>>()
        })
        .collect()
}

const WORDS: [&[u8]; 24] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b",",
    b":",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"\\ud800",
    b"\xff",
    b"\x00",
    b"\n\n",
    b"\r",
    b"data: ",
    b"event: error\n",
    b"[DONE]",
    b"\"type\":",
    b"\"tool_calls\"",
    b"\xef\xbb\xbf",
    b"data:;base64,",
];

fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..1 + dice.roll(4) {
        let at = dice.roll(bytes.len() + 1);
        match dice.roll(4) {
            0 => bytes.truncate(at),
            1 => {
                let end = (at + dice.roll(20)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 => {
                let word = WORDS[dice.roll(WORDS.len())];
                bytes.splice(at..at, word.iter().copied());
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = dice.roll(256) as u8;
                }
            }
        }
    }
}

/// What was being read when an assertion failed, to become a test of its own.
struct Shown<'b>(&'b [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the input: {}", self.0.escape_ascii());
        }
    }
}

fn swallow(bytes: &[u8], dice: &mut Dice) {
    let _shown = Shown(bytes);
    if let Ok(json) = Json::parse(bytes, &Limits::response()) {
        assert!(
            serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() || has_odd_text(bytes)
        );
        json.entries().for_each(|(_, value)| drop(value.as_str()));
        json.items().for_each(|value| drop(value.as_str()));
    }
    let body = Body::parse(bytes.to_vec(), &Limits::request(1 << 20));
    for &from in ALL {
        for &to in ALL {
            if let Ok(body) = &body
                && CALLERS.contains(&from)
            {
                if let Ok(peeked) = peek(from, body) {
                    let mut target = Target::default();
                    for quirk in Quirk::ALL {
                        quirk.apply(&mut target);
                    }
                    let edits = PassOn {
                        model: "other",
                        include_usage: true,
                        betas: &["effort-2025-11-24", "x"],
                        target: Some(&target),
                    };
                    let (edited, _) = pass_on(
                        if to.takes_as_it_is(from) { to } else { from },
                        &peeked,
                        body,
                        &edits,
                    );
                    let edited =
                        edited.map(|edited| Body::parse(edited, &Limits::request(1 << 21)));
                    if let Some(Err(refused)) = edited {
                        panic!("an edit from {from:?} to {to:?} broke the body: {refused:?}");
                    }
                }
                if let Ok(request) = read_request(from, body) {
                    let picky = Target {
                        string_content: true,
                        max_output_tokens: None,
                        ..TARGET
                    };
                    for target in [TARGET, picky] {
                        if let Ok(written) = write_request(to, &request, &target) {
                            let body =
                                Body::parse(written.body, &Limits::request(1 << 21)).unwrap();
                            if CALLERS.contains(&to) {
                                read_request(to, &body).map(drop).unwrap_or_default();
                            }
                        }
                    }
                }
            }
            if !CALLERS.contains(&to) {
                continue;
            }
            if let Ok(response) = read_response(from, bytes.to_vec()) {
                let written = write_response(to, &response, &reply());
                assert!(read_response(to, written).is_ok());
            }
            for framing in [Framing::Events, Framing::Array] {
                let reply = || Reply { framing, ..reply() };
                let whole = stream(from, to, reply(), [bytes]);
                let cut = stream(from, to, reply(), dice.cut(bytes));
                assert_eq!(whole, cut);
                if to == Dialect::Gemini && framing == Framing::Array && !whole.text.is_empty() {
                    assert!(Json::parse(whole.text.as_bytes(), &Limits::response()).is_ok());
                }
            }
        }
        drop((
            classify_response(from, bytes),
            read_usage(from, bytes),
            read_error(from, 400, bytes),
        ));
        drop(replace_response_model(from, bytes, "other"));
        let options = ObserverOptions {
            model: Some("other".into()),
            drops_usage_chunk: true,
            ..ObserverOptions::default()
        };
        let mut observer = Observer::new(from, options);
        let mut out = Vec::new();
        for chunk in dice.cut(bytes) {
            if observer.push(chunk, &mut out).is_err() {
                break;
            }
        }
        observer.finish(reply(), &mut out);
    }
    drop(redact(&String::from_utf8_lossy(bytes)));
}

/// Where `serde_json` is stricter: lone surrogates, floats beyond its range.
fn has_odd_text(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    text.contains("\\ud") || text.contains("999")
}

#[test]
fn damaged_goldens() {
    let mut dice = Dice::new();
    let corpus = corpus();
    for _ in 0..rounds() {
        let mut bytes = corpus[dice.roll(corpus.len())].clone();
        damage(&mut bytes, &mut dice);
        swallow(&bytes, &mut dice);
    }
}

#[test]
fn noise() {
    let mut dice = Dice::new();
    for _ in 0..rounds() {
        let words = 1 + dice.roll(40);
        let bytes: Vec<u8> = (0..words)
            .flat_map(|_| WORDS[dice.roll(WORDS.len())].to_vec())
            .collect();
        swallow(&bytes, &mut dice);
    }
}

/// Payloads of Converse's events; the frames around them are sound, since a damaged one
/// is found by its checksum.
const PAYLOADS: [(&str, &str); 9] = [
    ("messageStart", r#"{"role":"assistant"}"#),
    (
        "contentBlockStart",
        r#"{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}"#,
    ),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"x\":1}"}}}"#,
    ),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":0,"delta":{"text":"hi"}}"#,
    ),
    (
        "contentBlockDelta",
        r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"aGk="}}}"#,
    ),
    ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
    ("messageStop", r#"{"stopReason":"tool_use"}"#),
    (
        "metadata",
        r#"{"usage":{"inputTokens":3,"outputTokens":5,"cacheDetails":[{"ttl":"1h","inputTokens":2}]}}"#,
    ),
    ("chunk", r#"{"bytes":"eyJ0eXBlIjoibWVzc2FnZV9zdG9wIn0="}"#),
];

#[test]
fn damaged_payloads_in_sound_frames() {
    let mut dice = Dice::new();
    for _ in 0..rounds() {
        let mut bytes = Vec::new();
        for _ in 0..1 + dice.roll(12) {
            let (name, payload) = PAYLOADS[dice.roll(PAYLOADS.len())];
            let mut payload = payload.as_bytes().to_vec();
            if dice.roll(4) == 0 {
                damage(&mut payload, &mut dice);
            }
            let kind = ["event", "event", "event", "exception", "error"][dice.roll(5)];
            let headers = [(":message-type", kind), (":event-type", name)];
            bytes.extend(event_stream::message(&headers, &payload));
        }
        if dice.roll(4) == 0 {
            damage(&mut bytes, &mut dice);
        }
        for from in [Dialect::BedrockConverse, Dialect::AnthropicBedrock] {
            for &to in CALLERS {
                let whole = stream(from, to, reply(), [bytes.as_slice()]);
                assert_eq!(stream(from, to, reply(), dice.cut(&bytes)), whole);
            }
            read_response(from, bytes.clone())
                .map(drop)
                .unwrap_or_default();
        }
    }
}

/// Healthy streams of the dialects that have no golden.
const STREAMS: [(Dialect, &str); 2] = [
    (
        Dialect::Cohere,
        concat!(
            "data: {\"type\":\"message-start\",\"delta\":{\"message\":{}}}\n\n",
            "data: {\"type\":\"tool-plan-delta\",\"delta\":{\"message\":{\"tool_plan\":\"so\"}}}\n\n",
            "data: {\"type\":\"tool-call-start\",\"index\":0,\"delta\":{\"message\":{\"tool_calls\":{\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}}}}\n\n",
            "data: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"thinking\":\"hm\"}}}}\n\n",
            "data: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":{\"tokens\":{\"input_tokens\":1}}}}\n\n",
        ),
    ),
    (
        Dialect::Ollama,
        concat!(
            "{\"model\":\"m\",\"message\":{\"content\":\"hi\",\"thinking\":\"hm\"},\"done\":false}\n",
            "{\"model\":\"m\",\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"x\":\"}\"}}}]}}\n",
            "{\"done\":true,\"done_reason\":\"stop\",\"eval_count\":3}\n",
        ),
    ),
];

#[test]
fn damaged_streams_of_upstreams() {
    let mut dice = Dice::new();
    for _ in 0..rounds() {
        let (from, text) = STREAMS[dice.roll(STREAMS.len())];
        let mut bytes = text.as_bytes().to_vec();
        damage(&mut bytes, &mut dice);
        for &to in CALLERS {
            let whole = stream(from, to, reply(), [bytes.as_slice()]);
            assert_eq!(stream(from, to, reply(), dice.cut(&bytes)), whole);
            if let Ok(response) = read_response(from, bytes.clone()) {
                assert!(read_response(to, write_response(to, &response, &reply())).is_ok());
            }
        }
    }
}

fn rounds() -> usize {
    let asked = std::env::var("FUZZ_ROUNDS").ok();
    asked.and_then(|asked| asked.parse().ok()).unwrap_or(500)
}
