//! Self-service: everything of one's own, nothing of anybody else's.

use super::*;
use crate::domain::now_unix_ms;
use crate::secrets::hash_token;

async fn own(api: &Api, who: &SignedIn, method: &str, path: &str, body: Value) -> Answer {
    api.call_as(Some(&who.access), method, path, body).await
}

#[tokio::test]
async fn a_user_has_keys_of_their_own() {
    with_store(async |store| {
        let api = Api::new(&store);
        let anna = api.user("anna", "user").await;
        let me = own(&api, &anna, "GET", "/self", Value::Null).await;
        assert_eq!(me.envelope["data"]["username"], "anna");
        assert!(!me.text.contains("argon2"), "{}", me.text);

        let made = own(&api, &anna, "POST", "/keys", json!({"name": "laptop"})).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let token = &made.envelope["data"];
        assert_eq!(token["group"], anna.group.as_str());
        let (id, key) = (&token["id"], token["key"].as_str().unwrap());
        for path in [
            "/keys",
            "/self/tokens/",
            &format!("/self/tokens/{id}"),
            "/self/tokens/search",
        ] {
            let shown = own(&api, &anna, "GET", path, Value::Null).await;
            assert!(
                shown.status == 200 && !shown.text.contains(key),
                "{}",
                shown.text
            );
        }
        for (method, path, body) in [
            (
                "PUT",
                format!("/keys/{id}"),
                json!({"models": ["m"], "name": "desk"}),
            ),
            (
                "POST",
                format!("/self/tokens/{id}/name"),
                json!({"name": "d"}),
            ),
            (
                "POST",
                format!("/self/tokens/{id}/status"),
                json!({"status": 2}),
            ),
            (
                "PUT",
                "/self".into(),
                json!({"email": "a@b.example", "role": "administrator"}),
            ),
        ] {
            let answer = own(&api, &anna, method, &path, body).await;
            assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text);
        }
        let now = api.get(&format!("/tokens/{id}")).await;
        assert_eq!((&now["name"], &now["status"]), (&json!("d"), &json!(2)));

        let path = format!("/self/tokens/{id}/rotate");
        let refused = own(&api, &anna, "POST", &path, json!({})).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        let overlap = json!({"overlap_seconds": 60});
        let rotated = own(&api, &anna, "POST", &path, overlap).await;
        assert_eq!(rotated.status, 200, "{}", rotated.text);
        let rotated = &rotated.envelope["data"];
        let other = rotated["key"].as_str().unwrap();
        assert_eq!((&rotated["id"], other == key), (id, false));
        assert!(rotated["rotates_until"].as_i64() > Some(now_unix_ms()));
        // Both are taken, for the same token.
        let told = store.token_updates(&[id.as_i64().unwrap()]).await.unwrap();
        let hashes: Vec<_> = told.iter().map(|update| update.hash.as_slice()).collect();
        assert_eq!(hashes.len(), 2);
        for key in [key, other] {
            assert!(hashes.contains(&hash_token(key).as_slice()), "{hashes:?}");
        }
        assert_eq!(api.get(&format!("/user/{}", anna.id)).await["role"], "user");
        let gone = own(&api, &anna, "DELETE", &format!("/keys/{id}"), Value::Null).await;
        assert_eq!(gone.status, 200, "{}", gone.text);
        assert_eq!(api.get("/tokens/").await["total"], 0);
    })
    .await;
}

#[tokio::test]
async fn nobody_makes_a_group_with_a_key_of_their_own() {
    with_store(async |store| {
        let api = Api::new(&store);
        let anna = api.user("anna", "user").await;
        // It is not even read: what it says to administrators, it does not say here.
        for (query, status) in [("auto_create_group=perhaps", 200), ("ignore_exist=x", 400)] {
            for path in ["/keys", "/self/tokens"] {
                let key = json!({"name": path.trim_matches('/').replace('/', "-")});
                let made = own(&api, &anna, "POST", &format!("{path}?{query}"), key).await;
                assert_eq!(made.status, status, "{path}?{query}: {}", made.text);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_somebody_elses_is_not_there() {
    with_store(async |store| {
        let api = Api::new(&store);
        let anna = api.user("anna", "user").await;
        let bert = api.user("bert", "user").await;
        let made = own(&api, &bert, "POST", "/keys", json!({"name": "secret-name"})).await;
        let theirs = made.envelope["data"]["id"].as_i64().unwrap();
        let key = made.envelope["data"]["key"].as_str().unwrap().to_owned();
        book(&store, &bert.group, theirs).await;
        let logs = own(&api, &bert, "GET", "/self/logs/", Value::Null).await;
        let log = logs.envelope["data"]["logs"][0]["id"].as_i64().unwrap();

        // The same answer for what is somebody else's and for what was never there.
        let missing = 999_999;
        for (method, path, body) in [
            ("GET", "/self/tokens/{id}", Value::Null),
            ("PUT", "/self/tokens/{id}", json!({"name": "mine"})),
            ("DELETE", "/self/tokens/{id}", Value::Null),
            ("POST", "/self/tokens/{id}/status", json!({"status": 2})),
            ("POST", "/self/tokens/{id}/name", json!({"name": "mine"})),
            (
                "POST",
                "/self/tokens/{id}/rotate",
                json!({"overlap_seconds": 0}),
            ),
            ("GET", "/keys/{id}", Value::Null),
            ("PUT", "/keys/{id}", json!({"name": "mine"})),
            ("DELETE", "/keys/{id}", Value::Null),
            ("GET", "/self/logs/{id}", Value::Null),
        ] {
            let real = if path.contains("logs") { log } else { theirs };
            let ask = async |id: i64| {
                let path = path.replace("{id}", &id.to_string());
                let answer = own(&api, &anna, method, &path, body.clone()).await;
                let text = answer.text.replace(&id.to_string(), "#");
                (answer.status, text)
            };
            let (foreign, never) = (ask(real).await, ask(missing).await);
            assert_eq!(foreign.0, 404, "{method} {path}: {}", foreign.1);
            assert_eq!(foreign, never, "{method} {path}");
        }
        // Lists, with everything that could widen them.
        let group = &bert.group;
        for path in [
            "/self/tokens/".to_owned(),
            format!("/self/tokens/?group={group}"),
            format!("/self/tokens/search?key={key}"),
            "/self/tokens/search?keyword=secret".into(),
            format!("/keys?group={group}&name=secret-name"),
            format!("/self/logs/?group={group}&token_id={theirs}"),
            "/self/logs/search?keyword=secret".into(),
            format!("/self/usage?group={group}"),
            format!("/self/usage?token_id={theirs}"),
        ] {
            let answer = own(&api, &anna, "GET", &path, Value::Null).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            for word in ["secret-name", group, "\"m\""] {
                assert!(!answer.text.contains(word), "{path}: {}", answer.text);
            }
        }
        // Nothing was made elsewhere, whatever the request names.
        let path = format!("/keys?group={group}&auto_create_group=true");
        let made = own(
            &api,
            &anna,
            "POST",
            &path,
            json!({"name": "n", "group": group}),
        )
        .await;
        assert_eq!(
            made.envelope["data"]["group"],
            anna.group.as_str(),
            "{}",
            made.text
        );
        assert_eq!(
            api.get(&format!("/tokens/{theirs}")).await["name"],
            "secret-name"
        );
    })
    .await;
}

#[tokio::test]
async fn usage_and_logs_are_shown_without_what_is_the_operators() {
    with_store(async |store| {
        let api = Api::new(&store);
        api.ok(
            "POST",
            "/model_config/m",
            json!({"price": {"input_price": 0.003}}),
        )
        .await;
        let channel = json!({"type": 1, "key": "sk-0123456789abcdef", "models": ["m", "other"]});
        api.ok("POST", "/channel/", channel).await;
        let hidden =
            json!({"type": 1, "key": "sk-0123456789abcdef", "models": ["hidden"], "sets": ["vip"]});
        api.ok("POST", "/channel/", hidden).await;
        let anna = api.user("anna", "user").await;
        let made = own(&api, &anna, "POST", "/keys", json!({"name": "laptop"})).await;
        let token = made.envelope["data"]["id"].as_i64().unwrap();
        book(&store, &anna.group, token).await;

        let models = own(&api, &anna, "GET", "/self/models", Value::Null).await;
        let names: Vec<_> = models.envelope["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|model| {
                (
                    model["model"].as_str().unwrap(),
                    model["priced"].as_bool().unwrap(),
                )
            })
            .collect();
        assert_eq!(names, [("m", true), ("other", false)]);

        let logs = own(&api, &anna, "GET", "/self/logs/?model_name=m", Value::Null).await;
        let row = &logs.envelope["data"]["logs"][0];
        assert_eq!(row["used_amount_nano_usd"], 3_003_000, "{}", logs.text);
        for field in ["channel", "attempts", "node", "upstream_id", "group"] {
            assert!(row.get(field).is_none(), "{field}: {row}");
        }
        // Rows are in the order of their booking, which no other word stands for.
        let path = "/self/logs/?order=request_at";
        let refused = own(&api, &anna, "GET", path, Value::Null).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        let usage = own(&api, &anna, "GET", "/self/usage", Value::Null).await;
        let usage = &usage.envelope["data"];
        assert_eq!(usage["used_amount"], json!(0.003003));
        assert_eq!(usage["days"].as_array().unwrap().len(), 1, "{usage}");
        let day = &usage["days"][0];
        assert_eq!(
            (
                &day["model"],
                &day["request_count"],
                &day["total_tokens"],
                &day["exception_count"]
            ),
            (&json!("m"), &json!(1), &json!(1003), &json!(0))
        );
        assert_eq!(day["timestamp"].as_i64().unwrap() % 86_400_000, 0);
        for (query, status) in [
            ("start_timestamp=1", 400),
            ("start_timestamp=1&end_timestamp=86400000", 200),
            ("model_name=none", 200),
            ("start_timestamp=x", 400),
            (
                "end_timestamp=9223372036854775807&start_timestamp=9223372036854775807",
                200,
            ),
            ("end_timestamp=-9223372036854775808", 200),
        ] {
            let answer = own(
                &api,
                &anna,
                "GET",
                &format!("/self/usage?{query}"),
                Value::Null,
            )
            .await;
            assert_eq!(answer.status, status, "{query}: {}", answer.text);
        }
    })
    .await;
}

/// One call with this token.
async fn book(store: &Store, group: &str, token_id: i64) {
    let mut event = UsageEvent {
        id: format!("r-{token_id}"),
        token_id,
        token_name: "laptop".into(),
        group: group.into(),
        model: "m".into(),
        path: "/v1/messages".into(),
        status: 200,
        attempts: vec![Attempt {
            channel_id: 9,
            status: 200,
            ..Attempt::default()
        }],
        usage: Some(Usage {
            input_tokens: 1001,
            output_tokens: 2,
            ..Usage::default()
        }),
        ..UsageEvent::default()
    };
    event.set_outcome(Outcome::Success);
    Ledger::new(store.clone())
        .book("node", vec![event])
        .await
        .unwrap();
}
