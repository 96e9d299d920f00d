//! Row G5: what one provider signed never goes to another, not even where a body would
//! pass on as it is.

use serde_json::{Value, json};
use tollgate_protocol::{Dialect, PassOn, pass_on, peek};

use crate::support::{M, R, body, value};

fn passed(dialect: Dialect, request: &str) -> (Option<Vec<u8>>, usize) {
    let request = body(request);
    let peeked = peek(dialect, &request).unwrap();
    let edits = PassOn {
        model: &peeked.model,
        include_usage: false,
        betas: &[],
        target: None,
    };
    let (edited, losses) = pass_on(dialect, &peeked, &request, &edits);
    (edited, losses.len())
}

fn messages(signature: &str) -> Value {
    json!({"model": "m", "max_tokens": 9, "stream": true, "messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "t", "signature": signature},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
        ]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "b"}]},
    ]})
}

fn responses(encrypted: &str) -> Value {
    json!({"model": "m", "input": [
        {"role": "user", "content": "a"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": encrypted},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{\"a\":1}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "b"},
    ]})
}

#[test]
fn g5_what_another_provider_signed_is_left_out() {
    for (dialect, request) in [
        (M, messages("tg.gemini.c2ln")),
        (M, messages("tg.openai-responses.rs_1.c2ln")),
        (R, responses("tg.anthropic.c2ln")),
        (R, responses("tg.redacted.c2ln")),
    ] {
        for text in [request.to_string(), format!("{request:#}")] {
            let (edited, losses) = passed(dialect, &text);
            let edited = String::from_utf8(edited.expect("written anew")).unwrap();
            assert!(!edited.contains("tg."), "{edited}");
            assert!(losses > 0, "{edited}");
            for kept in ["\"f\"", "\"b\"", "\"a\"", "\"m\""] {
                assert!(edited.contains(kept), "{kept} in {edited}");
            }
            let edited = value(edited.as_bytes());
            assert_eq!(edited["stream"], request["stream"]);
        }
    }
}

#[test]
fn what_only_looks_like_it_passes_untouched() {
    let quoted = r#""signature":"tg.gemini.x" "encrypted_content":"tg.anthropic.x""#;
    let mut said = messages("EqQBCgIYAhIM");
    said["messages"][0]["content"] = json!(quoted);
    let mut named = messages("EqQBCgIYAhIM");
    named["messages"][1]["content"][1]["input"] = json!({"a": "tg.gemini.x"});
    let mut asked = responses("gAAAAAB");
    asked["input"][0]["content"] = json!(quoted);
    for (dialect, request) in [(M, said), (M, named), (R, asked)] {
        assert_eq!(passed(dialect, &request.to_string()), (None, 0));
    }
}
