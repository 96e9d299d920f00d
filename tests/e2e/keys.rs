//! Keys that are rotated, and addresses that are banned.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tollgate_tests::eventually::within;
use tollgate_tests::http::Request;
use tollgate_tests::ports::free_address;
use tollgate_tests::{Dialect, Gateway, Provider, Scene};

const SOON: Duration = Duration::from_secs(1);

/// Of what takes more than one step.
const SHORTLY: Duration = Duration::from_secs(5);

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
fn an_address_that_uses_the_keys_of_many_groups_is_banned_by_itself_and_can_be_let_in_again() {
    let port = free_address().port();
    let gateway = Gateway::builder()
        .at(SocketAddr::from(([0, 0, 0, 0], port)))
        .env("TOLLGATE_CONCURRENCY", "1")
        .start();
    let provider = Provider::openai().start();
    let scene = |_| Scene::on(&gateway).channel(&provider).ready();
    let [mut first, mut second] = [0, 1].map(scene);
    let answer = first.ask(Dialect::OpenAi, "hello");
    // Envoy takes a caller on loopback for one at the machine's own address; whom a ban is to keep
    // out has to come from there.
    let own: IpAddr = first.log_of(&answer).ip().parse().unwrap();
    first.address.set_ip(own);
    second.address.set_ip(own);
    let set = |name: &str, value: &str| {
        first.admin.call(
            "PUT",
            "/api/option/",
            Some(&json!({"key": name, "value": value})),
        );
    };
    set("IPGroupsThreshold", "2");
    set("IPGroupsBanThreshold", "3");
    for scene in [&first, &second] {
        let answer = scene.ask(Dialect::Anthropic, "hello");
        answer.assert_served("hi");
        scene.log_of(&answer);
    }
    let listed = || first.admin.get("/api/ip_blacklist/");
    let groups = first.admin.get("/api/groups/ip_groups?threshold=2");
    assert_eq!(
        groups[own.to_string()].as_array().map(Vec::len),
        Some(2),
        "{groups}"
    );
    assert_eq!(listed()["total"], 0);

    let mut third = scene(2);
    third.address.set_ip(own);
    let answer = third.ask(Dialect::OpenAi, "hello");
    answer.assert_served("hi");
    third.log_of(&answer);
    // Setting it again has the control plane look at once.
    set("IPGroupsBanThreshold", "3");
    let ban = within(Duration::from_secs(15), "it is on the list", || {
        let listed = listed();
        let ban = listed["ip_blacklist"][0].clone();
        (listed["total"] == 1).then_some(ban).ok_or(listed)
    });
    assert_eq!(ban["address"], own.to_string());
    let hours = (ban["expires_at"].as_i64().unwrap() - unix_ms()) / (60 * 60 * 1000);
    assert!((47..=48).contains(&hours), "{ban}");
    // It is told by another way than that the groups are disabled, each of which is told by itself.
    is_banned(&first);
    let before = provider.calls().len();
    is_banned(&second);
    assert_eq!(provider.calls().len(), before, "it was called");

    // Taken off the list by hand: the groups are disabled until somebody has looked at their keys.
    let path = format!("/api/ip_blacklist/{}", ban["id"]);
    first.admin.delete(&path);
    within(SHORTLY, "the groups are disabled", || {
        let text = first.ask(Dialect::OpenAi, "hello").assert_error(403);
        if text.contains("disabled") {
            Ok(())
        } else {
            Err(text)
        }
    });
    for scene in [&first, &second, &third] {
        let status = format!("/api/group/{}/status", scene.group());
        scene.admin.post(&status, &json!({"status": 1}));
        becomes(scene, 200, SHORTLY);
    }

    // What comes then is counted anew.
    set("IPGroupsBanThreshold", "5");
    let mut fourth = scene(3);
    fourth.address.set_ip(own);
    let answer = fourth.ask(Dialect::OpenAi, "hello");
    fourth.log_of(&answer);
    set("IPGroupsBanThreshold", "3");
    let ban = within(Duration::from_secs(15), "it is on the list again", || {
        let listed = listed();
        let ban = listed["ip_blacklist"][0].clone();
        (listed["total"] == 1).then_some(ban).ok_or(listed)
    });
    is_banned(&fourth);
    // It ends by itself.
    let until = unix_ms() + 2_000;
    let path = format!("/api/ip_blacklist/{}", ban["id"]);
    first
        .admin
        .call("PUT", &path, Some(&json!({"expires_at": until})));
    let status = format!("/api/group/{}/status", first.group());
    first.admin.post(&status, &json!({"status": 1}));
    becomes(&first, 200, Duration::from_secs(10));
    assert!(unix_ms() >= until, "it was served too early");
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

/// Waits until the caller's address is refused, as more than a group that is disabled.
#[track_caller]
fn is_banned(scene: &Scene) {
    within(SHORTLY, "the address is refused", || {
        let answer = scene.ask(Dialect::Gemini, "hello");
        let text = answer.response.text();
        if answer.status() == 403 && text.contains("black-list") {
            Ok(())
        } else {
            Err(text)
        }
    });
}
