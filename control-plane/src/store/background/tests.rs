use super::super::testing::with_store;
use super::*;
use crate::domain::GroupPatch;

fn id(n: u8) -> String {
    tollgate_config::responses::id(&format!("{:012x}{n:020x}", 1))
}

fn queued<'q>(id: &'q str, group: &'q str, now_ms: i64) -> Queued<'q> {
    Queued {
        id,
        group,
        owner: "o",
        response: "queued",
        now_ms,
        alive_until_ms: now_ms + 10,
    }
}

async fn with_groups(test: impl AsyncFn(Store)) {
    with_store(async |store| {
        for group in ["g", "h"] {
            let made = store.create_group(group, GroupPatch::default());
            made.await.unwrap();
        }
        test(store).await;
    })
    .await;
}

async fn response(store: &Store, group: &str, id: &str) -> Option<(String, bool)> {
    let found = store.background(group, id, 0).await.unwrap();
    found.map(|it| (it.response, it.is_running))
}

#[tokio::test]
async fn what_has_ended_stays_as_it_is_and_is_its_tenant_s_alone() {
    with_groups(async |store| {
        let id = id(1);
        assert!(
            store
                .queue_background(queued(&id, "g", 100), 1)
                .await
                .unwrap()
        );
        assert_eq!(
            response(&store, "g", &id).await,
            Some(("queued".into(), true))
        );
        assert_eq!(response(&store, "h", &id).await, None);
        assert_eq!(response(&store, "g", "resp_other").await, None);
        assert!(!store.delete_background("h", &id, 110).await.unwrap());
        assert!(store.set_background(&id, "begun", None).await.unwrap());
        assert_eq!(
            response(&store, "g", &id).await,
            Some(("begun".into(), true))
        );
        assert!(store.set_background(&id, "ended", Some(120)).await.unwrap());
        for late in [None, Some(130)] {
            assert!(!store.set_background(&id, "late", late).await.unwrap());
        }
        assert_eq!(
            response(&store, "g", &id).await,
            Some(("ended".into(), false))
        );
        assert!(
            store.background("g", &id, 101).await.unwrap().is_none(),
            "too old"
        );

        assert!(store.delete_background("g", &id, 140).await.unwrap());
        assert!(!store.delete_background("g", &id, 150).await.unwrap());
        let gone = store.background("g", &id, 0).await;
        assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
        assert_eq!(store.purge_background(100).await.unwrap(), 0);
        assert_eq!(store.purge_background(101).await.unwrap(), 1);
        assert_eq!(response(&store, "g", &id).await, None);
    })
    .await;
}

#[tokio::test]
async fn a_group_has_only_so_many_under_way() {
    with_groups(async |store| {
        let ids = [1, 2, 3, 4].map(id);
        assert!(
            store
                .queue_background(queued(&ids[0], "g", 100), 2)
                .await
                .unwrap()
        );
        assert!(
            store
                .queue_background(queued(&ids[1], "g", 100), 2)
                .await
                .unwrap()
        );
        assert!(
            !store
                .queue_background(queued(&ids[2], "g", 100), 2)
                .await
                .unwrap()
        );
        assert_eq!(
            response(&store, "g", &ids[2]).await,
            None,
            "nothing half done"
        );
        assert!(
            store
                .queue_background(queued(&ids[3], "h", 100), 2)
                .await
                .unwrap()
        );
        store
            .set_background(&ids[0], "ended", Some(101))
            .await
            .unwrap();
        assert!(
            store
                .queue_background(queued(&ids[2], "g", 101), 2)
                .await
                .unwrap()
        );
        // Those of an owner who is gone do not count.
        let fifth = id(5);
        assert!(
            store
                .queue_background(queued(&fifth, "g", 112), 2)
                .await
                .unwrap()
        );
        let missing = store.queue_background(queued(&fifth, "nobody", 1), 2).await;
        assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
    })
    .await;
}

#[tokio::test]
async fn who_is_not_heard_of_is_gone() {
    with_groups(async |store| {
        let ids = [1, 2].map(id);
        for id in &ids {
            store
                .queue_background(queued(id, "g", 100), 9)
                .await
                .unwrap();
        }
        assert!(store.lost_background(110).await.unwrap().is_empty());
        assert_eq!(store.background_goes_on("o", 200).await.unwrap(), ids);
        store.delete_background("g", &ids[0], 120).await.unwrap();
        assert_eq!(store.background_goes_on("o", 210).await.unwrap(), ids[1..]);
        assert!(store.background_goes_on("p", 300).await.unwrap().is_empty());
        assert!(store.lost_background(210).await.unwrap().is_empty());
        let lost = (ids[1].clone(), "queued".to_owned());
        assert_eq!(store.lost_background(211).await.unwrap(), [lost]);
        assert_eq!(
            store.purge_background(101).await.unwrap(),
            1,
            "one is running"
        );
    })
    .await;
}

#[tokio::test]
async fn what_comes_after_the_deletion_is_deleted_too() {
    with_groups(async |store| {
        let ids = [1, 2].map(id);
        for id in &ids {
            store
                .queue_background(queued(id, "g", 100), 9)
                .await
                .unwrap();
            let late = tollgate_config::responses::Stored {
                id: id.clone(),
                group: "g".into(),
                input: "[]".into(),
                response: r#"{"output":[]}"#.into(),
                ..Default::default()
            };
            store.keep_responses(&[late], 100).await.unwrap();
        }
        store.delete_background("g", &ids[0], 120).await.unwrap();
        store.delete_late_background(121).await.unwrap();
        assert!(matches!(
            store.response("g", &ids[0], 0).await,
            Err(Error::NotFound(_))
        ));
        assert!(store.response("g", &ids[1], 0).await.is_ok());
    })
    .await;
}
