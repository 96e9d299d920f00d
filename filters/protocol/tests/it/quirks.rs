//! What quirks make of requests: translated ones, and ones that pass in their own dialect.

use serde_json::{Value, json};
use tollgate_protocol::{PassOn, Quirk, Target, image_field, pass_on, peek};

use crate::support::{C, M, R, TARGET, body, request, translate_for, value};

fn target(quirks: &[&str]) -> Target<'static> {
    let mut target = TARGET;
    for name in quirks {
        name.parse::<Quirk>().unwrap().apply(&mut target);
    }
    target
}

#[test]
fn every_quirk_has_a_name_and_does_something() {
    for quirk in Quirk::ALL {
        assert_eq!(quirk.as_str().parse(), Ok(quirk));
        let mut changed = TARGET;
        quirk.apply(&mut changed);
        assert_ne!(format!("{changed:?}"), format!("{TARGET:?}"), "{quirk}");
    }
    assert!("legacy".parse::<Quirk>().is_err());
}

/// An Anthropic caller's request for a Chat Completions upstream with one quirk.
#[test]
fn translated_requests_keep_the_upstreams_rules() {
    let asked = json!({
        "model": "m", "max_tokens": 9000, "stream": true, "temperature": 1, "system": [
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "b"}],
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "tool_use", "id": "toolu_0123456789", "name": "f", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_0123456789", "content": "ok"}]}],
    });
    // Quirk, where to look, and what stands there without it and with it.
    for (quirk, at, without, with) in [
        ("legacy-max-tokens", "/max_tokens", Value::Null, json!(9000)),
        (
            "legacy-max-tokens",
            "/max_completion_tokens",
            json!(9000),
            Value::Null,
        ),
        (
            "string-content",
            "/messages/0/content/0/text",
            json!("a"),
            Value::Null,
        ),
        (
            "string-content",
            "/messages/0/content/1/text",
            json!("b"),
            Value::Null,
        ),
        (
            "no-stream-options",
            "/stream_options",
            json!({"include_usage": true}),
            Value::Null,
        ),
        (
            "reasoning-content",
            "/messages/2/reasoning_content",
            Value::Null,
            json!("hm"),
        ),
        (
            "reasoning",
            "/messages/2/reasoning",
            Value::Null,
            json!("hm"),
        ),
        (
            "keeps-cache-control",
            "/messages/0/content/0/cache_control",
            Value::Null,
            json!({"type": "ephemeral"}),
        ),
        ("no-sampling", "/temperature", json!(1), Value::Null),
        // c10
        (
            "nine-char-call-ids",
            "/messages/2/tool_calls/0/id",
            json!("toolu_0123456789"),
            json!("gHiTKjYcO"),
        ),
        (
            "nine-char-call-ids",
            "/messages/3/tool_call_id",
            json!("toolu_0123456789"),
            json!("gHiTKjYcO"),
        ),
        // a13
        (
            "no-reasoning-effort",
            "/reasoning_effort",
            json!("medium"),
            Value::Null,
        ),
        (
            "thinking-type",
            "/thinking",
            Value::Null,
            json!({"type": "enabled"}),
        ),
        (
            "thinking-type",
            "/reasoning_effort",
            json!("medium"),
            Value::Null,
        ),
        (
            "enable-thinking",
            "/enable_thinking",
            Value::Null,
            json!(true),
        ),
        (
            "enable-thinking",
            "/thinking_budget",
            Value::Null,
            json!(2048),
        ),
        (
            "reasoning-object",
            "/reasoning",
            Value::Null,
            json!({"max_tokens": 2048}),
        ),
    ] {
        for (quirks, expected) in [(&[][..], without), (&[quirk][..], with)] {
            let (written, _) = translate_for(M, C, &asked, &target(quirks));
            let seen = written.pointer(at).unwrap_or(&Value::Null);
            assert_eq!(*seen, expected, "{quirks:?} at {at} of {written}");
        }
    }
}

#[test]
fn thinking_is_said_in_the_upstreams_words() {
    for (thinking, toggle, enable, object) in [
        (
            json!({"thinking": {"type": "disabled"}}),
            json!("disabled"),
            json!([false, null]),
            json!({"enabled": false}),
        ),
        (
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
            json!("enabled"),
            json!([true, 16_384]),
            json!({"effort": "high"}),
        ),
        (
            json!({"thinking": {"type": "adaptive"}}),
            json!("enabled"),
            json!([true, null]),
            json!({"enabled": true}),
        ),
    ] {
        let mut asked = json!({"model": "m", "max_tokens": 9,
            "messages": [{"role": "user", "content": "hi"}]});
        let more = thinking.as_object().unwrap().clone();
        asked.as_object_mut().unwrap().extend(more);
        let written = |quirk| translate_for(M, C, &asked, &target(&[quirk])).0;
        assert_eq!(written("thinking-type")["thinking"]["type"], toggle);
        let seen = written("enable-thinking");
        let seen = json!([seen["enable_thinking"], seen["thinking_budget"]]);
        assert_eq!(seen, enable, "{thinking}");
        assert_eq!(written("reasoning-object")["reasoning"], object);
    }
}

/// What a caller's body becomes for an upstream of the same dialect, byte for byte.
#[test]
fn passed_on_bodies_are_mended_and_nothing_else() {
    let check = |dialect, quirks: &[&str], sent: &str, expected: &str, lost: &[&str]| {
        let sent = body(sent);
        let target = Target {
            model: "m",
            ..target(quirks)
        };
        let edits = PassOn {
            model: "m",
            include_usage: dialect == C,
            target: Some(&target),
            ..PassOn::default()
        };
        let (passed, losses) = pass_on(dialect, &peek(dialect, &sent).unwrap(), &sent, &edits);
        let passed = passed.map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(passed.as_deref().unwrap_or(sent.as_str()), expected);
        assert_eq!(passed.is_some(), sent.as_str() != expected, "{expected}");
        let losses: Vec<_> = losses.iter().map(|loss| loss.field.as_str()).collect();
        assert_eq!(losses, lost, "{expected}");
        value(expected.as_bytes());
    };
    let same = r#"{ "model":"m","messages":[{"role":"developer","content":[{"type":"text","text":"a"}]}],"max_completion_tokens": 5, "temperature":0 }"#;
    check(C, &[], same, same, &[]);
    check(
        M,
        &["no-developer-role", "legacy-max-tokens"],
        same,
        same,
        &[],
    );

    // Removed whole, whatever else would be written into it.
    check(
        C,
        &["no-stream-options"],
        r#"{"model":"m","stream":true,"stream_options":{"other":1},"user":"u"}"#,
        r#"{"model":"m","stream":true,"user":"u"}"#,
        &["stream_options"],
    );

    let codex = r#"{"model":"m","client_metadata":{"a":"b"}, "input":"a"}"#;
    check(R, &["client-metadata"], codex, codex, &[]);
    check(
        R,
        &[],
        codex,
        r#"{"model":"m", "input":"a"}"#,
        &["client_metadata"],
    );

    // a2
    check(
        C,
        &["legacy-max-tokens"],
        r#"{"model":"m", "max_completion_tokens" : 5 ,"messages":[]}"#,
        r#"{"model":"m", "max_tokens" : 5 ,"messages":[]}"#,
        &[],
    );
    check(
        C,
        &["legacy-max-tokens"],
        r#"{"max_tokens":4,"max_completion_tokens":5,"model":"m"}"#,
        r#"{"max_tokens":5,"model":"m"}"#,
        &["max_tokens"],
    );
    check(
        C,
        &["legacy-max-tokens"],
        r#"{"max_tokens":4,"max_completion_tokens":null,"model":"m"}"#,
        r#"{"max_tokens":4,"max_completion_tokens":null,"model":"m"}"#,
        &[],
    );
    // a4
    for (dialect, sent, expected) in [
        (
            C,
            r#"{"temperature":0,"model":"m","top_p":1}"#,
            r#"{"model":"m"}"#,
        ),
        (
            M,
            r#"{"model":"m", "top_k" : 3, "top_p":1 , "x":[1]}"#,
            r#"{"model":"m" , "x":[1]}"#,
        ),
        (
            M,
            r#"{ "temperature":0 , "top_p":1, "model":"m"}"#,
            r#"{ "model":"m"}"#,
        ),
    ] {
        let lost: Vec<_> = ["temperature", "top_k", "top_p"]
            .into_iter()
            .filter(|key| sent.contains(key))
            .collect();
        check(dialect, &["no-sampling"], sent, expected, &lost);
    }
    // b2
    check(
        C,
        &["no-developer-role"],
        r#"{"model":"m","messages":[{"role":"developer","content":"x"},{"content":"developer","role":"user"}]}"#,
        r#"{"model":"m","messages":[{"role":"system","content":"x"},{"content":"developer","role":"user"}]}"#,
        &[],
    );
    // b13: only texts, and never the user's own parts
    check(
        C,
        &["string-content"],
        r#"{"model":"m","messages":[{"role":"system","content":[{"type":"text","text":"a\n"},{"type":"text","text":"b"}]},{"role":"user","content":[{"type":"text","text":"c"}]},{"role":"tool","tool_call_id":"1","content":[{"type":"image_url","image_url":{"url":"u"}}]}]}"#,
        r#"{"model":"m","messages":[{"role":"system","content":"a\n\n\nb"},{"role":"user","content":[{"type":"text","text":"c"}]},{"role":"tool","tool_call_id":"1","content":[{"type":"image_url","image_url":{"url":"u"}}]}]}"#,
        &[],
    );
    // c10
    check(
        C,
        &["nine-char-call-ids"],
        r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"call_abcdefghij","type":"function"},{"id":"AbCdEf123"}]},{"role":"tool","tool_call_id":"call_abcdefghij","content":"x"}]}"#,
        r#"{"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"TSLNk7Fml","type":"function"},{"id":"AbCdEf123"}]},{"role":"tool","tool_call_id":"TSLNk7Fml","content":"x"}]}"#,
        &[],
    );
    check(
        C,
        &["no-stream-options"],
        r#"{"stream_options":{"include_usage":true},"stream":true,"model":"m"}"#,
        r#"{"stream":true,"model":"m"}"#,
        &["stream_options"],
    );
    // Usage is asked for at the place where a member goes.
    check(
        C,
        &["no-sampling"],
        r#"{"top_p":1,"stream":true,"model":"m"}"#,
        r#"{"stream_options":{"include_usage":true},"stream":true,"model":"m"}"#,
        &["top_p"],
    );
}

#[test]
fn pictures_are_found_wherever_they_are() {
    let image = json!({"type": "image", "source": {"type": "url", "url": "https://a.example/b"}});
    let text = json!({"role": "user", "content": "x"});
    for (dialect, messages, expected) in [
        (
            M,
            json!([text, {"role": "user", "content": [image]}]),
            Some("messages[1]"),
        ),
        (
            M,
            json!([
                {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [image]}]}]),
            Some("messages[1]"),
        ),
        (
            C,
            json!([text, text, {"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]),
            Some("messages[2]"),
        ),
        (C, json!([text]), None),
    ] {
        let asked = json!({"model": "m", "max_tokens": 1, "system": "s", "messages": messages});
        let field = image_field(&request(dialect, &asked));
        assert_eq!(field.as_deref(), expected, "{messages}");
    }
}
