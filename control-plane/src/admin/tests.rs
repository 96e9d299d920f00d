//! The API as its callers see it, on every database.

use axum::body::{Body, to_bytes};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tollgate_config::meter::{Attempt, Outcome, Usage, UsageEvent};
use tower::ServiceExt;

use super::*;
use crate::ledger::Ledger;
use crate::secrets::hint;
use crate::store::testing::{on_each_database, with_store};

const KEY: &str = "admin-canary-key";

/// The API over a store, with the key.
struct Api {
    router: Router,
    store: Store,
}

/// An answer: status, envelope, and the text it came as.
struct Answer {
    status: u16,
    envelope: Value,
    text: String,
}

impl Api {
    fn new(store: &Store) -> Self {
        let state = State::new(store.clone(), Secret::new(KEY));
        Self {
            router: router(state),
            store: store.clone(),
        }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let envelope = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status} {text}"));
        Answer {
            status,
            envelope,
            text,
        }
    }

    async fn call(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api{path}"))
            .header("authorization", KEY)
            .body(body.into());
        self.send(request.unwrap()).await
    }

    /// A call that succeeds; gives its data.
    async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self.call(method, path, body).await;
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text);
        assert_eq!(
            answer.envelope["success"], true,
            "{method} {path}: {}",
            answer.text
        );
        answer.envelope["data"].clone()
    }

    async fn get(&self, path: &str) -> Value {
        self.ok("GET", path, Value::Null).await
    }

    /// A call that is refused with this status and these words.
    async fn refused(&self, method: &str, path: &str, body: Value, status: u16, words: &str) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self.call(method, path, body).await;
        let message = answer.envelope["message"].as_str().unwrap_or_default();
        let what = format!("{method} {path}: {}", answer.text);
        assert_eq!(
            (answer.status, &answer.envelope["success"]),
            (status, &json!(false)),
            "{what}"
        );
        assert!(message.contains(words), "{what} should say: {words}");
    }
}

#[tokio::test]
async fn without_the_key_there_is_nothing() {
    with_store(async |store| {
        let api = Api::new(&store);
        let check = async |header: Option<&str>, path: &str, expected: u16| {
            let mut request = Request::builder().uri(path);
            if let Some(header) = header {
                request = request.header("authorization", header);
            }
            let answer = api.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(
                answer.status, expected,
                "{header:?} {path}: {}",
                answer.text
            );
            assert_eq!(answer.envelope["success"], expected == 200);
        };
        let bearer = format!("Bearer {KEY}");
        check(Some(KEY), "/api/channels/", 200).await;
        check(Some(&bearer), "/api/channels/", 200).await;
        check(Some(&format!("bearer  {KEY}")), "/api/channels", 200).await;
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "x",
            "Basic eA==",
            KEY.trim_start_matches('a'),
            &format!("{KEY}x"),
        ] {
            check(Some(wrong), "/api/channels/", 401).await;
        }
        let with_query = format!("/api/channels/?key={KEY}");
        for path in [
            &with_query,
            "/api/channels/",
            "/api/none",
            "/api/",
            "/api",
            "/api/token/a/1",
        ] {
            check(None, path, 401).await;
        }
        check(Some(KEY), "/api/none", 404).await;
        check(Some(KEY), "/api/channel/1/none", 404).await;

        let two = Request::builder()
            .uri("/api/channels/")
            .header("authorization", KEY);
        let two = two
            .header("authorization", "x")
            .body(Body::empty())
            .unwrap();
        assert_eq!(api.send(two).await.status, 401);
        for method in [Method::HEAD, Method::OPTIONS, Method::DELETE] {
            let request = Request::builder().method(method).uri("/api/channels/");
            let response = api
                .router
                .clone()
                .oneshot(request.body(Body::empty()).unwrap())
                .await;
            assert_eq!(response.unwrap().status(), StatusCode::UNAUTHORIZED);
        }
    })
    .await;
}

#[tokio::test]
async fn others_can_add_guarded_routes() {
    with_store(async |store| {
        let state = State::new(store, Secret::new(KEY));
        let more = Router::new().route("/api/gateways", axum::routing::get(async || "yes"));
        let all = router(state.clone()).merge(guard(&state, more));
        for (key, expected) in [(KEY, 200), ("x", 401)] {
            let request = Request::builder()
                .uri("/api/gateways")
                .header("authorization", key);
            let response = all
                .clone()
                .oneshot(request.body(Body::empty()).unwrap())
                .await;
            assert_eq!(response.unwrap().status().as_u16(), expected);
        }
    })
    .await;
}

#[tokio::test]
async fn bodies_that_are_refused() {
    with_store(async |store| {
        let api = Api::new(&store);
        let channel = |field: &str, value: Value| {
            let mut body = json!({"type": 1, "key": "sk-canary-0123456789", "models": ["m"]});
            body[field] = value;
            body
        };
        let check = async |field: &str, value: Value, words: &str| {
            api.refused("POST", "/channel/", channel(field, value), 400, words)
                .await;
        };
        check("type", json!(999), "type 999 is not known").await;
        check("type", json!("1"), "type must be a whole number").await;
        check("type", Value::Null, "type is required").await;
        check("key", Value::Null, "key is required").await;
        check("key", json!("****cdef"), "masked").await;
        check("key", json!("schlüssel"), "printable ASCII").await;
        check(
            "name",
            json!("x".repeat(65)),
            "name must not be longer than 64",
        )
        .await;
        check("name", json!("a\u{0}b"), "control characters").await;
        check("models", json!("m"), "models must be a list").await;
        check("models", json!([""]), "models must not be empty").await;
        check("models", json!(["../m"]), "path segment").await;
        check("model_mapping", json!({"a": 1}), "model_mapping must be").await;
        check("priority", json!(-1), "from 0 to 1000000").await;
        check("priority", json!(1.5), "whole number").await;
        check("status", json!(3), "status must be").await;
        check(
            "base_url",
            json!("ftp://a.example"),
            "base_url must begin with http",
        )
        .await;
        check(
            "base_url",
            json!("https://u:p@a.example"),
            "user name or password",
        )
        .await;
        check(
            "proxy_url",
            json!("socks5://p"),
            "proxy_url is not available yet",
        )
        .await;
        check("configs", json!({"a": 1}), "configs is not available yet").await;
        check(
            "max_error_rate",
            json!(0.5),
            "max_error_rate is not available yet",
        )
        .await;
        check("modles", json!(["m"]), "modles is not a field").await;
        assert_eq!(api.get("/channels/").await["total"], 0, "nothing was made");

        // The second of two is wrong: neither is made.
        let both = json!([channel("name", json!("a")), channel("priority", json!(-1))]);
        api.refused("POST", "/channels/", both, 400, "priority")
            .await;
        assert_eq!(api.get("/channels/").await["total"], 0);

        for (method, path, body, words) in [
            ("POST", "/channel/", json!([1]), "must be a JSON object"),
            ("POST", "/channels/", json!({}), "a list of objects"),
            (
                "POST",
                "/channels/batch_delete",
                json!(["a"]),
                "a list of ids",
            ),
            ("POST", "/token/g", json!({}), "name is required"),
            (
                "POST",
                "/token/g",
                json!({"name": "n", "quota": 5}),
                "quota is not available yet",
            ),
            (
                "POST",
                "/token/g",
                json!({"name": "n", "period_quota": 0.5}),
                "not available yet",
            ),
            (
                "POST",
                "/token/g",
                json!({"name": "n", "subnets": ["10.0.0.0/33"]}),
                "CIDR",
            ),
            (
                "POST",
                "/token/g",
                json!({"name": "x".repeat(33)}),
                "longer than 32",
            ),
            (
                "POST",
                "/token/g?auto_create_group=maybe",
                json!({"name": "n"}),
                "true or false",
            ),
            (
                "POST",
                "/group/g",
                json!({"rpm_ratio": 2}),
                "rpm_ratio is not available yet",
            ),
            ("POST", "/group/%20", json!({}), "group must not be empty"),
            ("POST", "/group/a%00b", json!({}), "control characters"),
            (
                "POST",
                "/model_config/m",
                json!({"rpm": 10}),
                "rpm is not available yet",
            ),
            (
                "POST",
                "/model_config/m",
                json!({"model": "n"}),
                "model must be the one",
            ),
            (
                "POST",
                "/model_config/m",
                json!({"price": {"input_price": -1}}),
                "not be negative",
            ),
            (
                "POST",
                "/model_config/m",
                json!({"price": {"input_price": "x"}}),
                "decimal number",
            ),
            (
                "POST",
                "/model_config/m",
                json!({"price": {"web_search_price": 1}}),
                "not available",
            ),
            (
                "POST",
                "/model_config/m",
                json!({"price": {"inptu": 1}}),
                "inptu is not a field",
            ),
            (
                "POST",
                "/model_config/m",
                json!({"config": {"max_output_tokens": -1}}),
                "config.max",
            ),
            (
                "POST",
                "/model_configs/",
                json!([{}]),
                "model must not be empty",
            ),
            ("GET", "/channel/x", Value::Null, "must be a number"),
            ("GET", "/channels/?key=sk", Value::Null, "stored encrypted"),
            (
                "GET",
                "/channels/?order=key_sealed",
                Value::Null,
                "order must be one of",
            ),
            ("GET", "/logs/?code_type=odd", Value::Null, "code_type"),
            (
                "GET",
                "/logs/?token_id=odd",
                Value::Null,
                "token_id must be a whole number",
            ),
        ] {
            api.refused(method, path, body, 400, words).await;
        }
        let exact = r#"{"price":{"input_price":0.0000000001}}"#;
        let answer = api.call("POST", "/model_config/m", exact).await;
        assert!(
            answer.status == 400 && answer.text.contains("more than 9 decimals"),
            "{}",
            answer.text
        );

        let large = format!("{{\"name\":\"{}\"}}", "x".repeat(3 * 1024 * 1024));
        assert_eq!(api.call("POST", "/channel/", large).await.status, 413);
        assert_eq!(api.call("PATCH", "/channel/1", "").await.status, 405);
        for bad in ["{", "{\"a\":}", "\u{feff}{}", "nul"] {
            assert_eq!(
                api.call("POST", "/channel/", bad).await.status,
                400,
                "{bad}"
            );
        }
        let not_utf8 = api.call("POST", "/channel/", vec![b'{', 0xff, b'}']).await;
        assert_eq!(not_utf8.status, 400);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    with_store(async |store| {
        let api = Api::new(&store);
        for (method, path, body) in [
            ("GET", "/channel/7", Value::Null),
            ("PUT", "/channel/7", json!({"priority": 1})),
            ("DELETE", "/channel/7", Value::Null),
            ("POST", "/channel/7/status", json!({"status": 1})),
            ("POST", "/channels/batch_delete", json!([7])),
            ("GET", "/tokens/7", Value::Null),
            ("PUT", "/tokens/7", json!({"name": "n"})),
            ("DELETE", "/token/g/7", Value::Null),
            ("POST", "/token/g", json!({"name": "n"})),
            ("GET", "/group/g", Value::Null),
            ("PUT", "/group/g", json!({})),
            ("DELETE", "/group/g", Value::Null),
            (
                "POST",
                "/groups/batch_status",
                json!({"status": 2, "groups": ["g"]}),
            ),
            ("GET", "/model_config/m", Value::Null),
            ("DELETE", "/model_config/m", Value::Null),
            ("GET", "/logs/detail/7", Value::Null),
        ] {
            api.refused(method, path, body, 404, "does not exist").await;
        }
    })
    .await;
}

#[tokio::test]
async fn channels_from_first_to_last() {
    with_store(async |store| {
        let api = Api::new(&store);
        let body = json!({
            "type": 1, "name": "two", "models": ["a", "b", "a"], "priority": 0,
            "key": "sk-first-0123456789\n\n sk-second-987654321 \n",
            "base_url": "https://a.example/v1/chat/completions",
            "model_mapping": {"a": "a-2026"}, "sets": [], "proxy_url": "", "configs": {},
        });
        let answer = api.call("POST", "/channel/", body.to_string()).await;
        assert!(
            answer.envelope["message"]
                .as_str()
                .unwrap()
                .contains("was cut off")
        );
        let made = &answer.envelope["data"];
        assert_eq!(
            made.as_array().unwrap().len(),
            2,
            "one a line: {}",
            answer.text
        );
        assert_eq!(
            (&made[0]["key"], &made[1]["key"]),
            (&json!("****6789"), &json!("****4321"))
        );
        assert_eq!(made[0]["base_url"], "https://a.example/v1");
        assert_eq!(made[0]["models"], json!(["a", "b"]));
        assert_eq!(
            (&made[0]["priority"], &made[0]["sets"]),
            (&json!(10), &json!(["default"]))
        );
        assert_eq!(
            (&made[0]["type_name"], &made[0]["used_amount"]),
            (&json!("openai"), &json!(0))
        );

        // An answer can be edited and sent back: the masked key changes nothing.
        let mut edited = made[0].clone();
        edited["priority"] = json!(50);
        let path = format!("/channel/{}", made[0]["id"]);
        let changed = api.ok("PUT", &path, edited).await;
        assert_eq!(
            (&changed["priority"], &changed["name"]),
            (&json!(50), &json!("two"))
        );
        let keys = store.published_channels().await.unwrap();
        assert_eq!(keys[0].key.expose(), "sk-first-0123456789");
        assert_eq!(keys[1].key.expose(), "sk-second-987654321");

        api.ok("POST", &format!("{path}/status"), json!({"status": 2}))
            .await;
        assert_eq!(api.get(&path).await["status"], 2);
        assert_eq!(store.published_channels().await.unwrap().len(), 1);
        assert_eq!(
            api.get("/channels/search?keyword=TWO&order=id-asc").await["total"],
            2
        );
        assert_eq!(
            api.get("/channels/?status=2&per_page=1000&p=1").await["total"],
            1
        );
        assert_eq!(api.get("/channels/all").await.as_array().unwrap().len(), 2);
        let info = api
            .ok("POST", "/channels/batch_info", json!([made[1]["id"]]))
            .await;
        assert_eq!(info[0]["id"], made[1]["id"]);
        let enabled = api.get("/models/enabled").await;
        assert_eq!(enabled["default"].as_array().unwrap().len(), 2);
        assert_eq!(api.get("/models/enabled/default").await[0]["model"], "a");
        assert_eq!(api.get("/models/sets").await, json!(["default"]));

        let demo = json!({"type": 53, "models": ["demo"]});
        assert_eq!(api.ok("POST", "/channel/", demo).await[0]["name"], "fake");
        api.ok("DELETE", &path, Value::Null).await;
        api.ok("POST", "/channels/batch_delete", json!([made[1]["id"]]))
            .await;
        assert_eq!(api.get("/channels/").await["total"], 1);
        let metas = api.get("/channels/type_metas").await;
        assert_eq!(
            metas["14"]["defaultBaseUrl"],
            "https://api.anthropic.com/v1"
        );
    })
    .await;
}

#[tokio::test]
async fn tokens_and_groups_from_first_to_last() {
    with_store(async |store| {
        let api = Api::new(&store);
        let body = json!({
            "name": "t", "models": [], "subnets": ["10.0.0.0/8"], "quota": 0, "period_quota": 0,
            "period_type": "monthly",
        });
        let path = "/token/my%2Fteam?auto_create_group=true";
        let made = api.ok("POST", path, body.clone()).await;
        let key = made["key"].as_str().unwrap();
        assert!(key.starts_with("sk-") && key.len() == 51, "{made}");
        assert_eq!(
            (&made["group"], &made["accessed_at"]),
            (&json!("my/team"), &json!(0))
        );
        let shown = format!("sk-…{}", hint(key));

        api.refused("POST", path, body.clone(), 409, "already")
            .await;
        let same = api
            .ok("POST", &format!("{path}&ignore_exist=true"), body)
            .await;
        assert_eq!(
            (&same["id"], same["key"].as_str().unwrap()),
            (&made["id"], shown.as_str())
        );

        let one = format!("/token/my%2Fteam/{}", made["id"]);
        assert_eq!(api.get(&one).await["key"], shown);
        let mut edited = api.get(&one).await;
        edited["models"] = json!(["m"]);
        assert_eq!(api.ok("PUT", &one, edited).await["models"], json!(["m"]));
        api.ok("POST", &format!("{one}/name"), json!({"name": "u"}))
            .await;
        api.ok(
            "POST",
            &format!("/tokens/{}/status", made["id"]),
            json!({"status": 2}),
        )
        .await;
        let found = api.get(&format!("/tokens/search?key={key}&status=2")).await;
        assert_eq!(
            (&found["total"], &found["tokens"][0]["name"]),
            (&json!(1), &json!("u"))
        );
        assert_eq!(api.get("/tokens/search?key=sk-none").await["total"], 0);
        assert_eq!(api.get("/token/other").await["total"], 0);

        api.ok(
            "POST",
            "/group/g2",
            json!({"available_sets": ["vip"], "rpm_ratio": 1}),
        )
        .await;
        api.refused("POST", "/group/g2", json!({}), 409, "exists already")
            .await;
        api.ok(
            "POST",
            "/groups/batch_status",
            json!({"status": 2, "groups": ["g2"]}),
        )
        .await;
        assert_eq!(api.get("/groups/?status=2").await["groups"][0]["id"], "g2");
        api.ok("POST", "/group/g2/status", json!({"status": 1}))
            .await;
        let group = api
            .ok("PUT", "/group/g2", json!({"available_sets": []}))
            .await;
        assert_eq!(
            (&group["available_sets"], &group["status"]),
            (&json!(["default"]), &json!(1))
        );

        api.ok("DELETE", &one, Value::Null).await;
        api.ok("POST", "/token/g2", json!({"name": "t"})).await;
        api.ok("POST", "/groups/batch_delete", json!(["g2", "my/team"]))
            .await;
        assert_eq!(api.get("/tokens/").await["total"], 0);
        assert_eq!(api.get("/groups/search?keyword=g").await["total"], 0);
    })
    .await;
}

#[tokio::test]
async fn prices_are_exact_in_both_directions() {
    with_store(async |store| {
        let api = Api::new(&store);
        // As text: through a float, neither would survive.
        let body = r#"{"price": {"input_price": 0.100000001, "output_price": 123456789.987654321,
            "cached_price": "2.5e-3", "cached_price_unit": 1000000, "image_input_price": 0,
            "conditional_prices": []}, "config": {"max_output_tokens": 4096}, "retry_times": 2}"#;
        let saved = api.call("POST", "/model_config/vendor/m-1", body).await;
        assert_eq!(saved.status, 200, "{}", saved.text);
        let shown = api.call("GET", "/model_config/vendor/m-1", "").await;
        for text in [&saved.text, &shown.text] {
            assert!(
                text.contains(r#""input_price":0.100000001,"input_price_unit":1000,"#),
                "{text}"
            );
            assert!(
                text.contains(r#""output_price":123456789.987654321,"#),
                "{text}"
            );
            assert!(
                text.contains(r#""cached_price":0.0025,"cached_price_unit":1000000,"#),
                "{text}"
            );
        }
        let config = store.model_config("vendor/m-1").await.unwrap();
        assert_eq!(
            (config.max_output_tokens(), config.retry_times),
            (Some(4096), Some(2))
        );

        api.ok(
            "PUT",
            "/model_config/vendor/m-1",
            shown.envelope["data"].clone(),
        )
        .await;
        let two = json!([{"model": "n", "owner": "o"}, {"model": "vendor/m-1", "owner": "o"}]);
        assert_eq!(
            api.ok("POST", "/model_configs/", two)
                .await
                .as_array()
                .unwrap()
                .len(),
            2
        );
        let found = api.get("/model_configs/search?keyword=M-1&owner=o").await;
        assert_eq!(
            (&found["total"], &found["configs"][0]["retry_times"]),
            (&json!(1), &json!(2))
        );
        let known = api
            .ok(
                "POST",
                "/model_configs/contains",
                json!({"models": ["n", "x"]}),
            )
            .await;
        assert_eq!(known.as_array().unwrap().len(), 1);
        api.ok("DELETE", "/model_config/vendor/m-1", Value::Null)
            .await;
        api.ok("POST", "/model_configs/batch_delete", json!(["n"]))
            .await;
        assert_eq!(api.get("/model_configs/all").await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn logs_are_shown_and_filtered() {
    with_store(async |store| {
        let api = Api::new(&store);
        api.ok(
            "POST",
            "/model_config/m",
            json!({"price": {"input_price": 0.003}}),
        )
        .await;
        let event = |id: &str, status: u32, model: &str| {
            let mut event = UsageEvent {
                id: id.into(),
                token_id: 5,
                token_name: "t".into(),
                group: "g".into(),
                model: model.into(),
                path: "/v1/messages".into(),
                status,
                first_byte_ms: Some(12),
                user: "someone".into(),
                attempts: vec![
                    Attempt::default(),
                    Attempt {
                        channel_id: 9,
                        status,
                        ..Attempt::default()
                    },
                ],
                usage: Some(Usage {
                    input_tokens: 1001,
                    output_tokens: 2,
                    reasoning_tokens: 1,
                    ..Usage::default()
                }),
                losses: vec!["top_k: unknown there".into()],
                ..UsageEvent::default()
            };
            event.set_outcome(if status == 200 {
                Outcome::Success
            } else {
                Outcome::Failed
            });
            event
        };
        let events = vec![
            event("r1", 200, "m"),
            event("r2", 502, "m"),
            event("r3", 200, "x"),
        ];
        Ledger::new(store.clone())
            .book("node", events)
            .await
            .unwrap();

        let listed = api
            .get("/logs/?token_name=t&model_name=m&code_type=success")
            .await;
        assert_eq!(listed["total"], 1);
        let row = &listed["logs"][0];
        assert_eq!(
            (&row["request_id"], &row["outcome"]),
            (&json!("r1"), &json!("success"))
        );
        assert_eq!(
            (&row["channel"], &row["retry_times"]),
            (&json!(9), &json!(1))
        );
        assert_eq!(row["attempts"][1]["channel_id"], 9);
        assert_eq!(row["usage"]["total_tokens"], 1003);
        assert_eq!(row["used_amount_nano_usd"], 3_003_000);
        assert_eq!(
            (&row["used_amount"], &row["priced"]),
            (&json!(0.003003), &json!(true))
        );
        assert_eq!(
            (&row["ttfb_milliseconds"], &row["endpoint"]),
            (&json!(12), &json!("/v1/messages"))
        );
        assert_eq!(row["losses"], json!(["top_k: unknown there"]));
        assert_eq!(
            api.get(&format!("/logs/detail/{}", row["id"])).await["request_id"],
            "r1"
        );

        let total = async |query: &str| api.get(query).await["total"].as_i64().unwrap();
        for (query, expected) in [
            ("/logs/", 3),
            ("/logs?code_type=error", 1),
            ("/logs/?code=502", 1),
            ("/logs/?code=0&token_id=0&channel=0", 3),
            ("/logs/?channel=9&group=g&token_id=5&user=someone", 3),
            ("/logs/?request_id=r3", 1),
            ("/logs/?ip=1.2.3.4", 0),
            ("/logs/?start_timestamp=1&end_timestamp=2", 0),
            ("/logs/?start_timestamp=1", 3),
            ("/logs/search?keyword=R2", 1),
            ("/log/g?model_name=x", 1),
            ("/log/other", 0),
        ] {
            assert_eq!(total(query).await, expected, "{query}");
        }
        assert_eq!(
            api.get("/logs/?model_name=x").await["logs"][0]["priced"],
            false
        );
        let second = api.get("/logs/?per_page=2&page=2").await;
        assert_eq!(second["logs"][0]["request_id"], "r1", "newest first");
        api.refused(
            "GET",
            &format!("/log/other/detail/{}", row["id"]),
            Value::Null,
            404,
            "log",
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_away_is_503() {
    with_store(async |store| {
        let api = Api::new(&store);
        api.store.close().await;
        for (method, path, body) in [
            ("GET", "/channels/", Value::Null),
            ("POST", "/channel/", json!({"type": 53})),
            ("POST", "/token/g", json!({"name": "n"})),
            ("GET", "/logs/", Value::Null),
        ] {
            api.refused(method, path, body, 503, "database is not available")
                .await;
        }
    })
    .await;
}

/// Secrets are looked for everywhere that they could have ended up.
#[tokio::test]
async fn secrets_stay_where_they_belong() {
    on_each_database(async |database| {
        const CANARY: &str = "sk-CANARY-provider-key-0123456789";
        let store = database.open().await;
        let api = Api::new(&store);
        let body = json!({"type": 1, "key": CANARY, "name": "c", "models": ["m"]});
        let mut texts = vec![api.call("POST", "/channel/", body.to_string()).await.text];
        let token = api
            .ok(
                "POST",
                "/token/g?auto_create_group=true",
                json!({"name": "t"}),
            )
            .await;
        let token = token["key"].as_str().unwrap();
        let bare = token.strip_prefix("sk-").unwrap();

        // Answers, and errors that are about the secret itself.
        let bad = json!({"type": 1, "key": format!("{CANARY}\u{1}"), "name": "c"});
        texts.push(api.call("POST", "/channel/", bad.to_string()).await.text);
        texts.push(
            api.call("POST", "/channel/", format!("{{\"key\":{CANARY}}}"))
                .await
                .text,
        );
        let url = json!({"base_url": format!("https://{CANARY}@a.example")});
        texts.push(api.call("PUT", "/channel/1", url.to_string()).await.text);
        texts.push(
            api.call("PUT", "/channel/1", json!({"key": CANARY}).to_string())
                .await
                .text,
        );
        for path in [
            "/channels/",
            "/channels/all",
            "/channel/1",
            "/channels/search?keyword=CANARY",
            "/tokens/",
            "/token/g",
            "/token/g/1",
            "/tokens/1",
            "/groups/",
            "/logs/",
            "/models/enabled",
        ] {
            texts.push(api.call("GET", path, "").await.text);
        }
        let search = api
            .call("GET", &format!("/tokens/search?key={token}"), "")
            .await
            .text;
        texts.push(search);
        texts.push(format!(
            "{:?} {:?}",
            store.published_channels().await,
            store.all_channels().await
        ));
        texts.push(format!(
            "{store:?} {:?}",
            State::new(store.clone(), Secret::new(KEY))
        ));

        for text in &texts {
            for secret in ["CANARY", KEY, bare] {
                assert!(!text.contains(secret), "{}: {text}", database.name);
            }
        }
        // Open, with its write-ahead log, and closed.
        no_file_holds(database.folder.path(), &["CANARY", bare]);
        store.close().await;
        no_file_holds(database.folder.path(), &["CANARY", bare]);
    })
    .await;
}

fn no_file_holds(folder: &std::path::Path, secrets: &[&str]) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for secret in secrets {
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
}
