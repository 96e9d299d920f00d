//! What summaries must add up to.

use tollgate_config::meter::{Attempt, Outcome, Usage, UsageEvent};
use tollgate_policy::price::{NanoUsd, Part, Price, Rate, Tariff};

use super::*;
use crate::domain::{ModelConfigPatch, Order, Page};
use crate::ledger::Ledger;
use crate::store::testing::with_store;
use crate::store::{LogQuery, Store};

/// A request that was tried on these channels, of which the last one answered with `status`.
fn event(id: usize, group: &str, model: &str, status: u32, channels: &[i64]) -> UsageEvent {
    let attempt = |(at, channel_id): (usize, &i64)| Attempt {
        channel_id: *channel_id,
        status: if at + 1 == channels.len() {
            status
        } else {
            429
        },
        started_ms: 10 * i64::try_from(at).unwrap(),
        ..Attempt::default()
    };
    let mut event = UsageEvent {
        id: format!("{id:032x}"),
        duration_ms: 100,
        first_byte_ms: Some(50),
        token_id: i64::from(!group.is_empty()),
        token_name: if group.is_empty() { "" } else { "t" }.into(),
        group: group.into(),
        model: model.into(),
        status,
        usage: Some(Usage {
            input_tokens: 1000 + id as u64,
            output_tokens: 7,
            cache_read_tokens: id as u64 % 2,
            ..Usage::default()
        }),
        attempts: channels.iter().enumerate().map(attempt).collect(),
        ..UsageEvent::default()
    };
    event.set_outcome(match status {
        200 => Outcome::Success,
        _ if channels.is_empty() => Outcome::Refused,
        _ => Outcome::Failed,
    });
    event
}

async fn book(store: &Store, events: Vec<UsageEvent>) {
    let rate = Rate {
        price: NanoUsd(1_000_000),
        unit: 1000,
    };
    let price = Price::FREE.with(Part::Input, rate);
    let config = ModelConfigPatch {
        price: Some(Tariff::of(price)),
        ..ModelConfigPatch::default()
    };
    let saved = store.save_model_configs(vec![("m".into(), config)]);
    saved.await.unwrap();
    Ledger::new(store.clone()).book("n", events).await.unwrap();
}

fn mixed(from: usize, to: usize) -> Vec<UsageEvent> {
    (from..to)
        .map(|id| match id % 6 {
            0 => event(id, "g", "m", 200, &[1]),
            1 => event(id, "g", "m", 200, &[1, 2]),
            2 => event(id, "h", "m", 500, &[1, 2, 3]),
            3 => event(id, "h", "x", 400, &[3]),
            4 => event(id, "g", "invented", 404, &[]),
            _ => event(id, "", "", 401, &[]),
        })
        .collect()
}

fn all_requests(span: Span) -> SummaryQuery {
    let of = Of::Groups {
        groups: vec![],
        token_name: None,
    };
    SummaryQuery::each(of, span, 0, i64::MAX)
}

#[tokio::test]
async fn summaries_add_up_to_the_ledger() {
    with_store(async |store| {
        // Some of it twice, and at the same time.
        book(&store, mixed(0, 30)).await;
        let both = [mixed(20, 200), mixed(100, 150)].map(|events| {
            let ledger = Ledger::new(store.clone());
            tokio::spawn(async move { ledger.book("n", events).await.unwrap() })
        });
        for booked in both {
            booked.await.unwrap();
        }

        let page = Page {
            number: 1,
            size: 1000,
            order: Order {
                column: "id",
                descending: false,
            },
        };
        let logs = store.logs(&LogQuery::default(), page).await.unwrap().items;
        assert_eq!(logs.len(), 200);
        let (mut requests, mut attempts) = (Tally::default(), Tally::default());
        for log in &logs {
            requests.add(&Tally::of_request(log));
            Tally::of_attempts(log).for_each(|(_, tally)| attempts.add(&tally));
        }
        let amount: i64 = logs.iter().map(|log| log.amount.0).sum();
        assert!(amount > 0);
        assert_eq!(requests.used_amount, amount);
        assert_eq!(attempts.used_amount, amount);
        assert_eq!(attempts.request_count - attempts.retry_count, 200);

        for span in Span::ALL {
            let summed = store.summed(&all_requests(span), &[]).await.unwrap();
            assert_eq!(summed[0].tally, requests, "{span:?}");
            let channels = SummaryQuery::each(Of::Channels(None), span, 0, i64::MAX);
            let summed = store.summed(&channels, &[]).await.unwrap();
            assert_eq!(summed[0].tally, attempts, "{span:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn every_attempt_counts_for_its_channel_and_the_end_for_the_caller() {
    with_store(async |store| {
        book(&store, mixed(0, 6)).await;
        let channels = SummaryQuery::each(Of::Channels(None), Span::Day, 0, i64::MAX);
        let by = [Dimension::Channel];
        let summed = store.summed(&channels, &by).await.unwrap();
        let shown: Vec<_> = summed
            .iter()
            .map(|sum| {
                let t = &sum.tally;
                let counts = (t.request_count, t.retry_count, t.exception_count);
                (sum.channel, counts, t.status_429_count, t.used_amount)
            })
            .collect();
        let tokens = |id: i64| 1_000 * (1_000 + id);
        assert_eq!(
            shown,
            [
                (0, (2, 0, 2), 0, 0),
                (1, (3, 0, 2), 2, tokens(0)),
                (2, (2, 1 + 1, 1), 1, tokens(1)),
                (3, (2, 1, 2), 0, tokens(2)),
            ]
        );

        let by = [Dimension::Group, Dimension::Model];
        let summed = store.summed(&all_requests(Span::Minute), &by).await;
        let shown = summed.unwrap().into_iter().map(|sum| {
            let counts = (sum.tally.request_count, sum.tally.exception_count);
            (sum.group, sum.model, counts, sum.tally.retry_count)
        });
        let shown: Vec<_> = shown.collect();
        let row = |group: &str, model: &str, counts, retries| {
            (group.to_owned(), model.to_owned(), counts, retries)
        };
        assert_eq!(
            shown,
            [
                row("", "", (1, 1), 0),
                // What no channel serves is not listed by the name that its caller invented.
                row("g", "", (1, 1), 0),
                row("g", "m", (2, 0), 1),
                row("h", "m", (1, 1), 2),
                row("h", "x", (1, 1), 0),
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn the_largest_are_found_and_counted() {
    with_store(async |store| {
        book(&store, mixed(0, 60)).await;
        let of = Of::Groups {
            groups: vec!["g".into(), "h".into()],
            token_name: Some("t".into()),
        };
        let query = SummaryQuery::whole(of, 0, crate::domain::now_unix_ms() + 1);
        let top = |offset| Top {
            field: "used_amount",
            descending: true,
            limit: 1,
            offset,
        };
        let by = Dimension::Group;
        for (offset, name) in [(0, Some("g")), (1, Some("h")), (2, None)] {
            let (found, total) = store.ranked(&query, by, top(offset)).await.unwrap();
            assert_eq!(found.first().map(|sum| sum.group.as_str()), name);
            assert_eq!(total, 2);
            let sums = store.summed(&query.clone().only(by, &found), &[by]).await;
            let sums = sums.unwrap();
            let names: Vec<_> = sums.iter().map(|sum| sum.group.as_str()).collect();
            assert_eq!(names, Vec::from_iter(name));
        }
        let nothing = query.clone().with_model(Some("nobody's".into()));
        assert_eq!(store.ranked(&nothing, by, top(0)).await.unwrap().1, 0);
        let empty = store.summed(&nothing, &[]).await.unwrap();
        assert_eq!(empty[0].tally, Tally::default());
    })
    .await;
}

#[tokio::test]
async fn a_summary_that_is_full_stays_full() {
    with_store(async |store| {
        book(&store, mixed(0, 1)).await;
        for table in ["channel_summaries", "group_summaries"] {
            let sql = format!("UPDATE {table} SET used_amount = {}", i64::MAX - 1);
            store.execute_for_tests(sql).await;
        }
        book(&store, mixed(6, 7)).await;
        let by = [Dimension::Group];
        let summed = store.summed(&all_requests(Span::Day), &by).await;
        let tally = summed.unwrap()[0].tally;
        assert_eq!((tally.used_amount, tally.request_count), (i64::MAX, 2));
    })
    .await;
}
