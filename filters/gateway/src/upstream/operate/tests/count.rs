//! Tokens, counted.

use super::*;

#[test]
fn tokens_are_counted_where_a_channel_can() {
    let (host, gateway, mut attempt) = begin(vec![channel(1, "anthropic")], COUNT, PROMPT);
    let path = host.shown(Map::Request, ":path");
    assert_eq!(path, "/v1/messages/count_tokens");
    assert_eq!(host.text(Body::Request), PROMPT, "the same bytes");
    answer(&host, &mut attempt, "200", r#"{ "input_tokens": 8 }"#);
    assert_eq!(host.text(Body::Response), r#"{ "input_tokens": 8 }"#);
    let event = event(&host, gateway, 200);
    assert_eq!((event.outcome(), event.usage), (Outcome::Success, None));
    assert_eq!(event.model, "m");
}

#[test]
fn a_count_is_translated_between_dialects() {
    let gemini = r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#;
    let wrapped =
        r#"{"generateContentRequest":{"model":"models/m","contents":[{"parts":[{"text":"hi"}]}]}}"#;
    let count = "/v1beta/models/m:countTokens";
    for (path, sent, dialect, upstream_path, given, expected) in [
        (
            COUNT,
            PROMPT,
            "openai-responses",
            "/v1/responses/input_tokens",
            r#"{"object":"response.input_tokens","input_tokens":8}"#,
            r#"{"input_tokens":8}"#,
        ),
        (
            "/v1/responses/input_tokens",
            r#"{"model":"m","input":"hi"}"#,
            "gemini",
            "/v1/models/m:countTokens",
            r#"{"totalTokens":8}"#,
            r#"{"object":"response.input_tokens","input_tokens":8}"#,
        ),
        (
            COUNT,
            PROMPT,
            "gemini",
            "/v1/models/m:countTokens",
            r#"{"totalTokens":8}"#,
            r#"{"input_tokens":8}"#,
        ),
        (
            count,
            gemini,
            "anthropic",
            "/v1/messages/count_tokens",
            r#"{"input_tokens":8}"#,
            r#"{"totalTokens":8}"#,
        ),
        (
            count,
            wrapped,
            "bedrock-converse",
            "/v1/model/m/count-tokens",
            r#"{"inputTokens":8}"#,
            r#"{"totalTokens":8}"#,
        ),
        (
            count,
            wrapped,
            "gemini",
            "/v1/models/m:countTokens",
            r#"{"totalTokens": 8}"#,
            r#"{"totalTokens": 8}"#,
        ),
    ] {
        let (host, gateway, mut attempt) = begin(vec![channel(1, dialect)], path, sent);
        assert_eq!(host.shown(Map::Request, ":path"), upstream_path);
        let body = host.text(Body::Request);
        let same = dialect == "gemini" && path == count;
        assert_eq!(body == sent, same, "{body}");
        assert!(
            body.contains("hi") && !body.contains("max_tokens"),
            "{body}"
        );
        answer(&host, &mut attempt, "200", given);
        assert_eq!(host.text(Body::Response), expected);
        assert_eq!(event(&host, gateway, 200).usage, None);
    }

    let mut mapped = channel(1, "gemini");
    mapped.model_mapping.insert("m".into(), "m-2".into());
    let (host, ..) = begin(vec![mapped], count, wrapped);
    let path = host.shown(Map::Request, ":path");
    assert_eq!(path, "/v1/models/m-2:countTokens");
    let body = host.text(Body::Request);
    assert_eq!(body, wrapped.replace("models/m", "models/m-2"));

    let host = crate::fixture::host(vec![channel(1, "gemini")]);
    request(&host, count, &wrapped.replace("models/m", "models/dear"));
    let reply = host.replied().unwrap();
    assert_eq!(reply.status, 400, "{}", reply.body);
}

#[test]
fn who_counts_is_asked_in_its_own_dialect_and_nobody_else() {
    let channels = ["gemini", "openai-chat", "anthropic"].iter().zip(1..);
    let channels = channels.map(|(dialect, id)| channel(id, dialect)).collect();
    let (host, gateway, mut first) = begin(channels, COUNT, PROMPT);
    let asked = |host: &MockHost| match host.shown(Map::Request, ":path").as_str() {
        "/v1/messages/count_tokens" => {
            assert_eq!(host.text(Body::Request), PROMPT);
            r#"{"input_tokens":8}"#
        }
        "/v1/models/m:countTokens" => {
            assert!(host.text(Body::Request).contains("generateContentRequest"));
            r#"{"totalTokens":8}"#
        }
        other => panic!("{other}"),
    };
    let good = asked(&host);
    answer(&host, &mut first, "503", "");
    host.put_body(Body::Request, PROMPT.as_bytes());
    let mut second = attempt(&host);
    assert_ne!(asked(&host), good, "each once");
    answer(&host, &mut second, "200", asked(&host));
    assert_eq!(host.text(Body::Response), r#"{"input_tokens":8}"#);
    assert_eq!(event(&host, gateway, 200).attempts.len(), 2);
}

#[test]
fn tokens_are_estimated_where_no_channel_can_count() {
    let host = host(vec![channel(1, "openai-chat")]);
    let (gateway, flow) = request(&host, COUNT, PROMPT);
    let reply = host.replied().unwrap();
    assert_eq!((flow, reply.status), (Flow::Hold, 200));
    assert_eq!(reply.body, r#"{"input_tokens":5}"#);
    let told = ("x-tollgate-losses".to_owned(), "count".to_owned());
    assert!(reply.headers.contains(&told), "{:?}", reply.headers);
    let event = event(&host, gateway, 200);
    assert_eq!((event.outcome(), event.usage), (Outcome::Success, None));
    assert_eq!((event.model.as_str(), event.attempts.len()), ("m", 0));
    assert!(event.losses[0].contains("estimate"), "{:?}", event.losses);
}

#[test]
fn a_count_fails_over_and_its_errors_speak_the_callers_dialect() {
    let channels = vec![channel(1, "anthropic"), channel(2, "anthropic")];
    let (host, gateway, mut first) = begin(channels, COUNT, PROMPT);
    answer(&host, &mut first, "529", "{}");
    assert_eq!(host.shown(Map::Response, ":status"), "503");
    let mut second = attempt(&host);
    answer(&host, &mut second, "200", r#"{"tokens":8}"#);
    assert_eq!(host.shown(Map::Response, ":status"), "502");
    assert!(host.text(Body::Response).contains(r#""type":"error""#));
    assert_eq!(event(&host, gateway, 502).attempts.len(), 2);

    let refused = crate::fixture::host(vec![channel(1, "anthropic")]);
    request(&refused, COUNT, r#"{"model":"other","messages":[]}"#);
    let reply = refused.replied().unwrap();
    assert_eq!(reply.status, 404);
    assert!(reply.body.contains("not_found_error"), "{}", reply.body);
}
