//! What holds on every database.

use super::row::Columns;
use super::sql::sql;
use super::testing::{Database, on_each_database, with_store};
use super::*;
use crate::domain::{
    BaseUrl, ChannelPatch, GroupPatch, ModelConfigPatch, Order, Page, Status, TokenPatch,
};
use crate::secrets::{KeyRing, Secret, hash_token};

fn page(column: &'static str) -> Page {
    Page {
        number: 1,
        size: 10,
        order: Order {
            column,
            descending: true,
        },
    }
}

fn channel(name: &str, key: &str) -> ChannelPatch {
    ChannelPatch {
        name: Some(name.into()),
        kind: Some(1),
        key: Some(Secret::new(key)),
        models: Some(vec!["a".into(), "b".into()]),
        ..ChannelPatch::default()
    }
}

fn named(name: &str) -> TokenPatch {
    TokenPatch {
        name: Some(name.into()),
        ..TokenPatch::default()
    }
}

async fn new_token(store: &Store, group: &str, name: &str) -> (crate::domain::Token, Secret) {
    match store
        .create_token(group, named(name), true, false)
        .await
        .unwrap()
    {
        Created::New(token, secret) => (token, secret),
        Created::Existing(token) => panic!("{token:?}"),
    }
}

#[tokio::test]
async fn a_channel_is_made_published_changed_and_removed() {
    with_store(async |store| {
        let mut changes = store.changes();
        let made = store
            .create_channels(vec![channel("one", "sk-one-0123456789abcdef")])
            .await;
        let one = made.unwrap().remove(0);
        assert_eq!(
            (one.priority, one.sets.as_slice()),
            (10, &["default".to_owned()][..])
        );
        assert_eq!(one.key_hint, "cdef");
        assert_eq!(changes.recv().await.unwrap(), Change::Topology);

        let published = store.published_channels().await.unwrap();
        assert_eq!(published[0].key.expose(), "sk-one-0123456789abcdef");
        assert_eq!((published[0].id, published[0].models.len()), (one.id, 2));

        // Only what is named changes; the key is one of the things that stay.
        let url = BaseUrl::parse("https://a.example/v1").unwrap().0;
        let patch = ChannelPatch {
            priority: Some(3),
            ..ChannelPatch::default()
        };
        let changed = store.update_channel(one.id, patch).await.unwrap();
        assert_eq!(changed.priority, 3);
        assert_eq!(
            crate::domain::Channel {
                priority: one.priority,
                ..changed
            },
            one
        );
        assert_eq!(
            store.published_channels().await.unwrap()[0].key.expose(),
            "sk-one-0123456789abcdef"
        );
        let patch = ChannelPatch {
            base_url: Some(Some(url.clone())),
            key: Some(Secret::new("sk-two")),
            ..ChannelPatch::default()
        };
        assert_eq!(
            store.update_channel(one.id, patch).await.unwrap().base_url,
            Some(url)
        );
        assert_eq!(
            store.published_channels().await.unwrap()[0].key.expose(),
            "sk-two"
        );

        let off = ChannelPatch {
            status: Some(Status::Disabled),
            ..ChannelPatch::default()
        };
        store.update_channel(one.id, off).await.unwrap();
        assert!(store.published_channels().await.unwrap().is_empty());

        store.delete_channels(&[one.id]).await.unwrap();
        for gone in [
            store.channel(one.id).await.map(drop),
            store
                .update_channel(one.id, ChannelPatch::default())
                .await
                .map(drop),
            store.delete_channels(&[one.id]).await,
        ] {
            assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
        }
        let next = store
            .create_channels(vec![channel("two", "")])
            .await
            .unwrap()
            .remove(0);
        assert!(next.id > one.id, "ids are never used twice");
    })
    .await;
}

#[tokio::test]
async fn removing_several_is_all_or_none() {
    with_store(async |store| {
        let made = store
            .create_channels(vec![channel("a", ""), channel("b", "")])
            .await
            .unwrap();
        let (a, b) = (made[0].id, made[1].id);
        assert!(store.delete_channels(&[a, 999_999, b]).await.is_err());
        assert_eq!(store.all_channels().await.unwrap().len(), 2);
        store.delete_channels(&[a, b]).await.unwrap();
        assert_eq!(store.all_channels().await.unwrap().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn tokens_are_known_by_their_hash_and_their_group_is_resolved() {
    with_store(async |store| {
        let mut changes = store.changes();
        let (token, secret) = new_token(&store, "g", "t").await;
        assert_eq!(
            changes.recv().await.unwrap(),
            Change::Tokens(vec![token.id])
        );
        let update = store.token_updates(&[token.id]).await.unwrap().remove(0);
        assert_eq!(update.hash, hash_token(secret.expose()));
        let record = update.record.unwrap();
        assert_eq!((record.group.as_str(), record.name.as_str()), ("g", "t"));
        assert!(record.enabled && record.group_enabled && record.sets == ["default"]);

        let patch = GroupPatch {
            status: Some(Status::Disabled),
            available_sets: Some(vec!["vip".into()]),
            ..GroupPatch::default()
        };
        store.update_group("g", patch).await.unwrap();
        assert_eq!(
            changes.recv().await.unwrap(),
            Change::GroupTokens("g".into())
        );
        let record = store
            .group_token_updates("g")
            .await
            .unwrap()
            .remove(0)
            .record
            .unwrap();
        assert!(record.enabled && !record.group_enabled && record.sets == ["vip"]);

        let patch = TokenPatch {
            models: Some(vec!["m".into()]),
            status: Some(Status::Disabled),
            ..TokenPatch::default()
        };
        store
            .update_token(token.id, Some("g"), patch)
            .await
            .unwrap();
        let record = store
            .all_token_updates()
            .await
            .unwrap()
            .remove(0)
            .record
            .unwrap();
        assert!(!record.enabled && record.models == ["m"] && record.name == "t");

        assert!(store.token_updates(&[]).await.unwrap().is_empty());
        assert!(
            store
                .token_updates(&[token.id + 1])
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn a_name_is_given_once_within_a_group() {
    with_store(async |store| {
        assert!(matches!(
            store.create_token("g", named("t"), false, false).await,
            Err(Error::NotFound(_))
        ));
        let (token, _) = new_token(&store, "g", "t").await;
        let again = store.create_token("g", named("t"), false, false).await;
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
        match store
            .create_token("g", named("t"), false, true)
            .await
            .unwrap()
        {
            Created::Existing(found) => assert_eq!(found, token),
            Created::New(..) => panic!("a second one"),
        }
        new_token(&store, "h", "t").await;
        let (other, _) = new_token(&store, "g", "u").await;
        let renamed = store.update_token(other.id, None, named("t")).await;
        assert!(matches!(renamed, Err(Error::Conflict(_))), "{renamed:?}");
        // The failed attempts left nothing half done.
        assert_eq!(
            store
                .tokens(&TokenQuery::default(), page("id"))
                .await
                .unwrap()
                .total,
            3
        );
    })
    .await;
}

#[tokio::test]
async fn another_group_s_token_is_out_of_reach() {
    with_store(async |store| {
        let (token, _) = new_token(&store, "g", "t").await;
        store
            .create_group("h", GroupPatch::default())
            .await
            .unwrap();
        for gone in [
            store.token(token.id, Some("h")).await.map(drop),
            store
                .update_token(token.id, Some("h"), named("x"))
                .await
                .map(drop),
            store.delete_tokens(&[token.id], Some("h")).await,
        ] {
            assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
        }
        assert_eq!(store.token(token.id, Some("g")).await.unwrap(), token);
    })
    .await;
}

#[tokio::test]
async fn removing_a_group_revokes_its_tokens() {
    with_store(async |store| {
        let (_, one) = new_token(&store, "g", "one").await;
        let (two, secret) = new_token(&store, "g", "two").await;
        let mut changes = store.changes();
        store.delete_tokens(&[two.id], None).await.unwrap();
        let revoked = Change::Revoked(vec![hash_token(secret.expose())]);
        assert_eq!(changes.recv().await.unwrap(), revoked);
        store.delete_groups(&["g".into()]).await.unwrap();
        let revoked = Change::Revoked(vec![hash_token(one.expose())]);
        assert_eq!(changes.recv().await.unwrap(), revoked);
        assert!(store.all_token_updates().await.unwrap().is_empty());
        assert!(matches!(store.group("g").await, Err(Error::NotFound(_))));
    })
    .await;
}

#[tokio::test]
async fn lists_are_filtered_searched_ordered_and_paged() {
    with_store(async |store| {
        for id in ["Alpha", "beta_1", "betaX1", "50%"] {
            store.create_group(id, GroupPatch::default()).await.unwrap();
        }
        store
            .set_group_status(&["50%".into()], Status::Disabled)
            .await
            .unwrap();
        let search = async |keyword: &str, status| {
            let query = GroupQuery {
                keyword: Some(keyword.into()),
                status,
            };
            let order = Order {
                column: "id",
                descending: false,
            };
            let listed = store
                .groups(
                    &query,
                    Page {
                        order,
                        ..page("id")
                    },
                )
                .await
                .unwrap();
            assert_eq!(i64::try_from(listed.items.len()).unwrap(), listed.total);
            listed
                .items
                .into_iter()
                .map(|group| group.id)
                .collect::<Vec<_>>()
        };
        assert_eq!(search("ALPHA", None).await, ["Alpha"]);
        assert_eq!(search("beta_", None).await, ["beta_1"]);
        store
            .create_group("Äpfel", GroupPatch::default())
            .await
            .unwrap();
        assert_eq!(search("Äpfel", None).await, ["Äpfel"]);
        store.delete_groups(&["Äpfel".into()]).await.unwrap();
        assert_eq!(search("%", None).await, ["50%"]);
        assert_eq!(search("\\", None).await, [""; 0]);
        assert_eq!(search("a", Some(2)).await, ["50%"], "by its set");
        assert_eq!(search("'; DROP TABLE groups; --", None).await, [""; 0]);

        let mut seen = Vec::new();
        for number in 1..=3 {
            let listed = store
                .groups(
                    &GroupQuery::default(),
                    Page {
                        number,
                        size: 2,
                        ..page("status")
                    },
                )
                .await
                .unwrap();
            assert_eq!(listed.total, 4);
            seen.extend(listed.items.into_iter().map(|group| group.id));
        }
        assert_eq!((seen[0].as_str(), seen.len()), ("50%", 4));
        let far = Page {
            number: i64::MAX,
            size: 100,
            ..page("id")
        };
        assert!(
            store
                .groups(&GroupQuery::default(), far)
                .await
                .unwrap()
                .items
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn a_model_config_is_made_and_changed_in_parts() {
    with_store(async |store| {
        let save = async |patch: ModelConfigPatch| {
            store
                .save_model_configs(vec![("m/1".into(), patch)])
                .await
                .unwrap();
            store.model_config("m/1").await.unwrap()
        };
        let bare = save(ModelConfigPatch::default()).await;
        assert!(bare.price.is_free() && bare.retry_times.is_none() && bare.config.is_empty());
        let patch = ModelConfigPatch {
            retry_times: Some(Some(2)),
            owner: Some("o".into()),
            ..ModelConfigPatch::default()
        };
        assert_eq!(save(patch).await.retry_times, Some(2));
        let patch = ModelConfigPatch {
            kind: Some(1),
            ..ModelConfigPatch::default()
        };
        let config = save(patch).await;
        assert_eq!(
            (config.retry_times, config.owner.as_str(), config.kind),
            (Some(2), "o", 1)
        );
        assert_eq!(config.created_at_ms, bare.created_at_ms);
        let patch = ModelConfigPatch {
            retry_times: Some(None),
            ..ModelConfigPatch::default()
        };
        assert_eq!(save(patch).await.retry_times, None);

        let found = store
            .model_configs_of(&["m/1".into(), "none".into()])
            .await
            .unwrap();
        assert_eq!(found.len(), 1);
        assert!(
            store
                .delete_model_configs(&["m/1".into(), "none".into()])
                .await
                .is_err()
        );
        store.delete_model_configs(&["m/1".into()]).await.unwrap();
        assert!(store.model_configs().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_first_start_leaves_something_to_try_and_the_second_leaves_it_alone() {
    on_each_database(async |database: Database| {
        let store = database.open().await;
        let keys = FirstKeys {
            anthropic: Some(Secret::new("sk-ant-0123456789")),
            ..FirstKeys::default()
        };
        // Cut short at the last moment: as if it had never begun.
        let full = |_: &Secret| Err(std::io::Error::other("disk full"));
        let error = store.seed(keys.clone(), full).await.unwrap_err();
        assert!(matches!(error, Error::DemoToken(_)), "{error}");
        assert!(store.all_channels().await.unwrap().is_empty());
        assert!(store.all_token_updates().await.unwrap().is_empty());
        assert!(store.model_configs().await.unwrap().is_empty());

        let (sender, kept) = std::sync::mpsc::channel();
        let keep = move |token: &Secret| {
            sender.send(token.expose().to_owned()).unwrap();
            Ok(())
        };
        let seeded = store.seed(keys.clone(), keep).await.unwrap().unwrap();
        assert_eq!(kept.recv().unwrap(), seeded.demo_token.expose());
        assert_eq!(seeded.channels, ["demo", "anthropic"]);
        let tokens = store.all_token_updates().await.unwrap();
        assert_eq!(tokens[0].hash, hash_token(seeded.demo_token.expose()));
        let channels = store.published_channels().await.unwrap();
        assert_eq!(
            (channels[0].kind, channels[0].models.as_slice()),
            (53, &["demo".to_owned()][..])
        );
        assert_eq!(channels[1].key.expose(), "sk-ant-0123456789");
        for model in &channels[1].models {
            let config = store.model_config(model).await.unwrap();
            assert!(
                !config.price.is_free() && config.max_output_tokens().is_some(),
                "{model}"
            );
        }
        store.delete_channels(&[channels[0].id]).await.unwrap();
        store.close().await;

        let store = database.open().await;
        let never = |_: &Secret| panic!("it is not new");
        assert!(store.seed(keys, never).await.unwrap().is_none());
        assert_eq!(store.all_channels().await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn another_secret_key_is_refused_at_the_start() {
    on_each_database(async |database: Database| {
        database.open().await.close().await;
        let error = Store::connect(&database.address, KeyRing::random())
            .await
            .unwrap_err();
        assert!(matches!(error, Error::SecretKey(_)), "{error}");
        database.open().await.ping().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_key_that_was_moved_to_another_row_is_not_published() {
    with_store(async |store| {
        let made = store
            .create_channels(vec![channel("a", "sk-a"), channel("b", "sk-b")])
            .await
            .unwrap();
        let row = sql("SELECT key_sealed FROM channels WHERE id = $1")
            .bind(made[0].id)
            .fetch_one(store.reader())
            .await
            .unwrap();
        sql("UPDATE channels SET key_sealed = $1 WHERE id = $2")
            .bind(row.bytes("key_sealed").unwrap())
            .bind(made[1].id)
            .execute(store.writer())
            .await
            .unwrap();
        let published = store.published_channels().await.unwrap();
        assert_eq!(
            published
                .iter()
                .map(|channel| channel.id)
                .collect::<Vec<_>>(),
            [made[0].id]
        );
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_away_is_unavailable() {
    with_store(async |store| {
        store.close().await;
        assert!(matches!(store.ping().await, Err(Error::Unavailable(_))));
        assert!(matches!(
            store.all_channels().await,
            Err(Error::Unavailable(_))
        ));
        let made = store.create_channels(vec![channel("a", "")]).await;
        assert!(matches!(made, Err(Error::Unavailable(_))));
    })
    .await;
}

#[tokio::test]
async fn addresses_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none/db");
    let check = async |address: &str, expected: &str| {
        let error = Store::connect(address, KeyRing::random())
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(expected) && !error.contains("canary"),
            "{address}: {error}"
        );
    };
    check("redis://:canary@localhost", "use postgres://").await;
    check("postgres://me:canary@local host/db", "not a valid").await;
    check("postgres://me:canary@localhost:99999/db", "not a valid").await;
    check("mysql://me:canary@local host/db", "not a valid").await;
    check("mysql://me:canary@localhost:99999/db", "not a valid").await;
    check("mysql://me:canary@localhost/", "name of a database").await;
    check("", "is empty").await;
    check("sqlite:", "is empty").await;
    check(missing.to_str().unwrap(), "No such file").await;
    check(folder.path().to_str().unwrap(), "directory").await;
}

#[tokio::test]
async fn sqlite_files_are_private() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().join("db");
    let store = Store::connect(address.to_str().unwrap(), KeyRing::random())
        .await
        .unwrap();
    store.create_channels(vec![channel("a", "")]).await.unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o077,
            0,
            "{entry:?}"
        );
    }
}

#[tokio::test]
async fn many_writers_wait_in_line() {
    with_store(async |store| {
        let writers: Vec<_> = (0..50)
            .map(|at| {
                let store = store.clone();
                tokio::spawn(async move { new_token(&store, "g", &format!("t{at}")).await })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(store.all_token_updates().await.unwrap().len(), 50);
    })
    .await;
}

#[tokio::test]
async fn a_change_is_announced_although_its_caller_has_hung_up() {
    with_store(async |store| {
        let (token, secret) = new_token(&store, "g", "t").await;
        let mut changes = store.changes();
        let ids = [token.id];
        let mut hang_up = Box::pin(store.delete_tokens(&ids, None));
        let begun = std::future::poll_fn(|context| {
            let polled = hang_up.as_mut().poll(context);
            std::task::Poll::Ready(polled.is_pending())
        });
        assert!(begun.await, "it takes a moment");
        drop(hang_up);
        let revoked = Change::Revoked(vec![hash_token(secret.expose())]);
        assert_eq!(changes.recv().await.unwrap(), revoked);
        assert!(store.all_token_updates().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_write_of_unknown_outcome_has_everything_reread() {
    with_store(async |store| {
        let mut changes = store.changes();
        // Refused in words: nothing happened.
        assert!(store.delete_channels(&[1]).await.is_err());
        assert!(changes.is_empty());
        // Broken off by the database.
        sql("DROP TABLE revision")
            .execute(store.writer())
            .await
            .unwrap();
        let made = store.create_channels(vec![channel("a", "")]).await;
        assert!(matches!(made, Err(Error::Statement(_))), "{made:?}");
        assert_eq!(changes.recv().await.unwrap(), Change::AllTokens);
        assert_eq!(changes.recv().await.unwrap(), Change::Topology);
    })
    .await;
}

#[tokio::test]
async fn another_control_plane_s_changes_arrive() {
    on_each_database(async |database: Database| {
        if !database.is_shared() {
            return;
        }
        let (ours, theirs) = (database.open().await, database.open().await);
        let (mut heard, mut own) = (ours.changes(), theirs.changes());
        let started = std::time::Instant::now();
        let (token, _) = new_token(&theirs, "g", "t").await;
        assert_eq!(heard.recv().await.unwrap(), Change::AllTokens);
        assert_eq!(heard.recv().await.unwrap(), Change::Topology);
        assert!(started.elapsed() < std::time::Duration::from_secs(1));

        let one = Change::Tokens(vec![token.id]);
        assert_eq!(own.recv().await.unwrap(), one);
        // Twice the time that the other one needed to hear of it.
        tokio::time::sleep(std::time::Duration::from_millis(800)).await;
        assert!(own.is_empty(), "one's own changes come once");
    })
    .await;
}

#[test]
fn a_folder_is_claimed_once() {
    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().join("db").to_str().unwrap().to_owned();
    let first = claim(&address).unwrap();
    assert!(first.is_some());
    let error = claim(&format!("sqlite:{address}")).unwrap_err().to_string();
    assert!(error.contains("another tollgate"), "{error}");
    drop(first);
    assert!(claim(&address).unwrap().is_some());
    for shared in ["postgres://me@localhost/db", "mariadb://me@localhost/db"] {
        assert!(claim(shared).unwrap().is_none());
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_does_not_hide_the_others() {
    with_store(async |store| {
        let made = vec![channel("a", ""), channel("b", "")];
        let made = store.create_channels(made).await.unwrap();
        for name in ["t", "u"] {
            new_token(&store, "g", name).await;
        }
        let configs = vec![
            ("m".into(), ModelConfigPatch::default()),
            ("n".into(), ModelConfigPatch::default()),
        ];
        store.save_model_configs(configs).await.unwrap();
        for broken in [
            "UPDATE channels SET base_url = 'nonsense' WHERE name = 'a'",
            "UPDATE tokens SET models = 'nonsense' WHERE name = 't'",
            "UPDATE model_configs SET price = 'nonsense' WHERE model = 'm'",
        ] {
            store.execute_for_tests(broken.into()).await;
        }
        let everything = ChannelQuery::default();
        let listed = store.channels(&everything, page("id")).await.unwrap();
        assert_eq!((listed.items.len(), listed.total), (1, 2));
        let listed = store.tokens(&TokenQuery::default(), page("id")).await;
        assert_eq!(listed.unwrap().items[0].name, "u");
        assert_eq!(store.all_channels().await.unwrap()[0].id, made[1].id);
        assert_eq!(store.published_channels().await.unwrap().len(), 1);
        assert_eq!(store.all_token_updates().await.unwrap().len(), 1);
        assert_eq!(store.model_configs().await.unwrap()[0].model, "n");
        // One can still mend it, or remove it.
        let mend = ChannelPatch {
            base_url: Some(None),
            key: Some(Secret::new("sk-again")),
            ..ChannelPatch::default()
        };
        store.update_channel(made[0].id, mend).await.unwrap();
        assert_eq!(store.all_channels().await.unwrap().len(), 2);
    })
    .await;
}
