//! Bodies in the log: there where a model's config wants them, without secrets, and nowhere else.

use serde_json::json;
use tollgate_tests::{Dialect, Gateway, Provider, Scene, eventually};

#[test]
fn bodies_are_kept_where_a_model_wants_them() {
    let provider = Provider::speaking(Dialect::OpenAi).start();
    let wanted = json!({"force_save_detail": true, "response_body_storage_max_size": 64});
    let kept = Scene::on(Gateway::shared())
        .channel(&provider)
        .config(wanted)
        .ready();
    let other = Scene::on(Gateway::shared()).channel(&provider).ready();
    for caller in [Dialect::OpenAi, Dialect::Anthropic] {
        let words = "the key is sk-0123456789abcdefghij, please";
        for answer in [kept.ask(caller, words), kept.ask_stream(caller, words)] {
            let row = kept.log_of(&answer);
            let path = format!("/api/logs/detail/{}", row.0["id"]);
            let row = eventually("the bodies are there", || {
                let row = kept.admin.get(&path);
                match row["request_body"].is_null() {
                    false => Ok(row),
                    true => Err(row.to_string()),
                }
            });
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            let request = text("request_body");
            assert!(
                request.contains("the key is [redacted], please"),
                "{request}"
            );
            assert_eq!(row["request_body_truncated"], false);
            // As the caller got it, not as the provider sent it.
            let response = text("response_body");
            assert!(answer.response.text().starts_with(&response), "{response}");
            assert_eq!(
                (response.len(), &row["response_body_truncated"]),
                (64, &json!(true))
            );
        }
    }
    let answer = other.ask(Dialect::OpenAi, "hello");
    let row = other.log_of(&answer);
    let row = other
        .admin
        .get(&format!("/api/logs/detail/{}", row.0["id"]));
    assert!(row["request_body"].is_null(), "{row}");
}
