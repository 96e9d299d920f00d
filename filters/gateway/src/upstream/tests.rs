//! What a channel is sent; what comes back is in the modules below.

mod answers;
mod platforms;
mod streams;
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
const GENERATE: &str = "/v1beta/models/m:generateContent";
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
fn j10_l13_the_head_is_made_anew() {
    let mut wanted = channel(1, "openai-chat");
    wanted.headers.insert("x-own".into(), "1".into());
    let (host, ..) = begin(vec![wanted], CHAT, OPENAI_REQUEST);
    assert_eq!(host.shown(Map::Request, ":path"), "/v1/chat/completions");
    assert_eq!(host.shown(Map::Request, ":authority"), "provider-1.example");
    assert_eq!(host.shown(Map::Request, "x-own"), "1");
    assert_eq!(host.shown(Map::Request, "accept-encoding"), "identity");
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
fn a_provider_is_sent_its_channels_spelling_and_its_answer_passes() {
    for (listed, asked) in [("M", "m"), ("m", "M"), ("M", "M")] {
        let mut spelled = channel(1, "openai-chat");
        spelled.models = vec![listed.into()];
        let named = |name: &str| OPENAI_REQUEST.replace(r#""m""#, &format!("\"{name}\""));
        let (host, gateway, mut attempt) = begin(vec![spelled], CHAT, &named(asked));
        assert_eq!(host.text(Body::Request), named(listed));
        answer(&host, &mut attempt, "200", OPENAI_ANSWER);
        assert_eq!(host.text(Body::Response), OPENAI_ANSWER);
        let event = event(&host, gateway, 200);
        assert_eq!(
            (event.model.as_str(), &*event.attempts[0].model),
            ("m", listed)
        );
    }
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
