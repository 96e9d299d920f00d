//! Which price a call is booked with.

use tollgate_policy::price::{Condition, Conditional, Multiplier, Range};

use super::*;
use crate::domain::{BookedPrice, GroupPatch, Log, NewGroupModel};
use crate::store::{Error, PriceQuery};

fn rate(nano: i64, unit: u32) -> Rate {
    Rate {
        price: NanoUsd(nano),
        unit,
    }
}

fn long_prompt() -> Condition {
    Condition {
        input_tokens: Range { min: 1000, max: 0 },
        ..Condition::default()
    }
}

/// 3 nano-USD a token in and 7 out; in long prompts the input is 10, and the output stays.
fn tariff() -> Tariff {
    Tariff {
        base: Price::FREE
            .with(Part::Input, rate(3, 1))
            .with(Part::Output, rate(7, 1)),
        conditional: vec![Conditional {
            condition: long_prompt(),
            price: Price::FREE.with(Part::Input, rate(10, 1)),
        }],
    }
}

async fn set_multiplier(store: &Store, text: &str) {
    let patch = GroupPatch {
        price_multiplier: Some(text.parse().unwrap()),
        ..GroupPatch::default()
    };
    store.update_group_as("someone", "g", patch).await.unwrap();
}

async fn set_override(store: &Store, tariff: Tariff) {
    let config = NewGroupModel {
        model: "m".into(),
        price: Some(tariff),
        ..NewGroupModel::default()
    };
    let configs = vec![config];
    let saved = store.save_group_models("someone", "g", configs, false);
    saved.await.unwrap();
}

/// Books a call that begins now, and gives its row.
async fn book(store: &Store, event: UsageEvent) -> Log {
    book_as_it_is(store, now(event)).await
}

async fn book_as_it_is(store: &Store, event: UsageEvent) -> Log {
    let id = event.id.clone();
    let ledger = Ledger::new(store.clone());
    ledger.book("n", vec![event]).await.unwrap();
    let query = LogQuery {
        request_id: Some(id),
        ..LogQuery::default()
    };
    store.logs(&query, ALL).await.unwrap().items.remove(0)
}

#[tokio::test]
async fn override_condition_and_multiplier_make_one_sum() {
    with_store(async |store| {
        let (token, _) = scene(&store).await;
        set_override(&store, tariff()).await;
        set_multiplier(&store, "0.8501").await;
        let log = book(&store, event("long", token, &[])).await;
        // (1000 × 10 + 500 × 7) × 0.8501 = 11476.35
        assert_eq!(log.amount, NanoUsd(11_476));
        let expected = BookedPrice {
            price: tariff().conditional[0].price.inherit(&tariff().base),
            condition: Some(long_prompt()),
            multiplier: Multiplier::from_nano(850_100_000),
            of_group: true,
        };
        assert_eq!(log.price, Some(expected));

        let short = Usage {
            input_tokens: 999,
            output_tokens: 1,
            ..Usage::default()
        };
        let short = UsageEvent {
            usage: Some(short),
            ..event("short", token, &[])
        };
        let log = book(&store, short).await;
        // (999 × 3 + 7) × 0.8501 = 2553.7004
        assert_eq!(log.amount, NanoUsd(2_554));
        let price = log.price.unwrap();
        assert_eq!((price.price, price.condition), (tariff().base, None));

        // Another group pays the model's price, and all of it.
        let other = UsageEvent {
            group: "other".into(),
            ..event("other", token, &[])
        };
        let log = book(&store, other).await;
        assert_eq!(log.amount, NanoUsd(COST));
        let price = log.price.unwrap();
        assert!(!price.of_group && price.multiplier == Multiplier::ONE);

        // What was taken away again has no effect.
        let models = ["m".to_owned()];
        let deleted = store.delete_group_models("someone", "g", &models);
        deleted.await.unwrap();
        set_multiplier(&store, "1").await;
        let log = book(&store, event("after", token, &[])).await;
        assert_eq!(log.amount, NanoUsd(COST));
    })
    .await;
}

#[tokio::test]
async fn calls_of_a_group_that_is_gone_cost_what_they_did() {
    with_store(async |store| {
        let (token, _) = scene(&store).await;
        set_override(&store, tariff()).await;
        set_multiplier(&store, "2").await;
        let sql = "UPDATE price_history SET changed_at = 1";
        store.execute_for_tests(sql.to_owned()).await;
        let began = now_unix_ms();
        let at = |id: &str| UsageEvent {
            started_unix_ms: began,
            ..event(id, token, &[])
        };
        let before = book_as_it_is(&store, at("before")).await;
        assert_eq!(before.amount, NanoUsd(27_000));
        let gone = store.delete_groups_as("someone", &["g".into()]).await;
        gone.unwrap();
        let sql = format!("UPDATE price_history SET changed_at = {began} + 1 WHERE changed_at > 1");
        store.execute_for_tests(sql).await;
        let late = book_as_it_is(&store, at("late")).await;
        assert_eq!((late.amount, &late.price), (before.amount, &before.price));

        // Who has the name next pays for nothing of it.
        store
            .create_group("g", GroupPatch::default())
            .await
            .unwrap();
        let late = book_as_it_is(&store, at("later")).await;
        assert_eq!(late.amount, before.amount);
        let next = UsageEvent {
            started_unix_ms: began + 1,
            ..event("next", token, &[])
        };
        let next = book_as_it_is(&store, next).await;
        assert_eq!(next.amount, NanoUsd(COST));
        let query = PriceQuery {
            changed_by: Some("someone".into()),
            start_ms: Some(began + 1),
            ..PriceQuery::default()
        };
        let ended = store.price_changes(&query, ALL).await.unwrap().items;
        let ended = ended.iter().map(|it| (it.model.as_str(), it.new.is_some()));
        assert_eq!(ended.collect::<Vec<_>>(), [("", false), ("m", false)]);
    })
    .await;
}

#[tokio::test]
async fn a_group_can_have_a_model_for_nothing_and_pay_for_a_free_one() {
    with_store(async |store| {
        let (token, _) = scene(&store).await;
        set_override(&store, Tariff::default()).await;
        let log = book(&store, event("free", token, &[])).await;
        assert_eq!(log.amount, NanoUsd(0));
        assert!(log.price.unwrap().of_group);

        store.delete_model_configs(&["m".to_owned()]).await.unwrap();
        set_override(&store, tariff()).await;
        let log = book(&store, event("paid", token, &[])).await;
        assert_eq!(log.amount, NanoUsd(13_500));
    })
    .await;
}

#[tokio::test]
async fn a_model_costs_what_it_costs_in_whatever_case_it_is_spelled() {
    with_store(async |store| {
        let (token, _) = scene(&store).await;
        let named = |id: &str, model: &str| UsageEvent {
            model: model.into(),
            ..now(event(id, token, &[]))
        };
        let log = book_as_it_is(&store, named("loud", "M")).await;
        assert_eq!(log.amount, NanoUsd(COST));

        let config = NewGroupModel {
            model: "M".into(),
            price: Some(tariff()),
            ..NewGroupModel::default()
        };
        let saved = store.save_group_models("someone", "g", vec![config], false);
        saved.await.unwrap();
        let log = book_as_it_is(&store, named("own", "m")).await;
        assert_eq!(log.amount, NanoUsd(13_500));

        // One that began before the group had its own.
        let early = UsageEvent {
            started_unix_ms: 2,
            ..named("early", "m")
        };
        assert_eq!(book_as_it_is(&store, early).await.amount, NanoUsd(COST));

        // None comes beside another of the same name.
        let config = vec![("M".to_owned(), ModelConfigPatch::default())];
        let twin = store.save_model_configs(config).await.unwrap_err();
        assert!(
            matches!(&twin, Error::Conflict(why) if why.contains("model m ")),
            "{twin}"
        );
        let twin = NewGroupModel {
            model: "m".into(),
            ..NewGroupModel::default()
        };
        let twin = store.save_group_models("someone", "g", vec![twin], false);
        let twin = twin.await.unwrap_err();
        assert!(
            matches!(&twin, Error::Conflict(why) if why.contains("model M ")),
            "{twin}"
        );
        let imported = vec![("M".to_owned(), ModelConfigPatch::default())];
        let imported = store.import_models("someone", imported).await.unwrap();
        assert_eq!(
            (imported.kept, imported.added),
            (vec!["M".to_owned()], vec![])
        );
    })
    .await;
}

#[tokio::test]
async fn the_price_is_the_one_in_force_when_the_call_began() {
    with_store(async |store| {
        let (token, _) = scene(&store).await;
        let began = now_unix_ms();
        let at = |id: &str, started_unix_ms: i64| UsageEvent {
            started_unix_ms,
            ..event(id, token, &[])
        };
        // Each change a second after the last; the call was under way all the while.
        let dear = Tariff::of(Price::FREE.with(Part::Input, rate(1000, 1)));
        let config = ModelConfigPatch {
            price: Some(dear),
            ..ModelConfigPatch::default()
        };
        let saved = store.save_model_configs_as("someone", vec![("m".into(), config)]);
        saved.await.unwrap();
        set_override(&store, tariff()).await;
        set_multiplier(&store, "2").await;
        let models = ["m".to_owned()];
        let deleted = store.delete_model_configs_as("someone", &models);
        deleted.await.unwrap();
        for (order, subject) in [
            (1, "model = 'm' AND group_id = '' AND new IS NOT NULL"),
            (2, "model = 'm' AND group_id = 'g'"),
            (3, "model = '' AND group_id = 'g'"),
            (4, "model = 'm' AND group_id = '' AND new IS NULL"),
        ] {
            let when = began + order * 1000;
            let sql = format!(
                "UPDATE price_history SET changed_at = {when} WHERE changed_at > 1 AND {subject}"
            );
            store.execute_for_tests(sql).await;
        }
        for (id, after, amount) in [
            ("before", 0, COST),
            ("the model's", 1000, 1_000_000),
            ("the group's", 2000, 13_500),
            ("twice the group's", 3000, 27_000),
            ("after all", 4000, 27_000),
        ] {
            let log = book_as_it_is(&store, at(id, began + after)).await;
            assert_eq!(log.amount, NanoUsd(amount), "{id}");
        }
        // Before there was any price.
        let log = book_as_it_is(&store, at("at first", 1)).await;
        assert_eq!(log.amount, NanoUsd(COST), "it is there at its instant");
        let sql = "UPDATE price_history SET changed_at = 2 WHERE changed_at = 1";
        store.execute_for_tests(sql.to_owned()).await;
        let log = book_as_it_is(&store, at("too early", 1)).await;
        assert_eq!((log.amount, log.price), (NanoUsd(0), None));
    })
    .await;
}

#[tokio::test]
async fn a_tier_has_its_price_where_it_was_served() {
    with_store(async |store| {
        let (token, _) = scene(&store).await;
        let tariff = Tariff {
            base: tariff().base,
            conditional: vec![Conditional {
                condition: Condition {
                    service_tier: "flex".into(),
                    ..Condition::default()
                },
                price: Price::for_request(NanoUsd(42)),
            }],
        };
        set_override(&store, tariff).await;
        for (tier, amount) in [("flex", 42), ("default", 6_500), ("", 6_500)] {
            let event = UsageEvent {
                service_tier: tier.into(),
                ..event(&format!("in {tier}"), token, &[])
            };
            assert_eq!(book(&store, event).await.amount, NanoUsd(amount), "{tier}");
        }
    })
    .await;
}
