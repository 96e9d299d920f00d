use super::*;

/// An answer's tag, and what it says.
async fn send(api: &Api, method: &str, path: &str, tag: &str, body: Value) -> (String, Answer) {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/api{path}"))
        .header("authorization", KEY);
    if !tag.is_empty() {
        request = request.header("if-match", tag);
    }
    let body = match body {
        Value::Null => Body::empty(),
        body => Body::from(body.to_string()),
    };
    let response = api
        .router
        .clone()
        .oneshot(request.body(body).unwrap())
        .await
        .unwrap();
    let tag = response.headers().get("etag");
    let tag = tag
        .map(|tag| tag.to_str().unwrap().to_owned())
        .unwrap_or_default();
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let envelope = serde_json::from_str(&text).unwrap();
    (
        tag,
        Answer {
            status,
            envelope,
            text,
        },
    )
}

#[tokio::test]
async fn of_two_writers_the_second_is_told_what_changed() {
    with_store(async |store| {
        let api = Api::new(&store);
        let channel = json!({"type": 1, "key": "k", "models": ["m"]});
        let channel = api.ok("POST", "/channel", channel).await;
        let channel = format!("/channel/{}", channel[0]["id"]);
        api.ok("POST", "/group/g", json!({})).await;
        let token = api.ok("POST", "/token/g", json!({"name": "t"})).await;
        api.ok("POST", "/model_config/a/b", json!({"owner": "o"}))
            .await;
        let token = token["id"].as_i64().unwrap();
        let user = json!({"username": "somebody", "password": "long enough, too"});
        let user = api.ok("POST", "/user", user).await;
        let service =
            json!({"name": "s", "url": "https://money.example", "secret": "0123456789abcdef"});
        let service = api.ok("POST", "/balance_services", service).await;
        let ban = json!({"address": "192.0.2.1"});
        let ban = api.ok("POST", "/ip_blacklist", ban).await;
        let price = json!({"override_price": true, "price": {"input_price": 1}});
        api.ok("POST", "/group/g/model_config/a/b", price).await;
        for (path, first, second, field) in [
            (
                channel.clone(),
                json!({"name": "a"}),
                json!({"priority": 3}),
                "name",
            ),
            (
                "/group/g".into(),
                json!({"available_sets": ["a"]}),
                json!({"available_sets": ["b"]}),
                "available_sets",
            ),
            (
                format!("/tokens/{token}"),
                json!({"models": ["a"]}),
                json!({"subnets": []}),
                "models",
            ),
            (
                format!("/token/g/{token}"),
                json!({"models": ["b"]}),
                json!({"subnets": []}),
                "models",
            ),
            (
                "/model_config/a/b".into(),
                json!({"owner": "p"}),
                json!({"retry_times": 1}),
                "owner",
            ),
            (
                "/group/g/model_config/a/b".into(),
                json!({"override_price": true, "price": {"input_price": 2}}),
                json!({"override_price": true, "price": {"input_price": 3}}),
                "price",
            ),
            (
                format!("/user/{}", user["id"]),
                json!({"email": "a@example.org"}),
                json!({"role": "read_only"}),
                "email",
            ),
            (
                format!("/balance_services/{}", service["id"]),
                json!({"name": "t"}),
                json!({"url": "https://other.example", "secret": "another-0123456789"}),
                "name",
            ),
            (
                format!("/ip_blacklist/{}", ban["id"]),
                json!({"reason": "a"}),
                json!({"address": "192.0.2.2"}),
                "reason",
            ),
            // One that gateways have, and one that they have not.
            (
                "/option/RetryTimes".into(),
                json!({"value": "1"}),
                json!({"value": "2"}),
                "source, value",
            ),
            (
                "/option/NotifyNote".into(),
                json!({"value": "a"}),
                json!({"value": "b"}),
                "source, value",
            ),
        ] {
            let (tag, _) = send(&api, "GET", &path, "", Value::Null).await;
            assert!(!tag.is_empty(), "{path}");
            let (newer, answer) = send(&api, "PUT", &path, &tag, first).await;
            assert_eq!(answer.status, 200, "{path} {}", answer.text);
            let (_, answer) = send(&api, "PUT", &path, &tag, second.clone()).await;
            assert_eq!(answer.status, 409, "{path} {}", answer.text);
            let message = answer.envelope["message"].as_str().unwrap();
            assert!(message.ends_with(&format!(": {field}")), "{path} {message}");
            // With the tag of the first one's answer it goes, and without any as well.
            for tag in [newer.as_str(), ""] {
                let (_, answer) = send(&api, "PUT", &path, tag, second.clone()).await;
                assert_eq!(answer.status, 200, "{path} {}", answer.text);
            }
        }
        for tag in ["W/x", "\"é\""] {
            let (_, answer) = send(&api, "PUT", &channel, tag, json!({"priority": 1})).await;
            assert!([400, 409].contains(&answer.status), "{}", answer.text);
        }
        let (_, answer) = send(&api, "PUT", "/channel/999", "\"00\"", json!({})).await;
        assert_eq!(answer.status, 404);
    })
    .await;
}

#[tokio::test]
async fn of_many_writers_at_once_one_wins() {
    with_store(async |store| {
        let api = std::sync::Arc::new(Api::new(&store));
        api.ok("POST", "/group/g", json!({})).await;
        let (tag, _) = send(&api, "GET", "/group/g", "", Value::Null).await;
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..8 {
            let (api, tag) = (std::sync::Arc::clone(&api), tag.clone());
            let body = json!({"available_sets": [format!("s{writer}")]});
            writers.spawn(async move { send(&api, "PUT", "/group/g", &tag, body).await.1.status });
        }
        let mut statuses = writers.join_all().await;
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
    })
    .await;
}
