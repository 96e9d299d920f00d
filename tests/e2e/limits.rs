//! Limits: what is over one is refused, nobody else is, and callers are told when to come back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_tests::apart::Apart;
use tollgate_tests::http::Request;
use tollgate_tests::sdk::{Generation, Stage, play_through};
use tollgate_tests::{Answer, Cut, Dialect, Fault, Gateway, Provider, Scene, eventually};

/// As many at once as there are threads for them.
const CALLERS: usize = 12;

pub(crate) const LIMIT: &str = "x-ratelimit-limit-requests";

#[test]
fn of_parallel_calls_exactly_the_limit_passes() {
    let provider = Provider::openai().text("hi").start();
    let of_token = Scene::on(Gateway::shared())
        .token(json!({"rpm": 5}))
        .channel(&provider)
        .ready();
    let of_group = Scene::on(Gateway::shared())
        .models(&["one", "two"])
        .config(json!({"rpm": 10}))
        .channel(&provider)
        .ready();
    of_group.admin.post(
        &format!("/api/group/group-{}/rpm_ratio", of_group.name),
        &json!({"rpm_ratio": 0.5}),
    );
    eventually("the other model is limited to half", || {
        let body = Dialect::OpenAi.ask(&of_group.models[1], "hello", false);
        let request = Request::post(Dialect::OpenAi.path(), &body);
        let answer = of_group.send(Dialect::OpenAi, &of_group.with_token(request));
        match answer.response.header(LIMIT) {
            Some("5") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    for scene in [of_token, of_group] {
        let before = provider.calls().len();
        let started = Instant::now();
        let answers = many(&scene, 60);
        let passed = passed(&answers);
        let most = 5 + refilled(started, 5);
        assert!((5..=most).contains(&passed), "{passed} of {most}");
        assert_eq!(provider.calls().len() - before, passed, "nobody was called");
        for (status, limit) in answers {
            assert!([200, 429].contains(&status), "{status}");
            assert_eq!(limit.as_deref(), Some("5"));
        }
    }
}

#[test]
fn tokens_are_reserved_and_given_back() {
    let slow = Answer::text("hi").first_byte_after(Duration::from_secs(5));
    let provider = Provider::openai().plays(slow).start();
    // A call without a limit of its own reserves 1,024 for its answer.
    let scene = Scene::on(Gateway::shared())
        .token(json!({"tpm": 2_200}))
        .channel(&provider)
        .ready();
    assert_eq!(passed(&many(&scene, CALLERS)), 2);
    // They used a few words each.
    eventually("what they did not use is there again", || {
        let answer = scene.ask(Dialect::OpenAi, "hello");
        match answer.status() {
            200 => Ok(()),
            _ => Err(answer.response.text()),
        }
    });
}

#[test]
fn calls_in_flight_are_freed_however_they_end() {
    let endless = Answer::text(&"word ".repeat(3_000))
        .chunks(3_000)
        .delay(Duration::from_millis(50));
    let endless = Provider::openai().plays(endless).start();
    let cutting = Fault::Cut(6, Cut::Closed);
    let cutting = Provider::openai().plays(cutting).start();
    let scene = |provider: &Provider, max_concurrency: u64| {
        let scene = Scene::on(Gateway::shared());
        let scene = scene.token(json!({"max_concurrency": max_concurrency}));
        scene.channel(provider).ready()
    };

    // Callers that leave.
    let left = scene(&endless, 2);
    for _ in 0..3 {
        let streams = eventually("both places are free", || {
            let streams = [(); 2].map(|()| left.open_stream(Dialect::OpenAi, "hello"));
            match streams.iter().all(|stream| stream.status == 200) {
                true => Ok(streams),
                false => Err("one is taken"),
            }
        });
        let third = left.ask(Dialect::OpenAi, "hello");
        let words = third.assert_error(429);
        assert!(words.contains("2 requests at the same time"), "{words}");
        assert_eq!(third.response.header("retry-after"), Some("1"));
        drop(streams);
    }

    // A provider that breaks off.
    let cut = scene(&cutting, 1);
    for _ in 0..10 {
        eventually("the cut stream's place is free", || {
            match cut.ask_stream(Dialect::OpenAi, "hello").status() {
                200 => Ok(()),
                status => Err(status),
            }
        });
    }
}

#[test]
fn the_sdks_are_told_and_wait() {
    let provider = Provider::openai()
        .plays(Answer::text("hi").header("x-ratelimit-limit-requests", "theirs"))
        .start();
    // Each waits for seconds.
    std::thread::scope(|scope| {
        for generation in Generation::ALL {
            let provider = &provider;
            scope.spawn(move || is_told_and_waits(generation, provider));
        }
    });
}

fn is_told_and_waits(generation: Generation, provider: &Provider) {
    let scene = Scene::on(Gateway::shared())
        .token(json!({"rpm": 20, "tpm": 1_000_000}))
        .channel(provider)
        .ready();
    let told = &play_through(generation, "limits.py", &[Stage::of(&scene)])[0];
    let openai = &told["of_openai"];
    for (name, value) in [
        ("x-ratelimit-limit-requests", "20"),
        ("x-ratelimit-remaining-requests", "19"),
        ("x-ratelimit-reset-requests", "3s"),
        ("x-ratelimit-limit-tokens", "1000000"),
    ] {
        assert_eq!(openai["headers"][name], value, "{told}");
    }
    let anthropic = &told["of_anthropic"];
    assert_eq!(
        anthropic["headers"]["anthropic-ratelimit-requests-limit"], "20",
        "{told}"
    );
    // Both are of the one limit, which holds for input and output together.
    for kind in ["tokens", "input-tokens", "output-tokens"] {
        let header =
            |what: &str| &anthropic["headers"][format!("anthropic-ratelimit-{kind}-{what}")];
        assert_eq!(header("limit"), "1000000", "{told}");
        let left = header("remaining")
            .as_str()
            .and_then(|left| left.parse().ok());
        assert!(
            left.is_some_and(|left: u64| (990_000..1_000_000).contains(&left)),
            "{told}"
        );
        assert!(
            header("reset").as_str().is_some_and(|at| at.ends_with('Z')),
            "{told}"
        );
    }
    let reset = &anthropic["headers"]["anthropic-ratelimit-requests-reset"];
    let reset = reset.as_str().unwrap_or_default();
    assert!(reset.len() == 20 && reset.ends_with('Z'), "{told}");
    assert_eq!(
        anthropic["headers"]["x-ratelimit-limit-requests"],
        Value::Null
    );

    for (sdk, prefix) in [
        (openai, "x-ratelimit-remaining-requests"),
        (anthropic, "anthropic-ratelimit-requests-remaining"),
    ] {
        let refused = &sdk["refused"];
        assert_eq!(refused["status"], 429, "{told}");
        assert_eq!(refused["headers"][prefix], "0", "{told}");
        let wait = refused["headers"]["retry-after"]
            .as_str()
            .unwrap_or_default();
        assert!(["1", "2", "3"].contains(&wait), "{told}");
        // It waited as it was told, and then it was served.
        assert!(
            sdk["retries"]
                .as_u64()
                .is_some_and(|n| (1..=2).contains(&n)),
            "{told}"
        );
    }
    assert_eq!(openai["refused"]["code"], "rate_limit_exceeded", "{told}");
}

#[test]
fn several_gateways_keep_a_limit_together() {
    let apart = Apart::start();
    let _second = apart.another_envoy("second");
    let provider = Provider::openai().text("hi").start();
    let scene = Scene::at(apart.address(), apart.admin())
        .channel(&provider)
        .ready();
    eventually("each knows its share", || {
        let gateways = apart.admin().get("/api/gateways").to_string();
        match gateways.matches(r#""nodes":2"#).count() {
            2 => Ok(()),
            _ => Err(gateways),
        }
    });
    let mut round = 0;
    eventually("together they let through what one would", || {
        round += 1;
        let token = json!({"name": format!("round-{round}"), "rpm": 10});
        let scene = scene.as_holder_of(scene.another_token(&token));
        let started = Instant::now();
        let answers = many(&scene, 100);
        let (passed, most) = (passed(&answers), 10 + refilled(started, 10));
        // Each of them has five, and one that does not know the token yet says 401.
        let told = |(status, limit): &(u16, Option<String>)| {
            [200, 429].contains(status) && limit.as_deref() == Some("5")
        };
        if answers.iter().all(told) && (10..=most).contains(&passed) {
            Ok(())
        } else {
            Err(format!("{passed} of {most}: {answers:?}"))
        }
    });
}

pub(crate) fn passed(answers: &[(u16, Option<String>)]) -> usize {
    answers.iter().filter(|(status, _)| *status == 200).count()
}

/// What ran out of a limit meanwhile, at most; 0 if it took no time worth mentioning.
pub(crate) fn refilled(since: Instant, rpm: u64) -> usize {
    let passed = since.elapsed().as_millis();
    usize::try_from(passed * u128::from(rpm) / 60_000).unwrap()
}

/// Sends that many calls, some at the same time; their statuses, and the limit that each was told.
pub(crate) fn many(scene: &Scene, count: usize) -> Vec<(u16, Option<String>)> {
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                scope.spawn(move || {
                    let mine = (caller..count).step_by(CALLERS);
                    mine.map(|_| {
                        let answer = scene.ask(Dialect::OpenAi, "hello").response;
                        let limit = answer.header(LIMIT);
                        (answer.status, limit.map(str::to_owned))
                    })
                    .collect::<Vec<_>>()
                })
            })
            .collect();
        let answers = callers.into_iter().map(|caller| caller.join().unwrap());
        answers.flatten().collect()
    })
}
