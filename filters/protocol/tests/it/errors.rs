//! Errors: rows L.

use serde_json::json;
use tollgate_protocol::{
    Dialect, ErrorInfo, ErrorKind, ModelEntry, read_error, redact, write_error, write_model,
    write_model_list,
};

use crate::support::{C, M, value};

#[test]
fn l1_l2_status_type_and_code_in_both_shapes() {
    use ErrorKind::*;
    let rows = [
        (
            InvalidRequest,
            400,
            "invalid_request_error",
            None,
            400,
            "invalid_request_error",
        ),
        (
            ContextLength,
            400,
            "invalid_request_error",
            Some("context_length_exceeded"),
            400,
            "invalid_request_error",
        ),
        (
            ContentPolicy,
            400,
            "invalid_request_error",
            Some("content_policy_violation"),
            400,
            "invalid_request_error",
        ),
        (
            Authentication,
            401,
            "invalid_request_error",
            Some("invalid_api_key"),
            401,
            "authentication_error",
        ),
        (
            InsufficientQuota,
            429,
            "insufficient_quota",
            Some("insufficient_quota"),
            402,
            "billing_error",
        ),
        (
            PermissionDenied,
            403,
            "permission_error",
            Some("permission_denied"),
            403,
            "permission_error",
        ),
        (
            NotFound,
            404,
            "invalid_request_error",
            None,
            404,
            "not_found_error",
        ),
        (
            MethodNotAllowed,
            405,
            "invalid_request_error",
            None,
            405,
            "invalid_request_error",
        ),
        (
            RequestTooLarge,
            413,
            "invalid_request_error",
            Some("request_too_large"),
            413,
            "request_too_large",
        ),
        (
            UnsupportedMediaType,
            415,
            "invalid_request_error",
            Some("unsupported_media_type"),
            415,
            "invalid_request_error",
        ),
        (
            RateLimited,
            429,
            "rate_limit_error",
            Some("rate_limit_exceeded"),
            429,
            "rate_limit_error",
        ),
        (Internal, 500, "server_error", None, 500, "api_error"),
        (
            Upstream,
            502,
            "server_error",
            Some("upstream_error"),
            502,
            "api_error",
        ),
        (
            Overloaded,
            503,
            "server_error",
            Some("overloaded"),
            529,
            "overloaded_error",
        ),
        (
            Timeout,
            504,
            "server_error",
            Some("timeout"),
            504,
            "timeout_error",
        ),
    ];
    for (kind, status, name, code, own_status, own_name) in rows {
        let error = ErrorInfo::new(kind, "A \"sentence\".")
            .with_param("p")
            .with_request_id("req_1");
        let (written, body) = write_error(C, &error);
        assert_eq!(written, status, "{kind:?}");
        assert_eq!(
            value(&body),
            json!({"error": {"message": "A \"sentence\".", "type": name, "param": "p", "code": code}})
        );
        let (written, body) = write_error(M, &error);
        let body = value(&body);
        assert_eq!(
            (written, &body["type"], &body["request_id"]),
            (own_status, &json!("error"), &json!("req_1"))
        );
        assert_eq!(body["error"]["type"], own_name, "{kind:?}");
    }
}

#[track_caller]
fn check(dialect: Dialect, status: u16, body: &str, kind: ErrorKind, words: &str) {
    let error = read_error(dialect, status, body.as_bytes());
    assert_eq!(error.kind, kind, "{body}");
    assert_eq!(error.status, kind.status());
    assert!(error.message.contains(words), "{}", error.message);
}

#[test]
fn l4_what_upstreams_say_is_understood() {
    use ErrorKind::*;
    let chat = |kind: &str, code: &str, message: &str| {
        json!({"error": {"message": message, "type": kind, "param": "messages", "code": code}})
            .to_string()
    };
    let own = |kind: &str, message: &str| {
        json!({"type": "error", "error": {"type": kind, "message": message}}).to_string()
    };
    check(
        C,
        400,
        &chat("invalid_request_error", "invalid_value", "Bad 'x'."),
        InvalidRequest,
        "Bad 'x'.",
    );
    check(
        C,
        400,
        &chat(
            "invalid_request_error",
            "context_length_exceeded",
            "maximum context length is 8",
        ),
        ContextLength,
        "maximum",
    );
    check(
        C,
        400,
        &chat("invalid_request_error", "content_policy_violation", "no"),
        ContentPolicy,
        "no",
    );
    check(
        C,
        404,
        &chat(
            "invalid_request_error",
            "model_not_found",
            "The model `gpt-internal` is gone",
        ),
        NotFound,
        "does not know",
    );
    check(
        C,
        429,
        &chat("tokens", "rate_limit_exceeded", "Limit 10"),
        RateLimited,
        "Limit 10",
    );
    check(
        C,
        429,
        &chat("insufficient_quota", "insufficient_quota", "You owe"),
        InsufficientQuota,
        "no credit",
    );
    check(C, 500, &chat("server_error", "", "oops"), Upstream, "oops");
    check(C, 503, "", Overloaded, "overloaded");
    check(
        M,
        400,
        &own(
            "invalid_request_error",
            "prompt is too long: 9 tokens > 8 maximum",
        ),
        ContextLength,
        "prompt is too long",
    );
    check(
        M,
        400,
        &own("invalid_request_error", "Your credit balance is too low"),
        InsufficientQuota,
        "no credit",
    );
    check(
        M,
        400,
        &own(
            "invalid_request_error",
            "messages.1: tool_use ids toolu_01ABCDEFGHIJKLMNOPQRSTUV without tool_result",
        ),
        InvalidRequest,
        "toolu_01ABCDEFGHIJKLMNOPQRSTUV",
    );
    check(
        M,
        413,
        &own("request_too_large", "big"),
        RequestTooLarge,
        "big",
    );
    check(
        M,
        429,
        &own("rate_limit_error", "slow down"),
        RateLimited,
        "slow",
    );
    check(
        M,
        529,
        &own("overloaded_error", "Overloaded"),
        Overloaded,
        "Overloaded",
    );
    check(M, 200, &own("api_error", "Internal"), Upstream, "Internal");
    check(C, 400, r#"{"detail": "nope"}"#, InvalidRequest, "nope");
    let flagged =
        "openai/gpt-5 requires moderation on OpenAI. Your input was flagged for \"violence\".";
    let moderated =
        json!({"error": {"code": 403, "message": flagged, "metadata": {"reasons": ["violence"]}}});
    check(C, 403, &moderated.to_string(), ContentPolicy, "flagged");
    check(
        C,
        403,
        &chat("", "content_policy_violation", "not this"),
        ContentPolicy,
        "not this",
    );
    check(
        C,
        422,
        r#"{"object":"error","message":"nope","type":"x"}"#,
        InvalidRequest,
        "nope",
    );
}

#[test]
fn l3_the_gateways_credentials_are_nobodys_business() {
    for status in [401, 403] {
        let body = r#"{"error":{"message":"Incorrect API key provided: sk-abc***xyz. Visit https://platform.test","code":"invalid_api_key"}}"#;
        let error = read_error(C, status, body.as_bytes());
        assert_eq!((error.kind, error.status), (ErrorKind::Upstream, 502));
        assert_eq!(
            error.message,
            "The upstream provider refused the gateway's credentials."
        );
    }
    let own =
        r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#;
    assert_eq!(read_error(M, 200, own.as_bytes()).kind, ErrorKind::Upstream);
}

#[test]
fn l5_context_length_in_the_words_that_clients_match() {
    let from_chat = read_error(C, 400, br#"{"error":{"message":"This model's maximum context length is 8 tokens.","code":"context_length_exceeded"}}"#);
    let own = value(&write_error(M, &from_chat).1);
    assert!(
        own["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("prompt is too long")
    );
    let from_own = read_error(M, 400, br#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 > 8"}}"#);
    assert_eq!(
        value(&write_error(C, &from_own).1)["error"]["code"],
        "context_length_exceeded"
    );
}

#[test]
fn l7_html_and_empty_bodies_become_valid_errors() {
    for body in [
        "",
        "<html><h1>502 Bad Gateway</h1><p>edge-7.internal.example.com</p>",
        "\u{0}\u{1}",
        "{\"error\":",
        "[]",
        "{}",
        "null",
    ] {
        for (dialect, to) in [(C, C), (C, M), (M, C), (M, M)] {
            let error = read_error(dialect, 502, body.as_bytes());
            assert_eq!(error.kind, ErrorKind::Upstream);
            let (status, body) = write_error(to, &error);
            assert_eq!(status, 502);
            assert!(!value(&body).to_string().contains("edge-7"));
        }
    }
}

#[test]
fn l8_secrets_and_places_are_redacted() {
    let cases = [
        ("key sk-proj-abcdefghijk is bad", "key [redacted] is bad"),
        ("key 'AIzaSyA1234567890abcdefghij'.", "key '[redacted]'."),
        (
            "Authorization: Bearer abcdefg",
            "Authorization: Bearer [redacted]",
        ),
        (
            "hf_abcdefghijklmnop and gsk_abcdefghij",
            "[redacted] and [redacted]",
        ),
        ("token=9f8e7d6c5b4a39281706f5e4d3c2b1a0", "token=[redacted]"),
        ("abcd************wxyz", "[redacted]"),
        (
            "see https://internal.example/path?key=1.",
            "see [redacted].",
        ),
        (
            "dial tcp 10.0.0.7:8080: refused",
            "dial tcp [redacted]: refused",
        ),
        (
            "from 192.168.1.1, or fe80::1:2",
            "from [redacted], or [redacted]",
        ),
        (
            "no route to vllm-7.models.svc:8000",
            "no route to [redacted]",
        ),
        ("mail ops@example.com", "mail [redacted]"),
        ("api.openai.com said no", "[redacted] said no"),
        ("organization org-abc12345", "organization [redacted]"),
        ("at localhost", "at [redacted]"),
        (
            "claude-sonnet-4-5-20250929 is fine",
            "claude-sonnet-4-5-20250929 is fine",
        ),
        ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini-2025-04-14"),
        (
            "call_rI3WKPYvVwlOgCGRjsPP2hEx was not answered",
            "call_rI3WKPYvVwlOgCGRjsPP2hEx was not answered",
        ),
        ("messages.1.content.0: bad", "messages.1.content.0: bad"),
        (
            "max_tokens: 9 > 8, e.g. 3.5 and/or 1:2",
            "max_tokens: 9 > 8, e.g. 3.5 and/or 1:2",
        ),
        ("Ünïcode … stays", "Ünïcode … stays"),
    ];
    for (text, expected) in cases {
        assert_eq!(redact(text), expected);
    }
    assert_eq!(redact(&"é".repeat(5_000)).chars().count(), 2_001);
}

#[test]
fn l8_redaction_reaches_every_part_of_an_error() {
    let body = json!({"error": {"message": "bad key sk-abcdefghijklmnop at https://a.b/c", "type": "invalid_request_error",
        "param": "sk-abcdefghijklmnop", "code": "sk-abcdefghijklmnop"}, "request_id": "req_upstream"});
    for to in [C, M] {
        let error = read_error(C, 400, body.to_string().as_bytes());
        let written = String::from_utf8(write_error(to, &error).1).unwrap();
        assert!(
            !written.contains("sk-abc")
                && !written.contains("a.b")
                && !written.contains("req_upstream"),
            "{written}"
        );
    }
}

#[test]
fn k7_errors_know_whether_another_channel_may_help() {
    assert!(ErrorKind::Overloaded.worth_another_channel());
    assert!(!ErrorKind::ContextLength.worth_another_channel());
}

#[test]
fn m4_models_in_both_shapes() {
    let models = [
        ModelEntry {
            id: "a",
            created_unix_s: 0,
            owned_by: "x",
        },
        ModelEntry {
            id: "b\"",
            created_unix_s: 1_759_104_000,
            owned_by: "y",
        },
    ];
    assert_eq!(
        value(&write_model_list(C, &models)),
        json!({"object": "list", "data": [
            {"id": "a", "object": "model", "created": 0, "owned_by": "x"},
            {"id": "b\"", "object": "model", "created": 1_759_104_000, "owned_by": "y"},
        ]})
    );
    assert_eq!(
        value(&write_model_list(M, &models)),
        json!({"data": [
        {"type": "model", "id": "a", "display_name": "a", "created_at": "1970-01-01T00:00:00Z"},
        {"type": "model", "id": "b\"", "display_name": "b\"", "created_at": "2025-09-29T00:00:00Z"},
    ], "has_more": false, "first_id": "a", "last_id": "b\""})
    );
    assert_eq!(value(&write_model_list(M, &[]))["first_id"], json!(null));
    assert_eq!(value(&write_model(C, &models[0]))["object"], "model");
    let times = [
        (951_827_696, "2000-02-29T12:34:56Z"),
        (1_735_689_599, "2024-12-31T23:59:59Z"),
        (u64::MAX, "9999-12-31T23:59:59Z"),
    ];
    for (created_unix_s, expected) in times {
        let model = ModelEntry {
            created_unix_s,
            ..models[0]
        };
        assert_eq!(value(&write_model(M, &model))["created_at"], expected);
    }
}
