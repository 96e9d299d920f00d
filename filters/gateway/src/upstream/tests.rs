mod wire;

use tollgate_config::meter::Outcome;
use tollgate_config::names::REQUEST_ID_HEADER;
use tollgate_config::{Also, Channel, Model};
use tollgate_host::mock::MockHost;
use tollgate_protocol::Thinking;
use tollgate_protocol::neutral::Effort;

use super::*;
use crate::fixture::{
    ANTHROPIC_REQUEST, GEMINI_ANSWER, GEMINI_REQUEST, OPENAI_ANSWER, OPENAI_REQUEST, channel,
    event, head, host, host_with, request,
};
use crate::gateway::Gateway;

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const RESPONSES: &str = "/v1/responses";
const RESPONSES_REQUEST: &str = r#"{"model":"m","input":"hi"}"#;

/// A request that the router has just handed to its first channel.
fn begin(channels: Vec<Channel>, path: &str, body: &str) -> (MockHost, Gateway, Attempt) {
    let host = host(channels);
    let (gateway, flow) = request(&host, path, body);
    assert_eq!(flow, Flow::Continue, "{:?}", host.replied());
    let attempt = attempt(&host);
    (host, gateway, attempt)
}

fn attempt(host: &MockHost) -> Attempt {
    let mut attempt = Attempt::default();
    assert_eq!(attempt.request_headers(host, false), Flow::Continue);
    let size = host.text(Body::Request).len();
    attempt.request_body(host, size);
    attempt
}

/// Answers an attempt in one piece.
fn answer(host: &MockHost, attempt: &mut Attempt, status: &str, body: &str) {
    host.put_headers(
        Map::Response,
        &[(":status", status), ("set-cookie", "secret")],
    );
    attempt.response_headers(host, false);
    host.put_body(Body::Response, body.as_bytes());
    attempt.response_body(host, body.len(), true);
}

#[test]
fn the_head_is_made_anew() {
    let mut wanted = channel(1, "openai-chat");
    wanted.headers.insert("x-own".into(), "1".into());
    let (host, ..) = begin(vec![wanted], CHAT, OPENAI_REQUEST);
    assert_eq!(host.shown(Map::Request, ":path"), "/v1/chat/completions");
    assert_eq!(host.shown(Map::Request, ":authority"), "provider-1.example");
    assert_eq!(host.shown(Map::Request, "x-own"), "1");
    for gone in ["authorization", "x-envoy-max-retries", "x-forwarded-for"] {
        assert_eq!(host.shown(Map::Request, gone), "", "{gone}");
    }
    assert_eq!(
        host.text(Body::Request),
        OPENAI_REQUEST,
        "same dialect: the same bytes"
    );
}

#[test]
fn the_path_is_the_channels() {
    let plain = || channel(1, "openai-chat");
    let mut native = plain();
    native.also.push(Also {
        dialect: "anthropic".into(),
        base_path: "/anthropic/v1".into(),
    });
    let mut deployed = plain();
    deployed.model_mapping.insert("m".into(), "a/b c".into());
    deployed.endpoint = Some("/deployments/{model}/chat/completions".into());
    deployed.query = "api-version=1".into();
    for (channel, path, body, expected) in [
        (plain(), MESSAGES, ANTHROPIC_REQUEST, "/v1/chat/completions"),
        (
            native.clone(),
            MESSAGES,
            ANTHROPIC_REQUEST,
            "/anthropic/v1/messages",
        ),
        (native, CHAT, OPENAI_REQUEST, "/v1/chat/completions"),
        (
            deployed.clone(),
            "/v1/chat/completions?x=1",
            OPENAI_REQUEST,
            "/v1/deployments/a%2Fb%20c/chat/completions?api-version=1&x=1",
        ),
        (
            deployed,
            "/v1/messages?beta=true",
            ANTHROPIC_REQUEST,
            "/v1/deployments/a%2Fb%20c/chat/completions?api-version=1",
        ),
    ] {
        let (host, ..) = begin(vec![channel], path, body);
        assert_eq!(host.shown(Map::Request, ":path"), expected);
    }
}

#[test]
fn a_caller_whose_dialect_the_channel_speaks_too_is_not_translated() {
    let mut native = channel(1, "openai-chat");
    native.also.push(Also {
        dialect: "anthropic".into(),
        base_path: "/anthropic/v1".into(),
    });
    let (host, gateway, mut attempt) = begin(vec![native], MESSAGES, ANTHROPIC_REQUEST);
    assert_eq!(host.text(Body::Request), ANTHROPIC_REQUEST);
    let body = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1}}"#;
    answer(&host, &mut attempt, "200", body);
    assert_eq!(host.text(Body::Response), body);
    assert_eq!(event(&host, gateway, 200).usage.unwrap().input_tokens, 3);
}

#[test]
fn quirks_and_facts_reach_what_is_written() {
    let quirky = |quirks: &[&str]| {
        let mut channel = channel(1, "openai-chat");
        channel.quirks = quirks.iter().map(|name| name.parse().unwrap()).collect();
        channel
    };
    let facts = |change: fn(&mut Model)| {
        let mut model = Model {
            model: "m".into(),
            ..Model::default()
        };
        change(&mut model);
        model
    };
    let chat =
        r#"{"model":"m","stream":true,"max_completion_tokens":9,"temperature":0,"messages":[]}"#;
    let messages = r#"{"model":"m","max_tokens":5000,"temperature":0,"thinking":{"type":"enabled","budget_tokens":2048},"messages":[{"role":"user","content":"hi"}]}"#;
    for (channel, model, path, body, there, gone) in [
        (
            quirky(&[]),
            facts(|_| ()),
            CHAT,
            chat,
            "stream_options",
            "\"max_tokens\"",
        ),
        (
            quirky(&["legacy-max-tokens"]),
            facts(|_| ()),
            CHAT,
            chat,
            "\"max_tokens\":9",
            "completion_tokens",
        ),
        (
            quirky(&["no-stream-options"]),
            facts(|_| ()),
            CHAT,
            chat,
            "temperature",
            "stream_options",
        ),
        (
            quirky(&["legacy-max-tokens"]),
            facts(|_| ()),
            MESSAGES,
            messages,
            "\"max_tokens\":5000",
            "completion_tokens",
        ),
        (
            quirky(&[]),
            facts(|m| m.drops_sampling = true),
            CHAT,
            chat,
            "\"m\"",
            "temperature",
        ),
        (
            quirky(&[]),
            facts(|m| m.drops_sampling = true),
            MESSAGES,
            messages,
            "\"m\"",
            "temperature",
        ),
        (
            quirky(&[]),
            facts(|m| m.max_output_tokens = Some(70)),
            MESSAGES,
            messages,
            "_tokens\":70",
            "5000",
        ),
        (
            quirky(&[]),
            facts(|m| m.thinking = Thinking::Never),
            MESSAGES,
            messages,
            "\"m\"",
            "reasoning",
        ),
        (
            quirky(&[]),
            facts(|m| m.efforts = vec![Effort::High]),
            MESSAGES,
            messages,
            "\"high\"",
            "medium",
        ),
        (
            quirky(&["thinking-type"]),
            facts(|_| ()),
            MESSAGES,
            messages,
            "\"enabled\"",
            "reasoning",
        ),
    ] {
        let host = host_with(vec![channel], model);
        let (_gateway, flow) = request(&host, path, body);
        assert_eq!(flow, Flow::Continue, "{:?}", host.replied());
        attempt(&host);
        let sent = host.text(Body::Request);
        assert!(
            sent.contains(there) && !sent.contains(gone),
            "{there}: {sent}"
        );
    }
}

#[test]
fn a_mapped_model_is_the_only_edit() {
    let mut mapped = channel(1, "openai-chat");
    mapped.model_mapping.insert("m".into(), "m-2025".into());
    let (host, gateway, mut attempt) = begin(vec![mapped], CHAT, OPENAI_REQUEST);
    assert_eq!(
        host.text(Body::Request),
        OPENAI_REQUEST.replace(r#""m""#, r#""m-2025""#)
    );
    answer(&host, &mut attempt, "200", OPENAI_ANSWER);
    assert_eq!(
        host.text(Body::Response),
        OPENAI_ANSWER.replace(r#""up""#, r#""m""#)
    );
    assert_eq!(event(&host, gateway, 200).attempts[0].model, "m-2025");
}

#[test]
fn a_mapped_model_has_the_facts_of_what_is_sent() {
    let fact = |name: &str| Model {
        model: name.into(),
        max_output_tokens: Some(77),
        ..Model::default()
    };
    for (known, limit) in [("m-2025", 77), ("m", 77), ("other", 8_192)] {
        let mut mapped = channel(1, "anthropic");
        mapped.model_mapping.insert("m".into(), "m-2025".into());
        let host = host_with(vec![mapped], fact(known));
        let (_gateway, flow) = request(&host, CHAT, OPENAI_REQUEST);
        assert_eq!(flow, Flow::Continue);
        attempt(&host);
        let sent = host.text(Body::Request);
        let wanted = format!(r#""max_tokens":{limit}"#);
        assert!(sent.contains(&wanted), "{known}: {sent}");
    }
}

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
fn the_path_is_that_of_the_channels_dialect() {
    for (path, body, upstream, expected) in [
        (CHAT, OPENAI_REQUEST, "openai-responses", "/v1/responses"),
        (
            RESPONSES,
            RESPONSES_REQUEST,
            "openai-responses",
            "/v1/responses",
        ),
        (RESPONSES, RESPONSES_REQUEST, "anthropic", "/v1/messages"),
        (
            CHAT,
            OPENAI_REQUEST,
            "openai-completions",
            "/v1/completions",
        ),
        (
            "/v1/completions",
            r#"{"model":"m","prompt":"hi"}"#,
            "openai-completions",
            "/v1/completions",
        ),
        (
            RESPONSES,
            RESPONSES_REQUEST,
            "openai-chat",
            "/v1/chat/completions",
        ),
    ] {
        let (host, ..) = begin(vec![channel(1, upstream)], path, body);
        assert_eq!(host.shown(Map::Request, ":path"), expected);
    }
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
fn a_stream_is_held_until_its_first_event_and_then_flows() {
    let request = OPENAI_REQUEST.replace(r#""model""#, r#""stream":true,"model""#);
    let (host, gateway, mut attempt) = begin(vec![channel(1, "openai-chat")], CHAT, &request);
    assert!(host.text(Body::Request).contains("include_usage"));
    host.put_headers(Map::Response, &[(":status", "200")]);
    assert_eq!(attempt.response_headers(&host, false), Flow::Hold);

    let first = concat!(
        r#"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"up","#,
        r#""choices":[{"index":0,"delta":{"role":"assistant","content":"he"}}]}"#,
        "\n\n"
    );
    let (cut, whole) = (first.len() - 20, first.len());
    host.put_body(Body::Response, &first.as_bytes()[..cut]);
    assert_eq!(attempt.response_body(&host, cut, false), Flow::Hold);
    host.put_body(Body::Response, first.as_bytes());
    assert_eq!(attempt.response_body(&host, whole, false), Flow::Continue);
    assert_eq!(host.text(Body::Response), first);
    assert_eq!(
        host.shown(Map::Response, "content-type"),
        "text/event-stream"
    );

    host.put_body(Body::Response, b"");
    attempt.response_body(&host, 0, true);
    let end = host.text(Body::Response);
    assert!(
        end.contains("error"),
        "a stream without its end says so: {end}"
    );
    assert_eq!(event(&host, gateway, 200).outcome(), Outcome::Interrupted);
}

#[test]
fn an_error_in_the_first_event_goes_to_the_next_channel() {
    let request = OPENAI_REQUEST.replace(r#""model""#, r#""stream":true,"model""#);
    let channels = vec![channel(1, "openai-chat"), channel(2, "openai-chat")];
    let (host, gateway, mut first) = begin(channels, CHAT, &request);
    let error = "data: {\"error\":{\"message\":\"overloaded\"}}\n\n";
    answer(&host, &mut first, "200", error);
    assert_eq!(host.shown(Map::Response, ":status"), "503");
    let mut second = attempt(&host);
    answer(&host, &mut second, "200", error);
    assert!(host.shown(Map::Response, ":status").starts_with('5'));
    assert!(host.shown(Map::Response, "content-type").contains("json"));
    assert_eq!(event(&host, gateway, 502).outcome(), Outcome::Failed);
}

#[test]
fn what_follows_an_error_does_not_follow_it_to_the_caller() {
    let request = OPENAI_REQUEST.replace(r#""model""#, r#""stream":true,"model""#);
    for (status, first) in [
        ("200", "<html>"),
        ("400", "x".repeat(ERROR_BODY_BYTES_MAX).as_str()),
    ] {
        let (host, _gateway, mut attempt) = begin(vec![channel(1, "openai-chat")], CHAT, &request);
        host.put_headers(Map::Response, &[(":status", status)]);
        attempt.response_headers(&host, false);
        host.put_body(Body::Response, first.as_bytes());
        attempt.response_body(&host, first.len(), false);
        assert!(host.text(Body::Response).starts_with('{'), "{status}");
        let smuggled = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nEVIL!";
        host.put_body(Body::Response, smuggled.as_bytes());
        attempt.response_body(&host, smuggled.len(), false);
        assert_eq!(host.text(Body::Response), "", "{status}");
    }
}

#[test]
fn trailers_stay_here_and_a_stream_cut_before_them_is_cut_off() {
    let request = OPENAI_REQUEST.replace(r#""model""#, r#""stream":true,"model""#);
    let (host, gateway, mut attempt) = begin(vec![channel(1, "openai-chat")], CHAT, &request);
    host.put_headers(Map::Response, &[(":status", "200")]);
    attempt.response_headers(&host, false);
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
    host.put_body(Body::Response, event.as_bytes());
    attempt.response_body(&host, event.len(), false);
    host.put_headers(Map::ResponseTrailers, &[("x-secret", "1")]);
    attempt.response_trailers(&host);
    assert_eq!(host.shown(Map::ResponseTrailers, "x-secret"), "");
    assert!(host.aborted());
    let event = crate::fixture::event(&host, gateway, 200);
    assert_eq!(event.outcome(), Outcome::Interrupted);
}

#[test]
fn an_attempt_that_broke_off_says_so() {
    let channels = vec![channel(1, "openai-chat"), channel(2, "openai-chat")];
    let (host, gateway, mut first) = begin(channels, CHAT, OPENAI_REQUEST);
    host.put_headers(Map::Response, &[(":status", "200")]);
    first.response_headers(&host, false);
    let mut second = attempt(&host);
    answer(&host, &mut second, "200", OPENAI_ANSWER);
    let event = event(&host, gateway, 200);
    let errors: Vec<&str> = event.attempts.iter().map(|a| a.error.as_str()).collect();
    assert_eq!(errors, ["the answer broke off", ""]);
}

#[test]
fn a_stream_that_its_caller_left_is_estimated_where_nobody_counted() {
    let request = OPENAI_REQUEST.replace(r#""model""#, r#""stream":true,"model""#);
    let (host, gateway, mut attempt) = begin(vec![channel(1, "openai-chat")], CHAT, &request);
    host.put_headers(Map::Response, &[(":status", "200")]);
    attempt.response_headers(&host, false);
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"twelve bytes\"}}]}\n\n";
    host.put_body(Body::Response, event.as_bytes());
    attempt.response_body(&host, event.len(), false);
    host.put_property(
        &["response", "code_details"],
        b"downstream_remote_disconnect",
    );
    let event = crate::fixture::event(&host, gateway, 200);
    let usage = event.usage.unwrap();
    assert_eq!(event.outcome(), Outcome::ClientGone);
    assert_eq!((usage.output_tokens, usage.estimated), (3, true));
    assert_eq!(
        usage.input_tokens,
        u64::try_from(request.len().div_ceil(4)).unwrap()
    );
}

const GENERATE: &str = "/v1beta/models/m:generateContent";
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

#[test]
fn a_stream_from_vertex_passes_untouched() {
    let request = ANTHROPIC_REQUEST.replacen('{', "{\"stream\":true,", 1);
    let vertex = channel(1, "anthropic-vertex");
    let (host, _gateway, mut attempt) = begin(vec![vertex], MESSAGES, &request);
    assert_eq!(
        host.shown(Map::Request, ":path"),
        "/v1/publishers/anthropic/models/m:streamRawPredict"
    );
    let stream = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":1}}}\n\n",
        "event: something_new\ndata: {\"type\":\"something_new\"}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    answer(&host, &mut attempt, "200", stream);
    assert_eq!(host.text(Body::Response), stream);
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
