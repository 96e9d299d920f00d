//! What an administrator changes is effective within a second.

use std::time::Duration;

use serde_json::json;
use tollgate_tests::eventually::within;
use tollgate_tests::http::Request;
use tollgate_tests::{Dialect, Gateway, Provider, Scene};

/// What is promised.
const SOON: Duration = Duration::from_secs(1);

#[test]
fn a_new_provider_serves_within_a_second() {
    for upstream in Dialect::UPSTREAMS {
        let provider = Provider::speaking(upstream).text("hi").start();
        let scene = Scene::on(Gateway::shared()).channel(&provider).made();
        becomes(&scene, 200);
        scene.ask(upstream.other(), "hello").assert_served("hi");
    }
}

#[test]
fn a_revoked_token_is_refused_within_a_second() {
    let provider = Provider::openai().start();
    let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
    scene.ask(Dialect::OpenAi, "hello").assert_served("hi");
    scene.admin.set_token_status(scene.token.id, 2);
    becomes(&scene, 401);
    scene.admin.set_token_status(scene.token.id, 1);
    becomes(&scene, 200);
    scene
        .admin
        .delete(&format!("/api/tokens/{}", scene.token.id));
    becomes(&scene, 401);
}

#[test]
fn a_disabled_group_is_refused_within_a_second() {
    let provider = Provider::openai().start();
    let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
    let group = format!("/api/group/group-{}/status", scene.name);
    scene.admin.post(&group, &json!({"status": 2}));
    within(SOON, "the group is refused", || {
        let status = scene.ask(Dialect::OpenAi, "hello").status();
        if [401, 403].contains(&status) {
            Ok(())
        } else {
            Err(status.to_string())
        }
    });
    scene.admin.post(&group, &json!({"status": 1}));
    becomes(&scene, 200);
}

#[test]
fn a_channel_that_is_disabled_or_deleted_is_called_no_more() {
    let (first, second) = (Provider::openai().start(), Provider::anthropic().start());
    let scene = Scene::on(Gateway::shared())
        .channel(&first)
        .channel(&second)
        .ready();
    scene.ask(Dialect::OpenAi, "hello").assert_served("hi");
    let channel = format!("/api/channel/{}", scene.channels[0]);
    scene
        .admin
        .post(&format!("{channel}/status"), &json!({"status": 2}));
    within(SOON, "the other one is called", || {
        let before = first.calls().len();
        scene.ask(Dialect::OpenAi, "hello").assert_served("hi");
        if first.calls().len() == before {
            Ok(())
        } else {
            Err("the disabled one was called")
        }
    });
    scene
        .admin
        .delete(&format!("/api/channel/{}", scene.channels[1]));
    becomes(&scene, 404);
}

#[test]
fn a_channel_that_moves_is_called_where_it_is() {
    let (old, new) = (
        Provider::openai().text("old").start(),
        Provider::openai().text("new").start(),
    );
    let scene = Scene::on(Gateway::shared()).channel(&old).ready();
    scene.ask(Dialect::OpenAi, "hello").assert_served("old");
    let mut channel = scene
        .admin
        .get(&format!("/api/channel/{}", scene.channels[0]));
    channel["base_url"] = json!(new.base_url());
    channel["key"] = json!("moved-key-canary");
    scene.admin.call(
        "PUT",
        &format!("/api/channel/{}", scene.channels[0]),
        Some(&channel),
    );
    within(SOON, "the new address is called", || {
        let answer = scene.ask(Dialect::OpenAi, "hello");
        assert_eq!(
            answer.status(),
            200,
            "no call fails meanwhile: {}",
            answer.response.text()
        );
        if answer.text() == "new" {
            Ok(())
        } else {
            Err(answer.text())
        }
    });
    within(SOON, "and with the new key", || {
        scene.ask(Dialect::OpenAi, "hello").assert_served("new");
        let key = new
            .last_call()
            .header("authorization")
            .unwrap_or_default()
            .to_owned();
        if key == "Bearer moved-key-canary" {
            Ok(())
        } else {
            Err(key)
        }
    });
    assert!(
        !new.calls()
            .iter()
            .any(|c| c.everything().contains("provider-key-canary"))
    );
}

#[test]
fn changes_fail_no_call_that_runs_meanwhile() {
    let provider = Provider::openai().start();
    let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
    std::thread::scope(|scope| {
        let changes = scope.spawn(|| {
            for n in 0..20 {
                let other = Provider::anthropic().start();
                let added = Scene::on(Gateway::shared()).channel(&other).made();
                added
                    .admin
                    .delete(&format!("/api/channel/{}", added.channels[0]));
                added
                    .admin
                    .set_model(&format!("unused-{n}"), &json!({"owner": "nobody"}));
            }
        });
        let mut served = 0;
        while !changes.is_finished() || served < 20 {
            scene.ask(Dialect::Anthropic, "hello").assert_served("hi");
            served += 1;
        }
    });
}

#[track_caller]
fn becomes(scene: &Scene, status: u16) {
    let request: Request = scene.request(Dialect::OpenAi, "hello");
    within(SOON, &format!("the answer is {status}"), || {
        let answer = scene.send(Dialect::OpenAi, &request);
        if answer.status() == status {
            Ok(())
        } else {
            Err(answer.response.text())
        }
    });
}
