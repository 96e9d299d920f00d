//! The control plane goes away and comes back; model calls must not notice.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::json;
use tollgate_tests::apart::Apart;
use tollgate_tests::provider::Script;
use tollgate_tests::{Answer, Dialect, Fault, Provider, Scene, eventually};

#[test]
fn no_call_fails_without_a_control_plane_and_each_is_booked_once_after_its_return() {
    let mut apart = Apart::start();
    let flaky = Script::EveryNth(
        5,
        Box::new(Fault::Status(503).into()),
        Box::new(Answer::text("hi").into()),
    );
    let (first, second) = (
        Provider::openai().plays(flaky).start(),
        Provider::anthropic().start(),
    );
    let scene = Scene::at(apart.address(), apart.admin())
        .channel(&first)
        .channel(&second)
        .ready();

    let (done, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for caller in 0..4 {
            let (scene, done, calls) = (&scene, &done, &calls);
            scope.spawn(move || {
                for n in 0.. {
                    let dialect = Dialect::ALL[(caller + n) % 2];
                    scene.ask(dialect, "hello").assert_served("hi");
                    calls.fetch_add(1, Ordering::Relaxed);
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        for outage in 1..=3 {
            at_least(&calls, outage * 150);
            apart.kill_control();
            at_least(&calls, outage * 150 + 100);
            apart.start_control();
        }
        at_least(&calls, 600);
        done.store(true, Ordering::Relaxed);
    });

    let calls = calls.load(Ordering::Relaxed);
    let rows = scene.settled_logs(calls);
    assert_eq!(rows.len(), calls, "none more than once");
    let ids: HashSet<_> = rows
        .iter()
        .map(|row| row.0["request_id"].to_string())
        .collect();
    assert_eq!(ids.len(), calls);
    let attempts: usize = rows.iter().map(|row| row.attempts().len()).sum();
    assert_eq!(attempts, first.calls().len() + second.calls().len());
    let token = scene.admin.get(&format!("/api/tokens/{}", scene.token.id));
    let logged = scene
        .admin
        .count_logs(&format!("token_name={}", scene.name));
    assert_eq!(
        token["request_count"], logged,
        "the token's sum is the sum of its rows: {token}"
    );
}

#[test]
fn a_change_that_was_made_while_envoy_was_alone_reaches_it_after_the_return() {
    let mut apart = Apart::start();
    let provider = Provider::openai().start();
    let scene = Scene::at(apart.address(), apart.admin())
        .channel(&provider)
        .ready();
    apart.kill_control();
    let answer = scene.ask(Dialect::Anthropic, "hello");
    answer.assert_served("hi");
    apart.start_control();
    scene.log_of(&answer);
    scene.admin.set_token_status(scene.token.id, 2);
    eventually("the token is refused", || {
        let status = scene.ask(Dialect::OpenAi, "hello").status();
        if status == 401 {
            Ok(())
        } else {
            Err(status.to_string())
        }
    });
}

#[test]
fn every_gateway_tells_what_it_has() {
    let apart = Apart::start();
    let gateways = apart.admin().get("/api/gateways");
    let gateway = &gateways["gateways"][0];
    assert_eq!(gateways["total"], json!(1), "{gateways}");
    assert_eq!(gateway["ready"], true, "{gateways}");
    assert!(gateway["xds"]["resources"].is_object(), "{gateways}");
    assert_eq!(
        gateway["refusals"],
        json!({}),
        "nothing was refused: {gateways}"
    );
}

#[track_caller]
fn at_least(calls: &AtomicUsize, wanted: usize) {
    eventually("calls go on", || {
        let made = calls.load(Ordering::Relaxed);
        if made >= wanted {
            Ok(())
        } else {
            Err(format!("{made} of {wanted}"))
        }
    });
}
