//! Keys that are rotated, and addresses that are banned.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tollgate_tests::eventually::within;
use tollgate_tests::http::Request;
use tollgate_tests::{Dialect, Gateway, Provider, Scene};

const SOON: Duration = Duration::from_secs(1);

#[test]
fn a_banned_address_is_refused_and_served_again_when_the_ban_expires() {
    // Of its own, because everybody calls from the same address; with one worker, because each takes
    // a change for itself.
    let gateway = Gateway::builder().env("TOLLGATE_CONCURRENCY", "1").start();
    let provider = Provider::openai().start();
    let scene = Scene::on(&gateway).channel(&provider).ready();
    scene.ask(Dialect::Anthropic, "hello").assert_served("hi");
    let until = unix_ms() + 5_000;
    let ban = json!({"address": "127.0.0.0/8", "reason": "test", "expires_at": until});
    scene.admin.post("/api/ip_blacklist/", &ban);
    becomes(&scene, 403, SOON);
    let before = provider.calls().len();
    let text = scene.ask(Dialect::Anthropic, "hello").assert_error(403);
    assert!(text.contains("black-list"), "{text}");
    assert_eq!(provider.calls().len(), before, "it was called");
    becomes(&scene, 200, Duration::from_secs(10));
    assert!(unix_ms() >= until, "it was served too early");
    within(SOON, "it is on the list no more", || {
        let listed = scene.admin.get("/api/ip_blacklist/");
        if listed["total"] == 0 {
            Ok(())
        } else {
            Err(listed)
        }
    });
}

#[test]
fn a_rotated_token_s_old_key_works_until_the_overlap_ends() {
    let provider = Provider::openai().start();
    let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
    let rotate = format!("/api/tokens/{}/rotate", scene.token.id);
    let rotated = scene.admin.post(&rotate, &json!({"overlap_seconds": 3}));
    let until = rotated["rotates_until"].as_i64().unwrap();
    let new = rotated["key"].as_str().unwrap().to_owned();
    let with_new = || {
        let body = Dialect::OpenAi.ask(&scene.model, "hello", false);
        let path = Dialect::OpenAi.path_to(&scene.model, false);
        let request = Request::post(&path, &body).header("authorization", format!("Bearer {new}"));
        scene.send(Dialect::OpenAi, &request).status()
    };
    within(SOON, "the new key works", || match with_new() {
        200 => Ok(()),
        status => Err(status),
    });
    // The scene has the old one.
    becomes(&scene, 401, Duration::from_secs(6));
    assert!(unix_ms() >= until, "it ended too early");
    assert_eq!(with_new(), 200);
}

#[track_caller]
fn becomes(scene: &Scene, status: u16, limit: Duration) {
    let request = scene.request(Dialect::Anthropic, "hello");
    within(limit, &format!("the answer is {status}"), || {
        let answer = scene.send(Dialect::Anthropic, &request);
        if answer.status() == status {
            Ok(())
        } else {
            Err(answer.response.text())
        }
    });
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}
