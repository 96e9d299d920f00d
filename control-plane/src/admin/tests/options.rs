//! Options: what may be set, and what it does.

use super::*;
use crate::domain::options::RETRY_TIMES;

#[tokio::test]
async fn options_are_shown_and_set_by_name() {
    with_store(async |store| {
        let api = Api::new(&store);
        assert_eq!(api.get("/option/").await["RetryTimes"], "0");
        let one = json!({"key": "RetryTimes", "value": "3"});
        api.ok("PUT", "/option/", one).await;
        let several = json!({"DisableServe": true, "TimeZone": "asia/shanghai"});
        api.ok("POST", "/option/batch", several).await;
        api.ok("PUT", "/option/GroupMaxTokenNum", json!({"value": 7}))
            .await;
        let all = api.get("/option").await;
        for (name, value) in [
            ("RetryTimes", "3"),
            ("DisableServe", "true"),
            ("TimeZone", "Asia/Shanghai"),
            ("GroupMaxTokenNum", "7"),
        ] {
            assert_eq!(all[name], value, "{name}");
            let shown = api.get(&format!("/option/{name}")).await;
            assert_eq!(
                (&shown["value"], &shown["source"]),
                (&json!(value), &json!("stored"))
            );
        }
        let definitions = api.get("/option/definitions").await;
        assert_eq!(
            definitions.as_array().unwrap().len(),
            all.as_object().unwrap().len()
        );
    })
    .await;
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_whole() {
    with_store(async |store| {
        let api = Api::new(&store);
        let refused = async |method, path, body, status, words| {
            api.refused(method, path, body, status, words).await;
        };
        refused(
            "PUT",
            "/option/",
            json!({"value": "1"}),
            400,
            "key is required",
        )
        .await;
        refused(
            "PUT",
            "/option/RetryTimes",
            json!({}),
            400,
            "value is required",
        )
        .await;
        refused(
            "PUT",
            "/option/Nope",
            json!({"value": 1}),
            404,
            "no such option",
        )
        .await;
        refused(
            "GET",
            "/option/Nope",
            Value::Null,
            404,
            "known: DisableServe",
        )
        .await;
        let unknown = json!({"RetryTimes": 5, "Nope": 1});
        refused(
            "POST",
            "/option/batch",
            unknown,
            400,
            "\"Nope\" is no option",
        )
        .await;
        let unknown = json!({"key": "Nope", "value": 1});
        refused("PUT", "/option/", unknown, 400, "\"Nope\" is no option").await;
        assert_eq!(api.get("/option/RetryTimes").await["value"], "0");
        let rule = "TimeZone must be the IANA name";
        let batch = json!({"RetryTimes": 5, "TimeZone": "Nowhere"});
        refused("POST", "/option/batch", batch, 400, rule).await;
        assert_eq!(api.get("/option/RetryTimes").await["value"], "0");
    })
    .await;
}

#[tokio::test]
async fn what_means_nothing_here_is_taken_with_a_note() {
    with_store(async |store| {
        let api = Api::new(&store);
        let batch = json!({"RetryTimes": 5, "RetryLogStorageHours": 24, "PublicMCPHost": "mcp"});
        let one = json!({"key": "FuzzyTokenThreshold", "value": 1});
        for (method, path, body, noted) in [
            (
                "POST",
                "/option/batch",
                batch,
                &["RetryLogStorageHours", "PublicMCPHost"][..],
            ),
            ("PUT", "/option/", one, &["FuzzyTokenThreshold"]),
            (
                "PUT",
                "/option/DefaultHost",
                json!({"value": "h"}),
                &["DefaultHost"],
            ),
        ] {
            let answer = api.call(method, path, body.to_string()).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let note = answer.envelope["message"].as_str().unwrap();
            for name in noted {
                let told = format!("{name} has no effect here; instead: ");
                assert!(note.contains(&told), "{note}");
            }
        }
        assert_eq!(api.get("/option/RetryTimes").await["value"], "5");
        assert!(api.get("/option").await.get("PublicMCPHost").is_none());
    })
    .await;
}

#[tokio::test]
async fn what_the_environment_sets_stays() {
    with_store(async |store| {
        store.fix_options([(RETRY_TIMES.name, "2".to_owned())].into());
        let api = Api::new(&store);
        let body = json!({"value": 4});
        api.refused("PUT", "/option/RetryTimes", body, 409, "RETRY_TIMES")
            .await;
        let shown = api.get("/option/RetryTimes").await;
        assert_eq!(
            (&shown["value"], &shown["source"]),
            (&json!("2"), &json!("environment"))
        );
    })
    .await;
}

#[tokio::test]
async fn a_group_has_no_more_tokens_than_it_may() {
    with_store(async |store| {
        let api = Api::new(&store);
        api.ok("PUT", "/option/GroupMaxTokenNum", json!({"value": 1}))
            .await;
        let create = "/token/g?auto_create_group=true";
        api.ok("POST", create, json!({"name": "a"})).await;
        api.refused(
            "POST",
            create,
            json!({"name": "b"}),
            409,
            "GroupMaxTokenNum",
        )
        .await;
        let same = "/token/g?ignore_exist=true";
        api.ok("POST", same, json!({"name": "a"})).await;
    })
    .await;
}

#[tokio::test]
async fn a_user_has_no_more_tokens_than_they_may() {
    with_store(async |store| {
        let api = Api::new(&store);
        let anna = api.user("anna", "user").await;
        let create = async |name: &str| {
            let body = json!({"name": name});
            let made = api.call_as(Some(&anna.access), "POST", "/keys", body);
            made.await
        };
        for key in 0..100 {
            assert_eq!(create(&format!("k{key}")).await.status, 200, "{key}");
        }
        let refused = create("one more").await;
        assert_eq!(refused.status, 409, "{}", refused.text);
        assert!(refused.text.contains("UserMaxTokenNum"), "{}", refused.text);
        // Whichever allows fewer.
        for (users, groups, status) in [(101, 100, 409), (0, 0, 200), (1, 0, 409), (0, 102, 200)] {
            let values = json!({"UserMaxTokenNum": users, "GroupMaxTokenNum": groups});
            api.ok("POST", "/option/batch", values).await;
            let made = create(&format!("{users} {groups}")).await;
            assert_eq!(made.status, status, "{users} {groups}: {}", made.text);
        }
        // Groups of nobody have their own limit alone.
        let values = json!({"UserMaxTokenNum": 1, "GroupMaxTokenNum": 0});
        api.ok("POST", "/option/batch", values).await;
        for name in ["a", "b"] {
            let path = "/token/g?auto_create_group=true";
            api.ok("POST", path, json!({"name": name})).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_channel_without_models_gets_those_of_its_type() {
    with_store(async |store| {
        let api = Api::new(&store);
        let models = json!({"1": ["a", "b"]}).to_string();
        let mapping = json!({"1": {"a": "a-2026"}}).to_string();
        let values = json!({"DefaultChannelModels": models, "DefaultChannelModelMapping": mapping});
        api.ok("POST", "/option/batch", values).await;
        let all = json!({"models": {"1": ["a", "b"]}, "mapping": {"1": {"a": "a-2026"}}});
        assert_eq!(api.get("/models/default").await, all);
        let none = json!({"models": [], "mapping": {}});
        assert_eq!(api.get("/models/default/14").await, none);

        let check = async |body: Value, models: Value, mapping: Value| {
            let made = api.ok("POST", "/channel/", body).await;
            assert_eq!(
                (&made[0]["models"], &made[0]["model_mapping"]),
                (&models, &mapping)
            );
        };
        let mapped = json!({"a": "a-2026"});
        let bare = json!({"type": 1, "key": "k"});
        check(bare, json!(["a", "b"]), mapped.clone()).await;
        let named = json!({"type": 1, "key": "k", "models": ["c"]});
        check(named, json!(["c"]), mapped).await;
        let other = json!({"type": 14, "key": "k"});
        check(other, json!([]), json!({})).await;
    })
    .await;
}
