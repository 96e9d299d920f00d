mod away;

use tollgate_config::meter::UsageEvent;

use crate::domain::{Detail, GroupPatch, Log, Order, Page, Span, TokenPatch, now_unix_ms};
use crate::ledger::{Booked, Ledger};
use crate::store::row::Columns;
use crate::store::sql::sql;
use crate::store::testing::{Database, each_database, on_each_database};
use crate::store::{Error, LogQuery, Of, Store, SummaryQuery};

async fn open(main: &Database, logs: Option<&Database>) -> Store {
    let logs = logs.map(|it| it.address.as_str());
    Store::connect_with_logs(&main.address, logs, main.keys.clone())
        .await
        .unwrap()
}

async fn book(store: &Store, ids: std::ops::Range<usize>) -> Booked {
    book_at(store, ids, now_unix_ms()).await
}

async fn book_at(store: &Store, ids: std::ops::Range<usize>, started_unix_ms: i64) -> Booked {
    let events = ids.map(|id| UsageEvent {
        id: format!("e{id}"),
        started_unix_ms,
        token_id: 1,
        token_name: "t".into(),
        group: "g".into(),
        model: "m".into(),
        status: 200,
        ..UsageEvent::default()
    });
    let ledger = Ledger::new(store.clone());
    ledger.book("n", events.collect()).await.unwrap()
}

async fn listed(store: &Store) -> Vec<Log> {
    let page = Page {
        number: 1,
        size: 100,
        order: Order {
            column: "id",
            descending: true,
        },
    };
    let mut items = store.logs(&LogQuery::default(), page).await.unwrap().items;
    items.sort_by(|a, b| a.request_id.cmp(&b.request_id));
    items
}

async fn summed(store: &Store) -> i64 {
    let of = Of::Groups {
        groups: vec![],
        token_name: None,
    };
    let all = SummaryQuery::each(of, Span::Day, 0, i64::MAX);
    let summed = store.summed(&all, &[]).await.unwrap();
    summed[0].tally.request_count
}

/// What the main database has booked for the group.
async fn requests(store: &Store) -> i64 {
    store.group("g").await.unwrap().request_count
}

async fn seeded(store: &Store) {
    store
        .create_group("g", GroupPatch::default())
        .await
        .unwrap();
    let token = TokenPatch {
        name: Some("t".into()),
        ..TokenPatch::default()
    };
    store.create_token("g", token, false, false).await.unwrap();
}

fn body(id: &str) -> Detail {
    Detail {
        request_id: id.into(),
        group: "g".into(),
        created_at_ms: 5,
        request_body: "{}".into(),
        response_body: "ü".into(),
        request_body_truncated: true,
        response_body_truncated: false,
    }
}

#[tokio::test]
async fn rows_and_bodies_and_sums_are_in_the_log_database_of_any_kind() {
    on_each_database(async |main| {
        for logs in each_database().await {
            let store = open(&main, Some(&logs)).await;
            if store.group("g").await.is_err() {
                seeded(&store).await;
            }
            let before = requests(&store).await;
            let first = usize::try_from(before).unwrap();
            assert_eq!(book(&store, first..first + 3).await.new, 3);
            let id = format!("e{first}");
            store.keep_details(&[body(&id)]).await.unwrap();
            assert_eq!(requests(&store).await, before + 3, "it is booked at once");
            assert!(listed(&store).await.is_empty(), "and listed later");
            let ids = [id];
            assert_eq!(store.details_of(&ids).await.unwrap().len(), 1);

            assert_eq!(store.move_all_logs().await.unwrap(), 4);
            assert_eq!(store.move_all_logs().await.unwrap(), 0);
            let rows = listed(&store).await;
            assert_eq!(rows.len(), 3, "{} {}", main.name, logs.name);
            assert_eq!((rows[0].group.as_str(), rows[0].code), ("g", 200));
            assert_eq!(summed(&store).await, 3);
            assert_eq!(store.details_of(&ids).await.unwrap(), [body(&ids[0])]);
            let direct = open(&logs, None).await;
            assert_eq!(listed(&direct).await, rows, "they are there and not here");
            let there = direct.details_of(&ids).await.unwrap();
            assert_eq!(there.len(), 1);

            // Gateways send again what was not acknowledged.
            assert_eq!(book(&store, first..first + 4).await.new, 1);
            store.move_all_logs().await.unwrap();
            assert_eq!((listed(&store).await.len(), summed(&store).await), (4, 4));
            assert_eq!(requests(&store).await, before + 4);
        }
    })
    .await;
}

#[tokio::test]
async fn while_the_log_database_is_away_bookings_go_on_and_rows_arrive_later() {
    on_each_database(async |main| {
        // Nobody listens in an empty folder.
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().display();
        for away in [
            format!("mysql://me@localhost/logs?socket={folder}/none"),
            format!("postgres://me@localhost/logs?host={folder}"),
        ] {
            let keys = main.keys.clone();
            let store = Store::connect_with_logs(&main.address, Some(&away), keys)
                .await
                .unwrap();
            if store.group("g").await.is_err() {
                seeded(&store).await;
            }
            book(&store, 0..5).await;
            store.keep_details(&[body("e0")]).await.unwrap();
            assert_eq!(requests(&store).await, 5);
            let moved = store.move_all_logs().await;
            assert!(matches!(moved, Err(Error::Unavailable(_))), "{moved:?}");
            // It may be new, and without tables.
            let read = store.oldest_log().await;
            assert!(matches!(read, Err(Error::LogsUnavailable)), "{read:?}");
        }
        // It is back, or there is another one.
        let logs = &each_database().await[0];
        let store = open(&main, Some(logs)).await;
        assert_eq!(book(&store, 0..6).await.new, 1);
        assert_eq!(store.move_logs().await.unwrap(), Some(7));
        assert_eq!((listed(&store).await.len(), summed(&store).await), (6, 6));
        assert_eq!(requests(&store).await, 6);
    })
    .await;
}

#[tokio::test]
async fn what_was_moved_and_not_marked_is_taken_once() {
    on_each_database(async |main| {
        let logs = &each_database().await[0];
        let store = open(&main, Some(logs)).await;
        seeded(&store).await;
        book(&store, 0..3).await;
        let rows = sql("SELECT request_id, log FROM log_outbox");
        let rows = rows.fetch_all(store.reader()).await.unwrap();
        store.move_all_logs().await.unwrap();
        // The crash came between the two databases' commits.
        for row in &rows {
            sql("UPDATE log_outbox SET waits = 1, log = $2 WHERE request_id = $1")
                .bind(row.text("request_id").unwrap())
                .bind(row.text("log").unwrap())
                .execute(store.writer())
                .await
                .unwrap();
        }
        book(&store, 3..4).await;
        assert_eq!(store.move_all_logs().await.unwrap(), 4);
        assert_eq!((listed(&store).await.len(), summed(&store).await), (4, 4));

        // Marks go when nobody sends these calls again.
        assert_eq!(store.delete_booking_marks(0, 10).await.unwrap(), 0);
        let late = i64::MAX;
        assert_eq!(store.delete_booking_marks(late, 3).await.unwrap(), 3);
        assert_eq!(store.delete_booking_marks(late, 3).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_set_aside_and_holds_up_nobody() {
    on_each_database(async |main| {
        let logs = &each_database().await[0];
        let store = open(&main, Some(logs)).await;
        seeded(&store).await;
        book(&store, 0..3).await;
        let spoil =
            "UPDATE log_outbox SET log = '{\"of\":\"another version\"}' WHERE request_id = 'e1'";
        sql(spoil).execute(store.writer()).await.unwrap();
        store.move_all_logs().await.unwrap();
        assert_eq!(listed(&store).await.len(), 2);
        let aside = sql("SELECT log FROM log_outbox WHERE waits = 2");
        let aside = aside.fetch_all(store.reader()).await.unwrap();
        assert_eq!(aside.len(), 1);
        assert!(aside[0].text("log").unwrap().contains("another version"));
        assert_eq!(book(&store, 0..3).await.new, 0, "and it is booked");
    })
    .await;
}

#[tokio::test]
async fn the_main_database_under_another_name_is_no_log_database() {
    on_each_database(async |main| {
        let same = match main.address.split_once("://") {
            None => format!("sqlite:{}", main.address),
            Some(("sqlite", path)) => format!("sqlite:{path}"),
            Some((_, rest)) if main.name == "postgres" => format!("postgresql://{rest}"),
            Some((_, rest)) => format!("mariadb://{rest}"),
        };
        assert_ne!(same, main.address);
        let refused = Store::connect_with_logs(&main.address, Some(&same), main.keys.clone()).await;
        let refused = refused.err().unwrap().to_string();
        assert!(refused.contains("LOG_SQL_DSN"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn a_call_is_booked_once_when_the_log_moves_out_and_back_in() {
    on_each_database(async |main| {
        let logs = &each_database().await[0];
        let store = open(&main, None).await;
        seeded(&store).await;
        book(&store, 0..2).await;
        let store = open(&main, Some(logs)).await;
        assert_eq!(book(&store, 0..4).await.new, 2);
        let store = open(&main, None).await;
        assert_eq!(book(&store, 0..5).await.new, 1);
        assert_eq!(requests(&store).await, 5);
        // What waited for the log database comes to where the log is now.
        assert_eq!(store.move_logs().await.unwrap(), Some(2));
        assert_eq!((listed(&store).await.len(), summed(&store).await), (5, 5));
    })
    .await;
}

#[tokio::test]
async fn several_control_planes_move_the_same_rows_once() {
    on_each_database(async |main| {
        for logs in each_database().await {
            let stores = [
                open(&main, Some(&logs)).await,
                open(&main, Some(&logs)).await,
            ];
            let store = &stores[0];
            if store.group("g").await.is_err() {
                seeded(store).await;
            }
            let before = requests(store).await;
            let first = usize::try_from(before).unwrap();
            book(store, first..first + 40).await;
            let [one, other] = &stores;
            let (one, other) = tokio::join!(one.move_all_logs(), other.move_all_logs());
            // Whoever was in the other's way leaves what is left to the next look.
            assert!(one.is_ok() || other.is_ok(), "{one:?} {other:?}");
            store.move_all_logs().await.unwrap();
            assert_eq!((listed(store).await.len(), summed(store).await), (40, 40));
            assert_eq!(requests(store).await, before + 40);
        }
    })
    .await;
}
