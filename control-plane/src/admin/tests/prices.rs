//! Prices, what groups pay of them, and where they come from.

use super::*;

#[tokio::test]
async fn every_field_of_a_price_is_kept_and_shown() {
    with_store(async |store| {
        let api = Api::new(&store);
        let price = json!({
            "per_request_price": 0, "input_price": 3, "input_price_unit": 1_000_000,
            "image_input_price": 0.5, "image_input_price_unit": 1000,
            "audio_input_price": 0.25, "video_input_price": 0.125, "cached_price": 0.0625,
            "cache_creation_price": 1, "cache_creation_5m_price": 1.25,
            "cache_creation_1h_price": 2, "output_price": 15, "image_output_price": 30,
            "audio_output_price": 40, "thinking_mode_output_price": 50, "web_search_price": 10,
            "conditional_prices": [
                {"condition": {"input_token_min": 200_001, "service_tier": "Standard"},
                    "price": {"input_price": 6, "input_price_unit": 1_000_000}},
                {"condition": {"start_time": 1_700_000_000, "end_time": 1_800_000_000,
                    "resolution": ["1024x1024"], "quality": ["high"], "output_audio": false},
                    "price": {"per_request_price": "0.04"}},
            ],
        });
        let saved = api
            .ok("POST", "/model_config/m", json!({"price": price}))
            .await;
        let shown = saved["price"].clone();
        for (name, value) in price.as_object().unwrap() {
            if name != "conditional_prices" {
                assert_eq!(shown[name].as_f64(), value.as_f64(), "{name}");
            }
        }
        assert_eq!(shown["web_search_price_unit"], 1000);
        let expected = json!([
            {"condition": {"input_token_min": 200_001, "service_tier": "default"},
                "price": {"input_price": 6, "input_price_unit": 1_000_000}},
            {"condition": {"start_time": 1_700_000_000, "end_time": 1_800_000_000,
                "resolution": ["1024x1024"], "quality": ["high"], "output_audio": false},
                "price": {"per_request_price": 0.04}},
        ]);
        assert_eq!(shown["conditional_prices"], expected);

        // An answer can be sent back, and changes nothing.
        let again = api.ok("PUT", "/model_config/m", saved).await;
        assert_eq!(again["price"], shown);
        assert_eq!(api.get("/price_history").await["total"], 1);
    })
    .await;
}

#[tokio::test]
async fn prices_that_are_refused_say_where_and_why() {
    with_store(async |store| {
        let api = Api::new(&store);
        let tier = |name: &str| json!({"condition": {"service_tier": name}, "price": {}});
        for (price, words) in [
            (json!({"input_price": -1}), "price.input_price must not be negative"),
            (json!({"input_prise": 1}), "price.input_prise is not a field"),
            (json!({"output_price_unit": 5}), "price.output_price_unit is there without"),
            (
                json!({"conditional_prices": {}}),
                "price.conditional_prices must be a list of objects",
            ),
            (
                json!({"conditional_prices": [{"price": {}}]}),
                "price.conditional_prices[0].condition is required",
            ),
            (
                json!({"conditional_prices": [tier("gold")]}),
                "price.conditional_prices[0].condition.service_tier must be auto, or one of default",
            ),
            (
                json!({"conditional_prices": [tier("flex"),
                    {"condition": {"start_time": 1_700_000_000_000_i64}}]}),
                "price.conditional_prices[1].condition.start_time must be a whole number",
            ),
            (
                json!({"conditional_prices": [{"condition": {"input_token_min": 2,
                    "input_token_max": 1}}]}),
                "price.conditional_prices[0]: input_token_min is above input_token_max",
            ),
            (
                json!({"conditional_prices": [tier("on_demand"), tier("flex"), tier("default")]}),
                "price.conditional_prices[0] and conditional_prices[2] overlap",
            ),
            (
                json!({"conditional_prices": [{"condition": {"service_tier": "flex"},
                    "price": {"cost": 1}}]}),
                "price.conditional_prices[0].price.cost is not a field",
            ),
        ] {
            let body = json!({"price": price});
            api.refused("POST", "/model_config/m", body.clone(), 400, words)
                .await;
            let many = json!([{"model": "a"}, {"model": "b", "price": body["price"]}]);
            api.refused("POST", "/model_configs/", many, 400, words).await;
        }
        assert_eq!(api.get("/model_configs/all").await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_group_has_prices_and_a_multiplier_of_its_own() {
    with_store(async |store| {
        let api = Api::new(&store);
        let made = json!({"price_multiplier": 0.85});
        assert_eq!(
            api.ok("POST", "/group/g", made).await["price_multiplier"],
            0.85
        );
        let changed = json!({"price_multiplier": "0.900000001"});
        let text = api.call("PUT", "/group/g", changed.to_string()).await.text;
        assert!(text.contains(r#""price_multiplier":0.900000001"#), "{text}");
        for (value, words) in [
            (json!(-1), "must not be negative"),
            (json!(1001), "must not be above 1000"),
            (json!(0.000_000_000_1), "has more than 9 decimals"),
            (json!("x"), "must be a decimal number"),
        ] {
            let body = json!({"price_multiplier": value});
            let words = format!("price_multiplier {words}");
            api.refused("PUT", "/group/g", body, 400, &words).await;
        }

        let path = "/group/g/model_config/vendor/m";
        let body = json!({"override_price": true, "price": {"input_price": 1},
            "override_limit": true, "rpm": 10});
        api.refused("PUT", path, body.clone(), 404, "does not exist")
            .await;
        let saved = api.ok("POST", path, body).await;
        assert_eq!(
            (&saved["price"]["input_price"], &saved["rpm"]),
            (&json!(1), &json!(10))
        );
        assert_eq!(saved["override_force_save_detail"], false);
        assert_eq!(
            api.ok("PUT", path, saved.clone()).await["price"],
            saved["price"]
        );
        assert_eq!(api.get(path).await["model"], "vendor/m");

        for (body, words) in [
            (
                json!({"price": {"input_price": 1}}),
                "price has no effect without override_price",
            ),
            (
                json!({"override_price": true}),
                "price is required with override_price",
            ),
            (
                json!({"rpm": 1}),
                "rpm and tpm has no effect without override_limit",
            ),
            (json!({"retry_times": 1}), "without override_retry_times"),
            (
                json!({"override_retry_times": true, "retry_times": 9}),
                "from 0 to 8",
            ),
            (
                json!({"override_summary_service_tier": true, "summary_service_tier": true}),
                "override_summary_service_tier is not available yet",
            ),
            (json!({"model": "x"}), "model must be the one in the path"),
            (json!({"prices": 1}), "prices is not a field"),
            (
                json!({"override_price": true, "price": {"input_price": "x"}}),
                "price.input_price must be",
            ),
        ] {
            api.refused("POST", path, body, 400, words).await;
        }
        let own = json!({
            "override_retry_times": true, "retry_times": 3,
            "override_timeout_config": true, "timeout_config": {"stream_request_timeout": 60},
            "override_force_save_detail": true, "force_save_detail": true,
            "override_request_body_storage_max_size": true, "request_body_storage_max_size": -1,
            "override_response_body_storage_max_size": true, "response_body_storage_max_size": 9,
        });
        let saved = api.ok("POST", path, own.clone()).await;
        for (name, value) in own.as_object().unwrap() {
            let value = match name.as_str() {
                "timeout_config" => json!({"request_timeout": 0, "stream_request_timeout": 60}),
                _ => value.clone(),
            };
            assert_eq!(saved[name], value, "{name}");
        }
        let none = json!({"override_limit": true});
        api.refused(
            "POST",
            "/group/none/model_config/m",
            none,
            404,
            "group none",
        )
        .await;
        api.refused(
            "GET",
            "/group/none/model_configs",
            Value::Null,
            404,
            "group none",
        )
        .await;

        let several = json!([{"model": "a", "override_price": true, "price": {}}, {"model": "b"}]);
        let saved = api.ok("POST", "/group/g/model_configs/", several).await;
        assert_eq!(saved.as_array().unwrap().len(), 2);
        let listed = api.get("/group/g/model_configs/").await;
        let models: Vec<_> = listed.as_array().unwrap().iter().collect();
        assert_eq!(models.len(), 3);
        assert_eq!(models[0]["override_price"], true);
        let both = json!(["a", "none"]);
        api.refused("DELETE", "/group/g/model_configs/", both, 404, "none")
            .await;
        api.ok("DELETE", "/group/g/model_configs", json!(["a", "b"]))
            .await;
        api.ok("DELETE", path, Value::Null).await;
        assert_eq!(api.get("/group/g/model_configs").await, json!([]));

        // With its group, everything of it goes.
        api.ok("POST", path, json!({"override_limit": true, "tpm": 5}))
            .await;
        api.ok("DELETE", "/group/g", Value::Null).await;
        api.ok("POST", "/group/g", json!({})).await;
        assert_eq!(api.get("/group/g/model_configs").await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn every_change_of_a_price_is_written_down() {
    with_store(async |store| {
        let api = Api::new(&store);
        let price = |usd: u32| json!({"price": {"input_price": usd}});
        api.ok("POST", "/model_config/m", price(1)).await;
        api.ok("POST", "/model_config/m", price(2)).await;
        api.ok("POST", "/model_config/m", json!({"owner": "o"}))
            .await;
        api.ok("POST", "/model_config/m", price(2)).await;
        api.ok("POST", "/group/g", json!({"price_multiplier": 1}))
            .await;
        api.ok("PUT", "/group/g", json!({"price_multiplier": 0.5}))
            .await;
        let own = json!({"override_price": true, "price": {"input_price": 9}});
        api.ok("POST", "/group/g/model_config/m", own).await;
        api.ok("DELETE", "/model_config/m", Value::Null).await;

        let changes = api.get("/price_history?order=id-asc").await;
        let told: Vec<_> = changes["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|change| {
                let value = |side: &Value| match side["input_price"].is_null() {
                    true => side.clone(),
                    false => side["input_price"].clone(),
                };
                json!([
                    change["group"],
                    change["model"],
                    value(&change["old"]),
                    value(&change["new"])
                ])
            })
            .collect();
        assert_eq!(
            told,
            [
                json!(["", "m", null, 1]),
                json!(["", "m", 1, 2]),
                json!(["g", "", 1, 0.5]),
                json!(["g", "m", null, 9]),
                json!(["", "m", 2, null]),
            ]
        );
        assert_eq!(changes["changes"][0]["changed_by"], "admin key");
        for (query, total) in [
            ("/price_history?model=m", 4),
            ("/price_history?group=g", 2),
            ("/group/g/price_history?model=m", 1),
            ("/price_history?changed_by=nobody", 0),
            ("/price_history?start_timestamp=1&per_page=1", 5),
            ("/price_history?end_timestamp=1", 0),
        ] {
            assert_eq!(api.get(query).await["total"], total, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn fields_without_an_effect_are_not_taken_and_others_are_kept() {
    with_store(async |store| {
        let api = Api::new(&store);
        for (name, value) in [
            ("max_image_generation_count", json!(1)),
            ("allowed_resolutions", json!(["720p"])),
            ("summary_service_tier", json!(true)),
        ] {
            let words = format!("{name} is not available yet");
            api.refused("POST", "/model_config/m", json!({name: value}), 400, &words)
                .await;
        }
        for (seconds, words) in [
            (
                json!({"request_timeout": 901}),
                "timeout_config.request_timeout must be",
            ),
            (
                json!({"stream_request_timeout": -1}),
                "timeout_config.stream_request_timeout must",
            ),
            (json!({"idle": 1}), "timeout_config.idle is not a field"),
        ] {
            let body = json!({"timeout_config": seconds});
            api.refused("POST", "/model_config/m", body, 400, words)
                .await;
        }
        let slow = json!({"timeout_config": {"request_timeout": 900}});
        let saved = api.ok("POST", "/model_config/slow", slow).await;
        assert_eq!(
            saved["timeout_config"],
            json!({"request_timeout": 900, "stream_request_timeout": 0})
        );
        let strict = json!({"disable_resolution_fuzzy_match": true});
        let saved = api.ok("POST", "/model_config/m", strict).await;
        assert_eq!(saved["disable_resolution_fuzzy_match"], true);
        assert_eq!(saved["timeout_config"]["request_timeout"], 0);
        let other = api
            .ok("POST", "/model_config/m", json!({"owner": "o"}))
            .await;
        assert_eq!(other["disable_resolution_fuzzy_match"], true);
        let again = api.ok("PUT", "/model_config/m", other).await;
        assert_eq!(again["disable_resolution_fuzzy_match"], true);
        let wrong = json!({"disable_resolution_fuzzy_match": 1});
        api.refused(
            "POST",
            "/model_config/m",
            wrong,
            400,
            "must be true or false",
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_catalogue_is_shown_and_imported() {
    with_store(async |store| {
        let api = Api::new(&store);
        let all = api.get("/models/builtin").await;
        let known = all.as_array().unwrap().len();
        let sonnet = api.get("/models/builtin/channel/14").await;
        let find = |list: &Value, name: &str| {
            let models = list.as_array().unwrap().iter();
            models
                .clone()
                .find(|m| m["model"] == name)
                .cloned()
                .unwrap()
        };
        let sonnet = find(&sonnet, "claude-sonnet-4-5");
        assert_eq!(sonnet["price"]["cache_creation_1h_price"], 6);
        assert_eq!(sonnet["channel_type"], 14);
        assert!(
            sonnet["as_of"].as_str().unwrap().starts_with("202"),
            "{sonnet}"
        );
        let types = api.get("/models/builtin/channel").await;
        assert_eq!(find(&types["14"], "claude-sonnet-4-5"), sonnet);

        // What an administrator has set before is theirs.
        api.ok(
            "POST",
            "/model_config/gpt-5",
            json!({"price": {"input_price": 77}}),
        )
        .await;
        let import = "/models/builtin/import";
        let done = api.ok("POST", import, json!({"types": [1, 14]})).await;
        assert_eq!(done["kept"], json!(["gpt-5"]));
        let added = done["added"].as_array().unwrap();
        assert!(
            added.len() > 10 && added.contains(&json!("claude-sonnet-4-5")),
            "{done}"
        );
        let config = api.get("/model_config/claude-sonnet-4-5").await;
        assert_eq!(config["price"], sonnet["price"]);
        assert_eq!(config["config"], sonnet["config"]);

        // An older import is brought up to date, limits and the like stay.
        let strict = json!({"disable_resolution_fuzzy_match": true});
        api.ok("PUT", "/model_config/claude-sonnet-4-5", strict)
            .await;
        let old = "UPDATE model_configs SET owner = 'before', imported = replace(imported, \
            'anthropic', 'before') WHERE model = 'claude-sonnet-4-5'";
        store.execute_for_tests(old.to_owned()).await;
        let changed = json!({"price": {"input_price": 5}});
        api.ok("PUT", "/model_config/claude-haiku-4-5", changed)
            .await;
        let done = api.ok("POST", import, json!({})).await;
        assert_eq!(done["updated"], json!(["claude-sonnet-4-5"]));
        let kept = done["kept"].as_array().unwrap();
        assert!(
            kept.len() == 2 && kept.contains(&json!("claude-haiku-4-5")),
            "{done}"
        );
        let config = api.get("/model_config/claude-sonnet-4-5").await;
        assert_eq!(
            (&config["owner"], &config["disable_resolution_fuzzy_match"]),
            (&json!("anthropic"), &json!(true))
        );
        let third = api.ok("POST", import, json!({})).await;
        assert_eq!(
            (&third["added"], &third["updated"]),
            (&json!([]), &json!([]))
        );
        assert_eq!(third["unchanged"].as_array().unwrap().len() + 2, known);

        let one = json!({"models": ["nobody-knows-it"]});
        api.refused("POST", import, one, 400, "models names nobody-knows-it")
            .await;
        api.refused("GET", "/models/builtin/channel/x", Value::Null, 400, "type")
            .await;
    })
    .await;
}
