//! M5: legacy completions, from and to the other dialects.

use serde_json::{Value, json};
use tollgate_protocol::stream::Outcome;
use tollgate_protocol::{CALLERS, Dialect, Reply, translate_response};

use crate::support::{
    C, L, M, R, body, events, refused, reply, sse, stream, stream_at_every_split, translate, value,
};
use crate::validator;

fn completion(more: Value) -> Value {
    let mut request = json!({"model": "m", "prompt": "Once upon"});
    let more = more.as_object().unwrap().clone();
    request.as_object_mut().unwrap().extend(more);
    request
}

#[test]
fn a_prompt_becomes_what_the_user_says() {
    for prompt in [json!("Once upon"), json!(["Once upon"])] {
        let request = completion(
            json!({"prompt": prompt, "max_tokens": 50, "temperature": 0.5,
            "stop": "END"}),
        );
        let (chat, losses) = translate(L, C, &request);
        assert_eq!(
            chat,
            json!({"model": "upstream-model", "max_completion_tokens": 50, "temperature": 0.5,
                "stop": ["END"], "messages": [{"role": "user", "content": "Once upon"}]})
        );
        assert_eq!(losses, [""; 0]);
        let (anthropic, _) = translate(L, M, &request);
        assert_eq!(anthropic["messages"][0]["content"][0]["text"], "Once upon");
        let (same, _) = translate(L, L, &request);
        assert_eq!(same["prompt"], prompt);
    }
    // The API's own default, where the caller sets no limit.
    let (chat, _) = translate(L, C, &completion(json!({})));
    assert_eq!(chat["max_completion_tokens"], 16);
}

#[test]
fn what_only_completions_can_do_is_refused() {
    for (more, field) in [
        (json!({"prompt": ["a", "b"]}), "prompt"),
        (json!({"prompt": [1, 2, 3]}), "prompt"),
        (json!({"suffix": "."}), "suffix"),
        (json!({"echo": true}), "echo"),
        (json!({"logprobs": 2}), "logprobs"),
        (json!({"best_of": 3}), "best_of"),
    ] {
        for to in [C, M, R] {
            assert_eq!(
                refused(L, to, &completion(more.clone())).field,
                field,
                "{to}"
            );
        }
    }
    let (_, losses) = translate(
        L,
        C,
        &completion(json!({"echo": false, "best_of": 1, "x": 1})),
    );
    assert_eq!(losses, ["best_of", "echo", "x"]);
    let error = tollgate_protocol::read_request(L, &body(r#"{"model":"m"}"#)).unwrap_err();
    assert_eq!(error.field, "prompt");
}

#[test]
fn a_conversation_is_no_prompt() {
    let user = json!({"role": "user", "content": "hi"});
    let (written, _) = translate(C, L, &json!({"model": "m", "messages": [user], "n": 2}));
    assert_eq!(
        written,
        json!({"model": "upstream-model", "prompt": "hi", "max_tokens": 64_000, "n": 2})
    );
    let tool = json!({"type": "function", "function": {"name": "f"}});
    for (request, field) in [
        (json!({"model": "m", "messages": [user, user]}), "messages"),
        (
            json!({"model": "m", "messages": [{"role": "system", "content": "x"}]}),
            "messages",
        ),
        (
            json!({"model": "m", "messages": [user], "tools": [tool]}),
            "tools",
        ),
        (
            json!({"model": "m", "messages": [user], "response_format": {"type": "json_object"}}),
            "response_format",
        ),
        (
            json!({"model": "m", "messages": [{"role": "user", "content":
                [{"type": "image_url", "image_url": {"url": "https://x/y"}}]}]}),
            "messages[0]",
        ),
    ] {
        assert_eq!(refused(C, L, &request).field, field);
    }
}

fn answer(reason: &str) -> Value {
    json!({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "x",
        "choices": [{"text": " a time", "index": 0, "logprobs": null, "finish_reason": reason}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
}

#[test]
fn answers_are_text_with_a_reason() {
    for (reason, chat) in [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
    ] {
        let (there, usage) =
            translate_response(L, C, answer(reason).to_string().into(), &reply()).unwrap();
        assert_eq!(value(&there)["choices"][0]["message"]["content"], " a time");
        assert_eq!(value(&there)["choices"][0]["finish_reason"], chat);
        assert_eq!(
            (usage.input_tokens, usage.output_tokens),
            (Some(3), Some(2))
        );
        let (back, _) = translate_response(C, L, there, &reply()).unwrap();
        let back = value(&back);
        assert_eq!(back["choices"], answer(reason)["choices"]);
        assert_eq!(
            (&back["object"], &back["id"]),
            (&json!("text_completion"), &json!("cmpl-r1"))
        );
    }
}

fn chunks() -> String {
    let chunk = |text: &str, index: u64, reason: Value| {
        json!({"id": "cmpl-1", "object": "text_completion",
        "model": "x", "choices": [{"text": text, "index": index, "finish_reason": reason}]})
    };
    sse(&[
        chunk(" a", 0, Value::Null),
        chunk("b", 1, Value::Null),
        chunk(" time", 0, json!("length")),
        chunk("", 1, json!("stop")),
        json!({"id": "cmpl-1", "object": "text_completion", "model": "x", "choices": [],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2}}),
    ]) + "data: [DONE]\n\n"
}

#[test]
fn streams_cross_both_ways() {
    let text = |dialect: Dialect, stream: &str| -> String {
        let whole = tollgate_protocol::read_response(dialect, stream.into()).unwrap();
        format!("{:?}", whole.choices[0].content)
    };
    for &to in CALLERS {
        let there = stream_at_every_split(L, to, &chunks());
        assert_eq!(there.outcome, Outcome::Complete, "{to}");
        validator::check(to, &there.text);
        assert_eq!(there.usage.input_tokens, Some(3));
        assert_eq!(text(to, &there.text), text(L, &chunks()), "{to}");
        let back = stream_at_every_split(to, L, &there.text);
        validator::check(L, &back.text);
        assert_eq!(text(L, &back.text), text(L, &chunks()), "{to}");
    }
    let quiet = Reply {
        include_usage: false,
        ..reply()
    };
    let quiet = stream(L, L, quiet, [chunks().as_bytes()]);
    assert!(!quiet.text.contains("usage"));
}

#[test]
fn k7_a_cut_stream_ends_with_an_error() {
    let all = chunks();
    let cut = all.split_inclusive("\n\n").next().unwrap();
    let streamed = stream_at_every_split(L, L, cut);
    assert_eq!(streamed.outcome, Outcome::Interrupted);
    let last = events(&streamed.text).pop().unwrap();
    assert_eq!(last["error"]["code"], "upstream_error");
}
