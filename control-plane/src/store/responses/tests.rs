use super::super::testing::with_store;
use super::*;
use crate::domain::GroupPatch;

const MAX: u64 = 1 << 20;

async fn groups(store: &Store) {
    for group in ["g", "h"] {
        store
            .create_group(group, GroupPatch::default())
            .await
            .unwrap();
    }
}

fn stored(group: &str, id: &str, previous: &str) -> Stored {
    Stored {
        id: id.into(),
        group: group.into(),
        token_id: 1,
        model: "m".into(),
        previous: previous.into(),
        input: format!(r#"[{{"q":  "{id}"}}]"#),
        response: format!(r#"{{"id":"{id}","output": [{{"a":"{id}\u0000"}}] }}"#),
        ..Stored::default()
    }
}

async fn keep(store: &Store, stored: &Stored, now: i64) {
    let all = std::slice::from_ref(stored);
    store.keep_responses(all, now).await.unwrap();
}

async fn ids(store: &Store, id: &str) -> Option<Vec<String>> {
    match store.conversation("g", id, 0, MAX).await {
        Ok(Conversation::Whole(turns)) => Some(turns.into_iter().map(|turn| turn.id).collect()),
        Ok(Conversation::TooLong) => panic!("too long"),
        Err(Error::NotFound(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Rows that still hold texts.
async fn with_texts(store: &Store) -> Vec<String> {
    let rows =
        sql("SELECT id FROM responses WHERE input <> '' OR output <> '' OR bytes > 0 ORDER BY id")
            .fetch_all(store.reader())
            .await
            .unwrap();
    rows.iter().map(|row| row.text("id").unwrap()).collect()
}

#[tokio::test]
async fn a_response_is_kept_once_and_verbatim() {
    with_store(async |store| {
        groups(&store).await;
        let first = stored("g", "r1", "");
        keep(&store, &first, 10).await;
        let mut again = first.clone();
        again.response = r#"{"output":[]}"#.into();
        keep(&store, &again, 20).await;
        assert_eq!(store.response("g", "r1", 10).await.unwrap(), first.response);
        let expected = Turn {
            id: "r1".into(),
            input: first.input.clone(),
            output: r#"[{"a":"r1\u0000"}]"#.into(),
        };
        let conversation = store.conversation("g", "r1", 0, MAX).await.unwrap();
        assert_eq!(conversation, Conversation::Whole(vec![expected]));
        assert!(
            matches!(store.response("g", "r1", 11).await, Err(Error::NotFound(_))),
            "too old"
        );
        // No such group, no such output: not kept, and not tried again for ever.
        again.id = "r3".into();
        again.response = r#"{"output":{}}"#.into();
        let all = [
            stored("g", "r4", ""),
            stored("nobody", "r2", ""),
            again,
            stored("g", "r5", "r4"),
        ];
        store.keep_responses(&all, 10).await.unwrap();
        assert_eq!(with_texts(&store).await, ["r1", "r4", "r5"]);
        assert_eq!(ids(&store, "r5").await.unwrap(), ["r4", "r5"]);
    })
    .await;
}

#[tokio::test]
async fn another_tenants_response_is_not_there() {
    with_store(async |store| {
        groups(&store).await;
        keep(&store, &stored("h", "r1", ""), 10).await;
        // Named as its predecessor by somebody else, it is not one.
        keep(&store, &stored("g", "r2", "r1"), 10).await;
        assert!(matches!(
            store.response("g", "r1", 0).await,
            Err(Error::NotFound(_))
        ));
        assert!(matches!(
            store.delete_response("g", "r1", 0, 20).await,
            Err(Error::NotFound(_))
        ));
        assert_eq!(ids(&store, "r1").await, None);
        assert_eq!(ids(&store, "r2").await, None);
        store.delete_response("h", "r1", 0, 20).await.unwrap();
        assert!(!store.response_is_deleted("g", "r1").await.unwrap());
        assert!(store.response_is_deleted("h", "r1").await.unwrap());

        // The same id, given by two groups' gateways, is one row: the first one's.
        keep(&store, &stored("h", "r2", ""), 10).await;
        assert!(matches!(
            store.response("h", "r2", 0).await,
            Err(Error::NotFound(_))
        ));

        assert_eq!(with_texts(&store).await, ["r1", "r2"]);
        store.delete_groups(&["g".into()]).await.unwrap();
        assert_eq!(with_texts(&store).await, ["r1"], "the other group's");
    })
    .await;
}

#[tokio::test]
async fn a_conversation_is_its_responses_oldest_first() {
    with_store(async |store| {
        groups(&store).await;
        for (id, previous) in [("r1", ""), ("r2", "r1"), ("r3", "r2"), ("other", "r1")] {
            keep(&store, &stored("g", id, previous), 10).await;
        }
        assert_eq!(ids(&store, "r3").await.unwrap(), ["r1", "r2", "r3"]);
        assert_eq!(ids(&store, "other").await.unwrap(), ["r1", "other"]);
        let bytes = r#"[{"q":  "r1"}][{"a":"r1\u0000"}]"#.len() as u64;
        for (max, fits) in [(3 * bytes, true), (3 * bytes - 1, false)] {
            let conversation = store.conversation("g", "r3", 0, max).await.unwrap();
            assert_eq!(matches!(conversation, Conversation::Whole(_)), fits);
        }
        keep(&store, &stored("g", "r5", "r4"), 10).await;
        assert_eq!(ids(&store, "r5").await, None, "its predecessor is gone");
    })
    .await;
}

#[tokio::test]
async fn a_conversation_has_a_limit() {
    with_store(async |store| {
        groups(&store).await;
        let last = CONVERSATION_RESPONSES_MAX + 1;
        store
            .execute_for_tests(format!(
                "INSERT INTO responses (id, group_id, token_id, model, created_at, previous, \
                 thread, bytes, input, output, response) \
                 WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last}) \
                 SELECT 'r' || i, 'g', 1, 'm', 10, \
                 CASE i WHEN 1 THEN '' ELSE 'r' || (i - 1) END, 'r1', 4, '[]', '[]', '{{}}' FROM n"
            ))
            .await;
        let at = |i: i64| store.conversation("g", format!("r{i}").leak(), 0, MAX);
        match at(last - 1).await.unwrap() {
            Conversation::Whole(turns) => assert_eq!(turns.len() as i64, last - 1),
            Conversation::TooLong => panic!("it may have so many"),
        }
        assert_eq!(at(last).await.unwrap(), Conversation::TooLong);
    })
    .await;
}

#[tokio::test]
async fn what_is_deleted_is_forgotten_when_nothing_continues_it() {
    with_store(async |store| {
        groups(&store).await;
        for (id, previous) in [("r1", ""), ("r2", "r1"), ("r3", "r2"), ("other", "r1")] {
            keep(&store, &stored("g", id, previous), 10).await;
        }
        let delete = async |id: &str| store.delete_response("g", id, 0, 20).await;
        delete("r2").await.unwrap();
        assert!(matches!(delete("r2").await, Err(Error::NotFound(_))));
        assert_eq!(ids(&store, "r2").await, None);
        assert_eq!(ids(&store, "r3").await.unwrap(), ["r1", "r2", "r3"]);
        delete("r1").await.unwrap();
        store.forget_deleted(21).await.unwrap();
        assert_eq!(with_texts(&store).await, ["other", "r1", "r2", "r3"]);
        delete("r3").await.unwrap();
        store.forget_deleted(20).await.unwrap();
        assert_eq!(
            with_texts(&store).await,
            ["other", "r1", "r2", "r3"],
            "too soon"
        );
        // What continued it was under way while it was deleted.
        keep(&store, &stored("g", "late", "r3"), 20).await;
        assert_eq!(ids(&store, "late").await.unwrap().len(), 4);
        store.forget_deleted(21).await.unwrap();
        assert_eq!(ids(&store, "late").await.unwrap().len(), 4);
        delete("late").await.unwrap();
        store.forget_deleted(21).await.unwrap();
        assert_eq!(with_texts(&store).await, ["other", "r1"]);
        delete("other").await.unwrap();
        store.forget_deleted(21).await.unwrap();
        assert_eq!(with_texts(&store).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_conversation_is_forgotten_as_a_whole() {
    with_store(async |store| {
        groups(&store).await;
        for (id, previous, at) in [("r1", "", 10), ("r2", "r1", 30), ("s1", "", 10)] {
            keep(&store, &stored("g", id, previous), at).await;
        }
        assert_eq!(store.purge_responses(20).await.unwrap(), 1);
        let since = store.conversation("g", "r2", 20, MAX).await.unwrap();
        assert!(matches!(since, Conversation::Whole(turns) if turns.len() == 2));
        assert!(matches!(
            store.conversation("g", "r1", 20, MAX).await,
            Err(Error::NotFound(_))
        ));
        assert_eq!(store.purge_responses(31).await.unwrap(), 2);
    })
    .await;
}
