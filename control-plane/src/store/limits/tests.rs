use tollgate_config::Ceiling;
use tollgate_config::meter::{Limits, Outcome, TokenRecord, UsageEvent};
use tollgate_policy::price::{NanoUsd, Part, Price, Rate, Tariff};

use crate::domain::{
    GroupLimitsPatch, GroupPatch, LimitsPatch, ModelConfigPatch, NewGroupModel, Overrides, Ratio,
    Timeouts, TokenPatch, options,
};
use crate::ledger::Ledger;
use crate::store::testing::with_store;
use crate::store::{Change, Created, Store};

async fn published(store: &Store) -> TokenRecord {
    let mut updates = store.all_token_updates().await.unwrap();
    assert_eq!(updates.len(), 1);
    updates.remove(0).record.unwrap()
}

fn limits(rpm: u64, tpm: u64, max_concurrency: u64) -> Option<Limits> {
    Some(Limits {
        rpm,
        tpm,
        max_concurrency,
    })
}

#[tokio::test]
async fn gateways_are_told_what_a_token_and_its_group_are_limited_to() {
    with_store(async |store| {
        let group = GroupPatch {
            limits: GroupLimitsPatch {
                rpm_ratio: Some(Ratio::from_number(0.5)),
                users: LimitsPatch {
                    rpm: Some(7),
                    ..LimitsPatch::default()
                },
                ..GroupLimitsPatch::default()
            },
            ..GroupPatch::default()
        };
        let group = store.create_group("g", group).await.unwrap();
        assert_eq!(group.limits.rpm_ratio.number(), 0.5);
        assert_eq!(group.limits.tpm_ratio, Ratio::ONE);
        let token = TokenPatch {
            name: Some("t".into()),
            ..TokenPatch::default()
        };
        let made = store.create_token("g", token, false, false).await.unwrap();
        let Created::New(token, _) = made else {
            panic!("it is new")
        };
        let record = published(&store).await;
        assert_eq!(record.limits, None, "what is not limited takes no room");
        assert_eq!(record.user_limits, limits(7, 0, 0));
        assert_eq!((record.rpm_ratio, record.tpm_ratio), (500_000, 0));

        let mut changes = store.changes();
        let patch = TokenPatch {
            limits: LimitsPatch {
                rpm: Some(60),
                tpm: Some(90_000),
                max_concurrency: Some(3),
            },
            ..TokenPatch::default()
        };
        let changed = store.update_token(token.id, None, patch).await.unwrap();
        assert_eq!(Some(changed.limits), limits(60, 90_000, 3));
        assert_eq!(changes.recv().await, Ok(Change::Tokens(vec![token.id])));
        // What a patch does not name stays, and 0 removes.
        let patch = TokenPatch {
            limits: LimitsPatch {
                tpm: Some(0),
                ..LimitsPatch::default()
            },
            ..TokenPatch::default()
        };
        store.update_token(token.id, None, patch).await.unwrap();
        assert_eq!(published(&store).await.limits, limits(60, 0, 3));

        let patch = GroupPatch {
            limits: GroupLimitsPatch {
                tpm_ratio: Some(Ratio::from_number(3.25)),
                users: LimitsPatch {
                    rpm: Some(0),
                    max_concurrency: Some(2),
                    ..LimitsPatch::default()
                },
                ..GroupLimitsPatch::default()
            },
            ..GroupPatch::default()
        };
        store.update_group("g", patch).await.unwrap();
        let record = published(&store).await;
        assert_eq!(record.user_limits, limits(0, 0, 2));
        assert_eq!((record.rpm_ratio, record.tpm_ratio), (500_000, 3_250_000));
    })
    .await;
}

#[tokio::test]
async fn what_a_group_pays_otherwise_reaches_its_tokens() {
    with_store(async |store| {
        let token = TokenPatch {
            name: Some("t".into()),
            ..TokenPatch::default()
        };
        store.create_token("g", token, true, false).await.unwrap();
        let record = published(&store).await;
        assert_eq!(
            (record.price_multiplier, record.model_limits),
            (None, vec![])
        );
        let patch = GroupPatch {
            price_multiplier: Some("1.2345678".parse().unwrap()),
            ..GroupPatch::default()
        };
        store.update_group("g", patch).await.unwrap();
        let rate = Rate {
            price: NanoUsd(3),
            unit: 1000,
        };
        let price = Price::FREE
            .with(Part::Output, rate)
            .with(Part::WebSearch, rate);
        let own = |model: &str, price: Option<Tariff>| NewGroupModel {
            model: model.into(),
            price,
            overrides: Overrides::default(),
        };
        let configs = vec![
            own("free", Some(Tariff::default())),
            own("m", Some(Tariff::of(price))),
            own("same", None),
            NewGroupModel {
                overrides: Overrides {
                    retry_times: Some(2),
                    timeout_config: Some(Timeouts {
                        request_timeout: 30,
                        stream_request_timeout: 0,
                    }),
                    force_save_detail: Some(true),
                    ..Overrides::default()
                },
                ..own("slow", None)
            },
        ];
        let mut changes = store.changes();
        let saved = store.save_group_models("me", "g", configs, false);
        saved.await.unwrap();
        let record = published(&store).await;
        assert_eq!(record.price_multiplier, Some(1_234_568));
        let told: Vec<_> = record.model_limits.iter().collect();
        assert_eq!((told[0].model.as_str(), told.len()), ("free", 3));
        assert_eq!(told[0].ceiling(), Some(Ceiling::default()));
        let ceiling = Ceiling {
            output: 3_000,
            search: 1,
            ..Ceiling::default()
        };
        assert_eq!(told[1].ceiling(), Some(ceiling));
        assert_eq!(
            (told[1].retry_times, told[1].request_timeout_s),
            (None, None)
        );
        let slow = (told[2].request_timeout_s, told[2].stream_timeout_s);
        assert_eq!((told[2].retry_times, slow), (Some(2), (Some(30), Some(0))));
        assert_eq!((told[2].ceiling(), told[2].limits), (None, None));
        // Which bodies are kept, is published with the models.
        assert_eq!(changes.recv().await, Ok(Change::GroupTokens("g".into())));
        assert_eq!(changes.recv().await, Ok(Change::Topology));
    })
    .await;
}

#[tokio::test]
async fn options_reach_every_token() {
    with_store(async |store| {
        let token = TokenPatch {
            name: Some("t".into()),
            ..TokenPatch::default()
        };
        store.create_token("g", token, true, false).await.unwrap();
        assert_eq!(published(&store).await.ip_limits, None);
        let set = async |option: &'static options::Definition, value: &str| {
            let values = vec![(option, value.to_owned())];
            store.set_options(values).await.unwrap();
        };
        let mut changes = store.changes();
        set(options::IP_RPM, "90").await;
        assert_eq!(changes.recv().await, Ok(Change::AllTokens));
        set(options::IP_MAX_CONCURRENCY, "4").await;
        assert_eq!(published(&store).await.ip_limits, limits(90, 0, 4));

        set(
            options::GROUP_CONSUME_LEVEL_RATIO,
            r#"{"0.5": 2, "10": 3.5}"#,
        )
        .await;
        for (used_nano_usd, ratio) in [
            (0, 0),
            (499_999_999, 0),
            (500_000_000, 2_000_000),
            (10_000_000_000_i64, 3_500_000),
        ] {
            let sql = format!("UPDATE groups SET used_amount = {used_nano_usd}");
            store.execute_for_tests(sql).await;
            let record = published(&store).await;
            assert_eq!((record.rpm_ratio, record.tpm_ratio), (ratio, ratio));
        }
    })
    .await;
}

#[tokio::test]
async fn a_group_that_reaches_a_level_is_told_to_gateways() {
    with_store(async |store| {
        let levels = (options::GROUP_CONSUME_LEVEL_RATIO, r#"{"1": 2}"#.to_owned());
        store.set_options(vec![levels]).await.unwrap();
        let token = TokenPatch {
            name: Some("t".into()),
            ..TokenPatch::default()
        };
        let made = store.create_token("g", token, true, false).await.unwrap();
        let Created::New(token, _) = made else {
            panic!("it is new")
        };
        let price = ModelConfigPatch {
            price: Some(Tariff::of(Price::for_request(NanoUsd(400_000_000)))),
            ..ModelConfigPatch::default()
        };
        let config = vec![("m".to_owned(), price)];
        store.save_model_configs(config).await.unwrap();
        let ledger = Ledger::new(store.clone());
        let event = |id: &str| UsageEvent {
            id: id.into(),
            token_id: token.id,
            group: "g".into(),
            model: "m".into(),
            status: 200,
            outcome: Outcome::Success.into(),
            ..UsageEvent::default()
        };
        let mut changes = store.changes();
        // Two calls are below the level, the third reaches it, the fourth changes nothing more.
        for (calls, told) in [
            (&["a", "b"][..], false),
            (&["c"], true),
            (&["d", "c"], false),
        ] {
            let events = calls.iter().map(|id| event(id)).collect();
            ledger.book("n", events).await.unwrap();
            let change = changes.try_recv().ok();
            let expected = told.then(|| Change::GroupTokens("g".into()));
            assert_eq!(change, expected, "{calls:?}");
        }
        assert_eq!(published(&store).await.rpm_ratio, 2_000_000);
    })
    .await;
}
