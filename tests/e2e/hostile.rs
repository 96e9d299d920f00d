//! Input that was made to break parsers: a 4xx, no trap. A trap would cut every stream of the
//! worker, so one stream runs through all of it.

use std::time::Duration;

use serde_json::json;
use tollgate_tests::http::{End, Request, speak, speak_and_hang_up};
use tollgate_tests::{Answer, Dialect, Gateway, Provider, Scene};

#[test]
fn hostile_input_gets_a_4xx_and_cuts_nobody_s_stream() {
    let provider = Provider::openai().start();
    let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
    let slow = Answer::text(&"x".repeat(600))
        .chunks(600)
        .delay(Duration::from_millis(10));
    let slow = Provider::anthropic().plays(slow).start();
    let witness = Scene::on(Gateway::shared()).channel(&slow).ready();
    let mut streams: Vec<_> = (0..4)
        .map(|_| witness.open_stream(Dialect::OpenAi, "keep talking"))
        .collect();

    let mut wrong = Vec::new();
    for dialect in Dialect::CALLERS {
        for (what, request) in hostile_headers(&scene, dialect) {
            wrong.extend(refusal_of(&scene, what, &request.bytes(scene.address)).err());
        }
        for (what, body) in hostile_bodies(dialect, &scene.model) {
            let request = Request::new("POST", &dialect.path_to(&scene.model, false))
                .header("content-type", "application/json")
                .body(body);
            let bytes = scene.with_token(request).bytes(scene.address);
            wrong.extend(refusal_of(&scene, what, &bytes).err());
        }
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
    for stream in &mut streams {
        assert_eq!(
            stream.end(),
            End::Whole,
            "a stream was cut: the filter's VM has died"
        );
    }
}

#[test]
fn a_body_that_ends_early_is_no_request() {
    let provider = Provider::openai().start();
    let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
    for dialect in Dialect::CALLERS {
        let request = scene.request(dialect, "a body that is longer than what is sent of it");
        let bytes = request.bytes(scene.address);
        // Envoy may answer, or see that nobody is there to read an answer.
        if let Ok(answer) = speak_and_hang_up(scene.address, &bytes[..bytes.len() - 20]) {
            assert!((400..500).contains(&answer.status), "{}", answer.status);
        }
        assert!(
            provider.calls().is_empty(),
            "half a request must reach nobody"
        );
    }
    scene
        .ask(Dialect::OpenAi, "still alive?")
        .assert_served("hi");
}

#[test]
fn a_model_named_twice_is_not_checked_as_one_and_served_as_the_other() {
    let provider = Provider::openai().start();
    let scene = Scene::on(Gateway::shared())
        .models(&["cheap", "dear"])
        .channel(&provider)
        .ready();
    let [cheap, dear] = [&scene.models[0], &scene.models[1]];
    let token = scene.another_token(&json!({"name": "cheap-only", "models": [cheap]}));
    for (first, second) in [(cheap, dear), (dear, cheap)] {
        let body = format!(r#"{{"model":"{first}","messages":[],"model":"{second}"}}"#);
        let request = Request::new("POST", "/v1/chat/completions")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", token.key))
            .body(body);
        let answer = scene.send(Dialect::OpenAi, &request);
        let reached = provider
            .calls()
            .iter()
            .any(|call| call.everything().contains(dear.as_str()));
        assert!(!reached, "{first} then {second}: {}", answer.status());
    }
}

fn hostile_headers(scene: &Scene, dialect: Dialect) -> Vec<(&'static str, Request)> {
    let ask = || scene.request(dialect, "hello");
    let many = (0..200).fold(ask(), |r, i| r.header(&format!("x-filler-{i}"), "x"));
    let body = dialect.ask(&scene.model, "hello", false);
    let anonymous = Request::post(&dialect.path_to(&scene.model, false), &body);
    vec![
        (
            "a header that is not UTF-8",
            ask().header("x-odd", b"\xff\xfe\xfd"),
        ),
        (
            "a token that is not UTF-8",
            anonymous
                .clone()
                .header("authorization", b"Bearer \xff\xfe"),
        ),
        (
            "a key that is not UTF-8",
            anonymous.clone().header("x-api-key", b"\xc3\x28"),
        ),
        (
            "a token of 60 kB",
            anonymous.header("x-api-key", "k".repeat(60_000)),
        ),
        ("a content type that is not UTF-8", {
            let mut request = ask();
            request.headers[0].1 = b"application/\xff".to_vec();
            request
        }),
        ("200 headers", many),
        (
            "a header of 1 MB",
            ask().header("x-large", vec![b'x'; 1 << 20]),
        ),
    ]
}

fn hostile_bodies(dialect: Dialect, model: &str) -> Vec<(&'static str, Vec<u8>)> {
    let with = |rest: &str| {
        let messages = r#"[{"role":"user","content":"hi"}]"#;
        let ask = match dialect {
            Dialect::Gemini => r#""contents":[{"role":"user","parts":[{"text":"hi"}]}]"#.into(),
            Dialect::Responses => format!(r#""model":"{model}","input":{messages}"#),
            _ => format!(r#""model":"{model}","max_tokens":9,"messages":{messages}"#),
        };
        format!("{{{ask},{rest}}}").into_bytes()
    };
    let number = |name: &str, digits: String| match dialect {
        Dialect::Gemini => with(&format!(r#""generationConfig":{{"{name}":{digits}}}"#)),
        _ => with(&format!(r#""{name}":{digits}"#)),
    };
    let top_p = if dialect == Dialect::Gemini {
        "topP"
    } else {
        "top_p"
    };
    let nested = |open: &str, close: &str| {
        let (open, close) = (open.repeat(10_000), close.repeat(10_000));
        with(&format!(r#""deep":{open}1{close}"#))
    };
    let mut not_utf8 = with(r#""user":"MARK""#);
    let mark = not_utf8
        .windows(4)
        .position(|w| w == b"MARK")
        .expect("the mark");
    not_utf8[mark..mark + 2].copy_from_slice(b"\xc3\x28");
    vec![
        ("arrays 10,000 deep", nested("[", "]")),
        ("objects 10,000 deep", nested(r#"{"a":"#, "}")),
        ("arrays 10,000 deep and never closed", vec![b'['; 10_000]),
        (
            "a number of 100,000 digits",
            number("temperature", "1".repeat(100_000)),
        ),
        (
            "an exponent of 100,000 digits",
            number(top_p, format!("1e{}", "9".repeat(100_000))),
        ),
        ("a lone surrogate", with(r#""user":"\ud800""#)),
        ("a lone low surrogate as a key", with(r#""\udc00":1"#)),
        (
            "a lone surrogate as the model",
            br#"{"model":"\ud800","messages":[],"input":[],"contents":[]}"#.to_vec(),
        ),
        ("bytes that are not UTF-8", not_utf8),
        ("a NUL", with("\"user\":\"\0\"")),
        (
            "a NUL behind the end",
            [with(r#""user":"u""#), b"\0".to_vec()].concat(),
        ),
        (
            "a byte order mark",
            [b"\xef\xbb\xbf".to_vec(), with(r#""user":"u""#)].concat(),
        ),
    ]
}

/// Says what came instead of a 4xx.
fn refusal_of(scene: &Scene, what: &str, bytes: &[u8]) -> Result<(), String> {
    let answer = speak(scene.address, bytes).map_err(|e| format!("{what}: no answer: {e}"))?;
    // Every worker's VM, or nearly: each connection goes to one of them.
    for _ in 0..3 {
        let next = scene.ask(Dialect::OpenAi, "still alive?");
        if next.status() != 200 {
            return Err(format!("{what}: the next call got {}", next.status()));
        }
    }
    if (400..500).contains(&answer.status) {
        return Ok(());
    }
    let body = answer
        .finish()
        .map(|answer| answer.text())
        .unwrap_or_default();
    Err(format!(
        "{what}: {}",
        body.chars().take(200).collect::<String>()
    ))
}
