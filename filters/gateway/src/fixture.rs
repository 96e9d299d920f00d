//! What the tests of both roles start from: channels, a token, a request that was admitted.

use prost::Message;
use tollgate_config::meter::{TokenRecord, UsageBatch, UsageEvent};
use tollgate_config::names::{READY_KEY, token_key};
use tollgate_config::responses::Stored;
use tollgate_config::{Channel, GatewayConfig, Model};
use tollgate_host::mock::MockHost;
use tollgate_host::{Body, Flow, Map};
use tollgate_policy::auth::token_hash;

use crate::bundle;
use crate::gateway::Gateway;
use crate::state;

pub(crate) const OPENAI_REQUEST: &str =
    r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
pub(crate) const ANTHROPIC_REQUEST: &str =
    r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
pub(crate) const GEMINI_REQUEST: &str = r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#;
pub(crate) const GEMINI_ANSWER: &str = r#"{"candidates":[{"content":{"parts":[{"text":"hello"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2},"modelVersion":"up"}"#;
pub(crate) const OPENAI_ANSWER: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;

pub(crate) fn channel(id: i64, dialect: &str) -> Channel {
    Channel {
        id,
        name: format!("c{id}"),
        cluster: format!("channel-{id}"),
        dialect: dialect.into(),
        embeddings: None,
        scheme: "https".into(),
        authority: format!("provider-{id}.example"),
        base_path: "/v1".into(),
        headers: Default::default(),
        models: vec!["m".into()],
        model_mapping: Default::default(),
        sets: vec!["default".into()],
        priority: 10,
        ..Channel::default()
    }
}

/// A host with these channels active and one token, `sk-good`, that may use model `m`.
pub(crate) fn host(channels: Vec<Channel>) -> MockHost {
    let model = Model {
        model: "m".into(),
        owner: "us".into(),
        created_unix_s: 7,
        max_output_tokens: Some(100),
        ..Model::default()
    };
    host_with(channels, model)
}

/// The same with other facts about the model.
pub(crate) fn host_with(channels: Vec<Channel>, model: Model) -> MockHost {
    let config = GatewayConfig {
        max_body_bytes: 1_000,
        max_response_bytes: 10_000,
        stores_responses: true,
        closed: false,
        retry_times: None,
        own_details: Vec::new(),
        banned: Vec::new(),
        details: None,
        channels,
        models: vec![model],
    };
    state::activate(config).unwrap();
    let token = TokenRecord {
        id: 5,
        name: "good".into(),
        group: "g".into(),
        enabled: true,
        group_enabled: true,
        sets: vec!["default".into()],
        ..TokenRecord::default()
    };
    MockHost::new()
        .with_shared(READY_KEY, b"1")
        .with_shared(&key_of("good"), &token.encode_to_vec())
        .with_property(&["source", "address"], b"10.0.0.9:1234")
}

pub(crate) fn key_of(secret: &str) -> String {
    let header = |name: &str| (name == "x-api-key").then_some(secret.as_bytes());
    token_key(&token_hash(header).unwrap())
}

/// Sends a head; the extra headers come after the usual ones.
pub(crate) fn head(
    host: &MockHost,
    method: &str,
    path: &str,
    extra: &[(&str, &str)],
    end: bool,
) -> (Gateway, Flow) {
    let mut headers = vec![
        (":method", method),
        (":path", path),
        (":authority", "gateway"),
    ];
    headers.extend(extra);
    host.put_headers(Map::Request, &headers);
    let mut gateway = Gateway::new(host);
    let flow = gateway.request_headers(host, end);
    (gateway, flow)
}

/// Sends a whole request with the good token.
pub(crate) fn request(host: &MockHost, path: &str, body: &str) -> (Gateway, Flow) {
    let (mut gateway, _) = head(
        host,
        "POST",
        path,
        &[("authorization", "Bearer sk-good")],
        false,
    );
    if host.replied().is_some() {
        return (gateway, Flow::Hold);
    }
    host.put_body(Body::Request, body.as_bytes());
    let flow = gateway.request_body(host, body.len(), true);
    (gateway, flow)
}

/// The one usage event that the request left.
pub(crate) fn event(host: &MockHost, gateway: Gateway, status: u16) -> UsageEvent {
    settled(host, gateway, status).0
}

/// The one usage event that the request left, and the responses to be kept.
pub(crate) fn settled(
    host: &MockHost,
    mut gateway: Gateway,
    status: u16,
) -> (UsageEvent, Vec<Stored>) {
    host.put_property(&["response", "code"], &u64::from(status).to_le_bytes());
    gateway.log(host);
    bundle::tick(host);
    let (mut events, mut responses) = (Vec::new(), Vec::new());
    for record in host.take_queue() {
        let bundle = UsageBatch::decode(record.as_slice()).unwrap();
        let mut rest = bundle.uncounted;
        let whole = |mut event: Vec<u8>| {
            event.append(&mut rest);
            event
        };
        events.extend(bundle.events.into_iter().map(whole));
        responses.extend(bundle.responses);
    }
    assert_eq!(events.len(), 1, "one event per request");
    let stored = |record: &Vec<u8>| Stored::decode(record.as_slice()).unwrap();
    (
        UsageEvent::decode(events[0].as_slice()).unwrap(),
        responses.iter().map(stored).collect(),
    )
}
