//! A channel that fails before the first byte: the next one serves, and the log has both.

use serde_json::json;
use tollgate_tests::http::End;
use tollgate_tests::provider::refusing_base_url;
use tollgate_tests::scene::{Answered, Builder, provider_key};
use tollgate_tests::{Dialect, Fault, Gateway, Provider, Scene};

#[test]
fn a_channel_that_answers_with_an_error_is_followed_by_the_next() {
    for status in [500, 502, 503, 529, 429, 401, 403, 404, 408] {
        let row = the_next_one_serves_after(Fault::Status(status), false);
        assert_eq!(row["status"], status, "{row}");
    }
}

#[test]
fn a_channel_that_breaks_is_followed_by_the_next() {
    for fault in [Fault::Reset, Fault::Close, Fault::Garbage] {
        the_next_one_serves_after(fault.clone(), false);
        the_next_one_serves_after(fault, true);
    }
}

#[test]
fn k8_a_200_that_is_no_answer_is_followed_by_the_next() {
    for fault in [
        Fault::Html,
        Fault::Empty,
        Fault::HalfJson,
        Fault::ErrorInJson,
    ] {
        the_next_one_serves_after(fault, false);
    }
    for fault in [
        Fault::ErrorInStream,
        Fault::ErrorInJson,
        Fault::Html,
        Fault::Empty,
    ] {
        the_next_one_serves_after(fault, true);
    }
}

#[test]
fn a_channel_that_is_not_there_is_followed_by_the_next() {
    for base_url in [refusing_base_url(), "http://no-such-host.invalid/v1".into()] {
        for upstream in Dialect::UPSTREAMS {
            let healthy = Provider::speaking(upstream.next()).text("hi").start();
            let scene = Scene::on(Gateway::shared())
                .channel_to(upstream, &base_url, json!({}))
                .channel(&healthy)
                .ready();
            for caller in Dialect::CALLERS {
                let answer = scene.ask(caller, "hello");
                answer.assert_served("hi");
                assert_eq!(
                    scene.log_of(&answer).channels(),
                    scene.channels,
                    "{base_url}"
                );
            }
        }
    }
}

#[test]
fn when_the_last_channel_fails_the_caller_reads_an_error_of_its_dialect() {
    for (fault, status) in [
        (Fault::Status(429), 429),
        (Fault::Status(500), 0),
        (Fault::Status(503), 0),
        (Fault::Reset, 0),
        (Fault::Html, 0),
        (Fault::Empty, 0),
        (Fault::HalfJson, 0),
        (Fault::ErrorInJson, 0),
    ] {
        for upstream in Dialect::UPSTREAMS {
            let provider = Provider::speaking(upstream).plays(fault.clone()).start();
            let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
            for caller in Dialect::CALLERS {
                let answer = scene.ask(caller, "hello");
                let what = format!("{fault:?} of {upstream:?} for {caller:?}");
                if status == 0 {
                    assert!(
                        (500..600).contains(&answer.status()),
                        "{what}: {}",
                        answer.status()
                    );
                } else {
                    assert_eq!(answer.status(), status, "{what}");
                }
                answer.assert_error(answer.status());
                let row = scene.log_of(&answer);
                assert_eq!(row.outcome(), "failed", "{what}: {row:?}");
                assert_eq!(
                    row.tokens(),
                    (0, 0),
                    "{what}: nothing was told, nothing is booked"
                );
            }
        }
    }
}

#[test]
fn a_provider_that_refuses_our_key_is_our_fault_and_keeps_its_words_to_itself() {
    let words = "Incorrect API key provided: sk-live-canary. Find yours at example.com.";
    for status in [401, 403] {
        for upstream in Dialect::UPSTREAMS {
            let headers = vec![("www-authenticate".into(), "Bearer realm=canary".into())];
            let fault = Fault::Says(status, words.into(), headers);
            let provider = Provider::speaking(upstream).plays(fault).start();
            let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
            for (caller, stream) in callers() {
                let answer = ask(&scene, caller, stream);
                let message = answer.assert_error(502);
                let all = format!(
                    "{message} {:?} {}",
                    answer.response.headers,
                    answer.response.text()
                );
                for secret in ["canary", "Incorrect", "example.com"] {
                    assert!(!all.contains(secret), "{all}");
                }
                let row = scene.log_of(&answer);
                assert_eq!(
                    row.attempts()[0]["status"],
                    status,
                    "the log knows why: {row:?}"
                );
                assert!(!row.0.to_string().contains("sk-live-canary"), "{row:?}");
            }
        }
    }
}

#[test]
fn a_request_that_is_wrong_is_wrong_everywhere_and_tried_once() {
    for upstream in Dialect::UPSTREAMS {
        let fault = Fault::Says(400, "max_tokens must be positive".into(), vec![]);
        let strict = Provider::speaking(upstream).plays(fault).start();
        let other = Provider::openai().start();
        let scene = Scene::on(Gateway::shared())
            .channel(&strict)
            .channel(&other)
            .ready();
        for caller in Dialect::CALLERS {
            let answer = scene.ask(caller, "hello");
            assert!(
                answer
                    .assert_error(400)
                    .contains("max_tokens must be positive")
            );
            assert_eq!(scene.log_of(&answer).channels(), [scene.channels[0]]);
        }
        assert!(other.calls().is_empty());
    }
}

/// Asks in every dialect, with a broken upstream of every dialect before a healthy one of another,
/// and gives the failed attempt of the last.
#[track_caller]
fn the_next_one_serves_after(fault: Fault, stream: bool) -> serde_json::Value {
    let mut failed = serde_json::Value::Null;
    for upstream in Dialect::UPSTREAMS {
        let broken = Provider::speaking(upstream).plays(fault.clone()).start();
        let healthy = Provider::speaking(upstream.next()).text("hi").start();
        let scene = two_channels(&broken, &healthy).ready();
        for caller in Dialect::CALLERS {
            let answer = ask(&scene, caller, stream);
            assert_eq!(
                answer.status(),
                200,
                "{fault:?} of {upstream:?} for {caller:?}: {}",
                answer.response.text()
            );
            answer.assert_served("hi");
            assert_eq!(answer.response.end, End::Whole);

            let row = scene.log_of(&answer);
            assert_eq!(row.channels(), scene.channels, "{fault:?}: {row:?}");
            assert_eq!(
                (row.code(), row.outcome()),
                (200, "success"),
                "{fault:?}: {row:?}"
            );
            assert_eq!(row.attempts()[1]["status"], 200, "{fault:?}: {row:?}");
            failed = row.attempts()[0].clone();
            assert_ne!(failed["error"], "", "{fault:?}: why it failed: {row:?}");

            let call = healthy.last_call();
            assert_eq!(
                call.path,
                healthy.dialect().path_to(&scene.model, stream),
                "{fault:?}: the path was rebuilt"
            );
            let foreign = provider_key(&format!("{}-c0", scene.name));
            assert!(
                !call.everything().contains(&foreign),
                "{fault:?}: {}",
                call.everything()
            );
            let own = provider_key(&format!("{}-c1", scene.name));
            assert_eq!(call.everything().matches(&own).count(), 1, "{fault:?}");
        }
        assert_eq!(
            (broken.calls().len(), healthy.calls().len()),
            (Dialect::CALLERS.len(), Dialect::CALLERS.len()),
            "{fault:?}"
        );
    }
    failed
}

fn two_channels(first: &Provider, second: &Provider) -> Builder {
    Scene::on(Gateway::shared()).channel(first).channel(second)
}

fn callers() -> impl Iterator<Item = (Dialect, bool)> {
    Dialect::CALLERS
        .into_iter()
        .flat_map(|dialect| [(dialect, false), (dialect, true)])
}

#[track_caller]
fn ask(scene: &Scene, caller: Dialect, stream: bool) -> Answered {
    if stream {
        scene.ask_stream(caller, "hello")
    } else {
        scene.ask(caller, "hello")
    }
}
