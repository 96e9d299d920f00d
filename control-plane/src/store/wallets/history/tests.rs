//! That no list of transactions reads more of the ledger than it shows.

use super::*;
use crate::domain::{GroupPatch, Order};
use crate::store::testing::{Explain, on_each_database, with_store};

/// A tenth of them in one wallet.
const MANY_ROWS: &str = "INSERT INTO postings (transaction_id, account_id, kind, created_at, amount, \
    balance) SELECT 1, IF(seq % 10, -1, 1), 1 + seq DIV 10 % 2, seq, 1, 1 \
    FROM seq_1_to_20000";
const FIRST: &str = "INSERT INTO transactions (id, created_at, kind, idempotency_key) \
    VALUES (1, 1, 1, 'first')";

fn page(number: i64) -> Page {
    Page {
        number,
        size: 10,
        order: Order {
            column: "id",
            descending: true,
        },
    }
}

#[tokio::test]
async fn lists_walk_an_index_in_their_order() {
    on_each_database(async |database| {
        let store = database.open().await;
        store
            .create_group("g", GroupPatch::default())
            .await
            .unwrap();
        let wallet = store.open_wallet("g", None).await.unwrap().id;
        store.execute_for_tests(FIRST.into()).await;
        let mut explain = Explain::on(&database, &store, MANY_ROWS).await;
        for kind in [None, Some(TransactionKind::Recharge)] {
            for (start_ms, end_ms) in [(None, None), (Some(1), None), (Some(1), Some(2))] {
                let query = TransactionQuery {
                    kind,
                    start_ms,
                    end_ms,
                    request_id: None,
                };
                let few = query.of_transactions(wallet, &[2, 3]);
                for (conditions, is_few) in [(query.conditions(wallet), false), (few, true)] {
                    for (head, tail, conditions) in query.list().asked(&conditions) {
                        // Words are not looked for here.
                        if tail == " LIMIT 10" {
                            continue;
                        }
                        let what = format!("{query:?}{tail}");
                        let asked = (&*head, &*tail, &conditions);
                        explain
                            .walks_an_index("postings", asked, is_few, &what)
                            .await;
                    }
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn totals_stop_and_pages_go_on() {
    with_store(async |store| {
        store.create_group("g", GroupPatch::default()).await.unwrap();
        let wallet = store.open_wallet("g", None).await.unwrap().id;
        let first = format!("{FIRST}, (2, 2, 2, 'second')");
        store.execute_for_tests(first).await;
        let charge = format!(
            "INSERT INTO charges (request_id, transaction_id, account_id, amount) \
             VALUES ('r', 2, {wallet}, 7)"
        );
        store.execute_for_tests(charge).await;
        for (transaction, kind) in [(1, 1), (2, 2)] {
            let posting = format!(
                "INSERT INTO postings (transaction_id, account_id, kind, created_at, amount, balance) \
                 VALUES ({transaction}, {wallet}, {kind}, {transaction}, 1, 1)"
            );
            store.execute_for_tests(posting).await;
        }
        for step in 1..14 {
            let more = format!(
                "INSERT INTO postings (transaction_id, account_id, kind, created_at, amount, balance) \
                 SELECT 1, account_id, 1, created_at + {}, amount, balance FROM postings ORDER BY id",
                1_i64 << step
            );
            store.execute_for_tests(more).await;
        }
        let found = async |query: TransactionQuery, number| {
            let found = store.wallet_transactions("g", &query, page(number)).await;
            let found = found.unwrap();
            let newest = found.items.first().map(|it| it.created_at_ms);
            (found.total, newest)
        };
        let (all, last) = (TransactionQuery::default(), 1 << 14);
        assert_eq!(found(all.clone(), 1).await, (10_001, Some(last)));
        assert_eq!(found(all.clone(), 1_101).await, (10_001, Some(last - 11_000)));
        let usage = TransactionQuery {
            kind: Some(TransactionKind::Usage),
            ..all.clone()
        };
        assert_eq!(found(usage.clone(), 1).await, (1, Some(2)));
        let of_request = TransactionQuery {
            request_id: Some("r".into()),
            ..all.clone()
        };
        assert_eq!(found(of_request.clone(), 1).await, (1, Some(2)));
        let nobody_s = TransactionQuery {
            request_id: Some("s".into()),
            ..all.clone()
        };
        assert_eq!(found(nobody_s, 1).await, (0, None));
        let in_a_time = TransactionQuery {
            start_ms: Some(3),
            end_ms: Some(6),
            ..all
        };
        assert_eq!(found(in_a_time, 1).await, (4, Some(6)));
        let too_late = TransactionQuery {
            start_ms: Some(3),
            ..of_request
        };
        assert_eq!(found(too_late, 1).await, (0, None));
    })
    .await;
}
