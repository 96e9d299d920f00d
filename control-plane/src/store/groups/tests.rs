//! Who removes a group waits for bookings in one direction.

use std::time::Duration;

use super::*;
use crate::domain::TokenPatch;
use crate::store::Created;
use crate::store::testing::{Database, on_each_database};

async fn token_of(store: &Store, group: &str, name: &str) -> i64 {
    let patch = TokenPatch {
        name: Some(name.into()),
        ..TokenPatch::default()
    };
    match store.create_token(group, patch, true, false).await.unwrap() {
        Created::New(token, _) => token.id,
        Created::Existing(_) => panic!("it is new"),
    }
}

/// Until somebody waits for a lock in this database.
async fn somebody_waits(database: &Database, store: &Store) {
    let waiting = match database.name {
        "postgres" => {
            "SELECT count(*) AS waiting FROM pg_stat_activity \
             WHERE datname = current_database() AND wait_event_type = 'Lock'"
        }
        _ => {
            "SELECT count(*) AS waiting FROM information_schema.innodb_trx AS trx \
             JOIN information_schema.processlist AS processes \
             ON processes.id = trx.trx_mysql_thread_id \
             WHERE trx.trx_state = 'LOCK WAIT' AND processes.db = DATABASE()"
        }
    };
    let waits = async {
        loop {
            let row = sql(waiting).fetch_one(store.reader()).await.unwrap();
            if row.int("waiting").unwrap() > 0 {
                return;
            }
            // InnoDB tells nothing new to who asks ten times a second.
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(60), waits).await;
    done.expect("nobody waits for a lock");
}

#[tokio::test]
async fn a_booking_that_is_under_way_is_not_waited_for_in_a_circle() {
    on_each_database(async |database| {
        if !database.is_shared() {
            // There a write waits for the one before as a whole.
            return;
        }
        let store = database.open().await;
        // The group that comes last has the token that comes first.
        let first = token_of(&store, "z", "t").await;
        let last = token_of(&store, "a", "t").await;
        assert!(first < last);
        // As a booking does it.
        let mut booking = store.writer().begin().await.unwrap();
        let token = "UPDATE tokens SET request_count = request_count + 1 WHERE id = $1";
        sql(token).bind(first).execute(&mut *booking).await.unwrap();
        let deletion = tokio::spawn({
            let store = store.clone();
            async move { store.delete_groups(&["z".into(), "a".into()]).await }
        });
        somebody_waits(&database, &store).await;
        sql(token).bind(last).execute(&mut *booking).await.unwrap();
        for group in ["a", "z"] {
            sql("UPDATE groups SET request_count = request_count + 1 WHERE id = $1")
                .bind(group)
                .execute(&mut *booking)
                .await
                .unwrap();
        }
        booking.commit().await.unwrap();
        deletion.await.unwrap().unwrap();
        assert!(store.group("z").await.is_err());
        assert!(store.token(first, None).await.is_err());
    })
    .await;
}
