//! Envoy has nothing to complain of in what it is told: not at its start, and not at a change.

use nix::sys::signal::Signal;
use serde_json::json;
use tollgate_tests::process::{children_of, signal_pid};
use tollgate_tests::provider::{AccessKey, TokenEndpoint, refusing_base_url, service_account};
use tollgate_tests::proxy::Proxy;
use tollgate_tests::{Dialect, Gateway, Provider, Scene, eventually};

/// What `tollgate run` passes on of Envoy's output, which is warnings and above.
fn said_by_envoy(gateway: &Gateway) -> Vec<String> {
    let output = gateway.process().output();
    let lines = output.lines().filter(|line| line.contains("envoy: "));
    lines.map(str::to_owned).collect()
}

#[test]
fn envoy_takes_every_kind_of_channel_without_a_warning() {
    let endpoint = TokenEndpoint::start(3600);
    let gateway = Gateway::builder()
        .env("TOLLGATE_GOOGLE_TOKEN_URL", &endpoint.url())
        .start();
    let (proxy, provider) = (Proxy::start(), Provider::openai().start());
    let key = AccessKey {
        region: "us-east-1".into(),
        id: "AKIAEXAMPLE".into(),
        secret: "secret".into(),
        session_token: Some("session".into()),
    };
    let account = format!("us-central1|{}", service_account());
    let elsewhere = "https://provider.invalid/v1";
    // Kept, for what is told when they go.
    let first = Scene::on(&gateway)
        .channel(&provider)
        .channel_with(&provider, json!({"proxy_url": proxy.url_with("me:secret")}))
        .channel_with(&provider, json!({"proxy_url": "https://proxy.invalid"}))
        .channel_to(Dialect::OpenAi, elsewhere, json!({}))
        .channel_to(Dialect::OpenAi, elsewhere, json!({"skip_tls_verify": true}))
        .channel_to(
            Dialect::OpenAi,
            elsewhere,
            json!({"proxy_url": proxy.url(), "key": ""}),
        )
        .channel_to(Dialect::OpenAi, "https://[::1]:1/v1", json!({}))
        .channel_to(Dialect::OpenAi, &refusing_base_url(), json!({}))
        .channel_to(Dialect::BedrockClaude, "", json!({"key": key.text()}))
        .channel_to(Dialect::Gemini, "", json!({"type": 42, "key": account}))
        .ready();
    first.ask(Dialect::Anthropic, "hello").assert_served("hi");
    let second = Scene::on(&gateway)
        .channel_with(&provider, json!({"proxy_url": proxy.url()}))
        .ready();
    second
        .ask_stream(Dialect::Gemini, "hello")
        .assert_served("hi");
    for channel in &first.channels {
        let path = format!("/api/channel/{channel}");
        gateway.admin().delete(&path);
    }
    // Each change waits for the one before it.
    let third = Scene::on(&gateway).channel(&provider).ready();
    third.ask(Dialect::OpenAi, "hello").assert_served("hi");

    assert_eq!(said_by_envoy(&gateway), Vec::<String>::new());

    let again = gateway.restarted();
    let scene = Scene::on(&again).channel(&provider).ready();
    scene.ask(Dialect::OpenAi, "hello").assert_served("hi");
    assert_eq!(
        said_by_envoy(&again),
        Vec::<String>::new(),
        "at the second start"
    );
    // A warning would have been seen: this is one.
    let [envoy] = children_of(again.process().pid())[..] else {
        panic!("one child, Envoy");
    };
    signal_pid(envoy, Signal::SIGTERM);
    eventually("Envoy's last words", || {
        let said = said_by_envoy(&again).concat();
        match said.contains("warning") {
            true => Ok(()),
            false => Err(said),
        }
    });
}
