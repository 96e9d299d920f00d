use std::collections::BTreeSet;

use super::super::versions::{PATHS, thing};
use super::*;

/// An answer's tag, and what it says.
async fn send(api: &Api, method: &str, path: &str, tag: &str, body: Value) -> (String, Answer) {
    send_as(KEY, api, method, path, tag, body).await
}

async fn send_as(
    who: &str,
    api: &Api,
    method: &str,
    path: &str,
    tag: &str,
    body: Value,
) -> (String, Answer) {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/api{path}"))
        .header("authorization", who);
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
        let owner = api.user("owner", "user").await;
        let own = json!({"name": "own"});
        let own = api.call_as(Some(&owner.access), "POST", "/keys", own).await;
        let own = own.envelope["data"]["id"].as_i64().unwrap();
        let mut covered = BTreeSet::new();
        for (route, path, first, second, field) in [
            (
                "/channel/{id}",
                channel.clone(),
                json!({"name": "a"}),
                json!({"priority": 3}),
                "name",
            ),
            (
                "/group/{group}",
                "/group/g".into(),
                json!({"available_sets": ["a"]}),
                json!({"available_sets": ["b"]}),
                "available_sets",
            ),
            (
                "/tokens/{id}",
                format!("/tokens/{token}"),
                json!({"models": ["a"]}),
                json!({"subnets": []}),
                "models",
            ),
            (
                "/token/{group}/{id}",
                format!("/token/g/{token}"),
                json!({"models": ["b"]}),
                json!({"subnets": []}),
                "models",
            ),
            (
                "/model_config/{*model}",
                "/model_config/a/b".into(),
                json!({"owner": "p"}),
                json!({"retry_times": 1}),
                "owner",
            ),
            (
                "/group/{group}/model_config/{*model}",
                "/group/g/model_config/a/b".into(),
                json!({"override_price": true, "price": {"input_price": 2}}),
                json!({"override_price": true, "price": {"input_price": 3}}),
                "price",
            ),
            (
                "/user/{id}",
                format!("/user/{}", user["id"]),
                json!({"email": "a@example.org"}),
                json!({"role": "read_only"}),
                "email",
            ),
            (
                "/balance_services/{id}",
                format!("/balance_services/{}", service["id"]),
                json!({"name": "t"}),
                json!({"url": "https://other.example", "secret": "another-0123456789"}),
                "name",
            ),
            (
                "/ip_blacklist/{id}",
                format!("/ip_blacklist/{}", ban["id"]),
                json!({"reason": "a"}),
                json!({"address": "192.0.2.2"}),
                "reason",
            ),
            // One that gateways have, and one that they have not.
            (
                "/option/{name}",
                "/option/RetryTimes".into(),
                json!({"value": "1"}),
                json!({"value": "2"}),
                "source, value",
            ),
            (
                "/option/{name}",
                "/option/NotifyNote".into(),
                json!({"value": "a"}),
                json!({"value": "b"}),
                "source, value",
            ),
            // One's own.
            (
                "/self/tokens/{id}",
                format!("/self/tokens/{own}"),
                json!({"models": ["a"]}),
                json!({"subnets": []}),
                "models",
            ),
            (
                "/keys/{id}",
                format!("/keys/{own}"),
                json!({"models": ["b"]}),
                json!({"subnets": []}),
                "models",
            ),
            (
                "/self",
                "/self".into(),
                json!({"email": "a@example.org"}),
                json!({"email": "b@example.org"}),
                "email",
            ),
        ] {
            let who = match route.starts_with("/self") || route.starts_with("/keys") {
                true => owner.access.as_str(),
                false => KEY,
            };
            covered.insert(route);
            let (tag, _) = send_as(who, &api, "GET", &path, "", Value::Null).await;
            assert!(!tag.is_empty(), "{path}");
            let (newer, answer) = send_as(who, &api, "PUT", &path, &tag, first).await;
            assert_eq!(answer.status, 200, "{path} {}", answer.text);
            let (_, answer) = send_as(who, &api, "PUT", &path, &tag, second.clone()).await;
            assert_eq!(answer.status, 409, "{path} {}", answer.text);
            let message = answer.envelope["message"].as_str().unwrap();
            assert!(message.ends_with(&format!(": {field}")), "{path} {message}");
            // With the tag of the first one's answer it goes, and without any as well.
            for tag in [newer.as_str(), ""] {
                let (_, answer) = send_as(who, &api, "PUT", &path, tag, second.clone()).await;
                assert_eq!(answer.status, 200, "{path} {}", answer.text);
            }
        }
        // It can be read there, and is changed in part only.
        covered.insert("/redemption_codes/{id}");
        assert_eq!(covered, BTreeSet::from(PATHS));
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

#[tokio::test]
async fn a_secret_that_somebody_replaced_counts_and_what_changes_by_itself_does_not() {
    with_store(async |store| {
        let api = Api::new(&store);
        let proxied = |password: &str| format!("http://user:{password}@proxy.example:3128");
        let channel = json!({"type": 1, "key": "first-key-with-1234", "models": ["m"],
            "proxy_url": proxied("one")});
        let channel = api.ok("POST", "/channel", channel).await;
        let id = channel[0]["id"].as_i64().unwrap();
        let channel = format!("/channel/{id}");
        let service =
            json!({"name": "s", "url": "https://money.example", "secret": "0123456789abcdef"});
        let service = api.ok("POST", "/balance_services", service).await;
        let service = format!("/balance_services/{}", service["id"]);
        let user = api.user("somebody", "user").await;
        let user = format!("/user/{}", user.id);
        // What is shown of these secrets stays as it was.
        for (path, first, second, field) in [
            (
                &channel,
                json!({"key": "second-key-with-1234"}),
                json!({"key": "third-key-with-1234"}),
                "key",
            ),
            (
                &channel,
                json!({"proxy_url": proxied("two")}),
                json!({"proxy_url": proxied("three")}),
                "proxy_url",
            ),
            (
                &service,
                json!({"secret": "1123456789abcdef"}),
                json!({"secret": "2123456789abcdef"}),
                "secret",
            ),
            (
                &user,
                json!({"password": "long enough, one"}),
                json!({"password": "long enough, two"}),
                "password",
            ),
        ] {
            let (tag, before) = send(&api, "GET", path, "", Value::Null).await;
            let (newer, answer) = send(&api, "PUT", path, &tag, first).await;
            assert_eq!(answer.status, 200, "{path} {}", answer.text);
            let (_, after) = send(&api, "GET", path, "", Value::Null).await;
            assert_eq!(before.text, after.text);
            let (_, answer) = send(&api, "PUT", path, &tag, second.clone()).await;
            assert_eq!(answer.status, 409, "{path} {}", answer.text);
            let message = answer.envelope["message"].as_str().unwrap();
            assert!(message.ends_with(&format!(": {field}")), "{path} {message}");
            let (_, answer) = send(&api, "PUT", path, &newer, second).await;
            assert_eq!(answer.status, 200, "{path} {}", answer.text);
        }
        // Its provider was asked for its balance.
        let (tag, _) = send(&api, "GET", &channel, "", Value::Null).await;
        let balance = crate::domain::ChannelBalance {
            amount: tollgate_policy::price::NanoUsd(1),
            currency: "USD".into(),
            updated_at_ms: 1,
        };
        store.set_channel_balance(id, &balance).await.unwrap();
        let (_, answer) = send(&api, "PUT", &channel, &tag, json!({"priority": 3})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    })
    .await;
}

#[tokio::test]
async fn a_part_is_held_to_the_tag_of_the_whole() {
    with_store(async |store| {
        let api = Api::new(&store);
        let owner = api.user("owner", "user").await;
        let own = json!({"name": "own"});
        let own = api.call_as(Some(&owner.access), "POST", "/keys", own).await;
        let own = own.envelope["data"]["id"].as_i64().unwrap();
        let channel = json!({"type": 1, "key": "k", "models": ["m"]});
        let channel = api.ok("POST", "/channel", channel).await[0]["id"].clone();
        api.ok("POST", "/group/g", json!({})).await;
        let token = api.ok("POST", "/token/g", json!({"name": "t"})).await["id"].clone();
        let code = json!({"amount": 1});
        let code = api.ok("POST", "/redemption_codes", code).await[0]["id"].clone();
        let routes = all_routes();
        let paths = routes.operations().keys();
        let parts = paths.filter(|path| !PATHS.contains(&path.as_str()) && thing(path).is_some());
        let parts: Vec<_> = parts.collect();
        assert_eq!(parts.len(), 15, "{parts:?}");
        for route in parts {
            let (whole, part) = route.rsplit_once('/').unwrap();
            let is_own = route.starts_with("/self");
            let id = match whole {
                "/channel/{id}" => channel.to_string(),
                "/user/{id}" => owner.id.to_string(),
                "/redemption_codes/{id}" => code.to_string(),
                _ if is_own => own.to_string(),
                _ => token.to_string(),
            };
            let whole = whole.replace("{group}", "g").replace("{id}", &id);
            let who = if is_own { owner.access.as_str() } else { KEY };
            let path = format!("{whole}/{part}");
            let bodies = match part {
                "status" => [json!({"status": 2}), json!({"status": 1})],
                "name" => ["x", "y"].map(|name| json!({"name": format!("{name}{}", route.len())})),
                "rotate" => [60, 61].map(|overlap| json!({"overlap_seconds": overlap})),
                ratio => [1.5, 2.5].map(|value| json!({ratio: value})),
            };
            let [first, second] = bodies;
            let (tag, _) = send_as(who, &api, "GET", &whole, "", Value::Null).await;
            let (newer, answer) = send_as(who, &api, "POST", &path, &tag, first).await;
            assert_eq!(answer.status, 200, "{path} {}", answer.text);
            let (_, answer) = send_as(who, &api, "POST", &path, &tag, second.clone()).await;
            assert_eq!(answer.status, 409, "{path} {}", answer.text);
            let (_, answer) = send_as(who, &api, "POST", &path, &newer, second).await;
            assert_eq!(answer.status, 200, "{path} {}", answer.text);
        }
    })
    .await;
}

#[tokio::test]
async fn where_nothing_has_a_tag_none_is_taken() {
    with_store(async |store| {
        let api = Api::new(&store);
        let routes = all_routes();
        for (route, operations) in routes.operations() {
            for operation in operations {
                if operation.method.is_safe() || thing(route).is_some() {
                    continue;
                }
                let path = route.replace("{id}", "1").replace(['{', '}', '*'], "");
                let (_, answer) = send(
                    &api,
                    operation.method.as_str(),
                    &path,
                    "\"00\"",
                    json!({"RetryTimes": 1}),
                )
                .await;
                assert_eq!(answer.status, 400, "{path} {}", answer.text);
                assert!(answer.text.contains("If-Match"), "{path} {}", answer.text);
            }
        }
        // A star is kept wherever something is there.
        let (_, answer) = send(&api, "POST", "/option/batch", "*", json!({"RetryTimes": 1})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    })
    .await;
}
