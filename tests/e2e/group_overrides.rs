//! What a group has instead of a model's own settings holds for its calls, and for nobody else's.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_tests::{Answer, Dialect, Fault, Gateway, Provider, Scene, eventually};

#[test]
fn a_group_has_its_own_retries_times_and_bodies() {
    let silent = Answer::text("late").first_byte_after(Duration::from_secs(600));
    let silent = Provider::openai().plays(silent).start();
    let broken = Provider::openai().plays(Fault::Status(503)).start();
    let healthy = Provider::openai().text("hi").start();
    let scene = Scene::on(Gateway::shared())
        .config(json!({"timeout_config": {"request_timeout": 1}}))
        .channel(&silent)
        .channel_with(&broken, json!({"priority": 1_000}))
        .channel(&healthy)
        .ready();
    let path = format!(
        "/api/group/{}/model_config/{}",
        scene.group(),
        scene.model.to_uppercase()
    );
    let own = json!({
        "override_retry_times": true, "retry_times": 1,
        "override_timeout_config": true, "timeout_config": {"request_timeout": 2},
        "override_force_save_detail": true, "force_save_detail": true,
        "override_request_body_storage_max_size": true, "request_body_storage_max_size": 20,
        "override_response_body_storage_max_size": true, "response_body_storage_max_size": -1,
    });
    scene.admin.post(&path, &own);

    // Others have the model's time, all channels, and nothing is kept of what they say.
    let other = format!("{}-other", scene.group());
    scene.admin.create_group(&other, &[&scene.name]);
    let token = scene
        .admin
        .create_token(&other, &json!({"name": scene.name}));
    let stranger = scene.as_holder_of(token).known();
    let row = eventually("all channels are tried in their order", || {
        let answer = stranger.ask(Dialect::OpenAi, "hello");
        answer.assert_served("hi");
        let row = stranger.log_of_anybody_s(&answer);
        match row.channels() == scene.channels {
            true => Ok(row),
            false => Err(format!("{row:?}")),
        }
    });
    assert!(took_ms(row.attempts()) < 2_000, "{row:?}");
    let detail = |id: &Value| scene.admin.get(&format!("/api/logs/detail/{id}"));
    let shown = detail(&row.0["id"]);
    assert!(shown["request_body"].is_null(), "{shown}");

    // Workers hear of it one by one, and bodies come after their rows.
    let mut asked = Vec::new();
    let kept = eventually("two channels are tried, and a body is kept", || {
        let answer = scene.ask(Dialect::OpenAi, "hello");
        let row = scene.log_of(&answer);
        if answer.status() < 500 || row.attempts().len() != 2 || took_ms(row.attempts()) < 2_000 {
            return Err(format!("{} {row:?}", answer.status()));
        }
        asked.push(row.0["id"].clone());
        let mut shown = asked.iter().map(detail);
        let kept = shown.find(|shown| !shown["request_body"].is_null());
        kept.ok_or_else(|| format!("none of {asked:?}"))
    });
    let length = kept["request_body"].as_str().map(str::len);
    assert_eq!(
        (length, &kept["request_body_truncated"]),
        (Some(20), &json!(true)),
        "{kept}"
    );
    let response = kept["response_body"].as_str().unwrap_or_default();
    assert_eq!(response, "", "{kept}");
}

/// From the beginning of the first attempt to that of the second.
fn took_ms(attempts: &[Value]) -> i64 {
    let started = |at: usize| attempts[at]["started_ms"].as_i64().unwrap_or_default();
    started(1) - started(0)
}
