//! Canaries: keys and tokens must be found at their own provider and nowhere else, however much
//! goes wrong and however much is logged.

use std::fs;
use std::path::Path;

use serde_json::json;
use tollgate_tests::envoy::EnvoyAdmin;
use tollgate_tests::gateway::ADMIN_KEY;
use tollgate_tests::http::Request;
use tollgate_tests::provider::{AccessKey, TOKEN, TokenEndpoint, service_account};
use tollgate_tests::proxy::Proxy;
use tollgate_tests::scene::provider_key;
use tollgate_tests::{Dialect, Fault, Gateway, Provider, Scene};

/// What a provider says when it refuses a key: with the key in it, as real ones do.
fn refusal(key: &str) -> Fault {
    let headers = vec![(
        "www-authenticate".to_owned(),
        format!("Bearer error=\"{key}\""),
    )];
    Fault::Says(401, format!("Incorrect API key provided: {key}"), headers)
}

#[test]
fn keys_and_tokens_are_found_nowhere_but_where_they_belong() {
    let (gateway, envoy) = EnvoyAdmin::with(Gateway::builder().env("RUST_LOG", "debug"));
    let echo = "provider-key-canary-echoed";
    let (refusing, healthy) = (
        Provider::openai().plays(refusal(echo)),
        Provider::anthropic(),
    );
    let (refusing, healthy) = (refusing.start(), healthy.start());
    let last = Provider::openai().plays(refusal(echo)).start();
    let scene = Scene::on(&gateway)
        .channel(&refusing)
        .channel(&healthy)
        .ready();
    let alone = Scene::on(&gateway).channel(&last).ready();
    let token = secret_of(&scene.token.key);
    let keys = [0, 1].map(|n| provider_key(&format!("{}-c{n}", scene.name)));

    let mut seen = Vec::new();
    for dialect in Dialect::ALL {
        scene.ask(dialect, "hello").assert_served("hi");
        scene.ask_stream(dialect, "hello").assert_served("hi");
        let failed = alone.ask(dialect, "hello");
        failed.assert_error(502);
        alone.log_of(&failed);
        let stranger = Request::post(dialect.path(), &dialect.ask(&scene.model, "hello", false))
            .header("authorization", "Bearer sk-token-canary-of-nobody");
        let refused = scene.send(dialect, &stranger);
        refused.assert_error(401);
        seen.push((
            "an error",
            failed.response.text() + &format!("{:?}", failed.response.headers),
        ));
        seen.push(("a refusal", refused.response.text()));
    }
    let stolen = Request::get("/api/logs/").header("authorization", &scene.token.key);
    assert_eq!(gateway.send(&stolen).status, 401, "a token is no admin key");

    for path in [
        "channels/all",
        "channels/",
        "tokens/",
        "groups/",
        "logs/?per_page=100",
        "gateways",
    ] {
        seen.push((
            "the admin API",
            gateway.admin().get(&format!("/api/{path}")).to_string(),
        ));
    }
    for page in [
        "/config_dump?include_eds",
        "/clusters",
        "/stats",
        "/listeners",
        "/certs",
    ] {
        seen.push(("Envoy's admin interface", envoy.get(page)));
    }
    seen.push(("the output", gateway.process().output()));
    for secret in [&keys[0], &keys[1], &token] {
        nowhere_in(&seen, secret);
        nowhere_below(gateway.data(), secret);
    }
    for secret in [echo, ADMIN_KEY, "token-canary-of-nobody"] {
        nowhere_in(&seen, secret);
    }
    belongs(&refusing, &keys[0], &[&keys[1], &token]);
    belongs(&healthy, &keys[1], &[&keys[0], &token]);
}

/// Keys that are more than a word: those that sign at Envoy's, and those that never leave the control
/// plane.
#[test]
fn the_clouds_credentials_are_found_nowhere() {
    let endpoint = TokenEndpoint::start(3600);
    let gateway = Gateway::builder()
        .env("RUST_LOG", "debug")
        .env("TOLLGATE_LOG", "debug")
        .env("TOLLGATE_GOOGLE_TOKEN_URL", &endpoint.url());
    let (gateway, envoy) = EnvoyAdmin::with(gateway);
    let key = AccessKey {
        region: "us-east-1".into(),
        id: "AKIACANARY0123456789".into(),
        secret: "aws-secret-canary/0123456789+abcdefghij".into(),
        session_token: Some("aws-session-canary-0123456789".into()),
    };
    let signed = Provider::speaking(Dialect::BedrockClaude)
        .signed_with(key.clone())
        .start();
    let vertex = Provider::speaking(Dialect::Gemini)
        .with_tokens_of(&endpoint)
        .start();
    let aws = Scene::on(&gateway)
        .channel_with(&signed, json!({"key": key.text()}))
        .ready();
    let account = format!("us-central1|{}", service_account());
    let fields = json!({"type": 42, "key": account});
    let google = Scene::on(&gateway).channel_with(&vertex, fields).ready();
    let refusing = Provider::speaking(Dialect::Bedrock)
        .signed_with(key.clone())
        .start();
    let wrong = AccessKey {
        id: "AKIAWRONG".into(),
        ..key.clone()
    };
    let refused = Scene::on(&gateway)
        .channel_with(&refusing, json!({"key": wrong.text()}))
        .ready();

    let mut seen = Vec::new();
    for dialect in Dialect::CALLERS {
        for scene in [&aws, &google] {
            scene.ask(dialect, "hello").assert_served("hi");
            scene.ask_stream(dialect, "hello").assert_served("hi");
        }
        let failed = refused.ask(dialect, "hello");
        failed.assert_error(502);
        seen.push(("an error", failed.response.text()));
    }
    for path in ["channels/all", "logs/?per_page=100", "gateways"] {
        let path = format!("/api/{path}");
        seen.push(("the admin API", gateway.admin().get(&path).to_string()));
    }
    let dump = envoy.get("/config_dump?include_eds");
    assert!(
        dump.contains("aws_request_signing"),
        "it is there to be looked at"
    );
    seen.push(("Envoy's configuration dump", dump));
    for page in ["/clusters", "/stats", "/listeners", "/init_dump"] {
        seen.push(("Envoy's admin interface", envoy.get(page)));
    }
    seen.push(("the output", gateway.process().output()));

    let private_key = service_account()["private_key"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let inside = private_key
        .lines()
        .nth(12)
        .expect("a line of the key")
        .to_owned();
    let mut secrets = vec![key.secret.clone(), inside, TOKEN.to_owned()];
    secrets.extend(key.session_token.clone());
    for secret in &secrets {
        nowhere_in(&seen, secret);
        nowhere_below(gateway.data(), secret);
    }
    // A session token is shown to AWS; the rest to nobody.
    for (call, whose) in [(signed.last_call(), 3), (vertex.last_call(), 2)] {
        for (at, secret) in secrets.iter().enumerate() {
            let found = call.everything().contains(secret.as_str());
            assert_eq!(found, at == whose, "{secret}: {}", call.everything());
        }
    }
}

/// A proxy's credentials are for the proxy: neither Envoy's pages nor the provider see them.
#[test]
fn a_proxy_s_credentials_are_found_with_the_proxy_alone() {
    let gateway = Gateway::builder()
        .env("RUST_LOG", "debug")
        .env("TOLLGATE_LOG", "debug");
    let (gateway, envoy) = EnvoyAdmin::with(gateway);
    let (proxy, refusing) = (Proxy::start(), Proxy::that_refuses(407));
    let provider = Provider::openai().start();
    let credentials = "proxy-user-canary:proxy-password-canary";
    let channel = |proxy: &Proxy| {
        let fields = json!({ "proxy_url": proxy.url_with(credentials) });
        Scene::on(&gateway).channel_with(&provider, fields).ready()
    };
    let (served, refused) = (channel(&proxy), channel(&refusing));
    let mut seen = Vec::new();
    for dialect in Dialect::CALLERS {
        served.ask(dialect, "hello").assert_served("hi");
        served.ask_stream(dialect, "hello").assert_served("hi");
        let failed = refused.ask(dialect, "hello");
        failed.assert_error(502);
        seen.push(("an error", failed.response.text()));
    }
    let wrong = json!({"type": 1, "key": "k", "proxy_url": format!("socks5://{credentials}@p")});
    let wrong = gateway.admin().send(Request::post("/api/channel/", &wrong));
    seen.push(("a refusal", wrong.unwrap().text()));
    for path in [
        "channels/all",
        "config/export",
        "logs/?per_page=100",
        "gateways",
        "audit_logs",
    ] {
        let path = format!("/api/{path}");
        seen.push(("the admin API", gateway.admin().get(&path).to_string()));
    }
    let dump = envoy.get("/config_dump?include_eds");
    assert!(
        dump.contains("proxy-authorization"),
        "it is there to be looked at"
    );
    seen.push(("Envoy's configuration dump", dump));
    for page in ["/clusters", "/stats", "/listeners", "/init_dump"] {
        seen.push(("Envoy's admin interface", envoy.get(page)));
    }
    seen.push(("the output", gateway.process().output()));
    for call in provider.calls() {
        seen.push(("a call at the provider", call.everything()));
    }
    let encoded = "cHJveHktdXNlci1jYW5hcnk6cHJveHktcGFzc3dvcmQtY2FuYXJ5";
    // As Envoy's dump would show the bytes of the header.
    let twice = "QmFzaWMgY0hKdmVIa3RkWE5sY2kxallXNWhjbms2Y0hKdmVIa3RjR0Z6YzNkdmNtUXRZMkZ1WVhK";
    for secret in ["user-canary", "password-canary", encoded, twice] {
        nowhere_in(&seen, secret);
        nowhere_below(gateway.data(), secret);
    }
    for proxy in [&proxy, &refusing] {
        for call in proxy.asked() {
            let expected = format!("Basic {encoded}");
            assert_eq!(call.header("proxy-authorization"), Some(expected.as_str()));
        }
    }
}

#[test]
fn what_a_caller_invents_reaches_no_provider_as_ours() {
    for upstream in Dialect::UPSTREAMS {
        let provider = Provider::speaking(upstream).start();
        let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
        for caller in Dialect::CALLERS {
            let request = scene
                .request(caller, "hello")
                .header("x-api-key", "foreign-canary")
                .header("api-key", "foreign-canary")
                .header("x-goog-api-key", "foreign-canary")
                .header("cookie", "session=foreign-canary")
                .header("x-tollgate-cluster", "channel-1")
                .header("x-envoy-retry-on", "5xx")
                .header("x-envoy-upstream-rq-timeout-ms", "1")
                .header("x-forwarded-for", "10.1.2.3")
                .header("proxy-authorization", "Basic foreign-canary");
            scene.send(caller, &request).assert_served("hi");
            let sent = provider.last_call().everything().to_lowercase();
            for foreign in [
                "foreign-canary",
                "x-tollgate",
                "x-envoy",
                "10.1.2.3",
                "127.0.0.1, ",
            ] {
                assert!(!sent.contains(foreign), "{foreign} from {caller:?}: {sent}");
            }
        }
    }
}

/// A token without the part that all tokens have.
fn secret_of(token: &str) -> String {
    token
        .strip_prefix("sk-")
        .expect("tokens begin with sk-")
        .to_owned()
}

#[track_caller]
fn nowhere_in(seen: &[(&str, String)], secret: &str) {
    for (place, text) in seen {
        if let Some(at) = text.find(secret) {
            let begin = text.floor_char_boundary(at.saturating_sub(300));
            panic!(
                "{secret} stands in {place}: …{}",
                &text[begin..at + secret.len()]
            );
        }
    }
}

/// Files hold keys encrypted and tokens hashed.
#[track_caller]
fn nowhere_below(folder: &Path, secret: &str) {
    for entry in fs::read_dir(folder).expect("the data folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            nowhere_below(&path, secret);
        } else if let Ok(bytes) = fs::read(&path) {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} stands in {}", path.display());
        }
    }
}

#[track_caller]
fn belongs(provider: &Provider, own: &str, foreign: &[&String]) {
    assert!(!provider.calls().is_empty());
    for call in provider.calls() {
        let everything = call.everything();
        assert_eq!(
            everything.matches(own).count(),
            1,
            "its own key, once: {everything}"
        );
        for secret in foreign {
            assert!(
                !everything.contains(secret.as_str()),
                "{secret}: {everything}"
            );
        }
    }
}
