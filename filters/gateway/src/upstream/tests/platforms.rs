//! Gemini on either side, and Anthropic's dialect in other platforms' envelopes.

use super::*;

const STREAM: &str = "/v1/models/m:streamGenerateContent";

#[test]
fn geminis_model_and_method_stand_in_the_path_and_its_body_stays() {
    for (path, sent, wanted) in [
        (GENERATE, "m", "/v1/models/m:generateContent"),
        (
            "/v1beta/models/m:generateContent?key=sk-good&fields=candidates",
            "m-2",
            "/v1/models/m-2:generateContent",
        ),
        (
            STREAM,
            "m:x y",
            "/v1/models/m%3Ax%20y:streamGenerateContent?alt=sse",
        ),
        (
            "/v1/models/m:streamGenerateContent?alt=sse",
            "tunedModels/t",
            "/v1/tunedModels/t:streamGenerateContent?alt=sse",
        ),
    ] {
        let mut mapped = channel(1, "gemini");
        mapped.model_mapping.insert("m".into(), sent.into());
        let (host, ..) = begin(vec![mapped], path, GEMINI_REQUEST);
        assert_eq!(host.shown(Map::Request, ":path"), wanted);
        assert_eq!(host.text(Body::Request), GEMINI_REQUEST);
    }
}

#[test]
fn gemini_is_translated_on_either_side() {
    let (host, gateway, mut attempt) = begin(vec![channel(1, "gemini")], CHAT, OPENAI_REQUEST);
    let path = host.shown(Map::Request, ":path");
    assert_eq!(path, "/v1/models/m:generateContent");
    assert!(
        host.text(Body::Request)
            .contains(r#""parts":[{"text":"hi"}]"#)
    );
    answer(&host, &mut attempt, "200", GEMINI_ANSWER);
    let body = host.text(Body::Response);
    assert!(body.contains(r#""content":"hello""#), "{body}");
    assert_eq!(event(&host, gateway, 200).usage.unwrap().input_tokens, 3);

    let (host, gateway, mut attempt) =
        begin(vec![channel(1, "openai-chat")], GENERATE, GEMINI_REQUEST);
    let sent = host.text(Body::Request);
    assert!(
        sent.contains(r#""model":"m""#) && !sent.contains("stream"),
        "{sent}"
    );
    answer(&host, &mut attempt, "200", OPENAI_ANSWER);
    let body = host.text(Body::Response);
    assert!(body.contains(r#""parts":[{"text":"hello"}]"#), "{body}");
    assert_eq!(event(&host, gateway, 200).usage.unwrap().output_tokens, 2);
}

#[test]
fn a_gemini_stream_is_an_array_unless_events_are_asked_for() {
    let gemini = format!("data: {GEMINI_ANSWER}\n\n");
    let chat = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    for (dialect, upstream) in [("gemini", gemini.as_str()), ("openai-chat", chat)] {
        for (query, kind, first) in [
            ("", "application/json", "["),
            ("?alt=sse", "text/event-stream", "data: {"),
        ] {
            let path = format!("{STREAM}{query}");
            let channels = vec![channel(1, dialect)];
            let (host, _gateway, mut attempt) = begin(channels, &path, GEMINI_REQUEST);
            answer(&host, &mut attempt, "200", upstream);
            assert_eq!(host.shown(Map::Response, "content-type"), kind);
            let body = host.text(Body::Response);
            assert!(body.starts_with(first) && body.contains("hello"), "{body}");
            assert_eq!(body.ends_with(']'), query.is_empty(), "{body}");
        }
    }
}

#[test]
fn anthropics_dialect_passes_in_the_envelope_of_another_platform() {
    let mut bedrock = channel(1, "anthropic-bedrock");
    bedrock.base_path = String::new();
    bedrock
        .model_mapping
        .insert("m".into(), "us.anthropic.m-v1:0".into());
    let host = host(vec![bedrock]);
    let headers = [
        ("authorization", "Bearer sk-good"),
        ("accept", "application/json"),
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "claude-code-20250219,effort-2025-11-24"),
    ];
    let (mut gateway, _) = head(&host, "POST", "/v1/messages?beta=true", &headers, false);
    let request = ANTHROPIC_REQUEST.replacen('{', "{\"stream\":true,", 1);
    host.put_body(Body::Request, request.as_bytes());
    assert_eq!(
        gateway.request_body(&host, request.len(), true),
        Flow::Continue
    );
    attempt(&host);
    assert_eq!(
        host.shown(Map::Request, ":path"),
        "/model/us.anthropic.m-v1%3A0/invoke-with-response-stream"
    );
    assert_eq!(
        host.shown(Map::Request, "accept"),
        "application/vnd.amazon.eventstream"
    );
    for gone in ["anthropic-version", "anthropic-beta"] {
        assert_eq!(host.shown(Map::Request, gone), "", "{gone}");
    }
    assert_eq!(
        host.text(Body::Request),
        r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["effort-2025-11-24"],"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#
    );
}
