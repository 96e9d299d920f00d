//! Limits of models, groups and tokens.

use super::*;

#[tokio::test]
async fn limits_are_set_shown_and_removed() {
    with_store(async |store| {
        let api = Api::new(&store);
        let model = api
            .ok(
                "POST",
                "/model_config/m",
                json!({"rpm": 60, "tpm": 100_000}),
            )
            .await;
        let shown = |of: &Value| [&of["rpm"], &of["tpm"], &of["max_concurrency"]].map(Value::clone);
        assert_eq!(shown(&model), [60, 100_000, 0].map(Value::from));
        let model = api
            .ok(
                "POST",
                "/model_config/m",
                json!({"rpm": 0, "max_concurrency": 4}),
            )
            .await;
        assert_eq!(shown(&model), [0, 100_000, 4].map(Value::from));

        let group = api
            .ok(
                "POST",
                "/group/g",
                json!({"rpm_ratio": 2.5, "user_tpm": 10}),
            )
            .await;
        let of_group = |group: &Value| {
            [
                "rpm_ratio",
                "tpm_ratio",
                "user_rpm",
                "user_tpm",
                "user_max_concurrency",
            ]
            .map(|name| group[name].clone())
        };
        assert_eq!(
            of_group(&group),
            [json!(2.5), json!(1.0), json!(0), json!(10), json!(0)]
        );
        let group = api
            .ok("POST", "/group/g/tpm_ratio", json!({"tpm_ratio": 0.25}))
            .await;
        assert_eq!(group["tpm_ratio"], 0.25);
        let group = api
            .ok("POST", "/group/g/rpm_ratio", json!({"rpm_ratio": 0}))
            .await;
        assert_eq!(group["rpm_ratio"], 1.0, "0 is 1");
        assert_eq!(api.get("/group/g").await, group);
        // An answer can be edited and sent back.
        assert_eq!(api.ok("PUT", "/group/g", group.clone()).await, group);

        let token = api
            .ok(
                "POST",
                "/token/g",
                json!({"name": "t", "rpm": 5, "max_concurrency": 1}),
            )
            .await;
        assert_eq!(shown(&token), [5, 0, 1].map(Value::from));
        let path = format!("/tokens/{}", token["id"]);
        let token = api.ok("PUT", &path, json!({"tpm": 9})).await;
        assert_eq!(shown(&token), [5, 9, 1].map(Value::from));
        assert_eq!(shown(&api.get("/tokens").await["tokens"][0]), shown(&token));
    })
    .await;
}

#[tokio::test]
async fn a_limit_that_is_none_is_refused_by_name() {
    with_store(async |store| {
        let api = Api::new(&store);
        api.ok("POST", "/group/g", json!({})).await;
        for (path, body, words) in [
            ("/model_config/m", json!({"rpm": -1}), "rpm must be a whole"),
            (
                "/model_config/m",
                json!({"tpm": 1e13}),
                "tpm must be a whole",
            ),
            (
                "/token/g",
                json!({"name": "n", "max_concurrency": 1_000_001}),
                "max_concurrency must be a whole",
            ),
            ("/group/h", json!({"tpm_ratio": "2"}), "tpm_ratio must be"),
            ("/group/h", json!({"rpm_ratio": 1001}), "rpm_ratio must be"),
            ("/group/h", json!({"user_rpm": 0.5}), "user_rpm must be"),
            ("/group/g/rpm_ratio", json!({}), "rpm_ratio is required"),
            (
                "/group/g/rpm_ratio",
                json!({"rpm_ratio": 1, "tpm_ratio": 1}),
                "tpm_ratio is not a field",
            ),
        ] {
            api.refused("POST", path, body, 400, words).await;
        }
        api.refused(
            "POST",
            "/group/none/tpm_ratio",
            json!({"tpm_ratio": 1}),
            404,
            "none",
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_groups_own_rates_reach_its_tokens_and_nobody_elses() {
    with_store(async |store| {
        let api = Api::new(&store);
        for group in ["own", "other"] {
            let path = format!("/token/{group}?auto_create_group=true");
            api.ok("POST", &path, json!({"name": "t"})).await;
        }
        let rates = json!({"override_limit": true, "rpm": 7, "tpm": 0});
        api.ok("POST", "/group/own/model_config/m", rates).await;
        let updates = store.all_token_updates().await.unwrap();
        for record in updates.into_iter().filter_map(|update| update.record) {
            let told: Vec<_> = record
                .model_limits
                .iter()
                .map(|own| (own.model.as_str(), own.limits.map(|limits| limits.rpm)))
                .collect();
            match record.group.as_str() {
                "own" => assert_eq!(told, [("m", Some(7))]),
                _ => assert!(told.is_empty(), "{told:?}"),
            }
        }
    })
    .await;
}
