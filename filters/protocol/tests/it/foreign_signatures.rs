//! Row G5: what one provider signed never goes to another, not even where a body would
//! pass on as it is.

use serde_json::{Value, json};
use tollgate_protocol::{Dialect, PassOn, Quirk, Target, pass_on, peek, write_request};

use crate::support::{C, M, R, body, fields, request, value};

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

/// The conversation of a caller who was given another provider's thinking by the gateway.
const GIVEN: &str = r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning_content":"t", "thinking_blocks" : [{"type":"thinking","thinking":"t","signature":"EqQB"}] ,"tool_calls":[]},{"role":"user","content":"\"thinking_blocks\":1"}]}"#;
/// The same of one who was answered by a provider of this dialect.
const OWN: &str = r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","reasoning":"t","reasoning_content":"t","content":"b"}]}"#;

#[test]
fn g5_thinking_that_the_gateway_gave_stays_away_from_those_who_refuse_it() {
    let bare = r#"{"role":"assistant","content":"b" ,"tool_calls":[]}"#;
    let text = r#"{"role":"assistant","content":"b","reasoning_content":"t" ,"tool_calls":[]}"#;
    let all = "messages.reasoning_content messages.thinking_blocks";
    let blocks = "messages.thinking_blocks";
    let rest = r#"{"role":"assistant","reasoning":"t","content":"b"}"#;
    let nothing = r#"{"role":"assistant","content":"b"}"#;
    let lost = "messages.reasoning_content";
    let both = "messages.reasoning messages.reasoning_content";
    for (sent, quirks, expected, losses) in [
        (GIVEN, [].as_slice(), bare, all),
        (GIVEN, &["reasoning"], bare, all),
        (GIVEN, &["reasoning-content"], text, blocks),
        (GIVEN, &["no-earlier-thinking"], bare, all),
        (GIVEN, &["only-reasoning"], bare, all),
        (GIVEN, &["thinking-blocks"], "", ""),
        (OWN, &[], "", ""),
        (OWN, &["thinking-blocks"], "", ""),
        (OWN, &["reasoning"], "", ""),
        (OWN, &["only-reasoning"], rest, lost),
        (OWN, &["no-earlier-thinking"], nothing, both),
    ] {
        let mut target = Target {
            model: "m",
            ..Target::default()
        };
        for name in quirks {
            name.parse::<Quirk>().unwrap().apply(&mut target);
        }
        let parsed = body(sent);
        let edits = PassOn {
            model: "m",
            target: Some(&target),
            ..PassOn::default()
        };
        let peeked = peek(C, &parsed).unwrap();
        let (edited, lost) = pass_on(C, &peeked, &parsed, &edits);
        assert_eq!(edited.is_some(), !expected.is_empty(), "{quirks:?}");
        let edited = edited.unwrap_or_else(|| sent.into());
        let edited = String::from_utf8(edited).unwrap();
        assert!(edited.contains(expected), "{quirks:?}: {edited}");
        assert_eq!(fields(&lost).join(" "), losses, "{quirks:?}");

        let written = write_request(C, &request(C, sent), &target).unwrap();
        assert_eq!(fields(&written.losses).join(" "), losses, "{quirks:?}");
        let message = &value(&written.body)["messages"][1];
        let mut passed = value(edited.as_bytes())["messages"][1].take();
        if passed["tool_calls"] == json!([]) {
            passed.as_object_mut().unwrap().remove("tool_calls");
        }
        assert_eq!(message, &passed, "{quirks:?}");
    }
}

#[test]
fn g5_what_the_gateway_marked_goes_to_no_other_gateway() {
    let mut target = Target::default();
    Quirk::ThinkingBlocks.apply(&mut target);
    let sent = GIVEN.replace("EqQB", "tg.gemini.c2ln");
    let written = write_request(C, &request(C, &sent), &target).unwrap();
    assert_eq!(fields(&written.losses), ["messages.thinking_blocks"]);
}
