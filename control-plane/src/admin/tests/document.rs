//! The whole configuration as one document.

use super::*;

fn document() -> Value {
    json!({
        "options": {"RetryTimes": 2, "TimeZone": "Europe/Paris"},
        "model_configs": [{"model": "m", "owner": "us", "price": {"input_price": 0.001}}],
        "channels": [{
            "name": "main", "type": "anthropic", "key": "sk-channel-canary-1234", "models": ["m"],
            "sets": ["default", "gold"],
        }],
        "groups": [{"id": "team", "available_sets": ["gold"], "tokens": [
            {"name": "app", "models": ["m"]}, {"name": "batch"},
        ], "model_configs": [
            {"model": "m", "override_limit": true, "rpm": 60},
            {"model": "n", "override_price": true, "price": {"input_price": 0.002}},
        ]}],
    })
}

/// What changed, as `action kind name`.
fn actions(report: &Value) -> Vec<String> {
    let changes = report["changes"].as_array().unwrap();
    let line = |change: &Value| {
        let part = |name: &str| change[name].as_str().unwrap().to_owned();
        format!("{} {} {}", part("action"), part("kind"), part("name"))
    };
    changes.iter().map(line).collect()
}

#[tokio::test]
async fn a_document_is_applied_once_and_exported_as_it_was() {
    with_store(async |store| {
        let api = Api::new(&store);
        let all = [
            "update option RetryTimes",
            "update option TimeZone",
            "create model_config m",
            "create channel main",
            "create group team",
            "create group_model_config team/m",
            "create group_model_config team/n",
            "create token team/app",
            "create token team/batch",
        ];
        let looked = api
            .ok("POST", "/config/apply?dry_run=true", document())
            .await;
        assert_eq!(actions(&looked), all);
        assert_eq!(api.get("/channels/").await["total"], 0, "nothing is kept");

        let applied = api.ok("POST", "/config/apply", document()).await;
        assert_eq!(actions(&applied), all);
        let key = applied["changes"][7]["key"].as_str().unwrap();
        let found = api.get(&format!("/tokens/?key={key}")).await;
        assert_eq!(found["tokens"][0]["name"], "app");

        let again = api.ok("POST", "/config/apply?prune=true", document()).await;
        assert_eq!((actions(&again).len(), &again["unchanged"]), (0, &json!(9)));

        let exported = api.get("/config/export").await;
        assert!(!exported.to_string().contains("canary"), "{exported}");
        assert_eq!(exported["groups"][0]["tokens"][0]["models"], json!(["m"]));
        assert_eq!(
            exported["groups"][0]["model_configs"][0],
            json!({"model": "m", "override_limit": true, "rpm": 60, "tpm": 0}),
            "nothing but what is different"
        );
        assert_eq!(
            exported["model_configs"][0]["price"],
            json!({"input_price": 0.001, "input_price_unit": 1000}),
            "nothing that is free"
        );
        assert!(exported["channels"][0].get("channel_tests").is_none());
        let same = api.ok("POST", "/config/apply?prune=true", exported).await;
        assert_eq!((actions(&same).len(), &same["unchanged"]), (0, &json!(9)));
        let fewer = json!({"groups": [{"id": "team", "model_configs": [
            {"model": "m", "override_limit": true, "rpm": 30},
        ]}]});
        let fewer = api.ok("POST", "/config/apply?prune=true", fewer).await;
        let expected = [
            "update group_model_config team/m",
            "delete group_model_config team/n",
        ];
        assert_eq!(actions(&fewer), expected);
        assert_eq!(
            fewer["changes"][0]["fields"],
            json!({"rpm": {"from": 60, "to": 30}})
        );
    })
    .await;
}

#[tokio::test]
async fn what_changes_is_shown_field_by_field_and_what_is_left_out_stays() {
    with_store(async |store| {
        let api = Api::new(&store);
        api.ok("POST", "/config/apply", document()).await;
        let other = json!({
            "channels": [{"name": "main", "priority": 7, "key": "sk-another-channel-1234"}],
            "groups": [{"id": "team", "status": 2, "tokens": [{"name": "app", "models": []}]}],
        });
        let report = api.ok("POST", "/config/apply", other.clone()).await;
        let expected = [
            "update channel main",
            "update group team",
            "update token team/app",
        ];
        assert_eq!(actions(&report), expected);
        let fields = &report["changes"][0]["fields"];
        assert_eq!(fields["priority"], json!({"from": 10, "to": 7}));
        // The last four characters are the same, and yet it is another key.
        assert_eq!(fields["key"], json!({"from": "****", "to": "****"}));
        assert_eq!(api.get("/token/team").await["total"], 2);

        let pruned = api.ok("POST", "/config/apply?prune=true", other).await;
        assert_eq!(actions(&pruned), ["delete token team/batch"]);
        assert_eq!(
            api.get("/model_configs/").await["total"],
            1,
            "no such list was given"
        );
    })
    .await;
}

#[tokio::test]
async fn a_wrong_entry_is_named_and_nothing_is_written() {
    with_store(async |store| {
        let api = Api::new(&store);
        let check = async |change: &dyn Fn(&mut Value), status: u16, words: &str| {
            let mut wrong = document();
            change(&mut wrong);
            api.refused("POST", "/config/apply", wrong, status, words)
                .await;
            assert_eq!(api.get("/groups/").await["total"], 0, "{words}");
        };
        check(
            &|it| it["channels"][0]["type"] = json!("nope"),
            400,
            "channels[0]: type is not known",
        )
        .await;
        check(
            &|it| it["channels"][0]["key"] = json!(""),
            400,
            "channel \"main\": key is required",
        )
        .await;
        check(
            &|it| it["channels"][0]["prioritty"] = json!(1),
            400,
            "prioritty is not a field",
        )
        .await;
        check(
            &|it| it["groups"][0]["tokens"][1]["name"] = json!("app"),
            400,
            "\"app\" twice",
        )
        .await;
        check(
            &|it| it["groups"][0]["tokens"][1]["subnets"] = json!(["x"]),
            400,
            "groups[0]: tokens[1]: subnets",
        )
        .await;
        check(
            &|it| it["groups"][0]["model_configs"][1]["rpm"] = json!(7),
            400,
            "groups[0]: model_configs[1]: rpm and tpm has no effect",
        )
        .await;
        check(
            &|it| it["groups"][0]["model_configs"][1]["model"] = json!("m"),
            400,
            "\"m\" twice",
        )
        .await;
        check(
            &|it| it["options"]["RetryTimes"] = json!(-1),
            400,
            "RetryTimes must be",
        )
        .await;
        check(&|it| it["model_configs"] = json!({}), 400, "must be a list").await;
        check(&|it| it["more"] = json!([]), 400, "more is not a field").await;
    })
    .await;
}

#[tokio::test]
async fn channels_of_the_same_name_cannot_be_told_apart() {
    with_store(async |store| {
        let api = Api::new(&store);
        let two =
            json!({"name": "main", "type": 1, "key": "sk-a1234567\nsk-b7654321", "models": ["m"]});
        api.ok("POST", "/channel/", two).await;
        let words = "several channels are named";
        api.refused("POST", "/config/apply", document(), 409, words)
            .await;
    })
    .await;
}

#[tokio::test]
async fn steps_that_were_planned_before_somebody_wrote_are_not_done() {
    use crate::store::{Step, Then};
    with_store(async |store| {
        let seen = store.revision().await.unwrap();
        let api = Api::new(&store);
        api.ok("PUT", "/option/RetryTimes", json!({"value": 1}))
            .await;
        let step = Step::RemoveModel("m".into());
        let late = store.apply("me", vec![step], seen, Then::Keep).await;
        let error = ApiError::from(late.unwrap_err());
        assert_eq!(error, ApiError::WrittenSince);
    })
    .await;
}

#[tokio::test]
async fn documents_that_come_at_once_are_all_applied() {
    with_store(async |store| {
        let api = std::sync::Arc::new(Api::new(&store));
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..6 {
            let api = std::sync::Arc::clone(&api);
            let document = json!({"groups": [{"id": format!("g{writer}")}]}).to_string();
            writers.spawn(async move { api.call("POST", "/config/apply", document).await });
        }
        for answer in writers.join_all().await {
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        assert_eq!(api.get("/groups/").await["total"], 6);
    })
    .await;
}

#[tokio::test]
async fn a_model_that_is_written_in_another_case_takes_the_place_of_the_old_one() {
    with_store(async |store| {
        let api = Api::new(&store);
        let with = |model: &str| {
            let price = json!({"override_price": true, "price": {"input_price": 1}});
            let mut own = price.as_object().unwrap().clone();
            own.insert("model".into(), json!(model));
            json!({"model_configs": [{"model": model}],
                "groups": [{"id": "g", "model_configs": [own]}]})
        };
        api.ok("POST", "/config/apply", with("GPT-5")).await;
        let words = "is the same model in another case";
        api.refused("POST", "/config/apply", with("gpt-5"), 409, words)
            .await;
        api.ok("POST", "/config/apply?prune=true", with("gpt-5"))
            .await;
        let there = api.get("/model_configs/all").await;
        assert_eq!(
            (&there[0]["model"], there.as_array().unwrap().len()),
            (&json!("gpt-5"), 1)
        );
        let own = api.get("/group/g/model_configs").await;
        assert_eq!(own[0]["model"], "gpt-5");
    })
    .await;
}
