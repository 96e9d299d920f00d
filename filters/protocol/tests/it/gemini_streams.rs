//! Streams from and to Gemini, as events and as one array. Every stream runs at every
//! byte split and through its dialect's validator.

use serde_json::{Value, json};
use tollgate_protocol::stream::{Observer, ObserverOptions, Outcome, Status, Translator};
use tollgate_protocol::{Dialect, ErrorInfo, ErrorKind, Framing, Reply};

use crate::support::{C, G, M, Streamed, events, reply, sse, stream, stream_at_every_split};
use crate::{validator, validator_gemini};

fn chunk(parts: Value) -> Value {
    json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}],
        "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 1}, "modelVersion": "internal", "responseId": "up"})
}

fn last(parts: Value, reason: &str) -> Value {
    let mut chunk = chunk(parts);
    chunk["candidates"][0]["finishReason"] = reason.into();
    chunk["usageMetadata"] = json!({"promptTokenCount": 4, "candidatesTokenCount": 6, "thoughtsTokenCount": 3, "totalTokenCount": 13});
    chunk
}

fn text(text: &str) -> Value {
    chunk(json!([{"text": text}]))
}

#[track_caller]
fn translated(from: Dialect, to: Dialect, text: &str) -> Vec<Value> {
    let Streamed {
        text,
        status,
        outcome,
        ..
    } = stream_at_every_split(from, to, text);
    assert_eq!((status, outcome), (Status::Answer, Outcome::Complete));
    validator::check(to, &text);
    assert!(!text.contains("internal"), "A23: {text}");
    events(&text)
}

/// Everything of one kind that a Gemini stream says.
fn parts(events: &[Value]) -> Vec<Value> {
    let candidates = events.iter().map(|event| &event["candidates"][0]);
    candidates
        .flat_map(|candidate| candidate["content"]["parts"].as_array().unwrap().clone())
        .collect()
}

#[test]
fn text_and_thoughts_from_gemini() {
    let g = sse(&[
        chunk(json!([{"text": "h", "thought": true}])),
        chunk(json!([{"text": "m", "thought": true}])),
        text("on"),
        last(json!([{"text": "e"}]), "STOP"),
    ]);
    let chat = translated(G, C, &g);
    let all = |key: &str| -> String {
        chat.iter()
            .filter_map(|event| event["choices"][0]["delta"][key].as_str())
            .collect()
    };
    assert_eq!(
        (all("reasoning_content"), all("content")),
        ("hm".into(), "one".into())
    );
    let usage = &chat[chat.len() - 2]["usage"];
    assert_eq!(
        (&usage["prompt_tokens"], &usage["completion_tokens"]),
        (&json!(4), &json!(9))
    );
    let messages = translated(G, M, &g);
    let end = &messages[messages.len() - 2];
    assert_eq!(end["delta"]["stop_reason"], "end_turn");
    assert_eq!(end["usage"]["output_tokens"], 9);
}

#[test]
fn c22_whole_calls_from_gemini() {
    let g = sse(&[
        chunk(
            json!([{"functionCall": {"id": "a", "name": "f", "args": {"x": "\u{e9}\""}}, "thoughtSignature": "c2ln"}, {"functionCall": {"name": "g"}}]),
        ),
        last(json!([{"text": ""}]), "STOP"),
    ]);
    let chat = translated(G, C, &g);
    let calls: Vec<&Value> = chat
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["tool_calls"].get(0))
        .collect();
    assert_eq!(calls[0]["id"], "a");
    assert_eq!(calls[1]["function"]["arguments"], "{\"x\":\"\u{e9}\\\"\"}");
    assert_eq!(calls[2]["index"], 1);
    // C23
    let finish = &chat[chat.len() - 3]["choices"][0]["finish_reason"];
    assert_eq!(finish, "tool_calls");
    // C17: no empty text before the call, but its proof, which the client carries back.
    let messages = translated(G, M, &g);
    assert_eq!(messages[1]["content_block"]["type"], "thinking");
    assert_eq!(messages[2]["delta"]["signature"], "tg.gemini.c2ln");
    assert_eq!(messages[4]["content_block"]["type"], "tool_use");
}

/// A thought before a signed call keeps the call's signature apart from it.
#[test]
fn g10_a_signature_is_not_taken_for_that_of_the_thought_before() {
    let g = sse(&[
        chunk(json!([{"text": "hm", "thought": true}])),
        chunk(json!([{"functionCall": {"name": "f"}, "thoughtSignature": "c2ln"}])),
        text("x"),
        last(json!([{"text": "", "thoughtSignature": "ZW5k"}]), "STOP"),
    ]);
    let messages = translated(G, M, &g);
    let kinds: Vec<_> = messages
        .iter()
        .filter_map(|event| event["content_block"]["type"].as_str())
        .collect();
    assert_eq!(
        kinds,
        ["thinking", "thinking", "tool_use", "text", "thinking"]
    );
    let signatures: Vec<_> = messages
        .iter()
        .filter_map(|event| event["delta"]["signature"].as_str())
        .collect();
    assert_eq!(signatures, ["tg.gemini.c2ln", "tg.gemini.ZW5k"]);
}

/// Claude Code prints the last block of a turn: a signature after the text made that empty.
#[test]
fn g10_a_turn_does_not_end_with_the_signature_of_its_text() {
    let end = json!([{"text": "", "thoughtSignature": "ZW5k"}]);
    let cases = [
        vec![text("x"), last(end.clone(), "STOP")],
        vec![text("x"), last(json!([{"text": ""}]), "STOP")],
    ];
    for chunks in cases {
        let messages = translated(G, M, &sse(&chunks));
        let kinds: Vec<_> = messages
            .iter()
            .filter_map(|event| event["content_block"]["type"].as_str())
            .collect();
        assert_eq!(kinds, ["text"], "{chunks:?}");
    }
    // A signature before the text is of the text.
    let signed = json!([{"text": "x", "thoughtSignature": "c2ln"}]);
    let messages = translated(G, M, &sse(&[last(signed, "STOP")]));
    assert_eq!(messages[2]["delta"]["signature"], "tg.gemini.c2ln");
    assert_eq!(messages[4]["content_block"]["type"], "text");
}

#[test]
fn e13_pictures_in_streams() {
    let g = sse(&[
        text("see"),
        last(
            json!([{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]),
            "STOP",
        ),
    ]);
    let chat = translated(G, C, &g);
    let image = chat
        .iter()
        .find_map(|event| event["choices"][0]["delta"].get("images"));
    assert_eq!(
        image,
        Some(&json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]))
    );
    let messages = translated(G, M, &g);
    assert!(messages.iter().any(|event| {
        let text = event["delta"]["text"].as_str();
        text.is_some_and(|text| text.contains("image/png"))
    }));
}

#[test]
fn ends_that_are_none_of_the_usual() {
    let blocked = sse(&[
        json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}}),
    ]);
    let chat = translated(G, C, &blocked);
    assert_eq!(
        chat[chat.len() - 3]["choices"][0]["finish_reason"],
        "content_filter"
    );
    // H7
    let failed = json!({"candidates": [{"content": {}, "finishReason": "UNEXPECTED_TOOL_CALL", "finishMessage": "Tried to call: f"}]});
    let chat = translated(G, C, &sse(&[failed]));
    assert!(
        chat.iter()
            .any(|event| event["choices"][0]["delta"]["content"] == "Tried to call: f")
    );
    // K19
    let stopped = sse(&[text("on"), last(json!([]), "SAFETY")]);
    let messages = translated(G, M, &stopped);
    assert_eq!(
        messages[messages.len() - 2]["delta"]["stop_reason"],
        "refusal"
    );
}

#[test]
fn chat_streams_to_gemini() {
    let chunk = |delta: Value, finish: Value| json!({"id": "up", "model": "internal", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    let call = |index: u32, id: Value, name: Value, arguments: &str| {
        chunk(
            json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}]}),
            Value::Null,
        )
    };
    let usage = json!({"model": "internal", "choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 3}}});
    let c = sse(&[
        chunk(
            json!({"role": "assistant", "reasoning_content": "hm"}),
            Value::Null,
        ),
        chunk(json!({"content": "on"}), Value::Null),
        chunk(json!({"content": "e"}), Value::Null),
        // Interleaved, cut inside an escape, one without arguments.
        call(0, json!("a"), json!("f"), "{\"x\": \"\\"),
        call(1, json!("b"), json!("g"), ""),
        call(0, Value::Null, Value::Null, "n\"}"),
        chunk(json!({}), json!("tool_calls")),
        usage,
    ]) + "data: [DONE]\n\n";
    let events = translated(C, G, &c);
    assert_eq!(
        parts(&events),
        [
            json!({"text": "hm", "thought": true}),
            json!({"text": "on"}),
            json!({"text": "e"}),
            json!({"functionCall": {"id": "a", "name": "f", "args": {"x": "\n"}}}),
            json!({"functionCall": {"id": "b", "name": "g", "args": {}}}),
            json!({"text": ""}),
        ]
    );
    let end = events.last().unwrap();
    assert_eq!(end["candidates"][0]["finishReason"], "STOP");
    let usage = json!({"promptTokenCount": 4, "candidatesTokenCount": 6, "totalTokenCount": 13, "thoughtsTokenCount": 3});
    assert_eq!(end["usageMetadata"], usage);
}

#[test]
fn g2_anthropic_streams_to_gemini() {
    let event = |kind: &str, index: u32, key: &str, inside: Value| json!({"type": kind, "index": index, key: inside});
    let m = sse(&[
        json!({"type": "message_start", "message": {"model": "internal", "usage": {"input_tokens": 3, "output_tokens": 1}}}),
        event(
            "content_block_start",
            0,
            "content_block",
            json!({"type": "thinking", "thinking": ""}),
        ),
        event(
            "content_block_delta",
            0,
            "delta",
            json!({"type": "thinking_delta", "thinking": "hm"}),
        ),
        event(
            "content_block_delta",
            0,
            "delta",
            json!({"type": "signature_delta", "signature": "s"}),
        ),
        json!({"type": "content_block_stop", "index": 0}),
        event(
            "content_block_start",
            1,
            "content_block",
            json!({"type": "redacted_thinking", "data": "r"}),
        ),
        json!({"type": "content_block_stop", "index": 1}),
        event(
            "content_block_start",
            2,
            "content_block",
            json!({"type": "tool_use", "id": "t", "name": "f", "input": {}}),
        ),
        event(
            "content_block_delta",
            2,
            "delta",
            json!({"type": "input_json_delta", "partial_json": "{\"a\":1}"}),
        ),
        json!({"type": "content_block_stop", "index": 2}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 9}}),
        json!({"type": "message_stop"}),
    ]);
    let events = translated(M, G, &m);
    // base64 of "tg.anthropic.s" and of "tg.redacted.r".
    let (signature, redacted) = ("dGcuYW50aHJvcGljLnM=", "dGcucmVkYWN0ZWQucg==");
    assert_eq!(
        parts(&events),
        [
            json!({"text": "hm", "thought": true}),
            json!({"text": "", "thoughtSignature": signature}),
            json!({"functionCall": {"id": "t", "name": "f", "args": {"a": 1}}, "thoughtSignature": redacted}),
            json!({"text": ""}),
        ]
    );
}

/// Gemini CLI forgets thoughts, and keeps the signatures of texts and calls.
#[test]
fn g2_another_provider_s_signature_is_on_the_part_after_its_thought() {
    let begin = |index: u32, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let delta = |index: u32, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let stop = |index: u32| json!({"type": "content_block_stop", "index": index});
    let call = json!({"functionCall": {"id": "t", "name": "f", "args": {}}});
    for (blocks, expected) in [
        (
            vec![begin(
                1,
                json!({"type": "tool_use", "id": "t", "name": "f", "input": {}}),
            )],
            vec![call],
        ),
        (
            vec![
                begin(1, json!({"type": "text", "text": ""})),
                delta(1, json!({"type": "text_delta", "text": "one"})),
                delta(1, json!({"type": "text_delta", "text": "two"})),
            ],
            vec![json!({"text": "one"}), json!({"text": "two"})],
        ),
        (vec![], vec![]),
    ] {
        let mut m = vec![
            json!({"type": "message_start", "message": {"model": "internal", "usage": {"input_tokens": 3, "output_tokens": 1}}}),
            begin(0, json!({"type": "thinking", "thinking": ""})),
            delta(0, json!({"type": "thinking_delta", "thinking": "hm"})),
            delta(0, json!({"type": "signature_delta", "signature": "s"})),
            stop(0),
        ];
        if !blocks.is_empty() {
            m.extend(blocks);
            m.push(stop(1));
        }
        m.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}));
        m.push(json!({"type": "message_stop"}));
        let mut expected = [
            vec![json!({"text": "hm", "thought": true})],
            expected,
            vec![json!({"text": ""})],
        ]
        .concat();
        // base64 of "tg.anthropic.s".
        expected[1]["thoughtSignature"] = json!("dGcuYW50aHJvcGljLnM=");
        assert_eq!(parts(&translated(M, G, &sse(&m))), expected);
    }
}

fn as_array() -> Reply {
    Reply {
        framing: Framing::Array,
        ..reply()
    }
}

/// Runs a stream into an array, at every split.
fn array(from: Dialect, text: &str) -> (String, Outcome) {
    let whole = stream(from, G, as_array(), [text.as_bytes()]);
    for at in 0..text.len() {
        let (head, tail) = text.as_bytes().split_at(at);
        assert_eq!(
            stream(from, G, as_array(), [head, tail]),
            whole,
            "cut at {at}"
        );
    }
    (whole.text, whole.outcome)
}

fn elements(text: &str) -> Vec<Value> {
    serde_json::from_str::<Vec<Value>>(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

const CHAT: &str = "data: {\"model\":\"internal\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

#[test]
fn a25_without_sse_a_stream_is_one_array() {
    let (text, outcome) = array(C, CHAT);
    assert_eq!(outcome, Outcome::Complete);
    let chunks = elements(&text);
    validator_gemini::chunks(&chunks).unwrap();
    assert_eq!(parts(&chunks)[0], json!({"text": "a"}));

    // K7: an error after the first element still ends legally.
    let first = CHAT.split_inclusive("\n\n").next().unwrap();
    let broken = format!("{first}data: {{\"error\":{{\"message\":\"m\",\"code\":503}}}}\n\n");
    for cut in [broken.as_str(), first] {
        let (text, outcome) = array(C, cut);
        assert_ne!(outcome, Outcome::Complete);
        let chunks = elements(&text);
        assert_eq!(
            chunks[0]["candidates"][0]["content"]["parts"][0]["text"],
            "a"
        );
        assert!(chunks[1]["error"]["code"].is_u64(), "{text}");
    }
    // K8: before the first byte it is a normal error, and nothing was written.
    let refused = stream(
        C,
        G,
        as_array(),
        ["data: {\"error\":{\"message\":\"m\"}}\n\n".as_bytes()],
    );
    assert!(matches!(refused.status, Status::Error(_)));
    assert_eq!(refused.text, "");
}

#[test]
fn a25_geminis_own_chunks_go_into_the_array_as_they_are() {
    let chunks = [
        "{ \"candidates\" : [{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],\"modelVersion\":\"up\" }",
        "{\"candidates\":[{\"finishReason\":\"STOP\"}]}",
    ];
    let events = format!(
        ": ping\n\ndata: {}\r\n\r\ndata: {}\r\n\r\n",
        chunks[0], chunks[1]
    );
    let observe = |options: ObserverOptions, bytes: &[u8], at: usize| {
        let mut observer = Observer::new(G, options);
        let mut out = Vec::new();
        let (head, tail) = bytes.split_at(at);
        observer.push(head, &mut out).unwrap();
        observer.push(tail, &mut out).unwrap();
        let outcome = observer.finish(as_array(), &mut out);
        (String::from_utf8(out).unwrap(), outcome)
    };
    let options = |model: Option<&str>| ObserverOptions {
        model: model.map(str::to_owned),
        framing: Framing::Array,
        ..ObserverOptions::default()
    };
    for at in 0..events.len() {
        let expected = format!("[{},\n{}]", chunks[0], chunks[1]);
        let (text, outcome) = observe(options(None), events.as_bytes(), at);
        assert_eq!((text, outcome), (expected.clone(), Outcome::Complete));
        let (text, _) = observe(options(Some("m")), events.as_bytes(), at);
        assert_eq!(text, expected.replace("\"up\"", "\"m\""));
    }
    let passed_on = observe(ObserverOptions::default(), events.as_bytes(), 9);
    assert_eq!(passed_on, (events.clone(), Outcome::Complete));

    // Cut, broken, ended by the gateway: the array always closes.
    let one = format!("data: {}\n\n", chunks[0]);
    for rest in [
        "",
        "data: {\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}\n\n",
        "data: {\n\n",
    ] {
        let (text, outcome) = observe(options(None), format!("{one}{rest}").as_bytes(), 3);
        assert_ne!(outcome, Outcome::Complete);
        assert!(elements(&text)[1]["error"]["message"].is_string(), "{text}");
    }
    let mut observer = Observer::new(G, options(None));
    let mut out = Vec::new();
    observer.push(one.as_bytes(), &mut out).unwrap();
    observer.fail(&ErrorInfo::new(ErrorKind::Timeout, "late"), &mut out);
    observer.finish(as_array(), &mut out);
    assert_eq!(
        elements(&String::from_utf8(out).unwrap())[1]["error"]["code"],
        504
    );

    // K10: an array in spite of what was asked for goes on chunk by chunk.
    let whole = format!("[{},\n{}]", chunks[0], chunks[1]);
    let (text, outcome) = observe(options(None), whole.as_bytes(), 5);
    assert_eq!(outcome, Outcome::Complete);
    assert_eq!(text, whole);
}

#[test]
fn k7_an_error_in_the_middle_of_events() {
    let mut translator = Translator::new(G, G, reply());
    let mut out = Vec::new();
    translator
        .push(sse(&[text("a")]).as_bytes(), &mut out)
        .unwrap();
    translator.fail(&ErrorInfo::new(ErrorKind::Overloaded, "busy"), &mut out);
    let events = events(&String::from_utf8(out).unwrap());
    assert_eq!(
        events.last().unwrap()["error"],
        json!({"code": 503, "message": "busy", "status": "UNAVAILABLE"})
    );
    // A stream without a finishReason was cut.
    for to in [C, M] {
        let cut = stream(G, to, reply(), [sse(&[text("a")]).as_bytes()]);
        assert_eq!(cut.outcome, Outcome::Interrupted);
    }
}

#[test]
fn k20_several_candidates() {
    let two = |a: Value, b: Value| json!({"candidates": [a, b]});
    let candidate =
        |index: u32, text: &str| json!({"content": {"parts": [{"text": text}]}, "index": index});
    let finished = |index: u32| json!({"finishReason": "STOP", "index": index});
    let g = sse(&[
        two(candidate(0, "a"), candidate(1, "b")),
        two(finished(0), finished(1)),
    ]);
    let chat = translated(G, C, &g);
    let mut finishes: Vec<_> = chat
        .iter()
        .filter(|event| event["choices"][0]["finish_reason"] == "stop")
        .map(|event| event["choices"][0]["index"].clone())
        .collect();
    finishes.sort_by_key(Value::to_string);
    assert_eq!(finishes, [0, 1]);
}
