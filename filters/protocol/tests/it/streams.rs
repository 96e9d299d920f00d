//! Translated streams: rows C16 to C26, G2, H, I, J11, J13 and K. Every stream runs
//! at every byte split and through its dialect's validator.

use serde_json::{Value, json};
use tollgate_protocol::stream::{Outcome, Status, Translator};
use tollgate_protocol::{Dialect, ErrorInfo, ErrorKind, Reply};

use crate::support::{C, G, M, R, Streamed, events, reply, sse, stream, stream_at_every_split};
use crate::validator;

fn chunk(delta: Value) -> Value {
    json!({"id": "up", "model": "internal", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn finish(reason: &str) -> Value {
    json!({"id": "up", "model": "internal", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn call(index: Value, id: Value, name: Value, arguments: &str) -> Value {
    chunk(
        json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}]}),
    )
}

/// A Chat Completions stream, ended as it should be.
fn chat(events: &[Value]) -> String {
    sse(events) + "data: [DONE]\n\n"
}

/// An Anthropic stream around these events, ended with this reason.
fn messages(inner: &[Value], reason: &str) -> String {
    let start = json!({"type": "message_start", "message": {"model": "internal", "usage": {"input_tokens": 3, "output_tokens": 1}}});
    let delta = json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 9}});
    let mut all = vec![start];
    all.extend_from_slice(inner);
    all.extend([delta, json!({"type": "message_stop"})]);
    sse(&all)
}

fn block(index: u32, block: Value, deltas: &[Value]) -> Vec<Value> {
    let mut events =
        vec![json!({"type": "content_block_start", "index": index, "content_block": block})];
    events.extend(
        deltas
            .iter()
            .map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})),
    );
    events.push(json!({"type": "content_block_stop", "index": index}));
    events
}

fn text(index: u32, text: &str) -> Vec<Value> {
    block(
        index,
        json!({"type": "text", "text": ""}),
        &[json!({"type": "text_delta", "text": text})],
    )
}

#[track_caller]
fn complete(from: Dialect, to: Dialect, input: &str) -> Streamed {
    let streamed = stream_at_every_split(from, to, input);
    assert_eq!(streamed.outcome, Outcome::Complete, "{}", streamed.text);
    assert_eq!(streamed.status, Status::Answer);
    validator::check(to, &streamed.text);
    streamed
}

/// What an Anthropic stream spells out: (type, text or name, arguments).
fn blocks(stream: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    for event in events(stream) {
        if event["type"] == "content_block_start" {
            let block = &event["content_block"];
            let name = block["name"]
                .as_str()
                .map(|name| format!(" {name}"))
                .unwrap_or_default();
            blocks.push((
                format!("{}{name}", block["type"].as_str().unwrap()),
                String::new(),
            ));
        }
        let delta = &event["delta"];
        for key in ["text", "thinking", "partial_json", "signature"] {
            if let Some(more) = delta[key].as_str() {
                blocks.last_mut().unwrap().1.push_str(more);
            }
        }
    }
    blocks
}

fn of(kind: &str, text: &str) -> (String, String) {
    (kind.to_owned(), text.to_owned())
}

#[test]
fn c17_a_call_without_text_opens_no_text_block() {
    let input = chat(&[
        chunk(json!({"role": "assistant", "content": ""})),
        call(json!(0), json!("a"), json!("f"), "{}"),
        finish("tool_calls"),
    ]);
    let streamed = complete(C, M, &input);
    assert_eq!(blocks(&streamed.text), [of("tool_use f", "{}")]);
}

#[test]
fn c19_c20_what_is_a_new_call() {
    let cases = [
        // Every call claims index 0, with ids of their own.
        vec![
            call(json!(0), json!("a"), json!("f"), "{}"),
            call(json!(0), json!("b"), json!("g"), "{}"),
        ],
        // No index at all.
        vec![
            call(Value::Null, json!("a"), json!("f"), "{}"),
            call(Value::Null, json!("b"), json!("g"), "{}"),
        ],
        // Ids and names repeated, or empty later on.
        vec![
            call(json!(0), json!("a"), json!("f"), ""),
            call(json!(0), json!("a"), json!("f"), "{"),
            call(json!(0), json!(""), json!(""), "}"),
            call(json!(1), json!("b"), json!("g"), "{"),
            call(json!(1), json!("b"), json!(""), "}"),
        ],
        // No ids: the index tells, or the name does.
        vec![
            call(json!(0), Value::Null, json!("f"), "{}"),
            call(json!(1), Value::Null, json!("g"), "{}"),
        ],
        vec![
            call(Value::Null, Value::Null, json!("f"), "{"),
            call(Value::Null, Value::Null, Value::Null, "}"),
            call(Value::Null, Value::Null, json!("g"), "{}"),
        ],
        // The name comes late.
        vec![
            call(json!(0), json!("a"), Value::Null, "{"),
            call(json!(0), Value::Null, json!("f"), "}"),
            call(json!(1), json!("b"), json!("g"), "{}"),
        ],
        // Both in one chunk.
        vec![chunk(json!({"tool_calls": [
            {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}, {"index": 1, "id": "b", "function": {"name": "g", "arguments": {}}}]}))],
    ];
    for mut events in cases {
        events.push(finish("tool_calls"));
        let streamed = complete(C, M, &chat(&events));
        assert_eq!(
            blocks(&streamed.text),
            [of("tool_use f", "{}"), of("tool_use g", "{}")],
            "{events:?}"
        );
        complete(C, C, &chat(&events));
    }
}

#[test]
fn c19_interleaved_arguments_do_not_mix() {
    let input = chat(&[
        call(json!(0), json!("a"), json!("f"), "{\"x\":"),
        call(json!(1), json!("b"), json!("g"), "{\"y\""),
        call(json!(2), json!("c"), json!("h"), "{}"),
        call(json!(0), Value::Null, Value::Null, "1}"),
        call(json!(1), Value::Null, Value::Null, ":2}"),
        finish("tool_calls"),
    ]);
    let streamed = complete(C, M, &input);
    assert_eq!(
        blocks(&streamed.text),
        [
            of("tool_use f", "{\"x\":1}"),
            of("tool_use g", "{\"y\":2}"),
            of("tool_use h", "{}")
        ]
    );
}

#[test]
fn c19_what_is_held_back_is_bounded() {
    let big = "x".repeat(600_000);
    let input = chat(&[
        call(json!(0), json!("a"), json!("f"), "{"),
        call(json!(1), json!("b"), json!("g"), &big),
        call(json!(1), Value::Null, Value::Null, &big),
        finish("tool_calls"),
    ]);
    let streamed = stream(C, M, reply(), [input.as_bytes()]);
    assert_eq!(streamed.outcome, Outcome::Failed(ErrorKind::Upstream));
    assert!(streamed.text.contains("event: error"));
}

#[test]
fn c25_text_before_and_after_a_call() {
    let input = chat(&[
        chunk(json!({"content": "a"})),
        call(json!(0), json!("i"), json!("f"), "{}"),
        chunk(json!({"content": "b"})),
        finish("tool_calls"),
    ]);
    assert_eq!(
        blocks(&complete(C, M, &input).text),
        [of("text", "a"), of("tool_use f", "{}"), of("text", "b")]
    );
    let mut inner = text(0, "a");
    inner.extend(block(
        1,
        json!({"type": "tool_use", "id": "t", "name": "f", "input": {}}),
        &[json!({"type": "input_json_delta", "partial_json": "{}"})],
    ));
    inner.extend(text(2, "b"));
    let shown = complete(M, C, &messages(&inner, "tool_use")).text;
    assert_eq!(shown.matches("\"finish_reason\":\"tool_calls\"").count(), 1);
    assert!(shown.contains("\"content\":\"b\""));
}

#[test]
fn c13_calls_without_arguments_get_an_empty_object() {
    let inner = block(
        0,
        json!({"type": "tool_use", "id": "t", "name": "f", "input": {}}),
        &[json!({"type": "input_json_delta", "partial_json": ""})],
    );
    complete(M, C, &messages(&inner, "tool_use"));
    let whole = block(
        0,
        json!({"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}),
        &[],
    );
    assert!(
        complete(M, C, &messages(&whole, "tool_use"))
            .text
            .contains(r#"{\"a\":1}"#)
    );
    complete(
        C,
        C,
        &chat(&[
            call(json!(0), json!("a"), json!("f"), ""),
            finish("tool_calls"),
        ]),
    );
}

#[test]
fn c8_aliases_are_restored_in_streams() {
    let input = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function", "function": {"name": "a.b"}}]});
    let written = crate::support::write(C, M, &input).unwrap();
    let alias = crate::support::value(&written.body)["tools"][0]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    let inner = block(
        0,
        json!({"type": "tool_use", "id": "t", "name": alias, "input": {}}),
        &[],
    );
    let reply = Reply {
        aliases: written.aliases,
        ..reply()
    };
    let streamed = stream(M, C, reply, [messages(&inner, "tool_use").as_bytes()]);
    assert!(streamed.text.contains("\"a.b\"") && !streamed.text.contains(&alias));
}

#[test]
fn g2_g7_signed_thinking_can_be_replayed_from_the_stream() {
    let thinking = |index, text: &str, signature: &str| {
        block(
            index,
            json!({"type": "thinking", "thinking": "", "signature": ""}),
            &[
                json!({"type": "thinking_delta", "thinking": text}),
                json!({"type": "signature_delta", "signature": signature}),
            ],
        )
    };
    let mut inner = thinking(0, "one", "s1");
    inner.extend(block(
        1,
        json!({"type": "redacted_thinking", "data": "d"}),
        &[],
    ));
    inner.extend(thinking(2, "two", "s2"));
    inner.extend(text(3, "x"));
    let streamed = complete(M, C, &messages(&inner, "end_turn"));
    let mut joined: Vec<Value> = Vec::new();
    for event in events(&streamed.text) {
        for fragment in event["choices"][0]["delta"]["thinking_blocks"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let index = fragment["index"].as_u64().unwrap() as usize;
            if joined.len() == index {
                joined.push(json!({"type": fragment["type"]}));
            }
            for key in ["thinking", "signature", "data"] {
                if let Some(text) = fragment[key].as_str() {
                    let so_far = joined[index][key].as_str().unwrap_or_default().to_owned();
                    joined[index][key] = json!(so_far + text);
                }
            }
        }
    }
    assert_eq!(
        joined,
        [
            json!({"type": "thinking", "thinking": "one", "signature": "s1"}),
            json!({"type": "redacted_thinking", "data": "d"}),
            json!({"type": "thinking", "thinking": "two", "signature": "s2"}),
        ]
    );
    assert_eq!(
        blocks(&complete(C, M, &streamed.text).text),
        [
            of("thinking", "ones1"),
            of("redacted_thinking", ""),
            of("thinking", "twos2"),
            of("text", "x"),
        ]
    );
}

#[test]
fn h10_a_missing_reason_still_closes() {
    let streamed = complete(C, M, &chat(&[chunk(json!({"content": "a"}))]));
    assert!(streamed.text.contains("\"stop_reason\":\"end_turn\""));
    let streamed = complete(C, M, &chat(&[call(json!(0), json!("a"), json!("f"), "{}")]));
    assert!(streamed.text.contains("\"stop_reason\":\"tool_use\""));
}

#[test]
fn i4_i8_usage_is_cumulative_and_told_at_the_end() {
    let usage = |input: u64, output: u64| json!({"choices": [], "usage": {"prompt_tokens": input, "completion_tokens": output, "prompt_tokens_details": {"cached_tokens": 2}}});
    let streamed = complete(
        C,
        M,
        &chat(&[
            chunk(json!({"content": "a"})),
            usage(5, 1),
            finish("stop"),
            usage(5, 7),
        ]),
    );
    assert_eq!(
        (streamed.usage.input_tokens, streamed.usage.output_tokens),
        (Some(5), Some(7))
    );
    let told = events(&streamed.text);
    assert_eq!(told[0]["message"]["usage"]["input_tokens"], 0);
    let last = &told[told.len() - 2]["usage"];
    assert_eq!(
        (
            &last["input_tokens"],
            &last["cache_read_input_tokens"],
            &last["output_tokens"]
        ),
        (&json!(3), &json!(2), &json!(7))
    );

    let mut inner = text(0, "a");
    inner.push(json!({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 4}}));
    let streamed = complete(M, C, &messages(&inner, "end_turn"));
    assert_eq!(
        (streamed.usage.input_tokens, streamed.usage.output_tokens),
        (Some(3), Some(9))
    );
}

#[test]
fn i5_usage_only_for_those_who_asked() {
    let input = messages(&text(0, "a"), "end_turn");
    let asked = stream(M, C, reply(), [input.as_bytes()]).text;
    let told = events(&asked);
    assert_eq!(told[told.len() - 2]["usage"]["total_tokens"], 12);
    assert!(
        told[..told.len() - 2]
            .iter()
            .all(|event| event["usage"].is_null() && event.get("usage").is_some())
    );
    let silent = stream(
        M,
        C,
        Reply {
            include_usage: false,
            ..reply()
        },
        [input.as_bytes()],
    );
    assert!(!silent.text.contains("usage"));
    assert_eq!(silent.usage.output_tokens, Some(9));
}

#[test]
fn j11_j13_pings_and_done() {
    let mut inner = vec![json!({"type": "ping"})];
    inner.extend(text(0, "a"));
    inner.push(json!({"type": "ping"}));
    inner.push(json!({"type": "novelty", "x": 1}));
    let streamed = complete(M, C, &messages(&inner, "end_turn"));
    assert_eq!(
        events(&streamed.text).len(),
        5,
        "role, text, finish, usage, done"
    );
    let twice = chat(&[chunk(json!({"content": "a"})), finish("stop")])
        + "data: [DONE]\n\n"
        + &sse(&[chunk(json!({"content": "late"}))]);
    assert!(!complete(C, M, &twice).text.contains("late"));
}

#[test]
fn k13_what_keeps_a_connection_alive_reaches_callers_who_wait() {
    let from_chat = sse(&[chunk(json!({"content": "a"}))])
        + ": PROCESSING\n\n"
        + &sse(&[finish("stop")])
        + "data: [DONE]\n\n";
    let mut inner = text(0, "a");
    inner.insert(2, json!({"type": "ping"}));
    let from_messages = messages(&inner, "end_turn");
    // Google's SDK reads comments as JSON, but not empty lines.
    let (comment, ping, empty) = (
        ": keep-alive\n\n",
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        "\n\n\n",
    );
    for (from, input, to, told) in [
        (C, &from_chat, M, ping),
        (C, &from_chat, G, empty),
        (C, &from_chat, R, comment),
        (M, &from_messages, C, comment),
        (M, &from_messages, G, empty),
    ] {
        let streamed = stream_at_every_split(from, to, input);
        let count = streamed.text.matches(told).count();
        assert_eq!(count, 1, "{from} to {to}: {}", streamed.text);
        // Not before it is known whether there will be an answer.
        let early = stream(from, to, reply(), [&b": PROCESSING\n\n"[..]]);
        assert_eq!(early.text, "");
    }
}

#[test]
fn k7_an_error_in_the_middle_ends_the_stream_legally() {
    let start = [chunk(json!({"content": "a"}))];
    let error = json!({"error": {"message": "The model sk-abcdefghijklmn broke", "type": "server_error", "code": 500}});
    for input in [
        sse(&start) + &sse(std::slice::from_ref(&error)) + "data: [DONE]\n\n",
        sse(&start) + &format!("event: error\ndata: {error}\n\n"),
    ] {
        let streamed = stream_at_every_split(C, M, &input);
        assert_eq!(streamed.outcome, Outcome::Failed(ErrorKind::Upstream));
        assert_eq!(streamed.status, Status::Answer);
        let last = events(&streamed.text).pop().unwrap();
        assert_eq!(
            (&last["type"], &last["error"]["type"]),
            (&json!("error"), &json!("api_error"))
        );
        assert!(!streamed.text.contains("message_stop") && !streamed.text.contains("sk-abc"));
    }
    let input = sse(&[
        json!({"type": "message_start", "message": {"usage": {"input_tokens": 1}}}),
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    ]);
    let streamed = stream_at_every_split(M, C, &input);
    assert_eq!(streamed.outcome, Outcome::Failed(ErrorKind::Overloaded));
    let last = events(&streamed.text).pop().unwrap();
    assert_eq!(last["error"]["code"], "overloaded");
    assert!(!streamed.text.contains("[DONE]"));
}

#[test]
fn k8_an_error_at_the_start_is_known_before_any_byte() {
    let cases = [
        (
            C,
            "data: {\"error\":{\"message\":\"x\",\"code\":\"rate_limit_exceeded\"}}\n\n",
            ErrorKind::RateLimited,
        ),
        (
            C,
            "event: error\ndata: {\"message\":\"x\",\"code\":503}\n\n",
            ErrorKind::Overloaded,
        ),
        (
            M,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n",
            ErrorKind::Overloaded,
        ),
        (
            M,
            ": hi\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\"}}\n\n",
            ErrorKind::RateLimited,
        ),
        (
            C,
            "{\"error\":{\"message\":\"x\",\"type\":\"insufficient_quota\"}}",
            ErrorKind::InsufficientQuota,
        ),
        (
            M,
            "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}",
            ErrorKind::Overloaded,
        ),
        (C, "\n <html>", ErrorKind::Upstream),
        (C, "", ErrorKind::Upstream),
        (C, ": nothing\n\n", ErrorKind::Upstream),
        (C, "data: [DONE]\n\n", ErrorKind::Upstream),
        (C, "data: {\"broken\n\n", ErrorKind::Upstream),
        (C, "{\"broken", ErrorKind::Upstream),
        (C, "[1]", ErrorKind::Upstream),
        (C, "gibberish", ErrorKind::Upstream),
    ];
    for (from, input, kind) in cases {
        for to in [C, M] {
            let streamed = stream_at_every_split(from, to, input);
            let Status::Error(error) = &streamed.status else {
                panic!("{input:?}: {streamed:?}");
            };
            assert_eq!(error.kind, kind, "{input:?}");
            assert_eq!(streamed.outcome, Outcome::Failed(kind));
            assert_eq!(streamed.text, "", "{input:?}");
        }
    }
}

#[test]
fn k10_a_json_answer_becomes_a_stream() {
    let answer = json!({"id": "up", "model": "internal", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": "a", "reasoning_content": "Hm",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2}}).to_string();
    let streamed = complete(C, M, &answer);
    assert_eq!(
        blocks(&streamed.text),
        [of("thinking", "Hm"), of("text", "a"), of("tool_use f", "")]
    );
    assert_eq!(streamed.usage.output_tokens, Some(2));
    complete(C, C, &answer);
    let own = json!({"type": "message", "role": "assistant", "content": [{"type": "thinking", "thinking": "Hm", "signature": "s"},
        {"type": "text", "text": "a"}, {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1.0}}],
        "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 2}}).to_string();
    assert!(complete(M, C, &own).text.contains(r#"{\"a\":1.0}"#));
    complete(M, M, &own);
}

#[test]
fn k14_an_empty_answer_is_a_valid_stream() {
    complete(
        C,
        M,
        &chat(&[
            chunk(json!({"role": "assistant", "content": ""})),
            finish("stop"),
        ]),
    );
    complete(C, C, &chat(&[finish("stop")]));
    complete(M, C, &messages(&[], "end_turn"));
}

#[test]
fn k16_h11_chunks_that_say_nothing() {
    let input = chat(&[
        json!({"choices": [], "prompt_filter_results": []}),
        chunk(json!({"role": "assistant", "content": null})),
        json!({"choices": []}),
        json!({}),
        chunk(json!({})),
        chunk(json!({"content": "a"})),
        json!({"choices": [{"index": 0}]}),
        finish("stop"),
    ]);
    assert_eq!(blocks(&complete(C, M, &input).text), [of("text", "a")]);
}

#[test]
fn k20_choices_interleave() {
    let of_choice = |index: u32, delta: Value, reason: Value| json!({"choices": [{"index": index, "delta": delta, "finish_reason": reason}]});
    let input = chat(&[
        of_choice(0, json!({"content": "a"}), Value::Null),
        of_choice(1, json!({"content": "b"}), Value::Null),
        of_choice(1, json!({}), json!("length")),
        of_choice(0, json!({"content": "c"}), Value::Null),
        of_choice(0, json!({}), json!("stop")),
    ]);
    let streamed = complete(C, C, &input);
    assert_eq!(
        streamed
            .text
            .matches("\"finish_reason\":\"length\"")
            .count(),
        1
    );
    assert_eq!(
        streamed.text.matches("\"finish_reason\":\"stop\"").count(),
        1
    );
    assert_eq!(blocks(&complete(C, M, &input).text), [of("text", "ac")]);
}

#[test]
fn i11_a_cut_stream_is_never_a_success() {
    let whole = chat(&[
        chunk(json!({"role": "assistant"})),
        chunk(json!({"content": "a"})),
        call(json!(0), json!("i"), json!("f"), "{}"),
        finish("tool_calls"),
    ]);
    let reason_at = whole.find("\"finish_reason\":\"tool_calls\"").unwrap();
    for to in [C, M] {
        for at in 0..reason_at {
            let streamed = stream(C, to, reply(), [&whole.as_bytes()[..at]]);
            assert!(
                matches!(streamed.outcome, Outcome::Interrupted | Outcome::Failed(_)),
                "cut at {at}"
            );
            assert!(
                !streamed.text.contains("[DONE]") && !streamed.text.contains("message_stop"),
                "cut at {at}"
            );
        }
    }
    let whole = messages(&text(0, "a"), "end_turn");
    let reason_at = whole.find("message_delta").unwrap();
    for to in [C, M] {
        for at in 0..reason_at {
            let streamed = stream(M, to, reply(), [&whole.as_bytes()[..at]]);
            assert!(
                matches!(streamed.outcome, Outcome::Interrupted | Outcome::Failed(_)),
                "cut at {at}"
            );
            assert!(
                !streamed.text.contains("[DONE]") && !streamed.text.contains("message_stop"),
                "cut at {at}"
            );
        }
    }
}

#[test]
fn j8_whole_answers_without_their_last_formality() {
    let unended = sse(&[chunk(json!({"content": "a"})), finish("stop")]);
    complete(C, M, &unended);
    complete(C, M, unended.trim_end());
    let whole = messages(&text(0, "a"), "end_turn");
    complete(
        M,
        C,
        whole
            .trim_end()
            .trim_end_matches(|char| char != '\n')
            .trim_end(),
    );
    complete(M, C, &whole[..whole.find("event: message_stop").unwrap()]);
}

#[test]
fn the_gateway_can_end_a_stream_with_its_own_error() {
    let input = sse(&[chunk(json!({"content": "a"}))]);
    for to in [C, M] {
        let mut translator = Translator::new(C, to, reply());
        let mut out = Vec::new();
        translator.push(input.as_bytes(), &mut out).unwrap();
        assert!(translator.first_output_seen());
        translator.fail(&ErrorInfo::new(ErrorKind::Timeout, "Too slow."), &mut out);
        let length = out.len();
        translator.push(input.as_bytes(), &mut out).unwrap();
        assert_eq!(
            translator.finish(&mut out),
            Outcome::Failed(ErrorKind::Timeout)
        );
        assert_eq!(out.len(), length, "nothing after the error");
        assert!(String::from_utf8(out).unwrap().contains("Too slow."));
    }
}
