//! Responses in the background, whether or not the upstream knows of such a thing: asked for, come back
//! for, cancelled, deleted; by their own tenant alone, and with an end whatever happens.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_tests::admin::LogRow;
use tollgate_tests::apart::Apart;
use tollgate_tests::http::{Request, Response};
use tollgate_tests::sdk::{Generation, Stage, play_through};
use tollgate_tests::{Answer, Dialect, Fault, Gateway, Provider, Scene, eventually};

const PATH: &str = "/v1/responses";

fn send(scene: &Scene, method: &str, rest: &str) -> Response {
    let request = scene.with_token(Request::new(method, &format!("{PATH}{rest}")));
    request.send(scene.address).expect("an answer")
}

fn begin(scene: &Scene) -> String {
    begin_with(scene, &json!({}))
}

fn begin_with(scene: &Scene, fields: &Value) -> String {
    let mut body = json!({"model": scene.model, "input": "hello", "background": true});
    let fields = fields.as_object().expect("fields").clone();
    body.as_object_mut().expect("a body").extend(fields);
    let request = scene.with_token(Request::post(PATH, &body));
    let told = request.send(scene.address).expect("an answer");
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(told.json()["status"], "queued");
    told.json()["id"].as_str().expect("an id").to_owned()
}

fn status(scene: &Scene, id: &str) -> Result<String, String> {
    let told = send(scene, "GET", &format!("/{id}"));
    match told.json()["status"].as_str() {
        Some(status) => Ok(status.to_owned()),
        None => Err(told.text()),
    }
}

fn wait_for(scene: &Scene, id: &str, expected: &str) {
    eventually("the response gets there", || {
        let status = status(scene, id)?;
        if status == expected {
            Ok(())
        } else {
            Err(status)
        }
    });
}

/// The row of the call that was made for a response.
fn booked(scene: &Scene, id: &str) -> LogRow {
    let id = id.strip_prefix("resp_tg").expect("one of ours");
    let query = format!("request_id={id}");
    scene.admin.the_log(Some(&scene.group()), &query)
}

/// So slow that nothing but a cancel ends it.
fn slow() -> Answer {
    Answer::text(&"word ".repeat(2_000))
        .chunks(2_000)
        .delay(Duration::from_millis(50))
}

#[test]
fn the_sdk_asks_polls_cancels_and_deletes() {
    for generation in Generation::ALL {
        let provider = Provider::anthropic()
            .model("cancelled", slow())
            .model("refused", Fault::Status(400))
            .start();
        let scene = Scene::on(Gateway::shared())
            .channel(&provider)
            .models(&["answered", "cancelled", "refused"])
            .ready();
        let stage = Stage {
            model: scene.model.strip_prefix("answered-").expect("its name"),
            ..Stage::of(&scene)
        };
        let told = &play_through(generation, "openai_background.py", &[stage])[0];

        let answered = &told["answered"];
        assert_eq!(
            answered["statuses"],
            json!(["queued", "completed", "completed"]),
            "{told}"
        );
        assert_eq!(answered["background"], json!([true, true]));
        assert_eq!(answered["text"], "hi");
        assert_eq!(
            answered["metadata"],
            json!([{"topic": "demo"}, {"topic": "demo"}])
        );
        assert_eq!(answered["usage"]["input_tokens"], 11, "{told}");
        assert_eq!(answered["followed"], true);
        assert_eq!(answered["items"], json!(["message"]));
        assert_eq!(answered["gone"]["status"], 404, "{told}");
        assert_eq!(answered["gone_twice"]["status"], 404, "{told}");

        let cancelled = &told["cancelled"];
        assert_eq!(
            cancelled["statuses"],
            json!(["queued", "in_progress", "cancelled", "cancelled"]),
            "{told}"
        );
        assert_eq!(cancelled["later"], "cancelled");
        provider.wait_until_abandoned(1);

        let refused = &told["refused"];
        for (what, param) in [("unkept", "store"), ("streamed", "stream")] {
            assert_eq!(refused[what]["status"], 400, "{told}");
            assert_eq!(refused[what]["body"]["param"], param, "{told}");
        }
        assert_eq!(refused["failed"]["status"], "failed", "{told}");
        assert!(refused["failed"]["error"]["code"].is_string(), "{told}");

        // The calls are booked, each once, under the response's id.
        let row = booked(&scene, answered["id"].as_str().expect("an id"));
        assert_eq!((row.code(), row.tokens().0), (200, 11), "{row:?}");
        eventually("what was used of the cancelled one is booked", || {
            let rows = scene.logs();
            let left = rows.iter().filter(|row| row.outcome() == "client_gone");
            let left: Vec<_> = left.collect();
            match left.as_slice() {
                [row] if row.tokens().0 == 11 => Ok(()),
                _ => Err(format!("{rows:?}")),
            }
        });
    }
}

#[test]
fn a_provider_that_does_it_itself_is_called_in_the_foreground_and_booked() {
    let provider = Provider::speaking(Dialect::Responses).start();
    let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
    let id = begin(&scene);
    wait_for(&scene, &id, "completed");
    let called = provider.last_call().json();
    assert_eq!(
        (&called["background"], &called["stream"]),
        (&json!(null), &json!(true))
    );
    let told = send(&scene, "GET", &format!("/{id}")).json();
    assert_eq!(
        (&told["id"], &told["background"]),
        (&json!(id), &json!(true))
    );
    assert_eq!(told["usage"]["input_tokens"], 11, "{told}");
    let row = booked(&scene, &id);
    assert_eq!((row.code(), row.tokens().0), (200, 11), "{row:?}");
    assert!(row.tokens().1 > 0, "{row:?}");

    // It is continued with all that was said.
    let goes_on = |id: &str| {
        let body = json!({"model": scene.model, "input": "and?", "previous_response_id": id});
        let request = scene.with_token(Request::post(PATH, &body));
        request.send(scene.address).expect("an answer")
    };
    let answer = goes_on(&id);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let input = provider.last_call().json()["input"].clone();
    assert_eq!(input.as_array().map(Vec::len), Some(3), "{input}");
    let items = send(&scene, "GET", &format!("/{id}/input_items"));
    assert_eq!(
        items.json()["data"][0]["type"],
        "message",
        "{}",
        items.text()
    );

    // What the provider keeps, it knows; what follows it is a part of a conversation here.
    let id = begin_with(&scene, &json!({"previous_response_id": "resp_scripted"}));
    wait_for(&scene, &id, "completed");
    assert_eq!(
        provider.last_call().json()["previous_response_id"],
        "resp_scripted"
    );
    let told = send(&scene, "GET", &format!("/{id}")).json();
    assert_eq!(told["previous_response_id"], "resp_scripted", "{told}");
    let answer = goes_on(&id);
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(
        answer.json()["error"]["code"],
        "previous_response_not_found"
    );
}

#[test]
fn another_tenant_s_are_not_there() {
    let provider = Provider::anthropic().plays(slow()).start();
    let gateway = Gateway::shared();
    let (owner, other) = (
        Scene::on(gateway).channel(&provider).ready(),
        Scene::on(gateway).channel(&provider).ready(),
    );
    let id = begin(&owner);
    wait_for(&owner, &id, "in_progress");
    for (method, rest) in [
        ("GET", ""),
        ("POST", "/cancel"),
        ("GET", "/input_items"),
        ("DELETE", ""),
    ] {
        let theirs = send(&other, method, &format!("/{id}{rest}"));
        assert_eq!(theirs.status, 404, "{method}{rest}: {}", theirs.text());
    }
    assert_eq!(status(&owner, &id), Ok("in_progress".into()));
    assert_eq!(send(&owner, "DELETE", &format!("/{id}")).status, 200);
    provider.wait_until_abandoned(1);
    assert_eq!(send(&owner, "GET", &format!("/{id}")).status, 404);
}

#[test]
fn what_the_limits_refuse_is_not_queued() {
    let provider = Provider::anthropic().start();
    let scene = Scene::on(Gateway::shared())
        .channel(&provider)
        .config(json!({"rpm": 1}))
        .ready();
    wait_for(&scene, &begin(&scene), "completed");
    let body = json!({"model": scene.model, "input": "hello", "background": true});
    let told = scene
        .with_token(Request::post(PATH, &body))
        .send(scene.address)
        .expect("an answer");
    assert_eq!(told.status, 429, "{}", told.text());
    assert_eq!(told.json()["error"]["code"], "rate_limit_exceeded");
    assert!(told.header("retry-after").is_some());
    assert_eq!(provider.calls().len(), 1);
}

#[test]
fn a_control_plane_that_comes_back_says_what_it_has_lost() {
    let mut apart = Apart::start();
    let provider = Provider::anthropic().plays(slow()).start();
    let scene = Scene::at(apart.address(), apart.admin())
        .channel(&provider)
        .ready();
    let id = begin(&scene);
    wait_for(&scene, &id, "in_progress");
    apart.kill_control();
    provider.wait_until_abandoned(1);
    apart.start_control();
    eventually("the response has failed", || {
        match status(&scene, &id)?.as_str() {
            "failed" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
    let told = send(&scene, "GET", &format!("/{id}")).json();
    assert_eq!(told["error"]["code"], "server_error", "{told}");
    let cancelled = send(&scene, "POST", &format!("/{id}/cancel")).json();
    assert_eq!(cancelled["status"], "failed", "{cancelled}");
    assert_eq!(provider.calls().len(), 1, "nobody makes the call again");
}
