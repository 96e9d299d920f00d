//! Limits over several control planes: by parts of each limit, and exactly with Redis.

use std::net::SocketAddr;
use std::time::Instant;

use serde_json::{Value, json};
use tollgate_tests::apart::Apart;
use tollgate_tests::http::Request;
use tollgate_tests::postgres::Postgres;
use tollgate_tests::redis::Redis;
use tollgate_tests::{Dialect, Provider, Scene, eventually};

use crate::limits::{LIMIT, many, passed, refilled};

const CALLS: usize = 40;

#[test]
fn several_control_planes_keep_a_limit_together_and_with_redis_exactly() {
    let (postgres, mut redis) = (Postgres::start(), Redis::start());
    let (dsn, url) = (postgres.dsn(), redis.url());
    let settings = [
        ("SQL_DSN", dsn.as_str()),
        ("REDIS_URL", url.as_str()),
        (
            "TOLLGATE_SECRET_KEY",
            "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        ),
    ];
    let here = Apart::start_as("here", &settings);
    let there = Apart::start_as("there", &settings);
    for apart in [&here, &there] {
        knows_of_nodes(apart, 2);
    }
    let provider = Provider::openai().text("hi").start();
    let scene = Scene::at(here.address(), here.admin())
        .channel(&provider)
        .ready();
    let both = [here.address(), there.address()];

    // One has all the traffic, and all of the limit.
    let limited = limited(&scene, &json!({"name": "one", "rpm": 10}), &both);
    assert_passes(&[&limited[0]], 10, 10);
    assert_eq!(passed(&many(&limited[1], 5)), 0, "the other knows of it");

    // It comes through both.
    let limited = self::limited(&scene, &json!({"name": "two", "rpm": 10}), &both);
    assert_passes(&[&limited[0], &limited[1]], 10, 10);
    let answer = limited[1].ask(Dialect::Anthropic, "hello");
    let words = answer.assert_error(429);
    assert!(
        words.contains("for this API key: 10 requests per minute"),
        "{words}"
    );
    let wait = answer
        .response
        .header("retry-after")
        .unwrap()
        .parse::<u64>();
    assert!(wait.is_ok_and(|wait| (1..=6).contains(&wait)));

    // What was reserved and not used is there again, as soon as the usage is known.
    let limited = self::limited(&scene, &json!({"name": "tokens", "tpm": 1_200}), &both);
    for at in 0..4 {
        eventually("there is enough again", || {
            let answer = limited[at % 2].ask(Dialect::OpenAi, "hello");
            match answer.status() {
                200 => Ok(()),
                _ => Err(answer.response.text()),
            }
        });
    }

    // Without Redis each has its half, whichever control plane it belongs to.
    redis.kill();
    let limited = self::limited(&scene, &json!({"name": "half", "rpm": 10}), &both);
    eventually("it has its part", || told(&limited[0], "5"));
    let others = self::limited(&scene, &json!({"name": "halves", "rpm": 10}), &both);
    assert_passes(&[&others[0]], 5, 5);
    assert_passes(&[&others[1]], 5, 5);

    redis.start_again();
    let limited = self::limited(&scene, &json!({"name": "whole", "rpm": 10}), &both);
    eventually("it has all of it again", || told(&limited[0], "10"));

    drop(there);
    knows_of_nodes(&here, 1);
}

/// The scene with another token, at each of these gateways, which know it.
#[track_caller]
fn limited(scene: &Scene, token: &Value, addresses: &[SocketAddr]) -> Vec<Scene> {
    let scene = scene.as_holder_of(scene.another_token(token));
    let scenes = addresses.iter().map(|address| scene.through(*address));
    let scenes: Vec<Scene> = scenes.collect();
    for scene in &scenes {
        let mut in_a_row = 0;
        eventually("the token and the model are known", || {
            let path = format!("/v1/models/{}", scene.model);
            let answer = scene.with_token(Request::get(&path)).send(scene.address);
            let status = answer.map_or(0, |answer| answer.status);
            in_a_row = if status == 200 { in_a_row + 1 } else { 0 };
            if in_a_row >= 5 { Ok(()) } else { Err(status) }
        });
    }
    scenes
}

/// All of them at once let through what the limit allows, and say what it is.
#[track_caller]
fn assert_passes(scenes: &[&Scene], limit: usize, told: usize) {
    let started = Instant::now();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let calling = scenes
            .iter()
            .map(|scene| scope.spawn(|| many(scene, CALLS)));
        let calling: Vec<_> = calling.collect();
        calling
            .into_iter()
            .flat_map(|it| it.join().unwrap())
            .collect()
    });
    let (passed, most) = (passed(&answers), limit + refilled(started, limit as u64));
    assert!(
        (limit..=most).contains(&passed),
        "{passed} of {most}: {answers:?}"
    );
    for (status, limit) in answers {
        assert!([200, 429].contains(&status), "{status}");
        assert_eq!(limit, Some(told.to_string()));
    }
}

/// A call is told that this is the limit.
fn told(scene: &Scene, limit: &str) -> Result<(), String> {
    let answer = scene.ask(Dialect::OpenAi, "hello");
    match answer.response.header(LIMIT) {
        Some(told) if told == limit => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

#[track_caller]
fn knows_of_nodes(apart: &Apart, count: usize) {
    eventually("it knows among how many limits are shared", || {
        let gateways = apart.admin().get("/api/gateways");
        let share = &gateways["gateways"][0]["meter"]["limits_share"]["nodes"];
        (*share == count).then_some(()).ok_or(gateways.to_string())
    });
}
