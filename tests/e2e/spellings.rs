//! A model is one model, in whatever case its channels, its config, its groups and its callers spell
//! it: priced, limited and logged under the name of its config, and asked for by each channel's own.

use serde_json::json;
use tollgate_tests::http::Request;
use tollgate_tests::provider::Told;
use tollgate_tests::scene::{Answered, provider_key};
use tollgate_tests::{Answer, Dialect, Gateway, Provider, Scene};

use crate::limits::LIMIT;

/// 1,000 tokens at 0.001 USD for a thousand.
const COST: i64 = 1_000_000;

#[test]
fn a_channel_that_spells_a_model_otherwise_makes_it_neither_free_nor_unlimited() {
    let usage = Told {
        input: 1_000,
        output: 0,
        ..Told::default()
    };
    let answer = Answer::text("hi").usage(usage);
    let elsewhere = Provider::openai().plays(answer.clone()).start();
    let usual = Provider::openai().plays(answer).start();
    let admin = Gateway::shared().admin();
    let builder = Scene::on(Gateway::shared());
    let (model, loud) = (builder.first_model(), builder.first_model().to_uppercase());
    let set = format!("{model}-vip");

    // Of all channels this one comes first.
    let first = admin.create_channels(&[json!({
        "name": set, "type": 1, "base_url": elsewhere.base_url(), "key": provider_key(&set),
        "models": [loud], "sets": [set],
    })]);
    let mapping = json!({"model_mapping": {loud.as_str(): "The-Providers-Own"}});
    let scene = builder
        .config(json!({"rpm": 30, "price": {"input_price": 0.001}}))
        .channel_with(&usual, mapping)
        .ready();
    for asked in [&model, &loud] {
        let answer = ask(&scene, asked);
        answer.assert_served("hi");
        assert_eq!(answer.response.header(LIMIT), Some("30"), "{asked}");
        assert_eq!(usual.last_call().model(), "The-Providers-Own", "{asked}");
        let row = scene.log_of(&answer);
        assert_eq!(row.0["model"], model.as_str(), "{row:?}");
        assert_eq!(row.cost_nano_usd(), COST, "{row:?}");
    }

    // Who goes to the other channel, with a price and a limit of their own.
    let group = format!("group-{set}");
    admin.create_group(&group, &[&set]);
    let own = json!({
        "override_price": true, "price": {"input_price": 0.002},
        "override_limit": true, "rpm": 7,
    });
    admin.post(&format!("/api/group/{group}/model_config/{loud}"), &own);
    let token = json!({"name": set, "models": [loud]});
    let scene = scene
        .as_holder_of(admin.create_token(&group, &token))
        .known();
    let answer = ask(&scene, &model);
    answer.assert_served("hi");
    assert_eq!(answer.response.header(LIMIT), Some("7"));
    assert_eq!(elsewhere.last_call().model(), loud);
    let row = scene.log_of_anybody_s(&answer);
    assert_eq!(row.0["model"], model.as_str(), "{row:?}");
    assert_eq!(row.cost_nano_usd(), 2 * COST, "{row:?}");
    admin.post("/api/channels/batch_delete", &json!(first));
}

fn ask(scene: &Scene, model: &str) -> Answered {
    let body = Dialect::OpenAi.ask(model, "hello", false);
    let request = Request::post(Dialect::OpenAi.path(), &body);
    scene.send(Dialect::OpenAi, &scene.with_token(request))
}
