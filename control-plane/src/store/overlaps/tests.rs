use super::*;
use crate::domain::{Order, Page, TokenPatch};
use crate::secrets::hash_token;
use crate::store::testing::{Database, on_each_database};
use crate::store::{Created, TokenQuery};

const HOUR: i64 = 3_600_000;

const FIRST: Page = Page {
    number: 1,
    size: 10,
    order: Order {
        column: "id",
        descending: false,
    },
};

async fn made(store: &Store) -> (Token, Secret) {
    let patch = TokenPatch {
        name: Some("t".into()),
        ..TokenPatch::default()
    };
    match store.create_token("g", patch, true, false).await.unwrap() {
        Created::New(token, secret) => (token, secret),
        Created::Existing(_) => panic!("it is new"),
    }
}

/// The end of every text that gateways take, by its hash.
async fn ends(store: &Store) -> BTreeMap<Vec<u8>, i64> {
    let updates = store.all_token_updates().await.unwrap();
    let end = |it: TokenUpdate| (it.hash, it.record.unwrap().ends_unix_ms);
    updates.into_iter().map(end).collect()
}

#[tokio::test]
async fn the_old_text_works_until_the_end_of_the_overlap_after_a_restart_too() {
    on_each_database(async |database: Database| {
        let store = database.open().await;
        let (token, old) = made(&store).await;
        let other_group = store.rotate_token(token.id, Some("h"), HOUR).await;
        assert!(matches!(other_group, Err(Error::NotFound(_))));
        let before = now_unix_ms();
        let (rotated, new) = store.rotate_token(token.id, Some("g"), HOUR).await.unwrap();
        let until = rotated.rotates_until_ms.unwrap();
        assert!((before + HOUR..=now_unix_ms() + HOUR).contains(&until));
        store.close().await;

        let store = database.open().await;
        let texts = ends(&store).await;
        assert_eq!(texts[&hash_token(new.expose()).to_vec()], 0);
        assert_eq!(texts[&hash_token(old.expose()).to_vec()], until);
        let one = store.token_updates(&[token.id]).await.unwrap();
        let group = store.group_token_updates("g").await.unwrap();
        assert_eq!((one.len(), group.len()), (2, 2));

        // Whoever has it finds the token by it, and what the token may spend.
        let known = |text: &Secret| TokenQuery {
            hash: Some(hash_token(text.expose())),
            ..TokenQuery::default()
        };
        for (text, total) in [(&old, 1), (&new, 1), (&Secret::new("sk-none"), 0)] {
            let found = store.tokens(&known(text), FIRST).await.unwrap();
            assert_eq!(found.total, total);
        }
        let spending = store.spending(&hash_token(old.expose()), before).await;
        assert_eq!(spending.unwrap().0.id, token.id);

        let mut changes = store.changes();
        store.end_what_is_due(until - 1).await.unwrap();
        assert!(changes.is_empty());
        store.end_what_is_due(until).await.unwrap();
        let revoked = Change::Revoked(vec![hash_token(old.expose())]);
        assert_eq!(changes.recv().await.unwrap(), revoked);
        assert_eq!(ends(&store).await.len(), 1);
        let token = store.token(token.id, None).await.unwrap();
        assert_eq!(token.rotates_until_ms, None);
        let found = store.tokens(&known(&old), FIRST).await.unwrap();
        assert_eq!(found.total, 0);
    })
    .await;
}

#[tokio::test]
async fn earlier_texts_go_with_their_token() {
    on_each_database(async |database: Database| {
        let store = database.open().await;
        type Work = fn(&Store) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>>;
        let works: [Work; 3] = [
            |store| Box::pin(async { store.delete_tokens(&[1], None).await.unwrap() }),
            |store| Box::pin(async { store.delete_groups(&["g".into()]).await.unwrap() }),
            |store| Box::pin(async { drop(store.rotate_token(3, None, 0).await.unwrap()) }),
        ];
        for work in works {
            let (token, first) = made(&store).await;
            let (_, second) = store.rotate_token(token.id, None, HOUR).await.unwrap();
            let mut changes = store.changes();
            work(&store).await;
            let Change::Revoked(gone) = changes.recv().await.unwrap() else {
                panic!("nothing is revoked")
            };
            for text in [&first, &second] {
                assert!(
                    gone.contains(&hash_token(text.expose())),
                    "{}",
                    database.name
                );
            }
            assert_eq!(store.next_deadline().await.unwrap(), None);
        }
    })
    .await;
}

#[tokio::test]
async fn few_texts_of_a_token_work_at_the_same_time() {
    on_each_database(async |database: Database| {
        let store = database.open().await;
        let (token, _) = made(&store).await;
        for _ in 0..MOST {
            store.rotate_token(token.id, None, HOUR).await.unwrap();
        }
        let one_more = store.rotate_token(token.id, None, HOUR).await;
        assert!(matches!(one_more, Err(Error::Conflict(_))), "{one_more:?}");
        assert_eq!(ends(&store).await.len(), 9);
        store.rotate_token(token.id, None, 0).await.unwrap();
        assert_eq!(ends(&store).await.len(), 1);
    })
    .await;
}
