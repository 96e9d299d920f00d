use crate::store::testing::{Database, on_each_database, with_store};

const DUTY: &str = "shared_addresses";

#[tokio::test]
async fn of_several_control_planes_one_does_it_at_a_time() {
    on_each_database(async |database: Database| {
        let (one, other) = (database.open().await, database.open().await);
        assert!(one.take_duty(DUTY, 60_000).await.unwrap());
        assert!(!other.take_duty(DUTY, 60_000).await.unwrap());
        assert!(!one.take_duty(DUTY, 60_000).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_stop_it() {
    with_store(async |store| {
        let ahead = "UPDATE duties SET done_at = 9000000000000000000";
        store.execute_for_tests(ahead.into()).await;
        assert!(store.take_duty(DUTY, 60_000).await.unwrap());
    })
    .await;
}
