//! What an administrator learns by testing a channel, and that nobody else can.

use serde_json::{Value, json};
use tollgate_tests::dialect::array;
use tollgate_tests::http::Request;
use tollgate_tests::provider::refusing_base_url;
use tollgate_tests::scene::provider_key;
use tollgate_tests::{Dialect, Fault, Gateway, Provider, Scene, eventually};

/// A provider that refuses a key says so, and some repeat it.
fn refusing(key: &str) -> Provider {
    let words = format!("Incorrect API key provided: {key}. You can find your key on your page.");
    Provider::openai()
        .plays(Fault::Says(401, words, Vec::new()))
        .start()
}

#[test]
fn a_channel_tells_what_its_provider_says() {
    let good = Provider::anthropic().text("OK").start();
    let scene = Scene::on(Gateway::shared())
        .channel(&good)
        .channel_to(Dialect::OpenAi, &refusing_base_url(), json!({}))
        .made();
    let admin = &scene.admin;
    let test = |channel: i64, query: &str| {
        admin.get(&format!(
            "/api/channel/{channel}/test/{}{query}",
            scene.model
        ))
    };

    let told = test(scene.channels[0], "");
    assert_eq!(
        (&told["success"], &told["code"]),
        (&json!(true), &json!(200)),
        "{told}"
    );
    assert_eq!(told["response"], "", "nobody asked for it: {told}");
    let told = test(scene.channels[0], "?success_body=true");
    assert!(told["response"].as_str().unwrap().contains("OK"), "{told}");
    assert_eq!(good.calls().len(), 2, "each test is one call");

    let told = test(scene.channels[1], "");
    assert_eq!(
        (&told["success"], &told["code"]),
        (&json!(false), &json!(502)),
        "{told}"
    );
    assert!(
        told["response"]
            .as_str()
            .unwrap()
            .contains("No upstream could be reached"),
        "{told}"
    );

    let key = provider_key("wrong");
    let wrong = refusing(&key);
    let fields = json!({"name": "wrong", "type": Dialect::OpenAi.channel_type(), "key": key,
        "base_url": wrong.base_url(), "models": [scene.model], "sets": [scene.name]});
    let id = admin.create_channels(&[fields])[0];
    let told = test(id, "");
    assert_eq!(
        (&told["success"], &told["code"]),
        (&json!(false), &json!(401)),
        "{told}"
    );
    let words = told["response"].as_str().unwrap();
    assert!(
        words.contains("Incorrect API key provided: [redacted]"),
        "{words}"
    );
    assert!(!told.to_string().contains(&key));
    let shown = admin.get(&format!("/api/channel/{id}"));
    assert_eq!(shown["channel_tests"][0]["code"], 401, "{shown}");
    assert!(shown["last_test_error_at"].as_i64().unwrap() > 0, "{shown}");
    assert!(scene.logs().is_empty(), "tests are nobody's calls");

    // A caller is told none of it.
    for channel in &scene.channels {
        admin.delete(&format!("/api/channel/{channel}"));
    }
    eventually("the provider refuses a caller's call", || {
        let words = scene.ask(Dialect::OpenAi, "hello").response.text();
        assert!(!words.contains("Incorrect"), "{words}");
        match words.contains("refused the gateway's credentials") {
            true => Ok(()),
            false => Err(words),
        }
    });
}

#[test]
fn a_model_that_is_kept_out_of_tests_is_tested_by_its_name_alone() {
    let provider = Provider::openai().text("OK").start();
    let scene = Scene::on(Gateway::shared())
        .models(&["usual", "dear"])
        .channel(&provider)
        .made();
    let [usual, dear] = [&scene.models[0], &scene.models[1]];
    scene
        .admin
        .set_model(dear, &json!({"exclude_from_tests": true}));
    let path = format!("/api/channel/{}/test", scene.channels[0]);
    let tested = |path: &str| {
        let lines = scene.admin.get(path);
        let models = array(&lines)
            .iter()
            .map(|line| line["data"]["model"].clone());
        let all: Vec<Value> = models.collect();
        all
    };
    assert_eq!(
        tested(&format!("{path}?return_success=true")),
        [usual.as_str()]
    );
    let told = scene.admin.get(&format!("{path}/{}", dear.to_uppercase()));
    assert_eq!(
        (&told["success"], &told["model"]),
        (&json!(true), &json!(dear)),
        "{told}"
    );
    let form = json!({"type": Dialect::OpenAi.channel_type(), "key": provider_key("form"),
        "base_url": provider.base_url(), "models": [usual, dear]});
    let lines = scene
        .admin
        .post("/api/channel/test-preview-all?return_success=true", &form);
    assert_eq!(array(&lines).len(), 1, "{lines}");
}

#[test]
fn what_no_caller_can_reach_is_tested_all_the_same() {
    let provider = Provider::openai().text("OK").start();
    let scene = Scene::on(Gateway::shared())
        .channel_with(&provider, json!({"status": 2}))
        .made();
    let path = format!("/api/channel/{}/test", scene.channels[0]);
    let lines = scene.admin.get(&format!("{path}?return_success=true"));
    assert_eq!(lines[0]["data"]["success"], true, "{lines}");
    assert_eq!(lines[0]["data"]["channel_id"], scene.channels[0], "{lines}");
    assert_eq!(scene.ask(Dialect::OpenAi, "hello").status(), 404);

    let form = json!({"type": Dialect::OpenAi.channel_type(), "key": provider_key("form"),
        "base_url": provider.base_url(), "model": "mine", "model_mapping": {"mine": "theirs"}});
    let told = scene.admin.post("/api/channel/test-preview", &form);
    assert_eq!(
        (&told["success"], &told["actual_model"]),
        (&json!(true), &json!("theirs"))
    );
    assert_eq!(provider.last_call().model(), "theirs");
    let mut form = form;
    form.as_object_mut().unwrap().remove("model");
    form["models"] = json!(["mine", "my-embedding"]);
    let path = "/api/channel/test-preview-all?return_success=true";
    let lines = scene.admin.post(path, &form);
    let mut modes: Vec<_> = array(&lines)
        .iter()
        .map(|line| line["data"]["mode"].as_i64())
        .collect();
    modes.sort_unstable();
    assert_eq!(modes, [Some(1), Some(3)], "{lines}");
}

#[test]
fn tests_of_many_models_are_told_one_by_one() {
    let provider = Provider::openai().text("OK").start();
    let scene = Scene::on(Gateway::shared())
        .models(&["a", "b", "c"])
        .channel(&provider)
        .made();
    let path = format!(
        "/api/channel/{}/test?stream=true&return_success=true",
        scene.channels[0]
    );
    let answer = scene.admin.send(Request::get(&path)).unwrap();
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let lines: Vec<Value> = answer
        .events()
        .iter()
        .map(|event| serde_json::from_str(&event.data).unwrap())
        .collect();
    let mut models: Vec<_> = lines
        .iter()
        .map(|line| line["data"]["model"].as_str().unwrap_or_default())
        .collect();
    models.sort_unstable();
    assert_eq!(models, scene.models, "{lines:?}");
    assert!(
        lines.iter().all(|line| line["data"]["success"] == true),
        "{lines:?}"
    );
}

#[test]
fn a_caller_cannot_choose_a_channel() {
    let (first, second) = (Provider::openai().start(), Provider::openai().start());
    let scene = Scene::on(Gateway::shared()).channel(&first).ready();
    let other = Scene::on(Gateway::shared()).channel(&second).ready();
    let request = scene
        .request(Dialect::OpenAi, "hello")
        .header("x-tollgate-channel", other.channels[0].to_string());
    scene.send(Dialect::OpenAi, &request).assert_served("hi");
    assert_eq!((first.calls().len(), second.calls().len()), (1, 0));
    assert!(first.last_call().header("x-tollgate-channel").is_none());
}
