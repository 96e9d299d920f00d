//! Providers that want more than a key: AWS, where Envoy signs every call, and Google Cloud, where
//! the control plane fetches access tokens. The scripted provider checks both by itself.

use serde_json::json;
use tollgate_tests::envoy::EnvoyAdmin;
use tollgate_tests::provider::{AccessKey, CLAUDE, TOKEN, TokenEndpoint, service_account};
use tollgate_tests::scene::{Answered, provider_key};
use tollgate_tests::{Dialect, Fault, Gateway, Provider, Scene, eventually};

const BEDROCK: [Dialect; 2] = [Dialect::BedrockClaude, Dialect::Bedrock];

fn access_key(name: &str, session_token: Option<&str>) -> AccessKey {
    AccessKey {
        region: "eu-central-1".into(),
        id: format!("AKIA{name}"),
        secret: format!("secret/of+{name}="),
        session_token: session_token.map(str::to_owned),
    }
}

/// Asks in every dialect, whole and streamed.
#[track_caller]
fn everybody_is_served(scene: &Scene) {
    for caller in Dialect::CALLERS {
        scene.ask(caller, "hello").assert_served("hi");
        scene.ask_stream(caller, "hello").assert_served("hi");
    }
}

#[test]
fn calls_to_bedrock_are_signed_with_access_keys() {
    for upstream in BEDROCK {
        for session_token in [None, Some("IQoJb3JpZ2luX2VjE/session+token==")] {
            let key = access_key("EXAMPLE1", session_token);
            let provider = Provider::speaking(upstream)
                .signed_with(key.clone())
                .start();
            let builder = Scene::on(Gateway::shared());
            // Colons and slashes are where signatures go wrong.
            let model = format!("arn:aws:bedrock:eu-central-1:1:inference-profile/{CLAUDE}v1:0");
            let mapping = json!({builder.first_model(): model});
            let fields = json!({"key": key.text(), "model_mapping": mapping});
            let scene = builder.channel_with(&provider, fields).ready();
            everybody_is_served(&scene);
            let long = "An image is as long as this. ".repeat(100_000);
            scene.ask(Dialect::Anthropic, &long).assert_served("hi");
            let call = provider.last_call();
            assert!(call.body.len() > 2_000_000, "{}", call.body.len());
            for name in ["x-request-id", "user-agent", "x-forwarded-proto"] {
                let signed = call.header("authorization").unwrap_or_default();
                assert!(
                    !signed.contains(name),
                    "{name} may change on its way: {signed}"
                );
            }
        }
    }
}

#[test]
fn a_signature_stays_with_its_own_attempt() {
    for upstream in BEDROCK {
        let key = access_key("EXAMPLE2", Some("session"));
        let broken = Provider::speaking(upstream)
            .plays(Fault::Status(503))
            .start();
        let healthy = Provider::anthropic().text("hi").start();
        let scene = Scene::on(Gateway::shared())
            .channel_with(&broken, json!({"key": key.text()}))
            .channel(&healthy)
            .ready();
        for caller in Dialect::CALLERS {
            scene.ask(caller, "hello").assert_served("hi");
            let sent = healthy.last_call().everything().to_lowercase();
            for foreign in ["x-amz-", "aws4-hmac", "akia", "session"] {
                assert!(!sent.contains(foreign), "{foreign}: {sent}");
            }
        }
        assert_eq!(broken.calls().len(), Dialect::CALLERS.len());

        // And the other way round, where a key was there first.
        let broken = Provider::openai().plays(Fault::Status(503)).start();
        let healthy = Provider::speaking(upstream)
            .signed_with(key.clone())
            .start();
        let scene = Scene::on(Gateway::shared())
            .channel(&broken)
            .channel_with(&healthy, json!({"key": key.text()}))
            .ready();
        everybody_is_served(&scene);
        let foreign = provider_key(&format!("{}-c0", scene.name));
        assert!(!healthy.last_call().everything().contains(&foreign));
    }
}

#[test]
fn a_new_access_key_is_used_soon() {
    let (old, new) = (access_key("OLD", None), access_key("NEW", None));
    let provider = Provider::speaking(Dialect::BedrockClaude);
    let provider = provider.signed_with(old.clone()).start();
    let scene = Scene::on(Gateway::shared())
        .channel_with(&provider, json!({"key": old.text()}))
        .ready();
    scene.ask(Dialect::Anthropic, "hello").assert_served("hi");
    provider.takes(new.clone());
    scene.ask(Dialect::Anthropic, "hello").assert_error(502);
    let channel = format!("/api/channel/{}", scene.channels[0]);
    scene
        .admin
        .call("PUT", &channel, Some(&json!({"key": new.text()})));
    eventually("the new key is used", || {
        served(&scene.ask(Dialect::Anthropic, "hello"))
    });
}

#[test]
fn vertex_is_shown_access_tokens_that_are_renewed() {
    let endpoint = TokenEndpoint::start(3600);
    let gateway = Gateway::builder().env("TOLLGATE_GOOGLE_TOKEN_URL", &endpoint.url());
    let (gateway, envoy) = EnvoyAdmin::with(gateway);
    let key = format!("europe-west1|{}", service_account());
    for (upstream, kind) in [(Dialect::Gemini, 42), (Dialect::VertexClaude, 1011)] {
        let provider = Provider::speaking(upstream)
            .with_tokens_of(&endpoint)
            .start();
        let scene = Scene::on(&gateway)
            .channel_with(&provider, json!({"type": kind, "key": key}))
            .ready();
        everybody_is_served(&scene);
        assert_eq!(endpoint.made(), 1, "one key, one token");
    }

    // The same account again, as a file with other white space: a key of its own, whose tokens
    // end soon.
    endpoint.tokens_last(4);
    let pretty = serde_json::to_string_pretty(&json!({"short": true, "key": service_account()}));
    let mut short = service_account();
    short["comment"] = json!(pretty.expect("JSON").len());
    let provider = Provider::speaking(Dialect::Gemini)
        .with_tokens_of(&endpoint)
        .start();
    let key = format!(
        "europe-west1|{}",
        serde_json::to_string_pretty(&short).expect("JSON")
    );
    let scene = Scene::on(&gateway)
        .channel_with(&provider, json!({"type": 42, "key": key}))
        .ready();
    let token = || {
        scene.ask(Dialect::Gemini, "hello").assert_served("hi");
        let call = provider.last_call();
        call.header("authorization").unwrap_or_default().to_owned()
    };
    let (first, cluster) = (token(), versions(&envoy));
    assert!(first.starts_with(&format!("Bearer {TOKEN}")), "{first}");
    eventually("a new token is shown", || {
        if token() == first {
            Err("not yet")
        } else {
            Ok(())
        }
    });
    assert_eq!(versions(&envoy), cluster, "no cluster was touched");

    endpoint.away(true);
    let made = endpoint.made();
    let log = gateway.process();
    eventually("the endpoint is missed", || {
        let missed = log.output().contains("no new access token");
        if missed {
            Ok(())
        } else {
            Err("nothing in the log")
        }
    });
    token();
    assert_eq!(endpoint.made(), made, "the last token serves on");
    endpoint.away(false);
    eventually("tokens are renewed again", || {
        if endpoint.made() > made {
            Ok(())
        } else {
            Err("none yet")
        }
    });
}

#[test]
fn what_is_no_key_of_the_cloud_is_refused_when_it_is_typed() {
    let admin = Gateway::shared().admin();
    let foreign = {
        let mut account = service_account();
        account["token_uri"] = json!("http://169.254.169.254/token");
        format!("us|{account}")
    };
    for (kind, key, words) in [
        (
            33,
            "us-east-1|AKIA|canary|token|more".to_owned(),
            "region|access key id",
        ),
        (1012, "us east|AKIA|canary".to_owned(), "region"),
        (42, foreign, "token_uri that is not Google's"),
        (
            1011,
            "us|{\"type\":\"external_account\"}".to_owned(),
            "service_account",
        ),
    ] {
        let body = json!({"type": kind, "name": "c", "key": key, "models": ["m"]});
        let request = tollgate_tests::http::Request::post("/api/channel/", &body);
        let answer = admin.send(request).expect("an answer");
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains(words), "{}", answer.text());
        assert!(!answer.text().contains("canary"), "{}", answer.text());
    }
}

fn served(answer: &Answered) -> Result<(), String> {
    match answer.status() {
        200 => Ok(()),
        status => Err(status.to_string()),
    }
}

/// The version of every cluster that Envoy has.
fn versions(envoy: &EnvoyAdmin) -> Vec<String> {
    let dump =
        envoy.get("/config_dump?resource=dynamic_active_clusters&mask=version_info,cluster.name");
    let mut lines: Vec<String> = dump
        .lines()
        .filter(|line| line.contains("version_info"))
        .map(|line| line.trim().to_owned())
        .collect();
    lines.sort();
    lines
}
