//! Tokens, counted.

use prost::Message;
use tollgate_config::counting::{Call, Counted, Shortened};
use tollgate_config::responses::{Answer, answer};

use super::*;
use crate::fixture::settled;
use crate::memory::Hold;

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
fn the_control_plane_counts_where_no_channel_can() {
    for (message, body, reason) in [
        (
            Some(Counted { tokens: 7 }.encode_to_vec()),
            r#"{"input_tokens":7}"#,
            "tokenizer",
        ),
        (Some(vec![7]), r#"{"input_tokens":5}"#, "estimate"),
        (Some(Vec::new()), r#"{"input_tokens":5}"#, "estimate"),
        (None, r#"{"input_tokens":5}"#, "estimate"),
    ] {
        let host = host(vec![channel(1, "openai-chat")]);
        let (mut gateway, flow) = request(&host, COUNT, PROMPT);
        assert_eq!((flow, host.replied()), (Flow::Hold, None));
        let called = host.take_calls().remove(0);
        assert_eq!(
            called.method,
            "tollgate-control/tollgate.counting.v1.Counting/Count"
        );
        let expected = Call {
            dialect: "anthropic".into(),
            model: "m".into(),
            request: Some(Shortened::new(PROMPT, 1_000).unwrap()),
        };
        assert_eq!(Call::decode(called.message.as_slice()).unwrap(), expected);
        assert_eq!(gateway.request_body(&host, 0, true), Flow::Hold);
        gateway.call_ended(&host, called.id, message);
        counted(&host, gateway, body, reason);
    }

    let host = host(vec![channel(1, "openai-chat")]);
    host.set_control_plane_away(true);
    let (gateway, flow) = request(&host, COUNT, PROMPT);
    assert_eq!(flow, Flow::Hold);
    counted(&host, gateway, r#"{"input_tokens":5}"#, "estimate");
}

/// The caller got this count, and the log says whose it is.
fn counted(host: &MockHost, gateway: Gateway, body: &str, reason: &str) {
    let reply = host.replied().unwrap();
    assert_eq!((reply.status, reply.body.as_str()), (200, body));
    let told = ("x-tollgate-losses".to_owned(), "count".to_owned());
    assert!(reply.headers.contains(&told), "{:?}", reply.headers);
    assert!(!host.resumed());
    let event = event(host, gateway, 200);
    assert_eq!((event.outcome(), event.usage), (Outcome::Success, None));
    assert_eq!((event.model.as_str(), event.attempts.len()), ("m", 0));
    assert!(event.losses[0].contains(reason), "{:?}", event.losses);
    assert_eq!(event.uncounted, None);
}

#[test]
fn who_leaves_before_the_count_leaves_nothing_behind() {
    let host = host(vec![channel(1, "openai-chat")]);
    let (mut gateway, _) = request(&host, COUNT, PROMPT);
    let called = host.take_calls().remove(0);
    gateway.log(&host);
    assert_eq!(host.cancelled_calls(), [called.id]);
    gateway.call_ended(&host, called.id, None);
    assert_eq!(host.replied(), None);
    drop(gateway);
    assert!(Hold::take(512 << 20).is_some(), "all memory was given back");
}

/// `previous_response_id` of a response of our own stands for all that came before.
#[test]
fn a_conversation_is_counted_whole() {
    const OURS: &str = "resp_tg0199aabbccdd00112233445566778899";
    let body = format!(r#"{{"model":"m","previous_response_id":"{OURS}","input":"and?"}}"#);
    let history =
        r#"[{"role":"user","content":"hi"},{"type":"reasoning","id":"rs_tg_0","summary":[]}]"#;
    for dialect in ["openai-responses", "openai-chat"] {
        let host = host(vec![channel(1, dialect)]);
        let (mut gateway, flow) = request(&host, "/v1/responses/input_tokens", &body);
        assert_eq!((flow, host.replied()), (Flow::Hold, None));
        let called = host.take_calls().remove(0);
        assert!(
            called.method.ends_with("Responses/Ask"),
            "{}",
            called.method
        );
        let answer = Answer {
            kind: Some(answer::Kind::Json(history.into())),
        };
        gateway.call_ended(&host, called.id, Some(answer.encode_to_vec()));
        if dialect == "openai-responses" {
            assert!(host.resumed(), "{:?}", host.replied());
            attempt(&host);
            assert_eq!(
                host.text(Body::Request),
                r#"{"model":"m","input":[{"role":"user","content":"hi"},{"type":"message","role":"user","content":"and?"}]}"#
            );
            continue;
        }
        let called = host.take_calls().remove(0);
        let call = Call::decode(called.message.as_slice()).unwrap();
        let asked = call.request.unwrap().text;
        assert!(
            asked.contains("\"hi\"") && asked.contains("\"and?\""),
            "{asked}"
        );
        assert!(!asked.contains(OURS), "{asked}");
        let message = Counted { tokens: 9 }.encode_to_vec();
        gateway.call_ended(&host, called.id, Some(message));
        let (event, stored) = settled(&host, gateway, 200);
        assert_eq!(
            (event.status, stored.len()),
            (200, 0),
            "a count is not kept"
        );
        let reply = host.replied().unwrap();
        assert_eq!(
            reply.body,
            r#"{"object":"response.input_tokens","input_tokens":9}"#
        );
    }
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
