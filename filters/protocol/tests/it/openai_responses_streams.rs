//! Streams of the Responses API, from and to the other dialects.

use serde_json::{Value, json};
use tollgate_protocol::neutral::Content;
use tollgate_protocol::stream::{Observer, ObserverOptions, Outcome, Status};
use tollgate_protocol::{Dialect, ErrorKind, Reply, write_request};

use crate::support::{
    C, M, R, Streamed, TARGET, events, reply, request, sse, stream, stream_at_every_split,
};
use crate::validator;

fn chat(deltas: &[Value], finish: &str) -> String {
    let chunk = |delta: &Value, reason: Value| json!({"model": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
    let mut chunks: Vec<Value> = deltas
        .iter()
        .map(|delta| chunk(delta, Value::Null))
        .collect();
    chunks.push(chunk(&json!({}), finish.into()));
    sse(&chunks) + "data: [DONE]\n\n"
}

/// The names of the events without `response.`, deltas of the same kind as one.
fn names(streamed: &Streamed) -> Vec<String> {
    let events = events(&streamed.text);
    let names = events.iter().map(|event| event["type"].as_str().unwrap());
    let mut names: Vec<String> = names
        .map(|name| name.trim_start_matches("response.").to_owned())
        .collect();
    names.dedup();
    names
}

fn to_responses(from: Dialect, text: &str) -> Streamed {
    let streamed = stream_at_every_split(from, R, text);
    assert_eq!(streamed.outcome, Outcome::Complete);
    validator::check(R, &streamed.text);
    streamed
}

#[test]
fn k4_k5_g19_a_chat_stream_becomes_items() {
    let text = chat(
        &[
            json!({"role": "assistant", "content": ""}),
            json!({"reasoning_content": "h"}),
            json!({"reasoning_content": "m"}),
            json!({"content": "so"}),
            json!({"content": " be it"}),
            json!({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
            json!({"tool_calls": [{"index": 1, "id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}}]}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"a\""}}]}),
            json!({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}),
        ],
        "tool_calls",
    );
    let streamed = to_responses(C, &text);
    assert_eq!(
        names(&streamed),
        [
            "created",
            "in_progress",
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "function_call_arguments.done",
            "output_item.done",
            "completed"
        ]
    );
    let events = events(&streamed.text);
    let output = &events.last().unwrap()["response"]["output"];
    let arguments = |index: usize| output[index]["arguments"].as_str().unwrap();
    assert_eq!((arguments(2), arguments(3)), ("{\"a\":1}", "{}"));
}

#[test]
fn an_empty_stream_is_a_message_without_text() {
    let streamed = to_responses(C, &chat(&[json!({"role": "assistant"})], "stop"));
    assert!(names(&streamed).contains(&"content_part.added".to_owned()));
}

#[test]
fn h1_the_last_event_tells_how_it_ended() {
    for (finish, name) in [
        ("stop", "response.completed"),
        ("length", "response.incomplete"),
        ("content_filter", "response.incomplete"),
    ] {
        let streamed = to_responses(C, &chat(&[json!({"content": "a"})], finish));
        let events = events(&streamed.text);
        assert_eq!(events.last().unwrap()["type"], name);
    }
}

/// A Responses stream of these events, numbered.
fn responses(events: &[Value]) -> String {
    let mut all = vec![
        json!({"type": "response.created", "response": {"model": "x", "status": "in_progress"}}),
    ];
    all.extend(events.iter().cloned());
    for (number, event) in all.iter_mut().enumerate() {
        event["sequence_number"] = number.into();
    }
    sse(&all)
}

fn message(text: &str) -> Value {
    json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}]})
}

fn added(index: u64, item: Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": index, "item": item})
}

fn done(index: u64, item: Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": index, "item": item})
}

fn delta(kind: &str, index: u64, delta: &str) -> Value {
    json!({"type": format!("response.{kind}.delta"), "output_index": index, "content_index": 0,
        "item_id": "i", "delta": delta, "obfuscation": "xyz"})
}

fn completed(output: Value) -> Value {
    json!({"type": "response.completed", "response": {"status": "completed", "model": "x",
        "output": output, "usage": {"input_tokens": 5, "output_tokens": 2,
            "input_tokens_details": {"cached_tokens": 1}}}})
}

/// The text that a Chat Completions caller sees.
fn text_of(streamed: &Streamed) -> String {
    let events = events(&streamed.text);
    let deltas = events.iter().filter_map(|event| {
        event["choices"][0]["delta"]["content"]
            .as_str()
            .map(str::to_owned)
    });
    deltas.collect()
}

#[test]
fn text_is_told_once_however_often_it_is_sent() {
    let part = json!({"type": "response.content_part.done", "output_index": 0, "content_index": 0,
        "part": {"type": "output_text", "text": "hello"}});
    let text_done = json!({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "hello"});
    let item = || done(0, message("hello"));
    let end = || completed(json!([message("hello")]));
    let (hel, lo) = (
        delta("output_text", 0, "hel"),
        delta("output_text", 0, "lo"),
    );
    for (what, sent) in [
        (
            "by the book",
            vec![
                added(0, message("")),
                hel.clone(),
                lo.clone(),
                text_done.clone(),
                part.clone(),
                item(),
                end(),
            ],
        ),
        (
            "deltas alone",
            vec![hel.clone(), lo.clone(), completed(json!([]))],
        ),
        (
            "without deltas",
            vec![added(0, message("")), text_done, part, item(), end()],
        ),
        ("items alone", vec![item(), end()]),
        ("the last event alone", vec![end()]),
        (
            "a delta lost",
            vec![added(0, message("")), hel.clone(), item(), end()],
        ),
        (
            "what nobody knows",
            vec![
                json!({"type": "keepalive"}),
                hel,
                json!({"type": "response.new"}),
                lo,
                end(),
            ],
        ),
    ] {
        for to in [C, M] {
            let streamed = stream_at_every_split(R, to, &responses(&sent));
            assert_eq!(streamed.outcome, Outcome::Complete, "{what}");
            validator::check(to, &streamed.text);
            assert_eq!(streamed.usage.input_tokens, Some(5), "{what}");
            assert_eq!(streamed.usage.cache_read_tokens, Some(1), "{what}");
            if to == C {
                assert_eq!(text_of(&streamed), "hello", "{what}");
            }
        }
    }
}

#[test]
fn calls_are_told_once_however_often_they_are_sent() {
    let call = |arguments: &str| {
        json!({"type": "function_call", "id": "fc_1", "call_id": "c1",
        "name": "f", "arguments": arguments})
    };
    let whole = r#"{"a":1}"#;
    for sent in [
        vec![
            added(0, call("")),
            delta("function_call_arguments", 0, "{\"a\""),
            delta("function_call_arguments", 0, ":1}"),
            done(0, call(whole)),
            completed(json!([call(whole)])),
        ],
        vec![
            added(0, call("")),
            done(0, call(whole)),
            completed(json!([])),
        ],
        vec![done(0, call(whole)), completed(json!([]))],
        vec![completed(json!([call(whole)]))],
        // The name comes late.
        vec![
            added(0, json!({"type": "function_call", "id": "fc_1"})),
            delta("function_call_arguments", 0, "{\"a\""),
            done(0, call(whole)),
            completed(json!([])),
        ],
    ] {
        let streamed = stream_at_every_split(R, C, &responses(&sent));
        validator::check(C, &streamed.text);
        let events = events(&streamed.text);
        let arguments: String = events
            .iter()
            .filter_map(|event| {
                let call = &event["choices"][0]["delta"]["tool_calls"][0];
                call["function"]["arguments"].as_str().map(str::to_owned)
            })
            .collect();
        assert_eq!(arguments, whole);
        assert!(streamed.text.contains(r#""finish_reason":"tool_calls""#));
        validator::check(M, &stream_at_every_split(R, M, &responses(&sent)).text);
    }
}

#[test]
fn g2_g13_reasoning_is_streamed_with_its_proof() {
    let reasoning = json!({"type": "reasoning", "id": "rs_1", "summary":
        [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
        "encrypted_content": "gAAA"});
    let summary = |part: u64, delta: &str| {
        json!({"type": "response.reasoning_summary_text.delta",
        "output_index": 0, "summary_index": part, "delta": delta})
    };
    let text = responses(&[
        added(0, json!({"type": "reasoning", "id": "rs_1", "summary": []})),
        summary(0, "a"),
        summary(1, "b"),
        done(0, reasoning.clone()),
        done(1, message("so")),
        completed(json!([reasoning, message("so")])),
    ]);
    let streamed = stream_at_every_split(R, M, &text);
    validator::check(M, &streamed.text);
    let whole = tollgate_protocol::read_response(M, streamed.text.into_bytes()).unwrap();
    let from_items = tollgate_protocol::read_response(R, text.clone().into_bytes()).unwrap();
    for response in [&whole, &from_items] {
        let Content::Thinking { text, signature } = &response.choices[0].content[0].content else {
            panic!("{response:?}");
        };
        assert_eq!(text.to_string(), "a\n\nb");
        assert!(signature.as_ref().unwrap().data.ends_with("rs_1.gAAA"));
    }
    assert_eq!(from_items.choices[0].content.len(), 2);
}

#[test]
fn k8_an_error_before_the_first_item_is_no_answer() {
    let failed = json!({"type": "response.failed", "response": {"status": "failed", "output": [],
        "error": {"code": "rate_limit_exceeded", "message": "slow down"}}});
    let error = json!({"type": "error", "code": "server_error", "message": "oops", "param": null});
    for (sent, kind) in [
        (failed, ErrorKind::RateLimited),
        (error, ErrorKind::Upstream),
    ] {
        for to in [C, M, R] {
            let streamed = stream_at_every_split(R, to, &responses(std::slice::from_ref(&sent)));
            let Status::Error(told) = &streamed.status else {
                panic!("{:?}", streamed.status);
            };
            assert_eq!((told.kind, streamed.text.as_str()), (kind, ""));
            // K7: after the first text it is too late for that.
            let late = responses(&[delta("output_text", 0, "a"), sent.clone()]);
            let streamed = stream_at_every_split(R, to, &late);
            assert_eq!(streamed.outcome, Outcome::Failed(kind));
        }
    }
}

#[test]
fn k7_a_stream_that_fails_or_is_cut_says_so() {
    let text = chat(&[json!({"content": "a"})], "stop");
    let cut = text
        .split_once("data: {\"choices\":[{\"delta\":{},")
        .unwrap()
        .0;
    let streamed = stream_at_every_split(C, R, cut);
    assert_eq!(streamed.outcome, Outcome::Interrupted);
    let last = events(&streamed.text).pop().unwrap();
    assert_eq!(last["type"], "response.failed");
    assert_eq!(last["response"]["status"], "failed");
    assert_eq!(last["response"]["error"]["code"], "upstream_error");
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], "a");
}

/// The reply to a Responses caller with a custom tool, of an upstream of `to`.
fn patching(caller: Dialect, to: Dialect) -> Reply {
    let tools = match caller {
        R => json!({"model": "m", "input": "x", "tools": [{"type": "custom", "name": "patch"}]}),
        _ => json!({"model": "m", "messages": [{"role": "user", "content": "x"}],
            "tools": [{"type": "custom", "custom": {"name": "patch"}}]}),
    };
    let written = write_request(to, &request(caller, tools), &TARGET).unwrap();
    Reply {
        aliases: written.aliases,
        ..reply()
    }
}

#[test]
fn c29_custom_calls_are_streamed_as_text() {
    let text = "*** \"Begin\"\n\u{e9}\u{1F600}\\ end";
    // One escape for each way to write one.
    let json = r#"{ "input" : "*** \"Begin\"\n\u00e9\ud83d\ude00\\ end" }"#;
    for fragments in [vec![json], json.split_inclusive(|_: char| true).collect()] {
        let mut deltas = vec![
            json!({"tool_calls": [{"index": 0, "id": "c1", "type": "function",
            "function": {"name": "patch", "arguments": ""}}]}),
        ];
        deltas.extend(fragments.iter().map(|json| {
            json!({"tool_calls": [{"index": 0,
            "function": {"arguments": json}}]})
        }));
        let sent = chat(&deltas, "tool_calls");
        let streamed = stream(C, R, patching(R, C), [sent.as_bytes()]);
        validator::check(R, &streamed.text);
        let last = events(&streamed.text).pop().unwrap();
        let item = &last["response"]["output"][0];
        assert_eq!(
            (&item["type"], &item["input"]),
            (&json!("custom_tool_call"), &json!(text))
        );

        let anthropic = [json!({"type": "message_start", "message": {"model": "x"}}),
            json!({"type": "content_block_start", "index": 0, "content_block":
                {"type": "tool_use", "id": "t1", "name": "patch", "input": {}}})]
            .into_iter()
            .chain(fragments.iter().map(|json| json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": json}})))
            .chain([json!({"type": "content_block_stop", "index": 0}),
                json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 1}}),
                json!({"type": "message_stop"})]);
        let sent = sse(&anthropic.collect::<Vec<_>>());
        for caller in [R, C] {
            let streamed = stream(M, caller, patching(caller, M), [sent.as_bytes()]);
            validator::check(caller, &streamed.text);
            let said: String = events(&streamed.text)
                .iter()
                .filter_map(|event| {
                    match caller {
                        R if event["type"] == "response.custom_tool_call_input.delta" => {
                            event["delta"].as_str()
                        }
                        R => None,
                        _ => event["choices"][0]["delta"]["tool_calls"][0]["custom"]["input"]
                            .as_str(),
                    }
                    .map(str::to_owned)
                })
                .collect();
            assert_eq!(said, text, "{caller}");
        }
    }
}

#[test]
fn custom_calls_are_functions_to_callers_that_know_no_other() {
    let call = |input: &str| {
        json!({"type": "custom_tool_call", "id": "ctc_1", "call_id": "c1",
        "name": "patch", "input": input})
    };
    let sent = responses(&[
        added(0, call("")),
        delta("custom_tool_call_input", 0, "a\"\n"),
        delta("custom_tool_call_input", 0, "b"),
        done(0, call("a\"\nb")),
        completed(json!([call("a\"\nb")])),
    ]);
    let streamed = stream_at_every_split(R, M, &sent);
    validator::check(M, &streamed.text);
    let json: String = events(&streamed.text)
        .iter()
        .filter_map(|event| event["delta"]["partial_json"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(json, r#"{"input":"a\"\nb"}"#);
    let native = to_responses(R, &sent);
    assert!(
        native
            .text
            .contains("response.custom_tool_call_input.delta")
    );
    validator::check(C, &stream_at_every_split(R, C, &sent).text);
}

fn passed_on(text: &str, options: ObserverOptions) -> (String, Observer) {
    let mut observer = Observer::new(R, options);
    let mut out = Vec::new();
    for byte in text.as_bytes().chunks(1) {
        observer.push(byte, &mut out).unwrap();
    }
    observer.finish(reply(), &mut out);
    (String::from_utf8(out).unwrap(), observer)
}

#[test]
fn a_stream_in_the_same_dialect_passes_with_no_change_but_the_model() {
    let text = responses(&[
        delta("output_text", 0, "hi"),
        json!({"type": "response.new", "model_of": "x"}),
        completed(json!([message("hi")])),
    ]);
    let (same, observer) = passed_on(&text, ObserverOptions::default());
    assert_eq!(same, text);
    assert_eq!(observer.outcome(), Outcome::Complete);
    assert_eq!(observer.usage().input_tokens, Some(5));
    assert!(observer.first_output_seen());
    let renamed = ObserverOptions {
        model: Some("shown".into()),
        ..ObserverOptions::default()
    };
    let (renamed, _) = passed_on(&text, renamed);
    assert_eq!(
        renamed,
        text.replace(r#""model":"x""#, r#""model":"shown""#)
    );
}

#[test]
fn a_stream_that_is_cut_in_the_same_dialect_ends_with_an_error() {
    let text = responses(&[delta("output_text", 0, "hi")]);
    let (out, observer) = passed_on(&text, ObserverOptions::default());
    assert_eq!(observer.outcome(), Outcome::Interrupted);
    let last = events(&out).pop().unwrap();
    assert_eq!(
        (&last["type"], &last["code"]),
        (&json!("error"), &json!("upstream_error"))
    );
}

/// J17, K10: whole JSON where a stream was expected.
#[test]
fn a_whole_answer_becomes_a_stream() {
    let answer = completed(json!([message("hi")]))["response"].to_string();
    let (out, observer) = passed_on(&answer, ObserverOptions::default());
    assert_eq!(observer.outcome(), Outcome::Complete);
    validator::check(R, &out);
}
