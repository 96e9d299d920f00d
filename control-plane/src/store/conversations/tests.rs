use tollgate_config::responses::conversation_item;

use super::super::testing::with_store;
use super::items::CONVERSATION_ITEMS_MAX;
use super::*;
use crate::domain::GroupPatch;
use crate::domain::options::GROUP_MAX_CONVERSATION_MEGABYTES;

const ID: &str = "conv_tg0199aabbccdd00112233445566778899";

fn raw(items: &str) -> Vec<Box<RawValue>> {
    serde_json::from_str(items).unwrap()
}

async fn begun(store: &Store) {
    for group in ["g", "h"] {
        store
            .create_group(group, GroupPatch::default())
            .await
            .unwrap();
    }
    store
        .create_conversation(
            "g",
            ID,
            "{}",
            &raw(r#"[{"role":"user","content":"a"}]"#),
            10,
        )
        .await
        .unwrap();
}

fn stored(id: &str, response: &str) -> Stored {
    Stored {
        id: id.into(),
        group: "g".into(),
        input: r#"[{"type":"message","role":"user","content":"b","id":"msg_b"}]"#.into(),
        response: response.into(),
        conversation: ID.into(),
        not_by_id: true,
        ..Stored::default()
    }
}

async fn ids(store: &Store, after: Option<&str>, limit: i64, descending: bool) -> Vec<String> {
    let query = ItemQuery {
        after,
        limit,
        max_bytes: u64::MAX,
        descending,
    };
    let page = store.conversation_page(ID, query).await.unwrap().unwrap();
    page.items.into_iter().map(|(id, _)| id).collect()
}

#[tokio::test]
async fn a_response_is_added_once_and_lets_the_conversation_go() {
    with_store(async |store| {
        begun(&store).await;
        let hold = async |writer, now| {
            let held = store.hold_conversation("g", ID, writer, now, now + 5);
            held.await.unwrap()
        };
        assert!(hold("r1", 20).await);
        assert!(hold("r1", 21).await, "its own");
        assert!(!hold("r2", 22).await);
        let answered = stored("r1", r#"{"output":[{"type":"message","role":"assistant","id":"msg_1","status":"completed","content":[]}]}"#);
        for _ in 0..2 {
            let all = [answered.clone()];
            store.keep_responses(&all, 23).await.unwrap();
        }
        let first = format!("msg_{}", conversation_item(ID, 0));
        assert_eq!(ids(&store, None, 9, false).await, [&first, "msg_b", "msg_1"]);
        assert!(store.response("g", "r1", 0).await.is_err(), "not by its id");
        assert!(hold("r2", 23).await);
        // It failed.
        store.keep_responses(&[stored("r2", "")], 24).await.unwrap();
        assert!(hold("r3", 24).await);
        assert!(hold("r4", 30).await, "its gateway is gone");
        // Late, and another one holds it meanwhile.
        store.keep_responses(&[stored("r3", r#"{"output":[]}"#)], 31).await.unwrap();
        assert!(!hold("r5", 32).await);
        let last = format!("msg_{}", conversation_item(ID, 3));
        assert_eq!(
            ids(&store, None, 2, true).await,
            [last.as_str(), "msg_1"],
            "an id that is taken is not given twice"
        );
        let items = store.conversation_items("g", ID, 31, 1 << 20).await.unwrap();
        assert_eq!(items.unwrap().len(), 4);
        assert_eq!(store.conversation_items("g", ID, 0, 10).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn another_tenants_conversation_is_not_there() {
    with_store(async |store| {
        begun(&store).await;
        let item = &ids(&store, None, 1, false).await[0];
        let missing = |result: Result<()>| assert!(matches!(result, Err(Error::NotFound(_))));
        missing(store.conversation_facts("h", ID, 0).await.map(|_| ()));
        missing(store.conversation_facts("g", ID, 11).await.map(|_| ()));
        missing(store.set_conversation_metadata("h", ID, "{}", 20).await);
        missing(
            store
                .hold_conversation("h", ID, "r", 20, 30)
                .await
                .map(|_| ()),
        );
        missing(store.conversation_items("h", ID, 0, 99).await.map(|_| ()));
        missing(store.conversation_item("h", ID, item).await.map(|_| ()));
        missing(store.delete_conversation_item("h", ID, item, 20).await);
        missing(
            store
                .add_conversation_items("h", ID, &raw("[1]"), 20)
                .await
                .map(|_| ()),
        );
        missing(store.delete_conversation("h", ID).await);
        let known = async |group: &str| {
            let known = store.known_items(group, std::slice::from_ref(item));
            known.await.unwrap().len()
        };
        assert_eq!((known("h").await, known("g").await), (0, 1));
        // Nor is anything added to it.
        let mut theirs = stored("r1", r#"{"output":[{"id":"x"}]}"#);
        theirs.group = "h".into();
        store.keep_responses(&[theirs], 20).await.unwrap();
        assert_eq!(ids(&store, None, 9, false).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn items_come_in_pages_and_go_one_by_one() {
    with_store(async |store| {
        begun(&store).await;
        let more = raw(
            r#"[{"id":"i1","role":"user","content":"b"},{"id":"i2","role":"user","content":"c"}]"#,
        );
        let added = store
            .add_conversation_items("g", ID, &more, 20)
            .await
            .unwrap();
        assert_eq!(added.len(), 2);
        let all = ids(&store, None, 9, false).await;
        assert_eq!(all[1..], ["i1", "i2"]);
        assert_eq!(ids(&store, Some("i1"), 9, false).await, ["i2"]);
        assert_eq!(ids(&store, Some("i1"), 9, true).await, all[..1]);
        let query = ItemQuery {
            after: Some("i9"),
            limit: 1,
            max_bytes: u64::MAX,
            descending: false,
        };
        assert_eq!(store.conversation_page(ID, query).await.unwrap(), None);
        let query = ItemQuery {
            after: None,
            ..query
        };
        assert!(
            store
                .conversation_page(ID, query)
                .await
                .unwrap()
                .unwrap()
                .has_more
        );

        let bytes = |items: &[String]| items.iter().map(String::len).sum::<usize>() as u64;
        let before = store
            .conversation_items("g", ID, 0, 1 << 20)
            .await
            .unwrap()
            .unwrap();
        assert!(
            store
                .conversation_items("g", ID, 0, bytes(&before) - 1)
                .await
                .unwrap()
                .is_none()
        );
        store
            .delete_conversation_item("g", ID, "i1", 30)
            .await
            .unwrap();
        let after = store
            .conversation_items("g", ID, 0, bytes(&before) - 1)
            .await
            .unwrap();
        assert_eq!(after.unwrap().len(), 2);
        // Numbers are not given again.
        let more = raw(r#"[{"role":"user","content":"d"}]"#);
        let added = store
            .add_conversation_items("g", ID, &more, 40)
            .await
            .unwrap();
        assert_eq!(added[0].0, format!("msg_{}", conversation_item(ID, 3)));

        let many = vec![raw("[{}]").remove(0); CONVERSATION_ITEMS_MAX];
        let full = store.add_conversation_items("g", ID, &many, 50).await;
        assert!(matches!(full, Err(Error::Conflict(_))), "{full:?}");
        assert_eq!(store.purge_conversations(40).await.unwrap(), 0);
        assert_eq!(store.purge_conversations(41).await.unwrap(), 1);
        assert!(
            store
                .known_items("g", &["i2".into()])
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn a_page_ends_before_it_is_too_large_and_goes_on_behind() {
    with_store(async |store| {
        begun(&store).await;
        let more = raw(r#"[{"id":"i1","t":"0123456789"},{"id":"i2","t":"0123456789"}]"#);
        let added = store.add_conversation_items("g", ID, &more, 20);
        let size = u64::try_from(added.await.unwrap()[0].1.len()).unwrap();
        for (max_bytes, after, descending, expected, more) in [
            // The first is shown however large it is.
            (0, None, true, &["i2"][..], true),
            (2 * size - 1, None, true, &["i2"], true),
            (2 * size, None, true, &["i2", "i1"], true),
            (size, Some("i2"), true, &["i1"], true),
            (u64::MAX, Some("i1"), false, &["i2"], false),
        ] {
            let query = ItemQuery {
                after,
                limit: 2,
                max_bytes,
                descending,
            };
            let page = store.conversation_page(ID, query).await.unwrap().unwrap();
            let ids: Vec<_> = page.items.iter().map(|(id, _)| id.as_str()).collect();
            assert_eq!(
                (ids.as_slice(), page.has_more),
                (expected, more),
                "{max_bytes}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_group_keeps_no_more_than_it_may() {
    with_store(async |store| {
        begun(&store).await;
        let most = (GROUP_MAX_CONVERSATION_MEGABYTES, "1".to_owned());
        store.set_options(vec![most]).await.unwrap();
        let large = raw(&format!(r#"[{{"t":"{}"}}]"#, "x".repeat(600_000)));
        let add = async |group: &'static str, conversation: &'static str| {
            let added = store.add_conversation_items(group, conversation, &large, 20);
            added.await.map(|added| added.len())
        };
        assert_eq!(add("g", ID).await.unwrap(), 1);
        let full = add("g", ID).await;
        assert!(
            matches!(full, Err(Error::Conflict(ref why)) if why.contains("1 MiB")),
            "{full:?}"
        );
        let other = "conv_tg0199aabbccdd00112233445566778898";
        let made = store
            .create_conversation("g", other, "{}", &large, 20)
            .await;
        assert!(matches!(made, Err(Error::Conflict(_))), "{made:?}");
        store.conversation_facts("g", other, 0).await.unwrap_err();
        // What came by itself is not added, and nobody waits for it.
        store
            .hold_conversation("g", ID, "r1", 20, 30)
            .await
            .unwrap();
        let before = ids(&store, None, 9, false).await;
        let output = format!(r#"{{"output":[{}]}}"#, large[0].get());
        store
            .keep_responses(&[stored("r1", &output)], 23)
            .await
            .unwrap();
        assert_eq!(ids(&store, None, 9, false).await, before);
        assert!(
            store
                .hold_conversation("g", ID, "r2", 23, 30)
                .await
                .unwrap()
        );
        // Another group's are not counted.
        store
            .create_conversation("h", other, "{}", &large, 20)
            .await
            .unwrap();
        store.delete_conversation("g", ID).await.unwrap();
        let made = "conv_tg0199aabbccdd00112233445566778897";
        store
            .create_conversation("g", made, "{}", &large, 20)
            .await
            .unwrap();
    })
    .await;
}
