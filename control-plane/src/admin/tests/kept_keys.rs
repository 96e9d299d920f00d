//! Keys that a channel has, and secrets of balance services: who can have them sent where.

use super::*;
use crate::domain::{BalanceServicePatch, BaseUrl, ChannelPatch};

#[tokio::test]
async fn a_key_does_not_follow_its_channel_to_another_host() {
    with_store(async |store| {
        let api = Api::new(&store);
        let new = json!({"type": 1, "name": "c", "key": "sk-canary-0123456789", "models": ["m"]});
        let id = api.ok("POST", "/channel/", new).await[0]["id"].clone();
        let path = format!("/channel/{id}");
        for elsewhere in [
            json!({"base_url": "https://evil.example/v1"}),
            json!({"base_url": "https://api.openai.com:8443/v1"}),
            json!({"base_url": "http://api.openai.com/v1"}),
            json!({"type": 14}),
            json!({"type": 14, "base_url": "https://api.anthropic.com/v1"}),
        ] {
            for key in [Value::Null, json!(""), json!("****6789")] {
                let mut body = elsewhere.clone();
                body["key"] = key;
                let words = "key must be sent again: the channel moves to another host";
                api.refused("PUT", &path, body, 400, words).await;
            }
        }
        // Nor by a file.
        let mut wanted = in_a_file(json!({"base_url": "https://evil.example/v1"}));
        let words = "channel \"c\": key must be sent again";
        api.refused("POST", "/config/apply?dry_run=true", wanted.clone(), 400, words)
            .await;
        wanted["channels"][0]["key"] = json!("sk-canary-0123456789");
        api.ok("POST", "/config/apply?dry_run=true", wanted).await;

        for same in [
            json!({"base_url": "https://API.openai.com:443/v2"}),
            json!({"base_url": "https://api.openai.com/v1", "type": 1000}),
            json!({"base_url": "", "type": 1}),
            json!({"priority": 3}),
        ] {
            api.ok("PUT", &path, same).await;
        }
        let moved = json!({"type": 14, "key": "sk-ant-0123456789"});
        api.ok("PUT", &path, moved).await;
        let words = "key must be sent again";
        api.refused("PUT", &path, json!({"type": 1}), 400, words)
            .await;

        // Without a key there is none to lose; a short one is one.
        let own = |key: &str| {
            json!({"type": 1000, "base_url": "http://localhost:1", "models": ["m"], "key": key})
        };
        for (key, status) in [("", 200), ("short", 400)] {
            let id = api.ok("POST", "/channel/", own(key)).await[0]["id"].clone();
            let body = json!({"base_url": "http://localhost:2"}).to_string();
            let moved = api.call("PUT", &format!("/channel/{id}"), body).await;
            assert_eq!(moved.status, status, "{key}: {}", moved.text);
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_stays_from_who_comes_to_read_it_on_the_way() {
    with_store(async |store| {
        let api = Api::new(&store);
        let proxy = |url: &str| json!({"proxy_url": url});
        let unverified = json!({"skip_tls_verify": true});
        // What the channel is, what is tried without its key, and whether others would read that.
        for (at, way, tried, open) in [
            ("https", json!({}), unverified.clone(), true),
            (
                "https",
                proxy("http://proxy.example"),
                unverified.clone(),
                true,
            ),
            (
                "https",
                json!({}),
                json!({"proxy_url": "http://evil.example:8080", "skip_tls_verify": true}),
                true,
            ),
            (
                "https",
                unverified.clone(),
                proxy("http://evil.example"),
                true,
            ),
            ("http", json!({}), proxy("http://evil.example:8080"), true),
            (
                "http",
                proxy("http://proxy.example"),
                proxy("http://evil.example"),
                true,
            ),
            (
                "http",
                proxy("http://proxy.example"),
                proxy("http://proxy.example:1"),
                true,
            ),
            (
                "http",
                proxy("https://proxy.example:1"),
                proxy("http://proxy.example:1"),
                true,
            ),
            // The provider's own TLS goes through whatever proxy.
            ("https", json!({}), proxy("http://another.example"), false),
            (
                "https",
                unverified.clone(),
                json!({"proxy_url": "http://another.example", "skip_tls_verify": false}),
                false,
            ),
            // Nobody else reads it than before.
            (
                "http",
                proxy("http://proxy.example"),
                proxy("http://me:x@proxy.example:80"),
                false,
            ),
            ("http", json!({}), unverified.clone(), false),
            ("https", unverified.clone(), unverified.clone(), false),
        ] {
            let base_url = format!("{at}://api.example/v1");
            let mut channel = json!({"type": 1, "name": "c", "key": "sk-canary-0123456789",
                "models": ["m"], "base_url": base_url});
            merge(&mut channel, &way);
            let id = api.ok("POST", "/channel/", channel).await[0]["id"].clone();
            let path = format!("/channel/{id}");
            let apply = "/config/apply?dry_run=true";
            let mut file = in_a_file(json!({"base_url": base_url}));
            merge(&mut file["channels"][0], &tried);
            if open {
                let words = "key must be sent again";
                api.refused("PUT", &path, tried.clone(), 400, words).await;
                api.refused("POST", apply, file.clone(), 400, words).await;
            } else {
                api.ok("POST", apply, file.clone()).await;
                api.ok("PUT", &path, tried.clone()).await;
            }
            let mut with_key = tried;
            with_key["key"] = json!("sk-canary-0123456789");
            file["channels"][0]["key"] = with_key["key"].clone();
            api.ok("POST", apply, file).await;
            api.ok("PUT", &path, with_key).await;
            api.ok("DELETE", &path, Value::Null).await;
        }
    })
    .await;
}

/// Who asks looks at a channel first, and it may be another when they write.
#[tokio::test]
async fn between_looking_and_writing_no_key_comes_to_another_host() {
    with_store(async |store| {
        let api = Api::new(&store);
        let url = |text: &str| BaseUrl::parse(text).unwrap().0;
        let new = json!({"type": 1, "name": "c", "key": "", "models": ["m"],
            "base_url": "https://evil.example"});
        let id = api.ok("POST", "/channel/", new).await[0]["id"].clone();
        // As it was, these moved nothing, or no key.
        let to = |base_url: &str| ChannelPatch {
            base_url: Some(Some(url(base_url))),
            ..ChannelPatch::default()
        };
        let moved = json!({"base_url": "https://good.example", "key": "sk-canary-0123456789"});
        let moved = api.ok("PUT", &format!("/channel/{id}"), moved).await;
        for late in ["https://evil.example", "https://another.example"] {
            let written = store.update_channel(id.as_i64().unwrap(), to(late)).await;
            assert!(
                matches!(written, Err(crate::store::Error::WrittenSince)),
                "{written:?}"
            );
        }
        assert_eq!(api.get(&format!("/channel/{id}")).await, moved);

        let new = json!({"name": "s", "url": "https://evil.example", "secret": "0123456789abcdef"});
        let id = api.ok("POST", "/balance_services", new).await["id"].clone();
        let moved = json!({"url": "https://good.example", "secret": "another-0123456789"});
        let moved = api
            .ok("PUT", &format!("/balance_services/{id}"), moved)
            .await;
        let late = BalanceServicePatch {
            url: Some(url("https://evil.example")),
            ..BalanceServicePatch::default()
        };
        let written = store
            .update_balance_service(id.as_i64().unwrap(), late)
            .await;
        assert!(
            matches!(written, Err(crate::store::Error::WrittenSince)),
            "{written:?}"
        );
        assert_eq!(api.get(&format!("/balance_services/{id}")).await, moved);
    })
    .await;
}

fn in_a_file(fields: Value) -> Value {
    let mut channel = json!({"name": "c", "type": 1, "models": ["m"]});
    merge(&mut channel, &fields);
    json!({"channels": [channel]})
}

fn merge(into: &mut Value, fields: &Value) {
    for (name, value) in fields.as_object().unwrap() {
        into[name] = value.clone();
    }
}
