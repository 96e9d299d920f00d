//! What must hold of bookings.

mod prices;

use tollgate_config::counting::{Shortened, Uncounted};
use tollgate_config::meter::{Attempt, Outcome, Usage};
use tollgate_policy::price::{NanoUsd, Part, Price, Rate, Tariff};

use super::*;
use crate::domain::{ChannelPatch, ModelConfigPatch, Order, Page, TokenPatch};
use crate::store::testing::with_store;
use crate::store::{Created, LogQuery};

const ALL: Page = Page {
    number: 1,
    size: 100,
    order: Order {
        column: "id",
        descending: false,
    },
};

/// A token, a priced model and two channels; gives the ids.
async fn scene(store: &Store) -> (i64, [i64; 2]) {
    let rate = |nano| Rate {
        price: NanoUsd(nano),
        unit: 1000,
    };
    let price = Price::FREE
        .with(Part::Input, rate(1_000_000))
        .with(Part::Output, rate(2_000_000));
    let config = ModelConfigPatch {
        price: Some(Tariff::of(price)),
        ..ModelConfigPatch::default()
    };
    store
        .save_model_configs(vec![("m".into(), config)])
        .await
        .unwrap();
    // It was always there.
    let sql = "UPDATE price_history SET changed_at = 1";
    store.execute_for_tests(sql.to_owned()).await;
    let channel = ChannelPatch {
        kind: Some(53),
        ..ChannelPatch::default()
    };
    let channels = store
        .create_channels(vec![channel.clone(), channel])
        .await
        .unwrap();
    let name = TokenPatch {
        name: Some("t".into()),
        ..TokenPatch::default()
    };
    let Created::New(token, _) = store.create_token("g", name, true, false).await.unwrap() else {
        panic!("it exists")
    };
    (token.id, [channels[0].id, channels[1].id])
}

fn event(id: &str, token_id: i64, channels: &[i64]) -> UsageEvent {
    let attempt = |channel_id: &i64| Attempt {
        channel_id: *channel_id,
        ..Attempt::default()
    };
    let mut event = UsageEvent {
        id: id.into(),
        started_unix_ms: 1_700_000_000_000,
        token_id,
        token_name: "t".into(),
        group: "g".into(),
        model: "m".into(),
        status: 200,
        usage: Some(Usage {
            input_tokens: 1000,
            output_tokens: 500,
            estimated: true,
            ..Usage::default()
        }),
        attempts: channels.iter().map(attempt).collect(),
        ..UsageEvent::default()
    };
    event.set_outcome(Outcome::Success);
    event
}

const COST: i64 = 2_000_000;

/// The same call, begun just now.
fn now(event: UsageEvent) -> UsageEvent {
    UsageEvent {
        started_unix_ms: now_unix_ms(),
        ..event
    }
}

#[tokio::test]
async fn a_call_is_booked_with_all_that_it_adds() {
    with_store(async |store| {
        let (token, [failed, served]) = scene(&store).await;
        let ledger = Ledger::new(store.clone());
        let booked = ledger
            .book("node-1", vec![event("e1", token, &[failed, served])])
            .await;
        assert_eq!(
            booked.unwrap(),
            Booked {
                new: 1,
                ..Booked::default()
            }
        );

        let log = store
            .logs(&LogQuery::default(), ALL)
            .await
            .unwrap()
            .items
            .remove(0);
        assert_eq!(
            (log.request_id.as_str(), log.node.as_str()),
            ("e1", "node-1")
        );
        assert_eq!(
            (log.amount, log.channel_id, log.attempts.len()),
            (NanoUsd(COST), served, 2)
        );
        assert_eq!((log.code, log.outcome.as_str()), (200, "success"));
        assert!(log.tokens.estimated);
        assert!(log.price.is_some() && log.created_at_ms > log.request_at_ms);

        let token = store.token(token, None).await.unwrap();
        assert_eq!((token.used_amount, token.request_count), (NanoUsd(COST), 1));
        assert_eq!(token.accessed_at_ms, Some(1_700_000_000_000));
        let group = store.group("g").await.unwrap();
        assert_eq!((group.used_amount, group.request_count), (NanoUsd(COST), 1));
        let counts = async |id| {
            let channel = store.channel(id).await.unwrap();
            (
                channel.used_amount.0,
                channel.request_count,
                channel.retry_count,
            )
        };
        assert_eq!(counts(failed).await, (0, 1, 0));
        assert_eq!(counts(served).await, (COST, 1, 1));
    })
    .await;
}

#[tokio::test]
async fn an_event_counts_once_however_often_it_comes() {
    with_store(async |store| {
        let (token, [channel, _]) = scene(&store).await;
        let ledger = Ledger::new(store.clone());
        let batch = |from: usize, to: usize| -> Vec<_> {
            (from..to)
                .map(|at| event(&format!("e{at}"), token, &[channel]))
                .collect()
        };
        let twice = [batch(0, 3), batch(1, 2)].concat();
        let booked = ledger.book("n", twice).await.unwrap();
        assert_eq!(
            booked,
            Booked {
                new: 3,
                repeated: 1,
                unreadable: 0
            }
        );

        // Overlapping batches at the same time, as after a reconnect to another control plane: so
        // many that some are overtaken at one row after the other.
        let tasks: Vec<_> = (0..24)
            .map(|at| {
                let (ledger, batch) = (ledger.clone(), batch(at, at + 26));
                tokio::spawn(async move { ledger.book("n", batch).await })
            })
            .collect();
        let mut new = 0;
        for task in tasks {
            new += task.await.unwrap().unwrap().new;
        }
        assert_eq!(new, 46);
        let token = store.token(token, None).await.unwrap();
        assert_eq!(
            (token.request_count, token.used_amount),
            (49, NanoUsd(49 * COST))
        );
        assert_eq!(store.channel(channel).await.unwrap().request_count, 49);
        assert_eq!(
            store.logs(&LogQuery::default(), ALL).await.unwrap().total,
            49
        );
    })
    .await;
}

#[tokio::test]
async fn usage_that_nobody_told_is_counted_before_it_is_priced() {
    const QUESTION: &str = "What is the capital of Mexico?";
    with_store(async |store| {
        let (token, [channel, _]) = scene(&store).await;
        let ledger = Ledger::new(store.clone());
        let request =
            format!(r#"{{"messages":[{{"role":"user","content":"{QUESTION}"}}],"model":"m"}}"#);
        let event = UsageEvent {
            dialect: "openai-chat".into(),
            uncounted: Some(Uncounted {
                request: Shortened::new(&request, 1_000).ok(),
                said: "hello world".into(),
                said_bytes: 11,
                ..Uncounted::default()
            }),
            ..event("e1", token, &[channel])
        };
        let encoded = event.encode_to_vec();
        ledger
            .book_encoded("n", std::slice::from_ref(&encoded))
            .await
            .unwrap();
        let log = store
            .logs(&LogQuery::default(), ALL)
            .await
            .unwrap()
            .items
            .remove(0);
        assert_eq!((log.tokens.input, log.tokens.output), (14, 2));
        assert!(log.tokens.estimated);
        assert_eq!(log.amount, NanoUsd(14 * 1_000 + 2 * 2_000));
        assert!(!format!("{log:?}").contains("Mexico"), "no text is kept");

        // Sent again, it is known.
        let again = ledger.book_encoded("n", &[encoded]).await.unwrap();
        assert_eq!((again.new, again.repeated), (0, 1));
    })
    .await;
}

#[tokio::test]
async fn a_model_without_a_price_costs_nothing_and_says_so() {
    with_store(async |store| {
        let (token, _) = scene(&store).await;
        store
            .save_model_configs(vec![("free".into(), ModelConfigPatch::default())])
            .await
            .unwrap();
        let ledger = Ledger::new(store.clone());
        for model in ["free", "nobody-knows-it"] {
            let event = UsageEvent {
                model: model.into(),
                ..event(model, token, &[])
            };
            ledger.book("n", vec![event]).await.unwrap();
        }
        for log in store.logs(&LogQuery::default(), ALL).await.unwrap().items {
            assert_eq!((log.amount, log.price), (NanoUsd(0), None), "{}", log.model);
            assert_eq!(log.tokens.input, 1000);
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_booked_keeps_its_price() {
    with_store(async |store| {
        let (token, _) = scene(&store).await;
        let ledger = Ledger::new(store.clone());
        ledger
            .book("n", vec![event("before", token, &[])])
            .await
            .unwrap();
        let dear = Price::for_request(NanoUsd(77));
        let config = ModelConfigPatch {
            price: Some(Tariff::of(dear)),
            ..ModelConfigPatch::default()
        };
        store
            .save_model_configs(vec![("m".into(), config)])
            .await
            .unwrap();
        ledger
            .book(
                "n",
                vec![event("before", token, &[]), now(event("after", token, &[]))],
            )
            .await
            .unwrap();
        let logs = store.logs(&LogQuery::default(), ALL).await.unwrap().items;
        assert_eq!(
            logs.iter().map(|log| log.amount.0).collect::<Vec<_>>(),
            [COST, 77]
        );
    })
    .await;
}

#[tokio::test]
async fn one_bad_event_does_not_hold_up_the_others() {
    with_store(async |store| {
        let (token, [channel, _]) = scene(&store).await;
        let ledger = Ledger::new(store.clone());
        let monstrous = UsageEvent {
            model: "m\0".repeat(100_000),
            error: "é\0".repeat(100_000),
            path: "'; DROP TABLE logs; --".into(),
            user: "\u{202e}\u{0}".into(),
            losses: vec!["x".repeat(10_000); 1000],
            attempts: vec![
                Attempt {
                    error: "e".repeat(10_000),
                    ..Attempt::default()
                };
                1000
            ],
            started_unix_ms: i64::MIN,
            duration_ms: i64::MIN,
            first_byte_ms: Some(i64::MAX),
            outcome: 4711,
            status: u32::MAX,
            usage: Some(Usage {
                input_tokens: u64::MAX,
                output_tokens: u64::MAX,
                cache_read_tokens: u64::MAX,
                cache_write_5m_tokens: u64::MAX,
                cache_write_1h_tokens: u64::MAX,
                reasoning_tokens: u64::MAX,
                estimated: true,
                image_input_tokens: u64::MAX,
                audio_input_tokens: u64::MAX,
                video_input_tokens: u64::MAX,
                image_output_tokens: u64::MAX,
                audio_output_tokens: u64::MAX,
                web_searches: u64::MAX,
                web_fetches: u64::MAX,
                code_runs: u64::MAX,
                file_searches: u64::MAX,
            }),
            ..event("monstrous", token, &[])
        };
        let dear = UsageEvent {
            model: "m".into(),
            attempts: vec![],
            losses: vec![],
            ..monstrous.clone()
        };
        let encoded: Vec<Vec<u8>> = [
            UsageEvent {
                id: "big-but-readable".into(),
                model: "m".into(),
                ..dear.clone()
            },
            UsageEvent {
                id: "dear".into(),
                ..dear
            },
            event("", token, &[channel]),
            event("good", token, &[channel]),
            monstrous.clone(),
        ]
        .iter()
        .map(Message::encode_to_vec)
        .chain([vec![0xff; 10], vec![]])
        .collect();

        // Larger than any event may be, or not one at all, or without an id.
        let booked = ledger.book_encoded("n", &encoded).await.unwrap();
        assert_eq!(booked.new + booked.unreadable, encoded.len(), "{booked:?}");
        assert!(booked.new >= 1 && booked.unreadable >= 3, "{booked:?}");
        // The same without the wire's limit.
        ledger.book("n", vec![monstrous]).await.unwrap();

        let logs = store.logs(&LogQuery::default(), ALL).await.unwrap();
        assert!(
            logs.items
                .iter()
                .any(|log| log.request_id == "good" && log.amount.0 == COST)
        );
        for log in &logs.items {
            assert!(
                log.content.len() <= 2048 && log.model.len() <= 512,
                "{}",
                log.request_id
            );
            assert!(log.losses.len() <= 64 && log.attempts.len() <= 64);
            assert!(log.amount.0 >= 0 && log.duration_ms >= 0);
        }
        assert!(store.token(token, None).await.unwrap().used_amount.0 > 0);
    })
    .await;
}

#[tokio::test]
async fn a_caller_who_was_never_known_is_logged_and_charges_nobody() {
    with_store(async |store| {
        scene(&store).await;
        let mut refused = UsageEvent {
            status: 401,
            usage: None,
            group: String::new(),
            ..event("e", 0, &[])
        };
        refused.set_outcome(Outcome::Refused);
        Ledger::new(store.clone())
            .book("n", vec![refused])
            .await
            .unwrap();
        let log = store
            .logs(&LogQuery::default(), ALL)
            .await
            .unwrap()
            .items
            .remove(0);
        assert_eq!(
            (log.code, log.outcome.as_str(), log.amount),
            (401, "refused", NanoUsd(0))
        );
        assert_eq!(store.group("g").await.unwrap().request_count, 0);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_booked_while_the_database_is_away() {
    with_store(async |store| {
        let (token, _) = scene(&store).await;
        let ledger = Ledger::new(store.clone());
        store.close().await;
        let error = ledger
            .book("n", vec![event("e", token, &[])])
            .await
            .unwrap_err();
        assert!(
            matches!(error, crate::store::Error::Unavailable(_)),
            "{error}"
        );
    })
    .await;
}

#[tokio::test]
async fn books_that_are_full_stay_full() {
    with_store(async |store| {
        let (token, [channel, _]) = scene(&store).await;
        for table in ["tokens", "groups", "channels"] {
            let nearly = i64::MAX - COST - 1;
            let sql = format!("UPDATE {table} SET used_amount = {nearly}");
            store.execute_for_tests(sql).await;
        }
        let ledger = Ledger::new(store.clone());
        for (id, expected) in [("e1", i64::MAX - 1), ("e2", i64::MAX), ("e3", i64::MAX)] {
            let booked = ledger.book("n", vec![event(id, token, &[channel])]).await;
            assert_eq!(booked.unwrap().new, 1, "{id}");
            let used = [
                store.token(token, None).await.unwrap().used_amount,
                store.group("g").await.unwrap().used_amount,
                store.channel(channel).await.unwrap().used_amount,
            ];
            assert_eq!(used, [NanoUsd(expected); 3], "{id}");
        }
        assert_eq!(store.channel(channel).await.unwrap().request_count, 3);
    })
    .await;
}
