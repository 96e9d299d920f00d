//! Cohere Chat as an upstream: requests, answers, streams and errors.

use serde_json::{Value, json};
use tollgate_protocol::neutral::Usage;
use tollgate_protocol::stream::{Outcome, Status};
use tollgate_protocol::{
    Classified, Dialect, ErrorKind, Target, Thinking, classify_response, read_error, read_response,
    read_usage, translate_response,
};

use crate::support::{
    C, CHATTING, M, TARGET, last_error, refused, reply, sse, stream, stream_at_every_split,
    translate, translate_for, value,
};
use crate::validator;

const H: Dialect = Dialect::Cohere;

#[test]
fn a_conversation_from_chat_completions() {
    let input = json!({
        "model": "m",
        "messages": [
            {"role": "developer", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "what is this"},
                {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}
            ]},
            {"role": "assistant", "content": "let me look", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
            {"role": "user", "content": "go on"},
            {"role": "assistant", "content": "done"},
            {"role": "user", "content": "thanks"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": true}}],
        "tool_choice": "required",
        "parallel_tool_calls": false,
        "max_tokens": 100,
        "temperature": 0.3, "top_p": 1, "seed": 1, "frequency_penalty": -0.5, "presence_penalty": 0.5,
        "stop": "END",
        "user": "u",
    });
    let (body, lost) = translate(C, H, &input);
    let expected = json!({
        "model": "upstream-model",
        "stream": false,
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "what is this"},
                {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}
            ]},
            {"role": "assistant", "tool_plan": "let me look", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
            {"role": "user", "content": "go on"},
            {"role": "assistant", "content": "done"},
            {"role": "user", "content": "thanks"}
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "strict_tools": true,
        "tool_choice": "REQUIRED",
        "max_tokens": 100,
        "stop_sequences": ["END"],
        "temperature": 0.3, "p": 0.99, "seed": 1, "frequency_penalty": 0, "presence_penalty": 0.5,
    });
    assert_eq!(body, expected);
    assert_eq!(
        lost,
        ["parallel_tool_calls", "top_p", "frequency_penalty", "user"]
    );
}

#[test]
fn a_conversation_from_anthropic() {
    let input = json!({
        "model": "m", "max_tokens": 100, "stream": true,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "messages": [
            {"role": "user", "content": [
                {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "abc"}},
                {"type": "text", "text": "sum up"}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "text", "text": "so"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "is_error": true, "content": "no"},
                {"type": "text", "text": "again"}]}
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}, {"name": "g", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "tool", "name": "f"},
        "top_k": 600,
    });
    let (body, lost) = translate(M, H, &input);
    let expected = json!({
        "model": "upstream-model",
        "stream": true,
        "messages": [
            {"role": "user", "content": "sum up"},
            {"role": "assistant", "tool_plan": "so", "tool_calls": [
                {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}}]},
            {"role": "tool", "tool_call_id": "t1", "content": "no"},
            {"role": "user", "content": "again"}
        ],
        "documents": [{"data": {"title": "T", "text": "abc"}}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        "tool_choice": "REQUIRED",
        "max_tokens": 100,
        "k": 500,
        "thinking": {"type": "enabled", "token_budget": 2000}
    });
    assert_eq!(body, expected);
    assert_eq!(
        lost,
        [
            "messages.thinking",
            "messages.is_error",
            "messages.document",
            "top_k"
        ]
    );
    let takes_back = Target {
        reasoning_field: Some("thinking"),
        ..TARGET
    };
    let (body, lost) = translate_for(M, H, &input, &takes_back);
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type": "thinking", "thinking": "hm"}])
    );
    assert!(!lost.contains(&"messages.thinking".to_owned()), "{lost:?}");
}

#[test]
fn thinking_and_formats() {
    let with = |key: &str, value: Value| json!({"model": "m", "messages": [{"role": "user", "content": "x"}], key: value});
    let never = Target {
        thinking: Thinking::Never,
        ..TARGET
    };
    let schema = json!({"type": "object"});
    let rows: [(Target<'_>, Value, &str, Value, &[&str]); 6] = [
        (
            TARGET,
            with("reasoning_effort", "none".into()),
            "thinking",
            json!({"type": "disabled"}),
            &[],
        ),
        (
            TARGET,
            with("reasoning_effort", "low".into()),
            "thinking",
            json!({"type": "enabled", "token_budget": 1024}),
            &[],
        ),
        (
            never,
            with("reasoning_effort", "low".into()),
            "thinking",
            Value::Null,
            &["reasoning_effort"],
        ),
        (
            never,
            with("reasoning_effort", "none".into()),
            "thinking",
            Value::Null,
            &[],
        ),
        (
            TARGET,
            with("response_format", json!({"type": "json_object"})),
            "response_format",
            json!({"type": "json_object"}),
            &[],
        ),
        (
            TARGET,
            with(
                "response_format",
                json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}),
            ),
            "response_format",
            json!({"type": "json_object", "json_schema": schema}),
            &[],
        ),
    ];
    for (target, input, key, expected, lost) in rows {
        let (body, losses) = translate_for(C, H, &input, &target);
        assert_eq!(
            (&body[key], losses.as_slice()),
            (
                &expected,
                lost.iter()
                    .map(|l| (*l).to_owned())
                    .collect::<Vec<_>>()
                    .as_slice()
            ),
            "{input}"
        );
    }
}

#[test]
fn what_cannot_be_said_is_refused() {
    let user = |part: Value| json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [part]}]});
    let text = json!([{"role": "user", "content": "x"}]);
    let rows = [
        (
            C,
            user(
                json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERg=="}}),
            ),
            "messages[0]",
        ),
        (
            C,
            user(json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}})),
            "messages[0]",
        ),
        (
            M,
            user(json!({"type": "image", "source": {"type": "file", "file_id": "f"}})),
            "messages[0]",
        ),
        (
            M,
            user(
                json!({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": {"type": "url", "url": "https://x.test"}}]}),
            ),
            "messages[0]",
        ),
        (C, json!({"model": "m", "n": 2, "messages": text}), "n"),
        (
            C,
            json!({"model": "m", "messages": text, "response_format": {"type": "json_object"}, "tools": [{"type": "function", "function": {"name": "f"}}]}),
            "response_format",
        ),
        (
            M,
            json!({"model": "m", "max_tokens": 9, "messages": text, "stop_sequences": ["a", "b", "c", "d", "e", "f"]}),
            "stop_sequences",
        ),
    ];
    for (from, input, field) in rows {
        assert_eq!(refused(from, H, &input).field, field, "{input}");
    }
}

fn usage() -> Value {
    json!({"billed_units": {"input_tokens": 3, "output_tokens": 5}, "tokens": {"input_tokens": 500, "output_tokens": 7}, "cached_tokens": 144})
}

const USAGE: (Option<u64>, Option<u64>) = (Some(3), Some(5));

fn counted(usage: &Usage) -> (Option<u64>, Option<u64>) {
    assert_eq!(usage.cache_read_tokens, None);
    (usage.input_tokens, usage.output_tokens)
}

fn answer(reason: &str) -> Value {
    json!({"id": "i", "finish_reason": reason, "usage": usage(), "message": {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "it is"}],
        "tool_plan": "I will look.",
        "tool_calls": [{"id": "f_1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}}],
        "citations": [{"start": 0, "end": 1}],
    }})
}

#[test]
fn answers_reach_every_caller() {
    let bytes = answer("TOOL_CALL").to_string().into_bytes();
    assert_eq!(classify_response(H, &bytes), Classified::Answer);
    assert_eq!(counted(&read_usage(H, &bytes).unwrap()), USAGE);
    let (body, _) = translate_response(H, M, bytes.clone(), &reply()).unwrap();
    let body = value(&body);
    assert_eq!(body["stop_reason"], "tool_use");
    let texts: Vec<_> = body["content"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|block| block["text"].as_str())
        .collect();
    assert_eq!(texts, ["it is", "I will look."]);
    let (body, _) = translate_response(H, C, bytes, &reply()).unwrap();
    let message = &value(&body)["choices"][0]["message"];
    assert_eq!(message["tool_calls"][0]["id"], "f_1");
    for (told, expected) in [
        ("COMPLETE", "end_turn"),
        ("MAX_TOKENS", "max_tokens"),
        ("STOP_SEQUENCE", "stop_sequence"),
    ] {
        let (body, _) =
            translate_response(H, M, answer(told).to_string().into(), &reply()).unwrap();
        assert_eq!(value(&body)["stop_reason"], expected);
    }
    for (told, kind) in [
        ("ERROR", ErrorKind::Upstream),
        ("TIMEOUT", ErrorKind::Timeout),
    ] {
        let error = read_response(H, answer(told).to_string().into()).unwrap_err();
        assert_eq!(error.kind, kind);
    }
    let error = json!({"id": "i", "message": "invalid request"}).to_string();
    assert!(matches!(
        classify_response(H, error.as_bytes()),
        Classified::Garbage(_)
    ));
}

fn told(kind: &str, index: u32, message: Value) -> Value {
    json!({"type": kind, "index": index, "delta": {"message": message}})
}

fn story() -> Vec<Value> {
    let call = |arguments: &str| {
        told(
            "tool-call-delta",
            0,
            json!({"tool_calls": {"function": {"arguments": arguments}}}),
        )
    };
    vec![
        json!({"type": "message-start", "id": "i", "delta": {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}}}),
        told(
            "content-start",
            0,
            json!({"content": {"type": "thinking", "thinking": ""}}),
        ),
        told("content-delta", 0, json!({"content": {"thinking": "hm"}})),
        json!({"type": "content-end", "index": 0}),
        told(
            "content-start",
            1,
            json!({"content": {"type": "text", "text": ""}}),
        ),
        told("content-delta", 1, json!({"content": {"text": "it is"}})),
        told("citation-start", 0, json!({"citations": {"start": 0}})),
        json!({"type": "citation-end", "index": 0}),
        json!({"type": "content-end", "index": 1}),
        told("tool-plan-delta", 0, json!({"tool_plan": "I will "})),
        told("tool-plan-delta", 0, json!({"tool_plan": "look."})),
        told(
            "tool-call-start",
            0,
            json!({"tool_calls": {"id": "f_1", "type": "function", "function": {"name": "f", "arguments": ""}}}),
        ),
        call("{\"x\""),
        call(":1}"),
        json!({"type": "tool-call-end", "index": 0}),
        told(
            "tool-call-start",
            1,
            json!({"tool_calls": {"id": "g_1", "type": "function", "function": {"name": "g", "arguments": ""}}}),
        ),
        told(
            "tool-call-delta",
            1,
            json!({"tool_calls": {"function": {"arguments": "{}"}}}),
        ),
        json!({"type": "tool-call-end", "index": 1}),
        json!({"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": usage()}}),
    ]
}

#[test]
fn streams_reach_every_caller() {
    let text = sse(&story());
    for to in CHATTING {
        let whole = stream_at_every_split(H, to, &text);
        assert_eq!(whole.outcome, Outcome::Complete);
        assert_eq!(counted(&whole.usage), USAGE);
        validator::check(to, &whole.text);
        for said in ["it is", "I will ", "f_1", "g_1"] {
            assert!(whole.text.contains(said), "{said} in {}", whole.text);
        }
    }
    let first = read_response(H, text.into()).unwrap();
    let mut same = answer("TOOL_CALL");
    let calls = same["message"]["tool_calls"].as_array_mut().unwrap();
    calls.push(json!({"id": "g_1", "function": {"name": "g", "arguments": "{}"}}));
    let second = read_response(H, same.to_string().into()).unwrap();
    assert_eq!(first.choices, second.choices);
}

#[test]
fn streams_that_end_badly() {
    let begun = sse(&story()[..6]);
    let failed = sse(&[
        json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "out of memory"}}),
    ]);
    let rows = [
        (begun.clone(), Outcome::Interrupted),
        (
            format!("{begun}{failed}"),
            Outcome::Failed(ErrorKind::Upstream),
        ),
        (
            format!("{begun}data: nonsense\n\n"),
            Outcome::Failed(ErrorKind::Upstream),
        ),
        (
            format!("{begun}data: {{\"message\":\"too many requests\"}}\n\n"),
            Outcome::Failed(ErrorKind::Upstream),
        ),
        (failed, Outcome::Failed(ErrorKind::Upstream)),
    ];
    for (text, outcome) in rows {
        for to in CHATTING {
            let whole = stream(H, to, reply(), [text.as_bytes()]);
            assert_eq!(whole.outcome, outcome, "{text}");
            let answers = text.starts_with(&begun);
            assert_eq!(whole.status == Status::Answer, answers, "{text}");
            if answers {
                assert!(last_error(&whole.text).is_object());
                let said = whole.text.contains("out of memory");
                assert_eq!(said, text.contains("out of memory"), "{text}");
            }
        }
    }
    let whole = answer("COMPLETE").to_string();
    for to in CHATTING {
        let streamed = stream_at_every_split(H, to, &whole);
        assert_eq!(streamed.outcome, Outcome::Complete);
        validator::check(to, &streamed.text);
    }
}

#[test]
fn errors_by_status() {
    let rows = [
        (
            400,
            "invalid request: all elements in history must have a message.",
            ErrorKind::InvalidRequest,
        ),
        (
            400,
            "too many tokens: the prompt exceeds the context window",
            ErrorKind::ContextLength,
        ),
        (401, "invalid api token", ErrorKind::Upstream),
        (404, "model 'x' not found", ErrorKind::NotFound),
        (422, "bad field", ErrorKind::InvalidRequest),
        (
            429,
            "You are past the per minute request limit",
            ErrorKind::RateLimited,
        ),
        (500, "internal server error", ErrorKind::Upstream),
        (503, "", ErrorKind::Overloaded),
    ];
    for (status, message, kind) in rows {
        let body = json!({"id": "i", "message": message}).to_string();
        assert_eq!(
            read_error(H, status, body.as_bytes()).kind,
            kind,
            "{message}"
        );
    }
}
