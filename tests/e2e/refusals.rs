//! What the gateway itself refuses: in the caller's dialect, with a request id, with a log row,
//! and without calling anybody.

use serde_json::json;
use tollgate_tests::http::Request;
use tollgate_tests::{Dialect, Gateway, Provider, Scene};

#[test]
fn whoever_shows_no_valid_token_gets_401() {
    let stage = Stage::set();
    for dialect in Dialect::CALLERS {
        let body = dialect.ask(&stage.scene.model, "hello", false);
        let anonymous = Request::post(&dialect.path_to(&stage.scene.model, false), &body);
        stage.refuses(dialect, 401, anonymous.clone());
        for (header, value) in [
            ("authorization", "Bearer sk-unknown"),
            ("authorization", "Bearer "),
            ("authorization", "Basic c2stdW5rbm93bg=="),
            ("x-api-key", "unknown"),
            ("api-key", "sk-unknown"),
            ("x-goog-api-key", "sk-unknown"),
        ] {
            stage.refuses(dialect, 401, anonymous.clone().header(header, value));
        }
    }
}

#[test]
fn a_token_is_taken_from_every_header_that_clients_use() {
    let stage = Stage::set();
    let key = &stage.scene.token.key;
    let bare = key.strip_prefix("sk-").expect("tokens begin with sk-");
    for dialect in Dialect::CALLERS {
        let body = dialect.ask(&stage.scene.model, "hello", false);
        for (header, value) in [
            ("authorization", format!("Bearer {key}")),
            ("authorization", format!("bearer {bare}")),
            ("x-api-key", key.clone()),
            ("x-api-key", bare.to_owned()),
            ("api-key", key.clone()),
            ("x-goog-api-key", key.clone()),
        ] {
            let request = Request::post(&dialect.path_to(&stage.scene.model, false), &body)
                .header(header, &value);
            stage.scene.send(dialect, &request).assert_served("hi");
            assert!(
                !stage.provider.last_call().everything().contains(bare),
                "{header}"
            );
        }
    }
}

#[test]
fn l11_a_disabled_token_gets_401_and_a_model_that_is_not_allowed_403() {
    let stage = Stage::set();
    let narrow = json!({"name": "narrow", "models": [stage.scene.models[1]]});
    let narrow = stage.scene.another_token(&narrow);
    let disabled = stage.scene.another_token(&json!({"name": "disabled"}));
    stage.scene.admin.set_token_status(disabled.id, 2);
    for dialect in Dialect::CALLERS {
        let body = dialect.ask(&stage.scene.model, "hello", false);
        let with = |key: &str| {
            Request::post(&dialect.path_to(&stage.scene.model, false), &body)
                .header("authorization", format!("Bearer {key}"))
        };
        let forbidden = stage.refuses_soon(dialect, 403, with(&narrow.key));
        assert!(
            forbidden.contains(&stage.scene.model),
            "it says which model: {forbidden}"
        );
        stage.refuses_soon(dialect, 401, with(&disabled.key));
    }
}

#[test]
fn l11_unknown_models_paths_and_methods_get_404_and_405() {
    let stage = Stage::set();
    for dialect in Dialect::CALLERS {
        let body = dialect.ask("no-such-model", "hello", false);
        stage.refuses(
            dialect,
            404,
            stage.with_token(Request::post(
                &dialect.path_to("no-such-model", false),
                &body,
            )),
        );
        let path = dialect.path_to(&stage.scene.model, false);
        for method in ["GET", "DELETE"] {
            let request = Request::new(method, &path);
            stage.refuses(dialect, 405, stage.with_token(request));
        }
    }
    let openai = Dialect::OpenAi;
    stage.refuses(
        openai,
        404,
        stage.with_token(Request::post("/v1/nothing", &json!({}))),
    );
    stage.refuses(
        openai,
        404,
        stage.with_token(Request::get("/v1/models/no-such-model")),
    );
}

#[test]
fn a_body_that_is_no_request_gets_400() {
    let stage = Stage::set();
    for dialect in Dialect::CALLERS {
        let good = dialect.ask(&stage.scene.model, "hello", false).to_string();
        let half = &good[..good.len() / 2];
        for (content_type, body) in [
            ("application/json", half),
            ("application/json", ""),
            ("application/json", "[]"),
            ("application/json", "null"),
            ("application/json", "\"model\""),
            ("application/json", "{}"),
            ("application/json", r#"{"messages":[]}"#),
            ("application/json", r#"{"model":42,"messages":[]}"#),
            ("application/json", r#"{"model":"","messages":[]}"#),
            ("application/json", r#"{"model":null,"messages":[]}"#),
            ("application/json", "{} {}"),
            ("text/plain", &good),
            ("application/x-www-form-urlencoded", &good),
            ("multipart/form-data; boundary=x", &good),
        ] {
            let path = dialect.path_to(&stage.scene.model, false);
            let request = Request::new("POST", &path).header("content-type", content_type);
            let message = stage.refuses(dialect, 400, stage.with_token(request.body(body)));
            assert!(!message.is_empty(), "{content_type} {body}");
        }
    }
}

#[test]
fn a_body_over_the_limit_gets_413() {
    let stage = Stage::set();
    for dialect in Dialect::CALLERS {
        let path = dialect.path_to(&stage.scene.model, false);
        let huge = dialect.ask(&stage.scene.model, &"x".repeat(33 << 20), false);
        stage.refuses(dialect, 413, stage.with_token(Request::post(&path, &huge)));
        let large = dialect.ask(&stage.scene.model, &"x".repeat(4 << 20), false);
        let request = stage.with_token(Request::post(&path, &large));
        stage.scene.send(dialect, &request).assert_served("hi");
    }
}

/// Something that works, so that only what is refused is wrong.
struct Stage {
    provider: Provider,
    scene: Scene,
}

impl Stage {
    fn set() -> Self {
        let provider = Provider::openai().text("hi").start();
        let scene = Scene::on(Gateway::shared())
            .models(&["one", "two"])
            .channel(&provider)
            .ready();
        Self { provider, scene }
    }

    fn with_token(&self, request: Request) -> Request {
        self.scene.with_token(request)
    }

    /// Checks everything that is true of every refusal, and gives its words.
    #[track_caller]
    fn refuses(&self, dialect: Dialect, status: u16, request: Request) -> String {
        let calls = self.provider.calls().len();
        let answer = self.scene.send(dialect, &request);
        let message = answer.assert_error(status);
        let row = self.scene.log_of_anybody_s(&answer);
        assert_eq!(
            (row.code(), row.outcome()),
            (status.into(), "refused"),
            "{row:?}"
        );
        assert!(row.attempts().is_empty(), "{row:?}");
        assert_eq!(self.provider.calls().len(), calls, "nobody was called");
        self.scene.ask(dialect, "still alive?").assert_served("hi");
        message
    }

    /// [`Stage::refuses`], within the second that a change may take.
    #[track_caller]
    fn refuses_soon(&self, dialect: Dialect, status: u16, request: Request) -> String {
        tollgate_tests::eventually("the change is effective", || {
            let got = self.scene.send(dialect, &request).status();
            if got == status {
                Ok(())
            } else {
                Err(got.to_string())
            }
        });
        self.refuses(dialect, status, request)
    }
}
