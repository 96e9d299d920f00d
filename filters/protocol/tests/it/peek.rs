//! Peeking into bodies, and the edits that leave all other bytes alone.

use tollgate_protocol::{Body, Limits, peek};

use crate::support::{C, G, M, R, body};

#[test]
fn finds_what_policy_needs() {
    let peeked = peek(C, &body(r#"{"messages":[{"model":"no"}],"mod\u0065l":"gpt","stream":true,"max_tokens":1,"max_completion_tokens":2,"stream_options":{"include_usage":false},"user":"u"}"#)).unwrap();
    assert_eq!(
        (
            peeked.model.as_str(),
            peeked.stream,
            peeked.max_output_tokens
        ),
        ("gpt", true, Some(2))
    );
    assert_eq!(
        (peeked.include_usage, peeked.user.as_deref()),
        (Some(false), Some("u"))
    );
    let peeked = peek(
        M,
        &body(r#"{"model":"c","max_tokens":5,"metadata":{"user_id":"u"},"stream":null}"#),
    )
    .unwrap();
    assert_eq!(
        (
            peeked.stream,
            peeked.max_output_tokens,
            peeked.user.as_deref()
        ),
        (false, Some(5), Some("u"))
    );
}

#[test]
fn it_says_how_many_answers_are_asked_for() {
    for (more, choices) in [
        ("", 1),
        (r#","n":null"#, 1),
        (r#","n":3"#, 3),
        (r#","n":2,"best_of":4"#, 4),
        (r#","n":0"#, 1),
        (r#","n":500"#, 500),
        (r#","n":"8""#, 8),
        (r#","n":"many""#, 128),
        (r#","n":[]"#, 128),
        (r#","prompt":"a""#, 1),
        (r#","prompt":[]"#, 1),
        (r#","prompt":[1,2,3]"#, 1),
        (r#","prompt":[[1,2],[3]]"#, 2),
        (r#","prompt":["a","b","c"],"n":2"#, 6),
    ] {
        let text = format!(r#"{{"model":"m"{more}}}"#);
        assert_eq!(peek(C, &body(&text)).unwrap().choices, choices, "{text}");
    }
    for count in ["3", r#""3""#] {
        let text = format!(r#"{{"model":"m","generationConfig":{{"candidateCount":{count}}}}}"#);
        assert_eq!(peek(G, &body(&text)).unwrap().choices, 3);
    }
}

#[test]
fn l10_bad_bodies_name_the_field() {
    for (text, field) in [
        ("{}", "model"),
        (r#"{"model":null}"#, "model"),
        (r#"{"model":""}"#, "model"),
        (r#"{"model":" "}"#, "model"),
        (r#"{"model":["a"]}"#, "model"),
        (r#"{"model":"a","stream":1}"#, "stream"),
        (r#"{"model":"a","model":"b"}"#, "model"),
        (
            r#"{"model":"a","stream":true,"stre\u0061m":false}"#,
            "stream",
        ),
    ] {
        assert_eq!(peek(C, &body(text)).unwrap_err().field, field, "{text}");
    }
    let limits = Limits::request(100);
    for text in [
        "",
        "x",
        "[]",
        "\"a\"",
        "{\"a\":1",
        "{\"a\":\"\\ud800\"}",
        &format!("{{\"a\":\"{}\"}}", "x".repeat(100)),
    ] {
        let invalid = Body::parse(text.as_bytes().to_vec(), &limits).unwrap_err();
        assert!(
            invalid.field.is_empty() && invalid.message.ends_with('.'),
            "{text}"
        );
    }
    assert!(Body::parse(vec![b'{', 0xff, b'}'], &limits).is_err());
}

#[track_caller]
fn check(text: &str, model: Option<&str>, include_usage: bool, expected: Option<&str>) {
    let body = body(text);
    let edited = peek(C, &body).unwrap().rewrite(&body, model, include_usage);
    assert_eq!(
        edited
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .as_deref(),
        expected
    );
}

#[test]
fn edits_touch_nothing_else() {
    check(
        r#" {"a": 1.0, "model" : "x" ,"b":[ ]} "#,
        Some("y\""),
        false,
        Some(r#" {"a": 1.0, "model" : "y\"" ,"b":[ ]} "#),
    );
    check(r#"{"model":"x"}"#, Some("x"), true, None);
    check(r#"{"model":"x"}"#, None, false, None);
    let usage = |text, expected| check(text, None, true, expected);
    usage(
        r#"{ "model":"x","stream":true}"#,
        Some(r#"{"stream_options":{"include_usage":true}, "model":"x","stream":true}"#),
    );
    usage(
        r#"{"model":"x","stream":true,"stream_options":null}"#,
        Some(r#"{"model":"x","stream":true,"stream_options":{"include_usage":true}}"#),
    );
    usage(
        r#"{"model":"x","stream":true,"stream_options":{ }}"#,
        Some(r#"{"model":"x","stream":true,"stream_options":{"include_usage":true }}"#),
    );
    usage(
        r#"{"model":"x","stream":true,"stream_options":{"o":false}}"#,
        Some(r#"{"model":"x","stream":true,"stream_options":{"include_usage":true,"o":false}}"#),
    );
    usage(
        r#"{"model":"x","stream":true,"stream_options":{"include_usage":false}}"#,
        Some(r#"{"model":"x","stream":true,"stream_options":{"include_usage":true}}"#),
    );
    usage(
        r#"{"model":"x","stream":true,"stream_options":{"include_usage":true}}"#,
        None,
    );
    check(
        r#"{"stream_options":{},"stream":true,"model":"x"}"#,
        Some("y"),
        true,
        Some(r#"{"stream_options":{"include_usage":true},"stream":true,"model":"y"}"#),
    );
}

#[test]
fn the_limit_of_a_responses_request_is_seen() {
    let body = self::body(r#"{"model":"m","input":"hi","max_output_tokens":7}"#);
    let peeked = peek(R, &body).unwrap();
    assert_eq!(peeked.max_output_tokens, Some(7));
    let twice = r#"{"model":"m","max_output_tokens":7,"max_output_tokens":9}"#;
    let error = peek(R, &self::body(twice)).unwrap_err();
    assert_eq!(error.field, "max_output_tokens");
}
