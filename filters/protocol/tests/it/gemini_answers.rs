//! Answers, errors and model lists from and to Gemini.

use serde_json::{Value, json};
use tollgate_protocol::neutral::{Content, Usage};
use tollgate_protocol::{
    Classified, Dialect, ErrorInfo, ErrorKind, ModelEntry, classify_response, read_error,
    read_response, read_usage, replace_response_model, translate_response, write_error,
    write_model, write_model_list,
};

use crate::support::{C, G, M, reply, value};

fn bytes(json: &Value) -> Vec<u8> {
    json.to_string().into_bytes()
}

fn answer(parts: Value, reason: &str) -> Value {
    json!({
        "candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": reason, "index": 0}],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
        "modelVersion": "internal", "responseId": "up",
    })
}

#[track_caller]
fn shown(from: Dialect, to: Dialect, answer: &Value) -> Value {
    let (shown, _) = translate_response(from, to, bytes(answer), &reply()).unwrap();
    let shown = value(&shown);
    assert!(!shown.to_string().contains("internal"), "A23: {shown}");
    shown
}

#[test]
fn h5_ends_from_gemini() {
    let call = json!([{"functionCall": {"name": "f", "args": {}}}]);
    let text = json!([{"text": "t"}]);
    for (id, parts, reason, chat, messages) in [
        ("H1", &text, "STOP", "stop", "end_turn"),
        ("C23", &call, "STOP", "tool_calls", "tool_use"),
        ("H1", &text, "MAX_TOKENS", "length", "max_tokens"),
        ("C38", &call, "MAX_TOKENS", "length", "max_tokens"),
        ("H5", &text, "SAFETY", "content_filter", "refusal"),
        ("H5", &text, "RECITATION", "content_filter", "refusal"),
        ("H5", &text, "BLOCKLIST", "content_filter", "refusal"),
        (
            "H5",
            &text,
            "PROHIBITED_CONTENT",
            "content_filter",
            "refusal",
        ),
        ("H5", &text, "SPII", "content_filter", "refusal"),
        ("H5", &text, "IMAGE_SAFETY", "content_filter", "refusal"),
        ("H10", &text, "SOMETHING_NEW", "stop", "end_turn"),
        ("H10", &call, "OTHER", "tool_calls", "tool_use"),
    ] {
        let answer = answer(parts.clone(), reason);
        assert_eq!(
            shown(G, C, &answer)["choices"][0]["finish_reason"],
            chat,
            "{id} {reason}"
        );
        assert_eq!(
            shown(G, M, &answer)["stop_reason"],
            messages,
            "{id} {reason}"
        );
    }
}

#[test]
fn h_ends_to_gemini() {
    for (stop, reason) in [
        ("end_turn", "STOP"),
        ("stop_sequence", "STOP"),
        ("tool_use", "STOP"),
        ("pause_turn", "STOP"),
        ("max_tokens", "MAX_TOKENS"),
        ("model_context_window_exceeded", "MAX_TOKENS"),
        ("refusal", "SAFETY"),
    ] {
        let answer = json!({"content": [{"type": "text", "text": "t"}], "model": "internal", "stop_reason": stop});
        let shown = shown(M, G, &answer);
        assert_eq!(shown["candidates"][0]["finishReason"], reason, "{stop}");
        assert_eq!(shown["responseId"], "r1");
        assert_eq!(shown["modelVersion"], "asked-model");
    }
}

#[test]
fn h7_a_call_that_failed_is_told() {
    for (message, told) in [
        (
            json!("Malformed function call: f("),
            "Malformed function call: f(",
        ),
        (
            json!(null),
            "The model ended its answer early: MALFORMED_FUNCTION_CALL.",
        ),
    ] {
        let answer = json!({"candidates": [{"content": {}, "finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": message}]});
        let chat = shown(G, C, &answer);
        assert_eq!(chat["choices"][0]["message"]["content"], told);
        assert_eq!(chat["choices"][0]["finish_reason"], "stop");
        assert_eq!(shown(G, M, &answer)["content"][0]["text"], told);
    }
}

#[test]
fn a_blocked_prompt_is_a_refusal() {
    let blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4}, "modelVersion": "internal"});
    let chat = shown(G, C, &blocked);
    assert_eq!(chat["choices"][0]["finish_reason"], "content_filter");
    assert_eq!(
        chat["choices"][0]["message"]["refusal"],
        "The provider blocked the prompt: PROHIBITED_CONTENT."
    );
    assert_eq!(chat["usage"]["prompt_tokens"], 4);
    assert_eq!(shown(G, M, &blocked)["stop_reason"], "refusal");
    assert_eq!(classify_response(G, &bytes(&blocked)), Classified::Answer);
    // K14: nothing at all is an answer as well.
    let empty =
        json!({"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}]});
    assert_eq!(shown(G, C, &empty)["choices"][0]["message"]["content"], "");
}

#[test]
fn content_both_ways() {
    let parts = json!([
        {"text": "hm", "thought": true},
        {"text": "one"},
        {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "eA=="},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
        {"functionCall": {"id": "i", "name": "f", "args": {"b": 1, "a": 2.50}}},
        {"functionCall": {"name": "f"}},
    ]);
    let g = answer(parts, "STOP");
    let chat = shown(G, C, &g);
    let message = &chat["choices"][0]["message"];
    assert_eq!(message["content"], "one");
    assert_eq!(message["reasoning_content"], "hm");
    let calls = message["tool_calls"].as_array().unwrap();
    assert_eq!(
        (calls[0]["id"].clone(), calls[1]["id"].is_string()),
        (json!("i"), true)
    );
    assert_ne!(calls[0]["id"], calls[1]["id"], "C11");
    assert_eq!(calls[1]["function"]["arguments"], "{}", "C13");
    let back = shown(C, G, &chat);
    let parts = &back["candidates"][0]["content"]["parts"];
    assert_eq!(parts[0], json!({"text": "hm", "thought": true}));
    assert_eq!(parts[1], json!({"text": "one"}));
    assert_eq!(
        parts[2]["functionCall"],
        json!({"id": "i", "name": "f", "args": {"a": 2.5, "b": 1}})
    );

    // C14: what is no object is wrapped.
    let broken = json!({"model": "internal", "choices": [{"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": null,
        "tool_calls": [{"id": "i", "type": "function", "function": {"name": "f", "arguments": "{\"a\": "}}]}}]});
    let parts = shown(C, G, &broken)["candidates"][0]["content"]["parts"].clone();
    assert_eq!(
        parts[0]["functionCall"]["args"],
        json!({"malformed_arguments": "{\"a\": "})
    );
    // Several candidates.
    let two = json!({"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}, {"content": {"parts": [{"text": "b"}]}, "finishReason": "STOP", "index": 1}]});
    assert_eq!(shown(G, C, &two)["choices"][1]["message"]["content"], "b");
}

/// Clients of Anthropic's take the last block of a turn for its answer.
#[test]
fn g10_a_turn_does_not_end_with_the_signature_of_its_text() {
    for (parts, kinds) in [
        (
            json!([{"text": "x"}, {"text": "", "thoughtSignature": "ZW5k"}]),
            &["text"][..],
        ),
        (
            json!([{"text": "x", "thoughtSignature": "c2ln"}]),
            &["thinking", "text"],
        ),
        (
            json!([{"functionCall": {"name": "f"}}, {"text": "", "thoughtSignature": "ZW5k"}]),
            &["tool_use", "thinking"],
        ),
    ] {
        let message = shown(G, M, &answer(parts, "STOP"));
        let blocks = message["content"].as_array().unwrap();
        let seen: Vec<_> = blocks.iter().map(|block| &block["type"]).collect();
        assert_eq!(seen, kinds, "{message}");
    }
}

#[test]
fn e13_pictures_in_answers() {
    let g = answer(
        json!([{"text": "see"}, {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thoughtSignature": "c2ln"}]),
        "STOP",
    );
    let chat = shown(G, C, &g);
    assert_eq!(
        chat["choices"][0]["message"]["images"],
        json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}])
    );
    let messages = shown(G, M, &g);
    let blocks = messages["content"].as_array().unwrap();
    assert!(
        blocks.iter().any(|block| block["text"]
            .as_str()
            .is_some_and(|text| text.contains("image/png"))),
        "{blocks:?}"
    );
    let same = shown(G, G, &g);
    assert_eq!(
        same["candidates"][0]["content"],
        g["candidates"][0]["content"]
    );
}

#[test]
fn usage_is_gross_both_ways() {
    let g = json!({"candidates": [], "usageMetadata": {
        "promptTokenCount": 100, "cachedContentTokenCount": 40, "toolUsePromptTokenCount": 7,
        "candidatesTokenCount": 20, "thoughtsTokenCount": 30, "totalTokenCount": 157,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 90}, {"modality": "AUDIO", "tokenCount": 10}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 20}],
    }});
    let usage = read_usage(G, &bytes(&g)).unwrap();
    let expected = Usage {
        input_tokens: Some(107),
        cache_read_tokens: Some(40),
        output_tokens: Some(50),
        reasoning_tokens: Some(30),
        input_audio_tokens: Some(10),
        output_image_tokens: Some(20),
        ..Usage::default()
    };
    assert_eq!(usage, expected);
    let chat = shown(G, C, &g);
    assert_eq!(chat["usage"]["completion_tokens"], 50);
    let back = shown(C, G, &chat)["usageMetadata"].clone();
    assert_eq!(
        back,
        json!({"promptTokenCount": 107, "cachedContentTokenCount": 40, "candidatesTokenCount": 20, "thoughtsTokenCount": 30, "totalTokenCount": 157,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 10}], "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 20}]})
    );
    let searched = json!({"candidates": [{"groundingMetadata": {"webSearchQueries": ["a", "b"]}}], "usageMetadata": {"promptTokenCount": 1}});
    assert_eq!(
        read_usage(G, &bytes(&searched)).unwrap().web_searches,
        Some(2)
    );
}

#[test]
fn an_array_of_chunks_is_an_answer_too() {
    let chunks = json!([
        {"candidates": [{"content": {"parts": [{"text": "a"}]}}], "modelVersion": "internal"},
        {"candidates": [{"content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 3}},
    ]);
    let response = read_response(G, bytes(&chunks)).unwrap();
    let Content::Text(text) = &response.choices[0].content[0].content else {
        panic!("{response:?}");
    };
    assert_eq!(&**text, "ab");
    assert_eq!(
        read_usage(G, &bytes(&chunks)).unwrap().input_tokens,
        Some(3)
    );
    assert_eq!(classify_response(G, &bytes(&chunks)), Classified::Answer);
    let failed = json!([{"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}]);
    let error = read_response(G, bytes(&failed)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::RateLimited);
}

#[test]
fn the_models_name_is_replaced_in_place() {
    let g = br#"{ "modelVersion" : "internal", "candidates": [] }"#;
    let shown = replace_response_model(G, g, "m").unwrap();
    assert_eq!(shown, br#"{ "modelVersion" : "m", "candidates": [] }"#);
}

#[test]
fn l_errors_from_gemini() {
    let rpc = |code: u16, status: &str, message: &str, details: Value| {
        bytes(
            &json!({"error": {"code": code, "message": message, "status": status, "details": details}}),
        )
    };
    let reason = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]);
    for (status, name, message, details, kind) in [
        (
            400,
            "INVALID_ARGUMENT",
            "Bad.",
            json!([]),
            ErrorKind::InvalidRequest,
        ),
        (
            400,
            "INVALID_ARGUMENT",
            "API key not valid.",
            reason,
            ErrorKind::Upstream,
        ),
        (
            400,
            "FAILED_PRECONDITION",
            "User location is not supported.",
            json!([]),
            ErrorKind::Upstream,
        ),
        // L5
        (
            400,
            "INVALID_ARGUMENT",
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            json!([]),
            ErrorKind::ContextLength,
        ),
        (
            403,
            "PERMISSION_DENIED",
            "No.",
            json!([]),
            ErrorKind::Upstream,
        ),
        (
            404,
            "NOT_FOUND",
            "models/x is not found",
            json!([]),
            ErrorKind::NotFound,
        ),
        (
            429,
            "RESOURCE_EXHAUSTED",
            "Quota.",
            json!([]),
            ErrorKind::RateLimited,
        ),
        (500, "INTERNAL", "Oh.", json!([]), ErrorKind::Upstream),
        (
            503,
            "UNAVAILABLE",
            "The model is overloaded.",
            json!([]),
            ErrorKind::Overloaded,
        ),
        (
            504,
            "DEADLINE_EXCEEDED",
            "Late.",
            json!([]),
            ErrorKind::Timeout,
        ),
    ] {
        let error = read_error(G, status, &rpc(status, name, message, details));
        assert_eq!(error.kind, kind, "{name} {message}");
        assert!(!error.message.contains("models/x"), "{error:?}");
        assert!(!error.message.contains("API key not valid"), "{error:?}");
    }
    for (delay, seconds) in [("34.07s", Some(35)), ("3s", Some(3)), ("soon", None)] {
        let details = json!([{"@type": "type.googleapis.com/google.rpc.Help"}, {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]);
        let error = read_error(G, 429, &rpc(429, "RESOURCE_EXHAUSTED", "Quota.", details));
        assert_eq!(error.retry_after_s, seconds, "{delay}");
    }
}

#[test]
fn l1_errors_to_gemini() {
    for (kind, code, status) in [
        (ErrorKind::InvalidRequest, 400, "INVALID_ARGUMENT"),
        (ErrorKind::ContextLength, 400, "INVALID_ARGUMENT"),
        (ErrorKind::Authentication, 401, "UNAUTHENTICATED"),
        (ErrorKind::PermissionDenied, 403, "PERMISSION_DENIED"),
        (ErrorKind::NotFound, 404, "NOT_FOUND"),
        (ErrorKind::MethodNotAllowed, 405, "UNIMPLEMENTED"),
        (ErrorKind::RequestTooLarge, 413, "INVALID_ARGUMENT"),
        (ErrorKind::RateLimited, 429, "RESOURCE_EXHAUSTED"),
        (ErrorKind::InsufficientQuota, 429, "RESOURCE_EXHAUSTED"),
        (ErrorKind::Internal, 500, "INTERNAL"),
        (ErrorKind::Upstream, 502, "UNAVAILABLE"),
        (ErrorKind::Overloaded, 503, "UNAVAILABLE"),
        (ErrorKind::Timeout, 504, "DEADLINE_EXCEEDED"),
    ] {
        let (told, body) = write_error(G, &ErrorInfo::new(kind, "Why."));
        assert_eq!(told, code);
        let mut expected = json!({"error": {"code": code, "message": "Why.", "status": status}});
        if kind == ErrorKind::InsufficientQuota {
            expected["error"]["details"] = json!([{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "insufficient_quota",
                "domain": "tollgate",
            }]);
        }
        assert_eq!(value(&body), expected);
    }
    let mut error = ErrorInfo::new(ErrorKind::RateLimited, "Why.")
        .with_param("contents")
        .with_request_id("r1");
    error.retry_after_s = Some(7);
    let body = value(&write_error(G, &error).1);
    let details = &body["error"]["details"];
    assert_eq!(details[0]["fieldViolations"][0]["field"], "contents");
    assert_eq!(details[1]["retryDelay"], "7s");
    assert_eq!(details[2]["requestId"], "r1");
    assert_eq!(
        read_error(G, 429, body.to_string().as_bytes()).retry_after_s,
        Some(7)
    );
}

#[test]
fn m4_models() {
    let model = ModelEntry {
        id: "m",
        created_unix_s: 1,
        owned_by: "us",
    };
    let one = json!({"name": "models/m", "displayName": "m", "supportedGenerationMethods": ["generateContent", "streamGenerateContent"]});
    assert_eq!(value(&write_model(G, &model)), one);
    assert_eq!(
        value(&write_model_list(G, &[model])),
        json!({"models": [one]})
    );
}
