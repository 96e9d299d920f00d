//! Responses that the gateway translated can be continued, shown and deleted by their id, by their
//! own tenant alone, whatever happens to the control plane meanwhile.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_tests::apart::Apart;
use tollgate_tests::http::{Request, Response};
use tollgate_tests::sdk::{Generation, Stage, play_through};
use tollgate_tests::{Dialect, Gateway, Provider, Scene, eventually};

const PATH: &str = "/v1/responses";

fn ask(scene: &Scene, body: Value) -> Response {
    let mut all = json!({"model": scene.model, "input": "hello"});
    for (key, value) in body.as_object().expect("an object") {
        all[key] = value.clone();
    }
    send(scene, Request::post(PATH, &all))
}

fn send(scene: &Scene, request: Request) -> Response {
    let request = scene.with_token(request);
    request.send(scene.address).expect("an answer")
}

fn id(response: &Response) -> String {
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["id"].as_str().expect("an id").to_owned()
}

/// The texts of a request's messages.
fn said(sent: &Value) -> Vec<String> {
    let messages = sent["messages"].as_array().expect("messages");
    messages
        .iter()
        .map(|message| {
            let content = &message["content"];
            let text = content.as_str().or(content[0]["text"].as_str());
            text.unwrap_or_default().to_owned()
        })
        .collect()
}

fn about(method: &str, id: &str, rest: &str) -> Request {
    Request::new(method, &format!("{PATH}/{id}{rest}"))
}

/// Everything that can be said about a response by its id.
fn everything_about(scene: &Scene, id: &str) -> Vec<Response> {
    let mut answers: Vec<Response> = [
        ("GET", ""),
        ("GET", "/input_items"),
        ("POST", "/cancel"),
        ("DELETE", ""),
    ]
    .into_iter()
    .map(|(method, rest)| send(scene, about(method, id, rest)))
    .collect();
    answers.push(ask(scene, json!({"previous_response_id": id})));
    answers
}

#[test]
fn m11_b28_the_sdk_continues_shows_and_deletes() {
    for generation in Generation::ALL {
        let upstreams = Dialect::ALL.map(|upstream| Provider::speaking(upstream).start());
        let scene = |provider| Scene::on(Gateway::shared()).channel(provider).ready();
        let scenes = upstreams.each_ref().map(scene);
        let stages = scenes.each_ref().map(Stage::of);
        let all_told = play_through(generation, "openai_stored.py", &stages);
        for (provider, told) in upstreams.iter().zip(&all_told) {
            let continued = &told["continued"];
            let ids = &continued["ids"];
            assert_eq!(
                continued["previous"],
                json!([null, ids[0], ids[1], ids[2]]),
                "{told}"
            );
            assert_eq!(continued["stored"], json!([true, true, true, false]));
            assert_eq!(continued["texts"], json!(["hi", "hi", "hi", "hi"]));
            assert_eq!(continued["fourth"]["status"], 404, "{told}");
            let sent = provider.calls()[3].json();
            let expected = ["one", "hi", "two", "hi", "three", "hi", "four"];
            assert_eq!(said(&sent), expected, "{sent}");

            let shown = &told["shown"];
            assert_eq!(shown["same"], true, "{told}");
            assert_eq!(shown["texts"], json!(["one", "hi", "two"]));
            assert_eq!(shown["ids"], 3);
            assert_eq!(shown["cancelled"]["status"], 400);
            assert_eq!(shown["streamed"]["status"], 400);

            let repeated = &told["repeated"];
            let expected = json!({"same": true, "instructions": "Be brief.",
                "metadata": {"topic": "demo"}, "tools": ["f"], "temperature": 0.5,
                "max_output_tokens": 64, "parallel_tool_calls": false, "user": "somebody"});
            assert_eq!(repeated, &expected, "{told}");

            let referred = &told["referred"];
            assert_eq!(referred["text"], "hi", "{told}");
            assert_eq!(referred["items"], json!(["message", "message", "message"]));
            assert_eq!(referred["missing"]["status"], 404, "{told}");

            let conversed = &told["conversed"];
            let id = &conversed["id"];
            assert_eq!(conversed["of"], json!([id, id, id]), "{told}");
            assert_eq!(conversed["kept"], true);
            assert_eq!(conversed["not_kept"]["status"], 404, "{told}");
            assert_eq!(
                conversed["texts"],
                json!(["zero", "one", "hi", "two", "hi"]),
                "{told}"
            );
            assert_eq!(conversed["taken"], *id);
            assert_eq!(conversed["one"], "one");
            assert_eq!(
                conversed["metadata"],
                json!([{"topic": "demo"}, {"topic": "other"}])
            );
            assert_eq!(conversed["deleted"], true);
            assert_eq!(conversed["gone"]["status"], 404, "{told}");
            assert_eq!(conversed["not_continued"]["status"], 404, "{told}");
            let calls = provider.calls();
            assert_eq!(
                said(&calls[calls.len() - 1].json()),
                ["one", "hi", "two", "hi", "three"],
                "what was taken out is not said again: {told}"
            );

            let deleted = &told["deleted"];
            assert_eq!(deleted["retrieved"]["status"], 404, "{told}");
            assert_eq!(deleted["again"]["status"], 404);
            assert_eq!(deleted["continued"]["code"], "previous_response_not_found");
            assert_eq!(deleted["items"], 5, "what continues it still has it");
        }
    }
}

#[test]
fn m11_another_tenant_is_told_what_everybody_is_told_of_no_response() {
    let provider = Provider::anthropic().start();
    let gateway = Gateway::shared();
    let (owner, other) = (
        Scene::on(gateway).channel(&provider).ready(),
        Scene::on(gateway).channel(&provider).ready(),
    );
    let theirs = id(&ask(&owner, json!({})));
    assert_eq!(send(&owner, about("GET", &theirs, "")).status, 200);
    // Of the same age, and nobody's.
    let nobodys = format!("{}{}", &theirs[..19], "0".repeat(20));
    let answers = everything_about(&other, &theirs);
    let to_nobody = everything_about(&other, &nobodys);
    for (answer, expected) in answers.iter().zip(&to_nobody) {
        let (text, expected_text) = (answer.text(), expected.text());
        assert_eq!(answer.status, expected.status, "{text}");
        assert_eq!(
            text.replace(&theirs, "ID"),
            expected_text.replace(&nobodys, "ID")
        );
    }
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [404, 404, 404, 404, 400]);
    assert_eq!(provider.calls().len(), 1);

    // Another token of the same group is the same tenant.
    let colleague = owner.another_token(&json!({"name": "colleague"}));
    let request =
        about("GET", &theirs, "").header("authorization", format!("Bearer {}", colleague.key));
    eventually("the new token is known", || {
        let status = request
            .send(owner.address)
            .map_err(|e| e.to_string())?
            .status;
        if status == 200 {
            Ok(())
        } else {
            Err(status.to_string())
        }
    });
    let statuses: Vec<u16> = everything_about(&owner, &theirs)
        .iter()
        .map(|answer| answer.status)
        .collect();
    assert_eq!(
        statuses,
        [200, 200, 400, 200, 400],
        "and then it was deleted"
    );
}

#[test]
fn another_tenant_s_conversation_and_items_are_not_there() {
    let provider = Provider::anthropic().start();
    let gateway = Gateway::shared();
    let (owner, other) = (
        Scene::on(gateway).channel(&provider).ready(),
        Scene::on(gateway).channel(&provider).ready(),
    );
    let made = send(&owner, Request::post("/v1/conversations", &json!({})));
    let conversation = id(&made);
    let answer = ask(&owner, json!({"conversation": conversation}));
    assert_eq!(answer.json()["conversation"], json!({"id": conversation}));
    let item = answer.json()["output"][0]["id"].clone();
    let path = format!("/v1/conversations/{conversation}");
    let before = provider.calls().len();
    for request in [
        Request::get(&path),
        Request::new("DELETE", &path),
        Request::post(&path, &json!({"metadata": {}})),
        Request::get(&format!("{path}/items")),
        Request::post(
            &format!("{path}/items"),
            &json!({"items": [{"role": "user", "content": "x"}]}),
        ),
    ] {
        let theirs = send(&other, request);
        assert_eq!(theirs.status, 404, "{}", theirs.text());
    }
    for body in [
        json!({"conversation": conversation}),
        json!({"input": [{"type": "item_reference", "id": item}]}),
    ] {
        let theirs = ask(&other, body);
        assert_eq!(theirs.status, 404, "{}", theirs.text());
    }
    let both = json!({"conversation": conversation, "previous_response_id": id(&answer)});
    let refused = ask(&owner, both);
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert_eq!(refused.json()["error"]["param"], "conversation");
    assert_eq!(provider.calls().len(), before, "nobody was called");
    let items = send(&owner, Request::get(&format!("{path}/items")));
    assert_eq!(
        items.json()["data"].as_array().map(Vec::len),
        Some(2),
        "{}",
        items.text()
    );
}

/// Whoever serves: what passes in its own dialect belongs to the conversation as well.
#[test]
fn a_conversation_goes_on_with_every_upstream() {
    for upstream in Dialect::UPSTREAMS {
        let provider = Provider::speaking(upstream).start();
        let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
        let conversation = id(&send(
            &scene,
            Request::post("/v1/conversations", &json!({})),
        ));
        for (input, stream) in [("one", false), ("two", true), ("three", false)] {
            let body = json!({"input": input, "stream": stream, "conversation": conversation});
            let answer = ask(&scene, body);
            assert_eq!(answer.status, 200, "{upstream:?}: {}", answer.text());
        }
        let sent = provider.last_call().json().to_string();
        for said in ["one", "two", "three"] {
            assert!(
                sent.contains(&format!("\"{said}\"")),
                "{upstream:?}: {sent}"
            );
        }
        assert_eq!(sent.matches("\"hi\"").count(), 2, "{upstream:?}: {sent}");
    }
}

#[test]
fn without_a_control_plane_answers_wait_and_continuing_is_refused() {
    let mut apart = Apart::start();
    let provider = Provider::openai().start();
    let scene = Scene::at(apart.address(), apart.admin())
        .channel(&provider)
        .ready();
    let first = id(&ask(&scene, json!({})));
    assert_eq!(send(&scene, about("GET", &first, "")).status, 200);
    apart.kill_control();
    let began = Instant::now();
    let refused = ask(&scene, json!({"previous_response_id": first}));
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.json()["error"]["message"].is_string());
    assert_eq!(send(&scene, about("GET", &first, "")).status, 503);
    assert!(began.elapsed() < Duration::from_secs(15));
    let second = id(&ask(&scene, json!({"input": "meanwhile"})));

    apart.start_control();
    eventually("what was answered meanwhile can be continued", || {
        let answer = ask(&scene, json!({"previous_response_id": second}));
        if answer.status == 200 {
            Ok(())
        } else {
            Err(answer.text())
        }
    });
    let sent = provider.last_call().json();
    assert_eq!(sent["messages"].as_array().map(Vec::len), Some(3), "{sent}");
    assert_eq!(sent["messages"][0]["content"], "meanwhile", "{sent}");
    assert_eq!(send(&scene, about("GET", &first, "")).status, 200);
}
