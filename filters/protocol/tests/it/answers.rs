//! Whole answers: rows A23, C23, C38, G, H, I, K8, K10, K11, K14.

use serde_json::{Value, json};
use tollgate_protocol::neutral::{StopReason, Usage};
use tollgate_protocol::{
    Classified, Dialect, ErrorKind, classify_response, pass_response, read_response, read_usage,
    replace_response_model, translate_response,
};

use crate::support::{C, M, reply, sse, value};

fn chat(message: Value, finish_reason: Value) -> Value {
    json!({"id": "up", "object": "chat.completion", "created": 1, "model": "internal",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]})
}

fn message(content: Value, stop_reason: Value) -> Value {
    json!({"id": "up", "type": "message", "role": "assistant", "model": "internal", "content": content,
        "stop_reason": stop_reason, "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 2}})
}

fn translate(from: Dialect, to: Dialect, answer: &Value) -> Value {
    value(
        &translate_response(from, to, answer.to_string().into_bytes(), &reply())
            .unwrap()
            .0,
    )
}

#[test]
fn a23_nothing_internal_shows() {
    for (from, answer) in [
        (
            C,
            chat(json!({"role": "assistant", "content": "x"}), json!("stop")),
        ),
        (
            M,
            message(json!([{"type": "text", "text": "x"}]), json!("end_turn")),
        ),
    ] {
        for to in [C, M] {
            let shown = translate(from, to, &answer);
            assert_eq!(shown["model"], "asked-model");
            assert!(
                !shown.to_string().contains("internal") && !shown["id"].to_string().contains("up")
            );
        }
    }
}

#[test]
fn h1_h4_h8_h10_stop_reasons() {
    for (reason, expected) in [
        (json!("end_turn"), "stop"),
        (json!("stop_sequence"), "stop"),
        (json!("max_tokens"), "length"),
        (json!("tool_use"), "tool_calls"),
        (json!("pause_turn"), "stop"),
        (json!("refusal"), "content_filter"),
        (json!("model_context_window_exceeded"), "length"),
        (json!("novel"), "stop"),
        (Value::Null, "stop"),
    ] {
        let answer = message(json!([{"type": "text", "text": "x"}]), reason.clone());
        assert_eq!(
            translate(M, C, &answer)["choices"][0]["finish_reason"],
            expected,
            "{reason}"
        );
    }
    for (reason, expected) in [
        (json!("stop"), "end_turn"),
        (json!("length"), "max_tokens"),
        (json!("tool_calls"), "tool_use"),
        (json!("function_call"), "tool_use"),
        (json!("content_filter"), "refusal"),
        (json!("novel"), "end_turn"),
        (Value::Null, "end_turn"),
    ] {
        let answer = chat(json!({"content": "x"}), reason.clone());
        assert_eq!(
            translate(C, M, &answer)["stop_reason"],
            expected,
            "{reason}"
        );
    }
}

#[test]
fn h1_the_stop_sequence_is_told() {
    let mut answer = message(
        json!([{"type": "text", "text": "x"}]),
        json!("stop_sequence"),
    );
    answer["stop_sequence"] = json!("END");
    let read = read_response(M, answer.to_string().into_bytes()).unwrap();
    assert_eq!(read.choices[0].stop, StopReason::StopSequence);
    assert_eq!(translate(M, M, &answer)["stop_sequence"], "END");
}

#[test]
fn c23_calls_make_it_tool_use() {
    let answer = chat(
        json!({"content": null, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}),
        json!("stop"),
    );
    assert_eq!(translate(C, M, &answer)["stop_reason"], "tool_use");
}

#[test]
fn c38_arguments_cut_by_the_limit_are_not_repaired() {
    let answer = chat(
        json!({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{\"a\": \"b"}}]}),
        json!("length"),
    );
    let own = translate(C, M, &answer);
    assert_eq!(own["stop_reason"], "max_tokens");
    assert_eq!(
        own["content"][0]["input"],
        json!({"malformed_arguments": "{\"a\": \"b"})
    );
    assert_eq!(
        translate(C, C, &answer)["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"],
        "{\"a\": \"b"
    );
}

#[test]
fn c11_ids_that_are_missing_are_made_up() {
    let answer = chat(
        json!({"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}, {"function": {"name": "f", "arguments": "{}"}}]}),
        json!("tool_calls"),
    );
    let calls = translate(C, C, &answer)["choices"][0]["message"]["tool_calls"].clone();
    assert_eq!(
        (&calls[0]["id"], &calls[1]["id"]),
        (&json!("call_r1_0"), &json!("call_r1_1"))
    );
    assert_eq!(translate(C, M, &answer)["content"][1]["id"], "toolu_r1_1");
}

#[test]
fn g17_thinking_under_any_name() {
    for message in [
        json!({"content": "x", "reasoning_content": "Hm"}),
        json!({"content": "x", "reasoning": "Hm"}),
        json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}, {"type": "text", "text": "x"}]}),
    ] {
        let own = translate(C, M, &chat(message, json!("stop")));
        assert_eq!(
            own["content"],
            json!([{"type": "thinking", "thinking": "Hm", "signature": ""}, {"type": "text", "text": "x"}])
        );
    }
}

#[test]
fn i1_i2_usage_is_gross_inside_and_in_each_dialects_way_outside() {
    let mut answer = message(json!([]), json!("end_turn"));
    answer["usage"] = json!({"input_tokens": 10, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 100,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}, "output_tokens": 5});
    let usage = read_usage(M, answer.to_string().as_bytes()).unwrap();
    assert_eq!(
        usage,
        Usage {
            input_tokens: Some(140),
            cache_read_tokens: Some(100),
            cache_write_5m_tokens: Some(10),
            cache_write_1h_tokens: Some(20),
            output_tokens: Some(5),
            ..Usage::default()
        }
    );
    let shown = translate(M, C, &answer)["usage"].clone();
    assert_eq!(shown["prompt_tokens"], 140);
    assert_eq!(shown["total_tokens"], 145);
    assert_eq!(shown["prompt_tokens_details"]["cached_tokens"], 100);
    assert_eq!(shown["prompt_tokens_details"]["cache_write_tokens"], 30);
    let mut again = chat(json!({"content": "x"}), json!("stop"));
    again["usage"] = shown;
    assert_eq!(
        read_usage(C, again.to_string().as_bytes())
            .unwrap()
            .cache_write_1h_tokens,
        Some(20)
    );
    assert_eq!(translate(C, M, &again)["usage"]["input_tokens"], 10);
    assert_eq!(
        translate(C, M, &again)["usage"]["cache_creation"],
        answer["usage"]["cache_creation"]
    );
    assert_eq!(translate(M, M, &answer)["usage"], answer["usage"]);
}

#[test]
fn i1_net_input_is_never_negative() {
    let mut answer = chat(json!({"content": "x"}), json!("stop"));
    answer["usage"] = json!({"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 50}});
    assert_eq!(translate(C, M, &answer)["usage"]["input_tokens"], 0);
}

#[test]
fn i7_missing_usage_is_unknown_not_zero() {
    let answer = chat(json!({"content": "x"}), json!("stop"));
    assert_eq!(read_usage(C, answer.to_string().as_bytes()), None);
    assert_eq!(
        read_response(C, answer.to_string().into_bytes())
            .unwrap()
            .usage,
        None
    );
}

#[test]
fn k14_empty_answers_are_valid() {
    let shown = translate(M, C, &message(json!([]), json!("end_turn")));
    assert_eq!(shown["choices"][0]["message"]["content"], "");
    assert_eq!(
        translate(C, M, &chat(json!({"content": ""}), json!("stop")))["content"],
        json!([])
    );
}

#[test]
fn k8_errors_in_disguise_and_garbage() {
    let cases = [
        (
            C,
            r#"{"error": {"message": "overloaded", "type": "server_error", "code": 503}}"#,
            Some(ErrorKind::Overloaded),
        ),
        (C, r#"{"error": "boom"}"#, Some(ErrorKind::Upstream)),
        (
            M,
            r#"{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}"#,
            Some(ErrorKind::Overloaded),
        ),
        (
            C,
            r#"{"object": "error", "message": "no", "type": "rate_limit_error"}"#,
            Some(ErrorKind::RateLimited),
        ),
        (
            C,
            "event: error\ndata: {\"error\":{\"message\":\"x\",\"type\":\"rate_limit_error\"}}\n\n",
            Some(ErrorKind::RateLimited),
        ),
        (C, "<html>Bad gateway</html>", None),
        (C, "", None),
        (C, "  ", None),
        (C, "{\"choices\":", None),
        (C, "data: [DONE]\n\n", Some(ErrorKind::Upstream)),
        (
            M,
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
            Some(ErrorKind::Upstream),
        ),
        (C, "[]", None),
        (C, "{}", None),
        (M, "{\"choices\":[]}", None),
    ];
    for (dialect, body, kind) in cases {
        match (classify_response(dialect, body.as_bytes()), kind) {
            (Classified::Error(error), Some(kind)) => assert_eq!(error.kind, kind, "{body}"),
            (Classified::Garbage(error), None) => assert_eq!(error.status, 502, "{body}"),
            (other, _) => panic!("{body}: {other:?}"),
        }
        assert!(read_response(dialect, body.into()).is_err(), "{body}");
        let refused = pass_response(dialect, body.as_bytes(), None).unwrap_err();
        match classify_response(dialect, body.as_bytes()) {
            // It is for JSON only.
            _ if body.contains("data:") => assert_eq!(refused.kind, ErrorKind::Upstream),
            Classified::Error(error) | Classified::Garbage(error) => assert_eq!(refused, error),
            Classified::Answer => panic!("{body}"),
        }
    }
    let null = r#"{"choices": [{"message": {"content": "x"}}], "error": null}"#;
    assert_eq!(classify_response(C, null.as_bytes()), Classified::Answer);
}

#[test]
fn k11_a_stream_is_aggregated_where_an_answer_was_wanted() {
    let chunk = |delta: Value, reason: Value| json!({"id": "x", "model": "internal", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
    let mut stream = sse(&[
        chunk(
            json!({"role": "assistant", "reasoning_content": "Hm"}),
            Value::Null,
        ),
        chunk(json!({"content": "a"}), Value::Null),
        chunk(json!({"content": "b"}), Value::Null),
        chunk(
            json!({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{\"a\""}}]}),
            Value::Null,
        ),
        chunk(
            json!({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}),
            Value::Null,
        ),
        chunk(json!({}), json!("tool_calls")),
        json!({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}),
    ]);
    assert!(
        read_response(C, stream.clone().into_bytes()).is_ok(),
        "whole without [DONE]"
    );
    stream.push_str("data: [DONE]\n\n");
    let (body, usage) = translate_response(C, M, stream.clone().into_bytes(), &reply()).unwrap();
    assert_eq!(
        value(&body)["content"],
        json!([
            {"type": "thinking", "thinking": "Hm", "signature": ""}, {"type": "text", "text": "ab"},
            {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}},
        ])
    );
    assert_eq!(
        (usage.input_tokens, usage.output_tokens),
        (Some(3), Some(4))
    );
    assert_eq!(read_usage(C, stream.as_bytes()), Some(usage));
    let cut = &stream[..stream.find("tool_calls\"}").unwrap_or(300)];
    assert_eq!(
        read_response(C, cut.into()).unwrap_err().kind,
        ErrorKind::Upstream
    );
}

#[test]
fn a_mapped_model_name_is_changed_and_nothing_else() {
    let body = r#"{ "id":"x", "model" : "in\u0074ernal" , "choices":[ {"message":{"model":"keep"}} ], "n":1.0 }"#;
    let expected = r#"{ "id":"x", "model" : "alias\"" , "choices":[ {"message":{"model":"keep"}} ], "n":1.0 }"#;
    assert_eq!(
        replace_response_model(C, body.as_bytes(), "alias\"").unwrap(),
        expected.as_bytes()
    );
    assert_eq!(replace_response_model(C, b"{}", "alias"), None);
    assert_eq!(replace_response_model(C, b"<html>", "alias"), None);
}

#[test]
fn an_answer_is_passed_on_in_one_reading() {
    let answer = json!({"model": "internal", "choices": [{"message": {"content": "x"}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4}});
    let nameless = json!({"choices": [{"message": {"content": "x"}}]});
    for (answer, named) in [(answer, true), (nameless, false)] {
        let body = answer.to_string().into_bytes();
        let passed = pass_response(C, &body, Some("alias")).unwrap();
        assert_eq!(passed.usage, read_usage(C, &body).unwrap_or_default());
        assert_eq!(passed.edited, replace_response_model(C, &body, "alias"));
        assert_eq!(passed.edited.is_some(), named);
        assert_eq!(pass_response(C, &body, None).unwrap().edited, None);
    }
}
