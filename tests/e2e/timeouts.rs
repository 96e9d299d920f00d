//! A model's own time: a channel that has not begun to answer by then is followed by the next, and the
//! last one's caller is told so.

use std::time::{Duration, Instant};

use serde_json::json;
use tollgate_tests::scene::Answered;
use tollgate_tests::{Answer, Dialect, Gateway, Provider, Scene};

/// Longer than any test takes: who hangs so long never answers.
const FOR_EVER: Duration = Duration::from_secs(600);

fn hanging(dialect: Dialect) -> Provider {
    let silent = Answer::text("late").first_byte_after(FOR_EVER);
    Provider::speaking(dialect).plays(silent).start()
}

#[test]
fn a_channel_that_takes_too_long_is_followed_by_the_next() {
    for upstream in Dialect::UPSTREAMS {
        let (silent, healthy) = (hanging(upstream), Provider::openai().text("hi").start());
        let scene = Scene::on(Gateway::shared())
            .config(json!({"timeout_config": {"request_timeout": 1, "stream_request_timeout": 2}}))
            .channel(&silent)
            .channel(&healthy)
            .ready();
        for (stream, ms) in [(false, 1_000), (true, 2_000)] {
            let answer = ask(&scene, Dialect::OpenAi, stream);
            answer.assert_served("hi");
            let row = scene.log_of(&answer);
            assert_eq!((row.code(), row.outcome()), (200, "success"), "{row:?}");
            assert_eq!(row.channels(), scene.channels, "{row:?}");
            let [first, second] = row.attempts() else {
                panic!("{row:?}")
            };
            assert_eq!(first["status"], 0, "{row:?}");
            assert_ne!(first["error"], "", "{row:?}");
            let took = second["started_ms"]
                .as_i64()
                .zip(first["started_ms"].as_i64());
            let took = took.map_or(0, |(second, first)| second - first);
            assert!((ms - 50..ms + 5_000).contains(&took), "{took} ms: {row:?}");
        }
        let seen = silent.last_call();
        let told = seen.headers.iter().map(|(name, _)| name.to_lowercase());
        let told: Vec<_> = told.filter(|name| name.starts_with("x-envoy")).collect();
        assert_eq!(told, Vec::<String>::new(), "it is nobody else's matter");
    }
}

#[test]
fn when_nobody_answers_in_time_the_caller_reads_so_in_its_dialect() {
    let provider = hanging(Dialect::OpenAi);
    let scene = Scene::on(Gateway::shared())
        .config(json!({
            "timeout_config": {"request_timeout": 1, "stream_request_timeout": 1},
            "price": {"per_request_price": 1, "input_price": 1},
        }))
        .channel(&provider)
        .ready();
    for caller in Dialect::CALLERS {
        for stream in [false, true] {
            let answer = ask(&scene, caller, stream);
            let words = answer.assert_error(504);
            assert!(words.contains("did not answer in time"), "{words}");
            let row = scene.log_of(&answer);
            assert_eq!((row.code(), row.outcome()), (504, "failed"), "{row:?}");
            assert_eq!(row.attempts().len(), 1, "{row:?}");
            assert_eq!((row.tokens(), row.cost_nano_usd()), ((0, 0), 0), "{row:?}");
        }
    }
}

#[test]
fn what_has_begun_in_time_may_take_longer() {
    let slow = Answer::text("one two three four five six")
        .chunks(6)
        .delay(Duration::from_millis(400));
    let provider = Provider::openai().plays(slow).start();
    let scene = Scene::on(Gateway::shared())
        .config(json!({"timeout_config": {"stream_request_timeout": 1}}))
        .channel(&provider)
        .ready();
    let started = Instant::now();
    let answer = scene.ask_stream(Dialect::Anthropic, "hello");
    answer.assert_served("one two three four five six");
    assert!(started.elapsed() > Duration::from_secs(1), "it was slow");
}

#[track_caller]
fn ask(scene: &Scene, caller: Dialect, stream: bool) -> Answered {
    if stream {
        scene.ask_stream(caller, "hello")
    } else {
        scene.ask(caller, "hello")
    }
}
