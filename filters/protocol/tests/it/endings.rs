//! How answers end: reasons to finish that are errors, or that some providers alone have
//! (rows H1, H4, H5, H7, H10), ends that come early (K2) or more than once, and calls that
//! go on after they have ended (C16 to C26).

use serde_json::{Value, json};
use tollgate_protocol::neutral::StopReason;
use tollgate_protocol::stream::{Outcome, Status};
use tollgate_protocol::{Dialect, ErrorKind, read_response, translate_response};

use crate::event_stream;
use crate::support::{
    C, CHATTING, G, L, M, R, events, last_error, refused, reply, sse, stream,
    stream_at_every_split, translate, value,
};
use crate::validator;

fn chat(delta: Value, reason: Value) -> Value {
    json!({"id": "up", "model": "internal", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
}

fn whole(message: Value, reason: &str) -> Value {
    json!({"id": "up", "model": "internal", "choices": [{"index": 0, "message": message, "finish_reason": reason}]})
}

#[test]
fn h4_h5_reasons_that_some_providers_alone_have() {
    for (reason, stop) in [
        ("model_length", StopReason::ContextWindow),
        ("sensitive", StopReason::Refusal),
    ] {
        let answer = whole(json!({"content": "x"}), reason).to_string();
        let read = read_response(C, answer.into_bytes()).unwrap();
        assert_eq!(read.choices[0].stop, stop, "{reason}");
        let text = sse(&[chat(json!({"content": "x"}), json!(reason))]) + "data: [DONE]\n\n";
        let read = read_response(C, text.into_bytes()).unwrap();
        assert_eq!(read.choices[0].stop, stop, "{reason}");
    }
}

#[test]
fn h7_reasons_that_are_errors() {
    for (reason, kind) in [
        ("insufficient_system_resource", ErrorKind::Overloaded),
        ("error", ErrorKind::Upstream),
        ("network_error", ErrorKind::Upstream),
    ] {
        for (dialect, answer) in [
            (C, whole(json!({"content": ""}), reason)),
            (
                L,
                json!({"choices": [{"text": "", "index": 0, "finish_reason": reason}]}),
            ),
        ] {
            let error = read_response(dialect, answer.to_string().into_bytes()).unwrap_err();
            assert_eq!(error.kind, kind, "{reason}");
            assert!(error.kind.worth_another_channel());
        }
        let done = "data: [DONE]\n\n";
        let first = sse(&[chat(
            json!({"role": "assistant", "content": ""}),
            json!(reason),
        )]) + done;
        let amid = sse(&[
            chat(json!({"content": "a"}), Value::Null),
            chat(json!({"content": "b"}), json!(reason)),
        ]) + done;
        let legacy =
            sse(&[json!({"choices": [{"text": "", "index": 0, "finish_reason": reason}]})]);
        for to in CHATTING {
            for (from, text) in [(C, &first), (L, &legacy)] {
                let streamed = stream_at_every_split(from, to, text);
                assert_eq!(streamed.text, "", "{reason} to {to}");
                let Status::Error(error) = streamed.status else {
                    panic!("{reason} to {to}");
                };
                assert_eq!(error.kind, kind, "{reason}");
            }
            let streamed = stream_at_every_split(C, to, &amid);
            assert_eq!(streamed.outcome, Outcome::Failed(kind), "{reason} to {to}");
            assert!(streamed.text.contains('b'), "{}", streamed.text);
            assert!(last_error(&streamed.text).is_object(), "{}", streamed.text);
        }
    }
    // OpenRouter says it in words, beside the reason.
    let mut answer = whole(json!({"content": ""}), "error");
    answer["choices"][0]["error"] = json!({"code": 429, "message": "Slow down"});
    let error = read_response(C, answer.to_string().into_bytes()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::RateLimited);
    assert_eq!(error.message, "Slow down");
}

#[test]
fn h7_bedrocks_malformed_answers_are_told() {
    for reason in ["malformed_model_output", "malformed_tool_use"] {
        let answer = |content: Value| {
            let answer = json!({"output": {"message": {"role": "assistant", "content": content}}, "stopReason": reason});
            let (body, _) = translate_response(
                Dialect::BedrockConverse,
                C,
                answer.to_string().into_bytes(),
                &reply(),
            )
            .unwrap();
            value(&body)["choices"][0]["message"]["content"].clone()
        };
        assert!(answer(json!([])).as_str().unwrap().contains(reason));
        assert_eq!(answer(json!([{"text": "said"}])), "said");

        let frame = |name, payload: Value| event_stream::event(name, &payload);
        let frames = [
            frame("messageStart", json!({"role": "assistant"})),
            frame("messageStop", json!({"stopReason": reason})),
            frame(
                "metadata",
                json!({"usage": {"inputTokens": 1, "outputTokens": 1}}),
            ),
        ]
        .concat();
        let streamed = stream(Dialect::BedrockConverse, M, reply(), [frames.as_slice()]);
        assert!(streamed.text.contains(reason), "{}", streamed.text);
        validator::check(M, &streamed.text);
    }
}

#[test]
fn c23_calls_are_to_be_run_whatever_the_end_says() {
    let call = json!({"type": "tool_use", "id": "a", "name": "f", "input": {}});
    let answer = json!({"type": "message", "content": [call], "stop_reason": "end_turn"});
    let (body, _) = translate_response(M, C, answer.to_string().into_bytes(), &reply()).unwrap();
    assert_eq!(value(&body)["choices"][0]["finish_reason"], "tool_calls");
    let text = sse(&[
        json!({"type": "message_start", "message": {"model": "m"}}),
        json!({"type": "content_block_start", "index": 0, "content_block": call}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ]);
    let streamed = stream_at_every_split(M, C, &text);
    assert!(streamed.text.contains(r#""finish_reason":"tool_calls""#));

    let answer = json!({"output": {"message": {"content": [{"toolUse": {"toolUseId": "a", "name": "f", "input": {}}}]}}, "stopReason": "end_turn"});
    let read = read_response(Dialect::BedrockConverse, answer.to_string().into_bytes()).unwrap();
    assert_eq!(read.choices[0].stop, StopReason::ToolUse);
}

/// Some upstreams say in every chunk why they stop.
#[test]
fn k2_an_early_end_is_told_at_the_end() {
    let part = |part: Value| json!({"candidates": [{"content": {"parts": [part], "role": "model"}, "finishReason": "STOP", "index": 0}]});
    let text = sse(&[
        part(json!({"text": "a"})),
        part(json!({"text": "b"})),
        part(json!({"functionCall": {"name": "f", "args": {}}})),
    ]);
    for to in CHATTING.into_iter().chain([L]) {
        let streamed = stream_at_every_split(G, to, &text);
        assert_eq!(streamed.outcome, Outcome::Complete);
        validator::check(to, &streamed.text);
    }
    let chunks = events(&stream_at_every_split(G, C, &text).text);
    let reasons: Vec<&Value> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["finish_reason"])
        .filter(|reason| reason.is_string())
        .collect();
    assert_eq!(reasons, ["tool_calls"]);
    let messages = stream_at_every_split(G, M, &text).text;
    assert!(
        messages.contains(r#""stop_reason":"tool_use""#),
        "{messages}"
    );
    let read = read_response(G, text.into_bytes()).unwrap();
    assert_eq!(read.choices[0].stop, StopReason::ToolUse);
}

#[test]
fn c26_arguments_after_the_end_of_their_call_are_no_success() {
    let call = |arguments: &str| json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": arguments}}]});
    let text = sse(&[
        chat(call("{\"a\":"), Value::Null),
        chat(json!({"content": "so"}), Value::Null),
        chat(call("1}"), Value::Null),
        chat(json!({}), json!("tool_calls")),
    ]) + "data: [DONE]\n\n";
    for to in [M, G] {
        let streamed = stream(C, to, reply(), [text.as_bytes()]);
        assert_eq!(
            streamed.outcome,
            Outcome::Failed(ErrorKind::Upstream),
            "{to}"
        );
        assert!(last_error(&streamed.text).is_object(), "{}", streamed.text);
    }
    for to in [C, R] {
        let streamed = stream_at_every_split(C, to, &text);
        assert_eq!(streamed.outcome, Outcome::Complete, "{to}");
        validator::check(to, &streamed.text);
    }
    // Blanks say nothing.
    let text = text.replace(r#"1}""#, r#"\n""#);
    let streamed = stream(C, M, reply(), [text.as_bytes()]);
    assert_eq!(streamed.outcome, Outcome::Complete);

    let late = sse(&[
        json!({"type": "message_start", "message": {"model": "m"}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "a", "name": "f", "input": {}}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{\"a\":"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "1}"}}),
    ]);
    let streamed = stream(M, R, reply(), [late.as_bytes()]);
    assert_eq!(streamed.outcome, Outcome::Failed(ErrorKind::Upstream));
}

#[test]
fn k20_choices_go_by_their_index() {
    let choice = |index: u32, text: &str| json!({"index": index, "message": {"content": text}, "finish_reason": "stop"});
    let answer = json!({"choices": [choice(1, "second"), choice(0, "first")]});
    let (body, _) = translate_response(C, M, answer.to_string().into_bytes(), &reply()).unwrap();
    assert_eq!(value(&body)["content"][0]["text"], "first");
}

#[test]
fn k8_a_response_that_was_not_finished_is_no_answer() {
    let answer = |status: &str| json!({"object": "response", "status": status, "output": []});
    for status in ["cancelled", "in_progress", "queued"] {
        let error = read_response(R, answer(status).to_string().into_bytes()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Upstream, "{status}");
    }
    for status in ["completed", "incomplete"] {
        assert!(read_response(R, answer(status).to_string().into_bytes()).is_ok());
    }
}

#[test]
fn b28_what_stands_for_the_history_is_not_left_out() {
    let request = json!({"model": "m", "input": [
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAA"}, {"role": "user", "content": "go on"},
    ]});
    for to in [
        C,
        M,
        G,
        Dialect::BedrockConverse,
        Dialect::Cohere,
        Dialect::Ollama,
    ] {
        assert_eq!(refused(R, to, &request).field, "input", "{to}");
    }
    assert_eq!(translate(R, R, &request).0["input"][0], request["input"][0]);
}
