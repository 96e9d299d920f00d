//! What is known of addresses is what log rows say, whoever booked them and how often.

use tollgate_config::meter::{Outcome, UsageEvent};

use super::*;
use crate::domain::{Order, Page, now_unix_ms};
use crate::ledger::Ledger;
use crate::store::testing::with_store;
use crate::store::{LogQuery, Peer};

const HOUR: i64 = 3_600_000;

fn event(id: usize, ip: &str, group: &str) -> UsageEvent {
    UsageEvent {
        id: format!("{id:032}"),
        token_id: i64::from(!group.is_empty()),
        group: group.into(),
        ip: ip.into(),
        model: "m".into(),
        status: 200,
        outcome: Outcome::Success.into(),
        ..UsageEvent::default()
    }
}

/// Some from everywhere, from nowhere, by nobody, and from what is no address.
fn mixed(from: usize, to: usize) -> Vec<UsageEvent> {
    let of = |id: usize| match id % 9 {
        0 => event(id, "", "g"),
        1 => event(id, "192.0.2.1", ""),
        2 => event(id, &"x".repeat(65), "g"),
        _ => event(id, &format!("192.0.2.{}", id % 7), ["g", "h", "ß"][id % 3]),
    };
    (from..to).map(of).collect()
}

async fn book(store: &Store, events: Vec<UsageEvent>) {
    Ledger::new(store.clone()).book("n", events).await.unwrap();
}

/// All that is written down.
async fn written(store: &Store) -> Vec<(i64, i64, String, String)> {
    let rows = sql("SELECT span, start_at, ip, group_id FROM address_groups")
        .fetch_all(store.reader())
        .await
        .unwrap();
    let row = |row: &sqlx::any::AnyRow| {
        let (span, start) = (row.int("span").unwrap(), row.int("start_at").unwrap());
        (
            span,
            start,
            row.text("ip").unwrap(),
            row.text("group_id").unwrap(),
        )
    };
    let mut rows: Vec<_> = rows.iter().map(row).collect();
    rows.sort();
    rows
}

/// What log rows say.
async fn said(store: &Store) -> Vec<(i64, i64, String, String)> {
    let page = Page {
        number: 1,
        size: 1000,
        order: Order {
            column: "id",
            descending: false,
        },
    };
    let logs = store.logs(&LogQuery::default(), page).await.unwrap().items;
    let mut said = BTreeSet::new();
    for log in logs {
        if log.token_id != 0 && !log.ip.is_empty() && log.ip.len() <= 64 {
            for span in [HOUR, 24 * HOUR] {
                let start = log.created_at_ms - log.created_at_ms % span;
                said.insert((span, start, log.ip.clone(), log.group.clone()));
            }
        }
    }
    said.into_iter().collect()
}

async fn last_week(store: &Store) -> BTreeMap<String, Vec<String>> {
    let now = now_unix_ms();
    store.ip_groups(1, now - 168 * HOUR, now).await.unwrap()
}

async fn fill(store: &Store) {
    while store.fill_addresses().await.unwrap() {}
}

#[tokio::test]
async fn bookings_write_down_what_their_rows_say() {
    with_store(async |store| {
        fill(&store).await;
        // Some of it twice, and at the same time.
        book(&store, mixed(0, 30)).await;
        let both = [mixed(20, 200), mixed(100, 250)].map(|events| {
            let store = store.clone();
            tokio::spawn(async move { book(&store, events).await })
        });
        for booked in both {
            booked.await.unwrap();
        }
        let said = said(&store).await;
        assert!(said.len() >= 2 * 7);
        assert_eq!(written(&store).await, said);
        book(&store, mixed(0, 250)).await;
        assert_eq!(written(&store).await.len(), said.len());

        let all = last_week(&store).await;
        assert_eq!(all["192.0.2.3"], ["g", "h", "ß"]);
        assert_eq!(all.len(), 7, "{all:?}");
        let now = now_unix_ms();
        let shared = store.ip_groups(4, now - HOUR, now).await.unwrap();
        assert!(shared.is_empty(), "{shared:?}");
        let before = store.ip_groups(1, now - 9 * HOUR, now - 2 * HOUR).await;
        assert!(before.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn rows_from_before_are_asked_until_they_are_gone_through() {
    with_store(async |store| {
        book(&store, mixed(0, 90)).await;
        let old = format!(
            "UPDATE logs SET created_at = created_at - {} WHERE token_id = 1 AND group_id <> 'h'",
            50 * HOUR
        );
        store.execute_for_tests(old).await;
        // As the program before left it.
        store
            .execute_for_tests("DELETE FROM address_groups".into())
            .await;
        let asked = last_week(&store).await;
        assert_eq!(asked["192.0.2.3"], ["g", "h", "ß"]);

        fill(&store).await;
        fill(&store).await;
        assert_eq!(written(&store).await, said(&store).await);
        store.execute_for_tests("DELETE FROM logs".into()).await;
        let mut filled = last_week(&store).await;
        assert_ne!(filled, asked, "what is no address is not written down");
        filled.insert("x".repeat(65), vec!["g".into()]);
        assert_eq!(filled, asked);
    })
    .await;
}

#[tokio::test]
async fn while_the_program_before_runs_the_log_is_asked() {
    with_store(async |store| {
        let new = Peer {
            id: "new".into(),
            beat: 1,
            gateways: Vec::new(),
        };
        store.beat(&new).await.unwrap();
        let old = "INSERT INTO control_planes (id, beat, gateways) VALUES ('old', 7, '[]')";
        // What it books, it does not write down.
        let book_as_before = async |from: usize| {
            book(&store, mixed(from, from + 90)).await;
            store
                .execute_for_tests("DELETE FROM address_groups".into())
                .await;
        };
        for from in [0, 90] {
            store.execute_for_tests(old.into()).await;
            assert!(!store.fill_addresses().await.unwrap());
            book_as_before(from).await;
            assert!(!store.fill_addresses().await.unwrap());
            assert_eq!(written(&store).await, []);
            let found = last_week(&store).await;
            assert_eq!(found["192.0.2.3"].len(), 3, "{found:?}");
            store.forget_peer("old", 7).await.unwrap();
            fill(&store).await;
            assert_eq!(written(&store).await, said(&store).await);
        }
    })
    .await;
}

#[tokio::test]
async fn hours_and_days_that_are_over_go() {
    with_store(async |store| {
        book(&store, mixed(0, 90)).await;
        let now = written(&store).await;
        let hour = |number: i64, span: i64| {
            format!(
                "INSERT INTO address_groups (span, start_at, ip, group_id) \
                 VALUES ({span}, {}, 'a', 'g')",
                number * span
            )
        };
        for number in 0..3 {
            store.execute_for_tests(hour(number, HOUR)).await;
            store.execute_for_tests(hour(number, 24 * HOUR)).await;
        }
        let left = async || {
            let rows = written(&store).await;
            let old = rows.iter().filter(|row| row.2 == "a");
            old.map(|row| (row.0 / HOUR, row.1 / HOUR))
                .collect::<Vec<_>>()
        };
        // The third hour and the second day are not over.
        let before = 25 * HOUR;
        assert_eq!(
            store.delete_oldest_addresses(HOUR * 5 / 2).await.unwrap(),
            1
        );
        assert_eq!(left().await, [(1, 1), (1, 2), (24, 0), (24, 24), (24, 48)]);
        assert_eq!(store.delete_oldest_addresses(before).await.unwrap(), 2);
        assert_eq!(store.delete_oldest_addresses(before).await.unwrap(), 1);
        assert_eq!(store.delete_oldest_addresses(before).await.unwrap(), 0);
        assert_eq!(left().await, [(24, 24), (24, 48)]);
        let rows = written(&store).await;
        assert!(now.iter().all(|row| rows.contains(row)));
    })
    .await;
}
