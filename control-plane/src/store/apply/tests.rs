use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::domain::BaseUrl;
use crate::store::sql::sql;
use crate::store::testing::{on_each_database, with_store};

async fn channels(store: &Store) -> Vec<i64> {
    let one = |name: &str| ChannelPatch {
        name: Some(name.into()),
        kind: Some(1),
        key: Some(Secret::new("k")),
        base_url: Some(Some(BaseUrl::parse("https://a.example/v1").unwrap().0)),
        models: Some(vec!["m".into()]),
        model_mapping: Some(BTreeMap::new()),
        ..ChannelPatch::default()
    };
    let made = store.create_channels(vec![one("a"), one("b")]).await;
    made.unwrap().iter().map(|channel| channel.id).collect()
}

fn with_priority(id: i64, priority: i32) -> Step {
    let patch = ChannelPatch {
        priority: Some(priority),
        ..ChannelPatch::default()
    };
    Step::Channel(Some(id), Box::new(patch))
}

/// Waits until a writer of this database waits for another.
async fn somebody_waits(store: &Store) {
    let waiting = "SELECT count(*) AS waiting FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    loop {
        let row = sql(waiting).fetch_one(store.reader()).await.unwrap();
        if crate::store::row::Columns::int(&row, "waiting").unwrap() > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_writer_that_came_first_is_not_in_the_way() {
    on_each_database(async |database| {
        let store = database.open().await;
        let ids = channels(&store).await;
        let seen = store.revision().await.unwrap();
        // As each write: first its rows, then the revision.
        let mut other = store.writer().begin().await.unwrap();
        sql("UPDATE channels SET name = name WHERE id = $1")
            .bind(ids[0])
            .execute(&mut *other)
            .await
            .unwrap();
        let steps = vec![with_priority(ids[0], 7)];
        let applying = {
            let store = store.clone();
            tokio::spawn(async move { store.apply("t", steps, seen, Then::Keep).await })
        };
        if database.name == "postgres" {
            somebody_waits(&store).await;
        }
        sql("UPDATE revision SET number = number + 1")
            .execute(&mut *other)
            .await
            .unwrap();
        other.commit().await.unwrap();
        let applied = applying.await.unwrap();
        assert!(matches!(applied, Err(Error::WrittenSince)), "{applied:?}");
        let seen = store.revision().await.unwrap();
        let steps = vec![with_priority(ids[0], 7)];
        store.apply("t", steps, seen, Then::Keep).await.unwrap();
        assert_eq!(store.channel(ids[0]).await.unwrap().priority, 7);
    })
    .await;
}

#[tokio::test]
async fn of_two_that_take_the_same_rows_in_another_order_one_is_told_to_look_again() {
    with_store(async |store| {
        let ids = channels(&store).await;
        for round in 1..=10 {
            let seen = store.revision().await.unwrap();
            let steps = |order: [i64; 2]| order.map(|id| with_priority(id, round)).to_vec();
            let (one, two) = (steps([ids[0], ids[1]]), steps([ids[1], ids[0]]));
            let (one, two) = tokio::join!(
                store.apply("one", one, seen, Then::Keep),
                store.apply("two", two, seen, Then::Keep)
            );
            let mut done = 0;
            for applied in [one, two] {
                match applied {
                    Ok(_) => done += 1,
                    Err(Error::WrittenSince) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
            assert_eq!(done, 1, "round {round}");
            for id in &ids {
                assert_eq!(store.channel(*id).await.unwrap().priority, round);
            }
        }
    })
    .await;
}

/// Bookings lock tokens and then groups: who has a group while they wait for a token stands in the way.
#[tokio::test]
async fn of_groups_that_go_no_group_is_locked_before_all_tokens_are() {
    on_each_database(async |database| {
        // Elsewhere nobody can be asked without waiting, or there is one writer alone.
        if database.name != "postgres" {
            return;
        }
        let store = database.open().await;
        let mut tokens = Vec::new();
        for group in ["a", "b"] {
            let patch = TokenPatch {
                name: Some("t".into()),
                ..TokenPatch::default()
            };
            let made = store.create_token(group, patch, true, false).await.unwrap();
            let Created::New(token, _) = made else {
                panic!("it is new")
            };
            tokens.push(token.id);
        }
        let seen = store.revision().await.unwrap();
        let mut other = store.writer().begin().await.unwrap();
        sql("UPDATE tokens SET status = status WHERE id = $1")
            .bind(tokens[1])
            .execute(&mut *other)
            .await
            .unwrap();
        let applying = {
            let store = store.clone();
            let steps = ["a", "b"].map(|group| Step::RemoveGroup(group.into()));
            tokio::spawn(async move { store.apply("t", steps.to_vec(), seen, Then::Keep).await })
        };
        somebody_waits(&store).await;
        sql("SELECT id FROM groups WHERE id = 'a' FOR UPDATE NOWAIT")
            .fetch_one(&mut *other)
            .await
            .unwrap();
        other.commit().await.unwrap();
        applying.await.unwrap().unwrap();
    })
    .await;
}
