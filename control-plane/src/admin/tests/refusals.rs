//! What bad input and missing things get.

use super::*;

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
        check("key", json!("sk-one\rX-Header: 1"), "printable ASCII").await;
        check("key", json!("sk-one\tsk-two"), "printable ASCII").await;
        check(
            "name",
            json!("x".repeat(65)),
            "name must not be longer than 64",
        )
        .await;
        check("name", json!("a\u{0}b"), "control characters").await;
        check("models", json!("m"), "models must be a list").await;
        check("models", json!([""]), "models must not be empty").await;
        check(
            "models",
            json!(["é".repeat(129)]),
            "models must not be longer than 256 bytes",
        )
        .await;
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
            "proxy_url must begin with http:// or https://",
        )
        .await;
        check("proxy_url", json!("http://p/x"), "nothing behind host").await;
        check("proxy_url", json!("http://****@p"), "is a masked one").await;
        check(
            "configs",
            json!({"a": 1}),
            "configs.a is not known; this type has native_dialects, quirks",
        )
        .await;
        check(
            "max_error_rate",
            json!(1.5),
            "max_error_rate must be a number from 0 to 1",
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
                json!({"name": "n", "quota": -5}),
                "quota must not be negative",
            ),
            (
                "POST",
                "/token/g",
                json!({"name": "n", "period_quota": 0.0000000001}),
                "period_quota has more than 9 decimals",
            ),
            (
                "POST",
                "/token/g",
                json!({"name": "n", "period_type": "yearly"}),
                "period_type must be daily, weekly or monthly",
            ),
            (
                "POST",
                "/token/g",
                json!({"name": "n", "expires_at": -1}),
                "expires_at must be a whole number",
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
                json!({"rpm_ratio": -1}),
                "rpm_ratio must be a number from 0 to 1000",
            ),
            ("POST", "/group/%20", json!({}), "group must not be empty"),
            ("POST", "/group/a%00b", json!({}), "control characters"),
            (
                "POST",
                "/model_config/m",
                json!({"rpm": 1.5}),
                "rpm must be a whole number",
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
                json!({"plugin": {"cache": {"enable": true}}}),
                "plugin is not available",
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
                "/model_config/m",
                json!({"config": {"max_ouput_tokens": 4096}}),
                "config.max_ouput_tokens is not known here",
            ),
            (
                "POST",
                "/model_config/m",
                json!({"retry_times": 9}),
                "from 0 to 8",
            ),
            (
                "PUT",
                "/option/RetryTimes",
                json!({"value": 9}),
                "from 0 to 8",
            ),
            ("POST", "/model_configs/", json!([{}]), "model is required"),
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
