//! Channels, tokens, groups and models, from first to last.

use super::*;

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
        let anthropic = &metas["14"];
        assert_eq!(
            (&anthropic["name"], &anthropic["defaultBaseUrl"]),
            (&json!("anthropic"), &json!("https://api.anthropic.com/v1"))
        );
        assert!(anthropic["keyHelp"].as_str().unwrap().contains("sk-ant-"));
        let azure = &metas["3"]["configSchema"];
        assert_eq!(azure["additionalProperties"], false);
        let version = &azure["properties"]["api_version"];
        assert_eq!(
            (&version["type"], &version["default"]),
            (&json!("string"), &json!("2025-04-01-preview"))
        );
        assert_eq!(metas["36"]["also"], json!(["anthropic"]));
        assert_eq!(api.get("/channel/type_metas").await, metas);
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
async fn configs_belong_to_the_channels_type() {
    with_store(async |store| {
        let api = Api::new(&store);
        let configs = json!({"static_text": "hi", "usage": {"output_tokens": 7}});
        let fake = json!({"type": 53, "models": ["m"], "configs": configs});
        let made = &api.ok("POST", "/channel/", fake).await[0];
        assert_eq!(made["configs"], configs);
        let published = store.published_channels().await.unwrap();
        assert_eq!(json!(published[0].configs), configs);

        let path = format!("/channel/{}", made["id"]);
        for (body, words) in [
            (json!({"configs": {"static_txt": "hi"}}), "unknown field"),
            (json!({"type": 1}), "configs.static_text is not known"),
        ] {
            api.refused("PUT", &path, body, 400, words).await;
        }
        let changed = api
            .ok("PUT", &path, json!({"type": 1, "configs": {}}))
            .await;
        assert_eq!(changed["configs"], json!({}));
    })
    .await;
}

#[tokio::test]
async fn configs_fill_the_address_and_are_checked() {
    with_store(async |store| {
        let api = Api::new(&store);
        let azure = |configs: Value, base_url: &str| {
            json!({"type": 4, "key": "sk-azure-0123456789", "models": ["m"], "configs": configs,
                "base_url": base_url})
        };
        for (configs, words) in [
            (
                json!({}),
                "configs.resource_name is required without a base_url",
            ),
            (
                json!({"resource_name": "evil.example/x"}),
                "must be letters and digits",
            ),
            (
                json!({"resource_name": 1}),
                "configs.resource_name must be text",
            ),
        ] {
            let body = azure(configs, "");
            api.refused("POST", "/channel/", body, 400, words).await;
        }
        let own = azure(
            json!({"quirks": ["no-sampling"]}),
            "https://res.openai.azure.com",
        );
        let made = &api.ok("POST", "/channel/", own).await[0];
        let path = format!("/channel/{}", made["id"]);
        let words = "configs.resource_name is required";
        api.refused("PUT", &path, json!({"base_url": ""}), 400, words)
            .await;
        // The same host, said in another way; any other wants the key again.
        let body = json!({"base_url": "", "configs": {"resource_name": "other"}});
        api.refused("PUT", &path, body, 400, "key must be sent again")
            .await;
        let body = json!({"base_url": "", "configs": {"resource_name": "res"}});
        let changed = api.ok("PUT", &path, body).await;
        assert_eq!(changed["configs"], json!({"resource_name": "res"}));

        let nowhere = json!({"type": 1000, "models": ["m"], "key": "sk-some-0123456789"});
        api.refused("POST", "/channel/", nowhere, 400, "base_url is required")
            .await;
    })
    .await;
}

#[tokio::test]
async fn every_setting_of_the_demo_provider_is_one_that_it_understands() {
    for kind in [53, 55] {
        let provider = tollgate_catalog::builtin().provider(kind).unwrap();
        for setting in &provider.config {
            let value = match setting.kind {
                tollgate_catalog::Kind::Text => json!("stop"),
                tollgate_catalog::Kind::Integer => json!(1),
                tollgate_catalog::Kind::Object => json!({}),
            };
            let configs = json!({ &setting.name: value });
            let read = crate::demo::Behaviour::read(configs.as_object().unwrap());
            assert!(read.is_ok(), "{kind}: {} {read:?}", setting.name);
        }
    }
}

#[tokio::test]
async fn a_tokens_quotas_and_expiry() {
    with_store(async |store| {
        let api = Api::new(&store);
        let body = json!({"name": "t", "quota": "12.000000001", "period_quota": 0.5,
            "period_type": "weekly", "expires_at": 4_000_000_000_000_i64});
        let made = api
            .ok("POST", "/token/g?auto_create_group=true", body)
            .await;
        let path = format!("/tokens/{}", made["id"]);
        assert_eq!(made["quota"].to_string(), "12.000000001");
        assert_eq!(made["period_quota"].to_string(), "0.5");
        assert_eq!(made["period_type"], "weekly");
        assert_eq!(made["expires_at"], 4_000_000_000_000_i64);

        // AI Proxy's way to say what was spent in the window.
        let event = UsageEvent {
            id: "r1".into(),
            token_id: made["id"].as_i64().unwrap(),
            group: "g".into(),
            started_unix_ms: crate::domain::now_unix_ms(),
            ..UsageEvent::default()
        };
        Ledger::new(store.clone())
            .book("n", vec![event])
            .await
            .unwrap();
        let id = made["id"].as_i64().unwrap();
        let zone = store.zone().await.unwrap();
        let window = crate::domain::Period::Weekly.window(&zone, crate::domain::now_unix_ms());
        let (first, end) = (window.first_day, window.end_day);
        for sql in [
            format!("INSERT INTO token_days VALUES ({id}, {first}, 3), ({id}, {end}, 0)"),
            format!("UPDATE tokens SET used_amount = 7 WHERE id = {id}"),
        ] {
            store.execute_for_tests(sql).await;
        }
        let shown = api.get(&path).await;
        assert_eq!(shown["period_used_amount"], json!(3e-9));
        assert_eq!(shown["period_last_update_amount"], json!(4e-9));
        assert_eq!(shown["period_last_update_time"], window.start_ms);

        // What is shown can be sent back, and changes nothing.
        let same = api.ok("PUT", &path, shown.clone()).await;
        assert_eq!(same, shown);
        // Also with another kind of window; but where windows begin is not for anybody to choose.
        let other = json!({"period_type": "daily", "period_last_update_time": window.start_ms});
        api.ok("PUT", &path, other).await;
        for at in [1, window.start_ms + 1, window.end_ms] {
            let words = "period_last_update_time cannot be chosen";
            let body = json!({"name": "u", "period_type": "weekly", "period_last_update_time": at});
            for (method, path) in [("PUT", path.as_str()), ("POST", "/token/g")] {
                api.refused(method, path, body.clone(), 400, words).await;
            }
        }
        assert_eq!(api.get("/token/g").await["total"], 1);
        let none = json!({"quota": 0, "period_quota": 0, "period_type": "", "expires_at": 0});
        let cleared = api.ok("PUT", &path, none).await;
        assert_eq!(
            (&cleared["quota"], &cleared["expires_at"]),
            (&json!(0), &json!(0))
        );
        assert_eq!(cleared["period_type"], "monthly");
        assert_eq!(cleared["period_last_update_time"], 0);
        assert_eq!(api.get("/token/g").await["tokens"][0], cleared);
    })
    .await;
}
