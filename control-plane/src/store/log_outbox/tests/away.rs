//! What becomes of what waits when the log database is away for long, is new, or refuses something.

use std::sync::atomic::Ordering;

use super::*;
use crate::store::Backlog;

#[tokio::test]
async fn a_new_log_database_can_be_read_before_anything_waits_for_it() {
    on_each_database(async |main| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new.db");
        let file = file.to_str().unwrap().to_owned();
        let store = Store::connect_with_logs(&main.address, Some(&file), main.keys.clone());
        let store = store.await.unwrap();
        // As it is when it was away until now.
        store
            .0
            .logs
            .as_ref()
            .unwrap()
            .ready
            .store(false, Ordering::Release);
        assert!(store.oldest_log().await.is_err());
        assert_eq!(store.move_logs().await.unwrap(), None, "nothing waits");
        assert_eq!(store.oldest_log().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn bodies_wait_up_to_a_bound_and_the_oldest_go_first() {
    on_each_database(async |main| {
        let logs = &each_database().await[0];
        let store = open(&main, Some(logs)).await;
        seeded(&store).await;
        book(&store, 0..2).await;
        // From before there was a log database: they are no part of what waits for it to come back.
        let old = Detail {
            created_at_ms: 1,
            ..body("old")
        };
        let direct = open(&main, None).await;
        direct.keep_details(&[old]).await.unwrap();
        for at in 0..10 {
            let detail = Detail {
                created_at_ms: 100 + at,
                request_body: "x".repeat(740),
                ..body(&format!("b{at}"))
            };
            store.keep_details(&[detail]).await.unwrap();
        }
        let backlog = store.log_backlog().await.unwrap().unwrap();
        let weight = backlog.body_bytes / 10;
        assert_eq!(
            (backlog.rows, backlog.bodies, backlog.lost_bodies),
            (2, 10, 0)
        );
        assert!(
            backlog.oldest_at_ms > Some(0) && weight > 740,
            "{backlog:?}"
        );

        store.bound_waiting_to(4 * weight).await.unwrap();
        let bounded = Backlog {
            bodies: 4,
            body_bytes: 4 * weight,
            lost_bodies: 6,
            ..backlog
        };
        assert_eq!(store.log_backlog().await.unwrap(), Some(bounded));
        let ids = ["old", "b5", "b6"].map(str::to_owned);
        let kept = store.details_of(&ids).await.unwrap();
        let mut kept: Vec<_> = kept.iter().map(|it| it.request_id.as_str()).collect();
        kept.sort_unstable();
        assert_eq!(kept, ["b6", "old"]);

        assert_eq!(store.move_all_logs().await.unwrap(), 7);
        let nothing = Backlog {
            lost_bodies: 6,
            ..Backlog::default()
        };
        assert_eq!(store.log_backlog().await.unwrap(), Some(nothing));
        assert_eq!(open(logs, None).await.log_backlog().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn what_comes_again_after_its_mark_is_gone_is_not_booked_again() {
    on_each_database(async |main| {
        let logs = &each_database().await[0];
        let store = open(&main, Some(logs)).await;
        seeded(&store).await;
        let long_ago = now_unix_ms() - 4 * 24 * 60 * 60 * 1_000;
        assert_eq!(book_at(&store, 0..3, long_ago).await.new, 3);
        store.move_all_logs().await.unwrap();
        assert_eq!(store.delete_booking_marks(i64::MAX, 10).await.unwrap(), 3);
        assert_eq!(book_at(&store, 0..4, long_ago).await.new, 1);
        assert_eq!(requests(&store).await, 4);

        // While nobody knows, nothing is booked, and the gateway keeps it.
        store.log_writer().close().await;
        store.log_reader().unwrap().close().await;
        let event = UsageEvent {
            id: "e0".into(),
            token_id: 1,
            started_unix_ms: long_ago,
            ..UsageEvent::default()
        };
        let ledger = Ledger::new(store.clone());
        assert!(ledger.book("n", vec![event]).await.is_err());
        assert_eq!(book(&store, 10..12).await.new, 2, "calls of now go on");
    })
    .await;
}

#[tokio::test]
async fn a_row_that_was_moved_and_not_marked_is_not_forgotten_there_before_it_is() {
    on_each_database(async |main| {
        let logs = &each_database().await[0];
        let store = open(&main, Some(logs)).await;
        seeded(&store).await;
        book(&store, 0..3).await;
        let waiting = sql("SELECT log FROM log_outbox WHERE request_id = 'e1'");
        let waiting = waiting.fetch_one(store.reader()).await.unwrap();
        store.move_all_logs().await.unwrap();
        sql("UPDATE log_outbox SET waits = 1, log = $1 WHERE request_id = 'e1'")
            .bind(waiting.text("log").unwrap())
            .execute(store.writer())
            .await
            .unwrap();
        assert_eq!(store.delete_logs(i64::MAX, 10).await.unwrap(), 2);
        store.move_all_logs().await.unwrap();
        assert_eq!((listed(&store).await.len(), summed(&store).await), (1, 3));
        assert_eq!(store.delete_logs(i64::MAX, 10).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_row_that_the_log_database_refuses_holds_up_nobody_and_is_tried_again() {
    on_each_database(async |main| {
        let logs = &each_database().await[0];
        let store = open(&main, Some(logs)).await;
        seeded(&store).await;
        book(&store, 0..3).await;
        let direct = open(logs, None).await;
        let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON logs WHEN NEW.request_id = 'e1' \
                      BEGIN SELECT RAISE(ABORT, 'no'); END";
        direct.execute_for_tests(refuse.into()).await;
        store.move_all_logs().await.unwrap();
        assert_eq!(listed(&store).await.len(), 2);
        let backlog = store.log_backlog().await.unwrap().unwrap();
        assert_eq!((backlog.rows, backlog.set_aside), (0, 1));

        // All that there is is refused: that is no fault of the rows.
        store.try_set_aside().await.unwrap();
        assert!(store.move_all_logs().await.is_err());
        assert_eq!(store.log_backlog().await.unwrap().unwrap().rows, 1);
        direct.execute_for_tests("DROP TRIGGER refuse".into()).await;
        store.move_all_logs().await.unwrap();
        assert_eq!((listed(&store).await.len(), summed(&store).await), (3, 3));
    })
    .await;
}
