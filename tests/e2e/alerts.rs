//! Operators are told what they should know of, and channels that fail are left alone.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_tests::eventually::within;
use tollgate_tests::provider::{Script, Told, WEBHOOK_CANARY, Webhook};
use tollgate_tests::{Answer, Dialect, Fault, Gateway, Provider, Scene, eventually};

/// What each call is told to have used.
const USAGE: Told = Told {
    answers: 0,
    reasoning: 0,
    input: 100,
    cache_read: 0,
    cache_write: 0,
    output: 17,
};

fn the_gateway(webhook: &Webhook) -> Gateway {
    Gateway::builder()
        .env("TOLLGATE_CONCURRENCY", "1")
        .env("NOTIFY_FEISHU_WEBHOOK", &webhook.url("feishu"))
        .env("NOTIFY_WEBHOOK", &webhook.url("json"))
        .env("NOTIFY_NOTE", "the tests")
        .start()
}

/// Waits for an alert of this kind about this subject.
fn told(webhook: &Webhook, kind: &str, subject: &str) -> Value {
    eventually(&format!("{kind} of {subject} is told"), || {
        let heard = webhook.heard("json");
        let is = |alert: &&Value| alert["kind"] == kind && alert["subject"] == subject;
        let found = heard.iter().find(is).cloned();
        found.ok_or_else(|| json!(heard))
    })
}

#[test]
fn a_low_balance_is_told_and_the_addresses_are_nowhere() {
    let webhook = Webhook::start();
    let mut gateway = the_gateway(&webhook);
    let provider = Provider::openai()
        .plays(Answer::text("hi").usage(USAGE))
        .start();
    let scene = Scene::on(&gateway)
        .channel(&provider)
        .config(json!({"price": {"input_price": 0.001, "output_price": 0.002}}))
        .ready();
    let group = format!("/api/group/{}", scene.group());
    let wallet = json!({});
    scene.admin.post(&format!("{group}/wallet"), &wallet);
    let recharge = json!({"amount": 1});
    scene
        .admin
        .post(&format!("{group}/wallet/recharge"), &recharge);
    let alert = json!({"balance_alert_enabled": true, "balance_alert_threshold": 1});
    scene.admin.call("PUT", &group, Some(&alert));
    assert_eq!(webhook.heard("json"), [] as [Value; 0]);
    eventually("a call is served", || {
        let answer = scene.ask(Dialect::OpenAi, "hello");
        let served = answer.status() == 200;
        served.then_some(()).ok_or_else(|| answer.response.text())
    });
    let posted = told(&webhook, "balance_low", &scene.group());
    assert_eq!(
        (&posted["level"], &posted["note"]),
        (&json!("error"), &json!("the tests"))
    );
    let text = posted["text"].as_str().unwrap();
    assert!(text.contains("0.999866 USD left"), "{text}");
    let card = &webhook.heard("feishu")[0]["card"];
    assert_eq!(card["header"]["template"], "red");
    // Again is not news.
    let again = scene.ask(Dialect::OpenAi, "hello");
    again.assert_served("hi");
    scene.log_of(&again);
    let listed = eventually("both ways are done", || {
        let listed = scene.admin.get("/api/alerts/?kind=balance_low");
        let alert = &listed["alerts"][0];
        let done = alert["feishu"] == "delivered" && alert["webhook"] == "delivered";
        if done { Ok(listed) } else { Err(listed) }
    });
    assert_eq!(listed["total"], 1, "{listed}");
    assert_eq!(webhook.heard("json").len(), 1);

    for path in [
        "/api/option/",
        "/api/config/export",
        "/api/alerts/",
        "/api/gateways",
    ] {
        let shown = scene.admin.get(path).to_string();
        assert!(!shown.contains(WEBHOOK_CANARY), "{path}: {shown}");
    }
    gateway.process_mut().stop();
    let log = gateway.process().output();
    assert!(!log.contains(WEBHOOK_CANARY), "{log}");
}

#[test]
fn a_channel_that_fails_is_left_alone_until_it_is_cleared_or_answers() {
    let webhook = Webhook::start();
    let gateway = the_gateway(&webhook);
    let healthy = Provider::openai().text("hi").start();
    // So that no test of it goes well before it is cleared.
    let failing = Provider::openai().plays(Fault::Status(503)).start();
    let strict = json!({"max_error_rate": 0.5});
    let scene = Scene::on(&gateway)
        .channel_with(&failing, strict)
        .channel(&healthy)
        .ready();
    let ask = || scene.ask(Dialect::OpenAi, "hello").assert_served("hi");
    let (bad, model) = (scene.channels[0], scene.model.clone());
    let banned = || scene.admin.get("/api/monitor/banned_channels");
    eventually("it is banned", || {
        ask();
        let banned = banned();
        if banned[&model] == json!([bad]) {
            Ok(())
        } else {
            Err(banned)
        }
    });
    told(&webhook, "channel_banned", &format!("{bad}: {model}"));
    let asked = || {
        let row = scene.log_of(&scene.ask(Dialect::OpenAi, "hello"));
        row.channels().contains(&bad)
    };
    let second = Duration::from_secs(1);
    let not = |yes: bool| if yes { Err("it is not so") } else { Ok(()) };
    within(second, "it is left alone", || not(asked()));
    let runtime = scene.admin.get("/api/monitor/runtime_metrics");
    let pair = &runtime["channel_models"][bad.to_string()][&model];
    assert_eq!(pair["banned"], true, "{runtime}");

    scene.admin.delete(&format!("/api/monitor/{bad}/{model}"));
    assert_eq!(banned(), json!({}));
    within(second, "it is asked again", || not(!asked()));
}

#[test]
fn a_banned_channel_that_answers_a_test_serves_again() {
    let webhook = Webhook::start();
    let gateway = the_gateway(&webhook);
    let healthy = Provider::openai().text("second").start();
    let mut answers = vec![Fault::Status(401).into()];
    answers.push(Answer::text("first").into());
    let mending = Provider::openai().plays(Script::Each(answers)).start();
    let strict = json!({"enabled_no_permission_ban": true});
    let scene = Scene::on(&gateway)
        .channel_with(&mending, strict)
        .channel(&healthy)
        .ready();
    scene.ask(Dialect::OpenAi, "hello").assert_served("second");
    let subject = format!("{}: {}", scene.channels[0], scene.model);
    told(&webhook, "channel_banned", &subject);
    told(&webhook, "channel_recovered", &subject);
    within(Duration::from_secs(1), "it serves again", || {
        let answer = scene.ask(Dialect::OpenAi, "hello");
        match answer.text().as_str() {
            "first" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
}
