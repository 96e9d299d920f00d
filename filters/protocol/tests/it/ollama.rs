//! Ollama's own chat as an upstream: requests, answers, streams and errors.

use serde_json::{Value, json};
use tollgate_protocol::neutral::Effort;
use tollgate_protocol::stream::{Outcome, Status};
use tollgate_protocol::{
    Classified, Dialect, ErrorKind, Target, Thinking, classify_response, read_error, read_response,
    read_usage, translate_response,
};

use crate::support::{
    C, CHATTING, M, TARGET, last_error, refused, reply, stream, stream_at_every_split, translate,
    translate_for, value,
};
use crate::validator;

const O: Dialect = Dialect::Ollama;

#[test]
fn a_conversation_from_chat_completions() {
    let input = json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "what"},
                {"type": "text", "text": "is this"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}
            ]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1.50}"}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "cut"}}]},
            {"role": "tool", "tool_call_id": "c2", "content": "two"},
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
        "tool_choice": "auto",
        "max_tokens": 100_000,
        "temperature": 0.3, "top_p": 0.9, "seed": 1, "frequency_penalty": 0.1, "presence_penalty": 0.5,
        "stop": ["END"],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    });
    let (body, lost) = translate(C, O, &input);
    let expected = json!({
        "model": "upstream-model",
        "stream": false,
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "what\nis this", "images": ["iVBORw=="]},
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"x": 1.5}}},
                {"id": "c2", "function": {"index": 1, "name": "g", "arguments": {"malformed_arguments": "cut"}}}]},
            {"role": "tool", "tool_name": "g", "tool_call_id": "c2", "content": "two"},
            {"role": "tool", "tool_name": "f", "tool_call_id": "c1", "content": "one"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
        "format": {"type": "object"},
        "options": {"num_predict": 64_000, "temperature": 0.3, "top_p": 0.9, "seed": 1, "frequency_penalty": 0.1, "presence_penalty": 0.5, "stop": ["END"]},
    });
    assert_eq!(body, expected);
    assert_eq!(lost, ["max_completion_tokens"]);
}

#[test]
fn a_conversation_from_anthropic() {
    let input = json!({
        "model": "m", "max_tokens": 9, "stream": true, "top_k": 5,
        "metadata": {"user_id": "u"},
        "messages": [
            {"role": "user", "content": [
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "abc"}},
                {"type": "text", "text": "sum up"}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {}}]},
            {"role": "user", "content": [
                {"type": "text", "text": "again"},
                {"type": "tool_result", "tool_use_id": "t1", "is_error": true, "content": [
                    {"type": "text", "text": "no"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}}]}]}
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}, {"name": "g", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "tool", "name": "f"},
    });
    let (body, lost) = translate(M, O, &input);
    let expected = json!({
        "model": "upstream-model",
        "stream": true,
        "messages": [
            {"role": "user", "content": "abc\nsum up"},
            {"role": "assistant", "content": "", "tool_calls": [{"id": "t1", "function": {"index": 0, "name": "f", "arguments": {}}}]},
            {"role": "tool", "tool_name": "f", "tool_call_id": "t1", "content": "no", "images": ["iVBORw=="]},
            {"role": "user", "content": "again"}
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "options": {"num_predict": 9, "top_k": 5}
    });
    assert_eq!(body, expected);
    assert_eq!(
        lost,
        [
            "messages.document",
            "messages.thinking",
            "messages.is_error",
            "tool_choice",
            "metadata.user_id"
        ]
    );
    let takes_back = Target {
        reasoning_field: Some("thinking"),
        ..TARGET
    };
    let (body, _) = translate_for(M, O, &input, &takes_back);
    assert_eq!(body["messages"][1]["thinking"], "hm");
}

#[test]
fn thinking_formats_and_tools_that_are_forbidden() {
    let with = |key: &str, value: Value| {
        json!({"model": "m", "messages": [{"role": "user", "content": "x"}], key: value,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]})
    };
    let levels = Target {
        efforts: &[Effort::Low, Effort::Medium, Effort::High],
        ..TARGET
    };
    let never = Target {
        thinking: Thinking::Never,
        ..TARGET
    };
    let effort = |effort: &str| with("reasoning_effort", effort.into());
    let rows: [(Target<'_>, Value, &str, Value, &[&str]); 7] = [
        (TARGET, effort("none"), "think", json!(false), &[]),
        (TARGET, effort("low"), "think", json!(true), &[]),
        (levels, effort("xhigh"), "think", json!("high"), &[]),
        (never, effort("none"), "think", Value::Null, &[]),
        (
            never,
            effort("low"),
            "think",
            Value::Null,
            &["reasoning_effort"],
        ),
        (
            TARGET,
            with("response_format", json!({"type": "json_object"})),
            "format",
            json!("json"),
            &[],
        ),
        (
            TARGET,
            with("tool_choice", json!("none")),
            "tools",
            Value::Null,
            &[],
        ),
    ];
    for (target, input, key, expected, lost) in rows {
        let (body, losses) = translate_for(C, O, &input, &target);
        assert_eq!(body[key], expected, "{input}");
        assert_eq!(losses, lost, "{input}");
    }
}

#[test]
fn what_cannot_be_said_is_refused() {
    let user = |part: Value| json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [part]}]});
    let rows = [
        (
            C,
            user(json!({"type": "image_url", "image_url": {"url": "https://x.test/a.png"}})),
            "messages[0]",
        ),
        (
            C,
            user(
                json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERg=="}}),
            ),
            "messages[0]",
        ),
        (
            M,
            user(json!({"type": "image", "source": {"type": "file", "file_id": "f"}})),
            "messages[0]",
        ),
        (
            C,
            json!({"model": "m", "n": 2, "messages": [{"role": "user", "content": "x"}]}),
            "n",
        ),
    ];
    for (from, input, field) in rows {
        assert_eq!(refused(from, O, &input).field, field, "{input}");
    }
}

fn line(message: Value) -> String {
    json!({"model": "internal", "created_at": "2025-01-01T00:00:00Z", "message": message, "done": false}).to_string() + "\n"
}

fn last(reason: &str) -> String {
    json!({"model": "internal", "message": {"role": "assistant", "content": ""}, "done": true, "done_reason": reason,
        "total_duration": 1, "prompt_eval_count": 3, "eval_count": 5})
    .to_string()
        + "\n"
}

fn story() -> String {
    let call =
        |name: &str, arguments: Value| json!({"function": {"name": name, "arguments": arguments}});
    [
        line(json!({"role": "assistant", "content": "", "thinking": "hm"})),
        line(json!({"role": "assistant", "content": "it is"})),
        line(json!({"role": "assistant", "content": " 30°C"})),
        line(json!({"role": "assistant", "content": "", "tool_calls": [call("f", json!({"x": 1})), call("g", json!({}))]})),
        line(json!({"role": "assistant", "content": "", "tool_calls": [call("f", json!({"x": 2}))]})),
        last("stop"),
    ]
    .concat()
}

#[test]
fn streams_reach_every_caller() {
    for to in CHATTING {
        let whole = stream_at_every_split(O, to, &story());
        assert_eq!(whole.outcome, Outcome::Complete);
        assert_eq!(
            (whole.usage.input_tokens, whole.usage.output_tokens),
            (Some(3), Some(5))
        );
        validator::check(to, &whole.text);
        assert!(whole.text.contains("30°C") && !whole.text.contains("internal"));
        let again = read_response(to, whole.text.into_bytes()).unwrap();
        assert_eq!(
            again.choices[0].stop,
            tollgate_protocol::neutral::StopReason::ToolUse
        );
    }
    let first = read_response(O, story().into()).unwrap();
    let same = json!({"model": "internal", "done": true, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 5, "message": {
        "role": "assistant", "content": "it is 30°C", "thinking": "hm", "tool_calls": [
            {"function": {"name": "f", "arguments": {"x": 1}}}, {"function": {"name": "g", "arguments": {}}}, {"function": {"name": "f", "arguments": {"x": 2}}}]}})
    .to_string();
    assert_eq!(classify_response(O, same.as_bytes()), Classified::Answer);
    let second = read_response(O, same.clone().into()).unwrap();
    assert_eq!(first, second);
    assert_eq!(read_usage(O, same.as_bytes()), second.usage);
    for to in CHATTING {
        // A whole answer to a streaming request is the same as its only line.
        let streamed = stream_at_every_split(O, to, &same);
        assert_eq!(streamed.outcome, Outcome::Complete);
        validator::check(to, &streamed.text);
        let (body, _) = translate_response(O, to, same.clone().into(), &reply()).unwrap();
        assert!(!String::from_utf8(body).unwrap().contains("internal"));
    }
    // c11: three calls have three ids, although they come without.
    let (body, _) = translate_response(O, M, same.into(), &reply()).unwrap();
    let body = value(&body);
    let ids: std::collections::BTreeSet<_> = body["content"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|block| block["id"].as_str())
        .collect();
    assert_eq!(ids.len(), 3, "{body}");
}

#[test]
fn streams_that_end_badly_and_errors() {
    let begun = line(json!({"role": "assistant", "content": "it is"}));
    let rows = [
        (begun.clone(), Outcome::Interrupted),
        (
            format!("{begun}{}", &last("stop")[..40]),
            Outcome::Interrupted,
        ),
        (
            format!("{begun}{{\"error\":\"an error was encountered\"}}\n"),
            Outcome::Failed(ErrorKind::Upstream),
        ),
        (
            format!("{begun}nonsense\n"),
            Outcome::Failed(ErrorKind::Upstream),
        ),
        (
            "{\"error\":\"model runner has unexpectedly stopped\"}".to_owned(),
            Outcome::Failed(ErrorKind::Upstream),
        ),
        (String::new(), Outcome::Failed(ErrorKind::Upstream)),
        (format!("{begun}{}", last("length")), Outcome::Complete),
    ];
    for (text, outcome) in rows {
        for to in CHATTING {
            let whole = stream_at_every_split(O, to, &text);
            assert_eq!(whole.outcome, outcome, "{text}");
            if whole.status == Status::Answer && outcome != Outcome::Complete {
                assert!(last_error(&whole.text).is_object());
            }
        }
    }
    let error = json!({"error": "model \"x\" not found, try pulling it first"}).to_string();
    assert!(matches!(
        classify_response(O, error.as_bytes()),
        Classified::Error(_)
    ));
    for (status, message, kind) in [
        (404, error.as_str(), ErrorKind::NotFound),
        (
            400,
            "{\"error\":\"\\\"x\\\" does not support tools\"}",
            ErrorKind::InvalidRequest,
        ),
        (
            503,
            "{\"error\":\"server busy, please try again.  maximum pending requests exceeded\"}",
            ErrorKind::Overloaded,
        ),
        (500, "{\"error\":\"x\"}", ErrorKind::Upstream),
    ] {
        assert_eq!(
            read_error(O, status, message.as_bytes()).kind,
            kind,
            "{message}"
        );
    }
    let whole = stream(O, C, reply(), [story().as_bytes()]);
    assert_eq!(whole.status, Status::Answer);
}
