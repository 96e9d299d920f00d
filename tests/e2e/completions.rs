//! OpenAI's legacy Completions: as a caller's dialect before every upstream, and as an upstream's for
//! every caller.

use serde_json::{Value, json};
use tollgate_tests::dialect::array;
use tollgate_tests::http::Request;
use tollgate_tests::sdk::{Generation, Stage, play_through};
use tollgate_tests::{Cut, Dialect, Fault, Gateway, Provider, Scene, at_once};

const LEGACY: Dialect = Dialect::Completions;

fn upstreams() -> impl Iterator<Item = Dialect> {
    Dialect::UPSTREAMS.into_iter().chain([LEGACY])
}

fn ask(scene: &Scene, fields: Value) -> Request {
    let mut body = LEGACY.ask(&scene.model, "Once upon", false);
    for (key, value) in fields.as_object().expect("an object") {
        body[key] = value.clone();
    }
    scene.with_token(Request::post(LEGACY.path(), &body))
}

#[test]
fn a_legacy_caller_reaches_every_upstream() {
    for upstream in upstreams() {
        let provider = Provider::speaking(upstream)
            .text("a time, there was")
            .start();
        let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
        let whole = scene.ask(LEGACY, "Once upon");
        whole.assert_served("a time, there was");
        let body = whole.json();
        assert_eq!(body["object"], "text_completion", "{upstream:?}: {body}");
        assert_eq!(body["model"], scene.model.as_str(), "{upstream:?}: {body}");
        assert_eq!(body["choices"][0]["finish_reason"], "stop", "{body}");
        assert_eq!(body["usage"]["prompt_tokens"], 11, "{upstream:?}: {body}");
        assert_eq!(body["usage"]["completion_tokens"], 7, "{body}");
        assert_eq!(scene.log_of(&whole).tokens(), (11, 7), "{upstream:?}");

        let sent = provider.last_call();
        assert_eq!(sent.path, upstream.path_to(&scene.model, false));
        assert!(
            sent.json().to_string().contains("Once upon"),
            "{upstream:?}"
        );

        for asks_for_usage in [true, false] {
            let options =
                json!({"stream": true, "stream_options": {"include_usage": asks_for_usage}});
            let stream = scene.send(LEGACY, &ask(&scene, options));
            stream.assert_served("a time, there was");
            let events = stream.events();
            let chunks: Vec<Value> = events
                .iter()
                .filter(|event| event.data != "[DONE]")
                .map(|event| serde_json::from_str(&event.data).expect("JSON"))
                .collect();
            let told = chunks.iter().filter(|chunk| chunk["usage"].is_object());
            assert_eq!(
                told.count(),
                usize::from(asks_for_usage),
                "{upstream:?}: {chunks:?}"
            );
            let finished = chunks
                .iter()
                .filter(|chunk| chunk["choices"][0]["finish_reason"] == "stop");
            assert_eq!(finished.count(), 1, "{upstream:?}: {chunks:?}");
            let row = scene.log_of(&stream);
            assert_eq!(
                row.tokens(),
                (11, 7),
                "asked for or not, it is billed: {upstream:?}"
            );
        }
    }
}

#[test]
fn what_only_completes_text_serves_every_caller_that_asks_for_no_more() {
    let provider = Provider::speaking(LEGACY).text("a time").start();
    let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
    for caller in Dialect::CALLERS {
        for answer in [
            scene.ask(caller, "Once upon"),
            scene.ask_stream(caller, "Once upon"),
        ] {
            answer.assert_served("a time");
            let sent = provider.last_call();
            assert_eq!(sent.path, "/v1/completions", "{caller:?}");
            assert_eq!(sent.json()["prompt"], "Once upon", "{caller:?}");
            assert_eq!(scene.log_of(&answer).tokens(), (11, 7), "{caller:?}");
        }
    }
    let served = provider.calls().len();
    let mut talk = Dialect::OpenAi.ask(&scene.model, "hello", false);
    let one = talk["messages"][0].clone();
    talk["messages"] = json!([one, {"role": "assistant", "content": "hi"}, one]);
    let mut tools = Dialect::Anthropic.ask(&scene.model, "hello", false);
    tools["tools"] = json!([{"name": "f", "input_schema": {"type": "object"}}]);
    for (caller, body, field) in [
        (Dialect::OpenAi, talk, "messages"),
        (Dialect::Anthropic, tools, "tools"),
    ] {
        let request = scene.with_token(Request::post(caller.path(), &body));
        let words = scene.send(caller, &request).assert_error(400);
        assert!(words.contains(field) || words.contains("text"), "{words}");
    }
    assert_eq!(provider.calls().len(), served, "nobody was called");
}

#[test]
fn it_passes_byte_for_byte_and_only_the_model_s_name_is_mapped() {
    let provider = Provider::speaking(LEGACY).text("a \"time\"").start();
    let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
    for stream in [false, true] {
        let body = format!(
            "{{ \"prompt\" : [\"caf\\u00e9 \\/ é\" ],\r\n \"suffix\":null,\"logit_bias\" : {{ }},\"stream\":{stream},\
             \"stream_options\":{{\"include_usage\":true}}, \"model\" : \"{}\" ,\"top_p\":1.50e-1}}\n",
            scene.model
        );
        let request = Request::new("POST", LEGACY.path())
            .header("content-type", "application/json")
            .body(body.clone());
        let direct = request.send(provider.address()).expect("an answer");
        let through = scene.send(LEGACY, &scene.with_token(request));
        assert_eq!(
            String::from_utf8(provider.last_call().body).expect("UTF-8"),
            body
        );
        assert_eq!(through.response.text(), direct.text());
        assert_eq!(scene.log_of(&through).tokens(), (11, 7));
    }

    let builder = Scene::on(Gateway::shared());
    let mapping = json!({"model_mapping": {builder.first_model(): "instruct"}});
    let mapped = builder.channel_with(&provider, mapping).ready();
    for answer in [mapped.ask(LEGACY, "x"), mapped.ask_stream(LEGACY, "x")] {
        answer.assert_served("a \"time\"");
        assert_eq!(provider.last_call().model(), "instruct");
        let text = answer.response.text();
        assert!(
            text.contains(&mapped.model) && !text.contains("\"instruct\""),
            "{text}"
        );
    }
}

/// M5: what the older API can and newer ones cannot is refused by its name.
#[test]
fn m5_what_no_chat_model_can_do_is_refused_before_anybody_is_called() {
    for upstream in Dialect::ALL {
        let provider = Provider::speaking(upstream).start();
        let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
        for (field, value) in [
            ("prompt", json!(["one", "two"])),
            ("prompt", json!([[1, 2, 3]])),
            ("suffix", json!("the end")),
            ("echo", json!(true)),
            ("logprobs", json!(3)),
            ("best_of", json!(2)),
        ] {
            let answer = scene.send(LEGACY, &ask(&scene, json!({field: value})));
            let _ = answer.assert_error(400);
            assert_eq!(answer.json()["error"]["param"], field, "{upstream:?}");
        }
        assert_eq!(provider.calls().len(), 0);
    }
}

#[test]
fn errors_are_openai_s_before_a_stream_and_within_it() {
    at_once(upstreams(), |upstream| {
        let limited = Provider::speaking(upstream)
            .plays(Fault::Status(429))
            .start();
        let scene = Scene::on(Gateway::shared()).channel(&limited).ready();
        let answer = scene.ask(LEGACY, "hello");
        let _ = answer.assert_error(429);

        let cut = Provider::speaking(upstream)
            .plays(Fault::Cut(6, Cut::Clean))
            .start();
        let scene = Scene::on(Gateway::shared()).channel(&cut).ready();
        let answer = scene.ask_stream(LEGACY, "hello");
        let events = answer.events();
        assert!(
            !LEGACY.is_ended(&events),
            "{upstream:?}: {}",
            answer.response.text()
        );
        let error = LEGACY.error_in_stream(&events);
        let error = error.unwrap_or_else(|| panic!("{upstream:?}: {}", answer.response.text()));
        let _ = LEGACY.error_of(&error);
        assert_eq!(
            scene.log_of(&answer).outcome(),
            "interrupted",
            "{upstream:?}"
        );
    });
}

#[test]
fn the_sdks_complete_text() {
    for generation in Generation::ALL {
        let upstreams = [Dialect::Anthropic, Dialect::Gemini, LEGACY];
        let providers = upstreams.map(|upstream| {
            let provider = Provider::speaking(upstream);
            provider.text("a time, there was").start()
        });
        let scene = |provider| Scene::on(Gateway::shared()).channel(provider).ready();
        let scenes = providers.each_ref().map(scene);
        let stages = scenes.each_ref().map(Stage::of);
        for told in play_through(generation, "openai_completions.py", &stages) {
            let whole = &told["whole"];
            assert_eq!(whole["text"], "a time, there was", "{told}");
            assert_eq!(whole["finish_reason"], "stop", "{told}");
            assert_eq!(whole["tokens"], json!([11, 7]), "{told}");
            let streamed = &told["streamed"];
            assert_eq!(streamed["text"], "a time, there was", "{told}");
            assert_eq!(array(&streamed["usage"]), [json!([11, 7])], "{told}");
            assert_eq!(streamed["ids"], 1, "{told}");
            assert_eq!(told["refused"]["status"], 400, "{told}");
        }
    }
}
