//! What becomes of answers: passed, translated, tried again elsewhere.

use super::*;

#[test]
fn an_answer_in_the_same_dialect_passes_untouched_and_is_counted() {
    let (host, gateway, mut attempt) = begin(vec![channel(1, "openai-chat")], CHAT, OPENAI_REQUEST);
    answer(&host, &mut attempt, "200", OPENAI_ANSWER);
    assert_eq!(host.text(Body::Response), OPENAI_ANSWER);
    assert_eq!(host.shown(Map::Response, "set-cookie"), "");
    let event = event(&host, gateway, 200);
    assert_eq!(event.outcome(), Outcome::Success);
    let usage = event.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (3, 2));
}

#[test]
fn the_tier_is_the_answers_else_what_the_provider_was_asked_for() {
    let flex = OPENAI_REQUEST.replace(r#"{"model""#, r#"{"service_tier":"flex","model""#);
    let usual = OPENAI_ANSWER.replacen('{', r#"{"service_tier":"default","#, 1);
    for (dialect, request, answered, expected) in [
        ("openai-chat", flex.as_str(), usual.as_str(), "default"),
        ("openai-chat", &flex, OPENAI_ANSWER, "flex"),
        ("openai-chat", OPENAI_REQUEST, OPENAI_ANSWER, ""),
        // Gemini is never told of it, and so did not give it.
        ("gemini", &flex, GEMINI_ANSWER, ""),
    ] {
        let (host, gateway, mut attempt) = begin(vec![channel(1, dialect)], CHAT, request);
        answer(&host, &mut attempt, "200", answered);
        let event = event(&host, gateway, 200);
        assert_eq!(event.service_tier, expected, "{dialect} {answered}");
    }
}

#[test]
fn what_a_translation_dropped_is_told_to_caller_and_log() {
    let request = OPENAI_REQUEST.replace(r#"{"model""#, r#"{"seed":1,"logprobs":false,"model""#);
    let (host, gateway, mut attempt) = begin(vec![channel(1, "anthropic")], CHAT, &request);
    let body = r#"{"type":"message","role":"assistant","model":"up","content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#;
    answer(&host, &mut attempt, "200", body);
    let told = host.shown(Map::Response, "x-tollgate-losses");
    assert!(told.split(", ").any(|field| field == "seed"), "{told}");
    let logged = event(&host, gateway, 200).losses;
    assert!(
        logged.iter().any(|line| line.starts_with("seed: ")),
        "{logged:?}"
    );
}

#[test]
fn an_answer_in_another_dialect_is_translated() {
    let (host, gateway, mut attempt) =
        begin(vec![channel(1, "openai-chat")], MESSAGES, ANTHROPIC_REQUEST);
    assert_eq!(host.shown(Map::Request, ":path"), "/v1/chat/completions");
    answer(&host, &mut attempt, "200", OPENAI_ANSWER);
    let body = host.text(Body::Response);
    assert!(
        body.contains(r#""type":"message""#) && body.contains("hello"),
        "{body}"
    );
    assert_eq!(
        host.shown(Map::Response, "content-length"),
        body.len().to_string()
    );
    assert_eq!(event(&host, gateway, 200).usage.unwrap().output_tokens, 2);
}

#[test]
fn a_responses_caller_gets_an_answer_of_any_channel() {
    let (host, gateway, mut attempt) = begin(
        vec![channel(1, "openai-chat")],
        RESPONSES,
        RESPONSES_REQUEST,
    );
    answer(&host, &mut attempt, "200", OPENAI_ANSWER);
    let body = host.text(Body::Response);
    assert!(
        body.contains(r#""object":"response""#) && body.contains(r#""text":"hello""#),
        "{body}"
    );
    assert_eq!(event(&host, gateway, 200).usage.unwrap().output_tokens, 2);
}

#[test]
fn a_bad_answer_goes_to_the_next_channel_and_the_last_ones_to_the_caller() {
    for (status, body, final_status, text) in [
        ("503", "busy", "503", "error"),
        (
            "429",
            r#"{"error":{"message":"slow down"}}"#,
            "429",
            "rate_limit",
        ),
        (
            "401",
            r#"{"error":{"message":"bad key sk-upstream"}}"#,
            "502",
            "upstream",
        ),
        ("403", "no", "502", "upstream"),
        ("200", "<html>", "502", "web page"),
        ("200", "", "502", "empty"),
        ("200", r#"{"choices":["#, "502", "could not be read"),
        (
            "200",
            r#"{"error":{"message":"overloaded","type":"server_error"}}"#,
            "5",
            "error",
        ),
    ] {
        let channels = vec![channel(1, "openai-chat"), channel(2, "openai-chat")];
        let (host, gateway, mut first) = begin(channels, CHAT, OPENAI_REQUEST);
        answer(&host, &mut first, status, body);
        assert_eq!(
            host.shown(Map::Response, ":status"),
            "503",
            "Envoy retries: {status} {body}"
        );

        let mut second = attempt(&host);
        answer(&host, &mut second, status, body);
        let shown = host.shown(Map::Response, ":status");
        assert!(shown.starts_with(final_status), "{status} {body}: {shown}");
        let answer = host.text(Body::Response);
        assert!(
            answer.contains(text) && !answer.contains("sk-upstream"),
            "{answer}"
        );
        let event = event(&host, gateway, 502);
        assert_eq!(
            (event.attempts.len(), event.outcome()),
            (2, Outcome::Failed),
            "{body}"
        );
        assert!(
            event
                .attempts
                .iter()
                .all(|attempt| !attempt.error.is_empty())
        );
    }
}

#[test]
fn what_is_wrong_with_the_request_is_not_retried() {
    let channels = vec![channel(1, "openai-chat"), channel(2, "openai-chat")];
    let (host, gateway, mut first) = begin(channels, MESSAGES, ANTHROPIC_REQUEST);
    let refusal = r#"{"error":{"message":"bad temperature","type":"invalid_request_error"}}"#;
    answer(&host, &mut first, "400", refusal);
    assert_eq!(host.shown(Map::Response, ":status"), "400");
    assert!(host.text(Body::Response).contains("invalid_request_error"));
    assert_eq!(event(&host, gateway, 400).attempts.len(), 1);
}

#[test]
fn a_head_without_a_body_is_answered_at_once() {
    let (host, _gateway, mut attempt) =
        begin(vec![channel(1, "openai-chat")], CHAT, OPENAI_REQUEST);
    host.put_headers(Map::Response, &[(":status", "503")]);
    assert_eq!(attempt.response_headers(&host, true), Flow::Hold);
    assert_eq!(host.replied().unwrap().status, 503);
}

#[test]
fn when_to_come_back_is_told_in_every_way_that_callers_read() {
    let limited = r#"{"error":{"code":429,"message":"Quota.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"6.5s"}]}}"#;
    for (path, request, words) in [
        (GENERATE, GEMINI_REQUEST, r#""retryDelay":"7s""#),
        (CHAT, OPENAI_REQUEST, "rate_limit"),
    ] {
        let (host, _gateway, mut attempt) = begin(vec![channel(1, "gemini")], path, request);
        answer(&host, &mut attempt, "429", limited);
        assert_eq!(host.shown(Map::Response, "retry-after"), "7");
        let body = host.text(Body::Response);
        assert!(body.contains(words), "{body}");
    }
}

#[test]
fn an_answer_of_converse_is_translated() {
    let (host, gateway, mut attempt) =
        begin(vec![channel(1, "bedrock-converse")], CHAT, OPENAI_REQUEST);
    assert_eq!(host.shown(Map::Request, ":path"), "/v1/model/m/converse");
    let body = r#"{"output":{"message":{"role":"assistant","content":[{"text":"hello"}]}},"stopReason":"end_turn","usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5}}"#;
    answer(&host, &mut attempt, "200", body);
    assert!(host.text(Body::Response).contains("hello"));
    let usage = event(&host, gateway, 200).usage.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens), (3, 2));
}
