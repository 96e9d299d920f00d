//! Rotations on both databases, broken off anywhere.

use super::*;
use crate::domain::{BalanceServicePatch, BaseUrl, ChannelPatch, ProxyUrl};
use crate::store::testing::{Database, on_each_database};

fn channel(name: &str) -> ChannelPatch {
    ChannelPatch {
        kind: Some(1),
        name: Some(name.into()),
        key: Some(Secret::new(format!("sk-{name}"))),
        proxy: Some(ProxyUrl::parse(&format!("http://u:{name}@p.example")).ok()),
        ..ChannelPatch::default()
    }
}

async fn connect(database: &Database, ring: &KeyRing) -> Store {
    Store::connect(&database.address, ring.clone())
        .await
        .unwrap()
}

/// Everything sealed, opened; fewer than were written when one does not open.
async fn opened(store: &Store) -> Vec<String> {
    let channels = store.published_channels().await.unwrap();
    let keys = channels.iter().map(|it| it.key.expose().to_owned());
    let proxies = channels.iter().filter_map(|it| it.proxy.as_ref());
    let credentials = proxies.filter_map(|it| Some(it.credentials()?.expose().to_owned()));
    let mut all: Vec<_> = keys.chain(credentials).collect();
    let service = store.service_access(1).await.unwrap();
    all.push(service.secret.expose().to_owned());
    all
}

async fn filled(store: &Store) -> Vec<String> {
    let channels = ["a", "b", "c"].map(channel).to_vec();
    store.create_channels(channels).await.unwrap();
    let service = BalanceServicePatch {
        name: Some("s".into()),
        url: Some(BaseUrl::parse("https://a.example").unwrap().0),
        private: None,
        secret: Some(Secret::new("hush")),
    };
    store.create_balance_service(service).await.unwrap();
    ["sk-a", "sk-b", "sk-c", "u:a", "u:b", "u:c", "hush"]
        .map(str::to_owned)
        .to_vec()
}

/// As a database from before there were data keys.
async fn aged(database: &Database) -> Store {
    let store = database.open().await;
    store
        .execute_for_tests("DELETE FROM data_keys".into())
        .await;
    store
        .execute_for_tests("DELETE FROM meta WHERE name = 'data_key'".into())
        .await;
    let seal = database.keys.seal(SEAL, &Secret::new("tollgate")).unwrap();
    sql("INSERT INTO meta (name, value) VALUES ('seal', $1)")
        .bind(seal)
        .execute(store.writer())
        .await
        .unwrap();
    store.close().await;
    database.open().await
}

#[tokio::test]
async fn a_rotation_that_breaks_off_anywhere_leaves_everything_readable() {
    for old_form in [false, true] {
        on_each_database(async |database: Database| {
            let (old, new) = (database.keys.clone(), KeyRing::random());
            let both = new.clone().before(old.clone());
            let running = if old_form {
                aged(&database).await
            } else {
                database.open().await
            };
            let written = filled(&running).await;
            // SQLite has one control plane, which a rotation waits for.
            let running = if database.name == "sqlite" {
                running.close().await;
                None
            } else {
                Some(running)
            };
            let check = async |what: &str, rings: &[&KeyRing]| {
                if let Some(running) = &running {
                    assert_eq!(opened(running).await, written, "{what}: running");
                }
                for ring in rings {
                    let store = connect(&database, ring).await;
                    assert_eq!(opened(&store).await, written, "{what}: {ring:?}");
                    store.close().await;
                }
            };
            for most in [0, 1, 1] {
                let store = connect(&database, &both).await;
                let key = store.renew_data_key().await.unwrap();
                let done = store.reseal(&key, most).await.unwrap();
                assert_eq!(done.resealed, u64::try_from(most).unwrap());
                store.close().await;
                // What is sealed with a secret key opens with that one alone.
                let rings = [&old, &both, &new];
                check("broken off", &rings[..if old_form { 2 } else { 3 }]).await;
            }
            let store = connect(&database, &both).await;
            assert_eq!(store.rotate_keys().await.unwrap().resealed, 5);
            assert_eq!(store.rotate_keys().await.unwrap(), Rotation::default());
            check("rotated", &[&old, &both, &new]).await;

            store.retire_keys().await.unwrap();
            store.close().await;
            check("retired", &[&both, &new]).await;
            let error = Store::connect(&database.address, old.clone()).await;
            assert!(matches!(error, Err(Error::SecretKey(_))), "{error:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn control_planes_that_run_seal_with_the_new_key_too() {
    on_each_database(async |database: Database| {
        if database.name == "sqlite" {
            return;
        }
        let running = database.open().await;
        filled(&running).await;
        let new = KeyRing::random();
        let rotating = connect(&database, &new.clone().before(database.keys.clone())).await;
        let writes = async {
            for n in 0..30 {
                let patch = ChannelPatch {
                    key: Some(Secret::new(format!("sk-{n}"))),
                    ..ChannelPatch::default()
                };
                running.update_channel(2, patch).await.unwrap();
                assert_eq!(running.published_channels().await.unwrap().len(), 3);
            }
        };
        let (_, rotated) = tokio::join!(writes, rotating.rotate_keys());
        assert_eq!(rotated.unwrap().unreadable, 0);
        let left = rotating.rotate_keys().await.unwrap();
        assert_eq!(
            left,
            Rotation::default(),
            "nothing was sealed with the old key since"
        );
        rotating.retire_keys().await.unwrap();
        let alone = connect(&database, &new).await;
        let keys = alone.published_channels().await.unwrap();
        assert_eq!(keys[1].key.expose(), "sk-29");
    })
    .await;
}

#[tokio::test]
async fn older_keys_are_not_forgotten_too_early() {
    on_each_database(async |database: Database| {
        let store = database.open().await;
        filled(&store).await;
        store.close().await;
        let both = KeyRing::random().before(database.keys.clone());
        let store = connect(&database, &both).await;
        let early = store.retire_keys().await;
        assert!(matches!(early, Err(Error::Conflict(_))), "{early:?}");
        store
            .execute_for_tests(
                "UPDATE channels SET key_sealed = (SELECT key_sealed FROM channels WHERE id = 2) \
                 WHERE id = 1"
                    .into(),
            )
            .await;
        assert_eq!(store.rotate_keys().await.unwrap().unreadable, 1);
        let unreadable = store.retire_keys().await;
        assert!(
            matches!(unreadable, Err(Error::Conflict(_))),
            "{unreadable:?}"
        );
        store.delete_channels(&[1]).await.unwrap();
        store.retire_keys().await.unwrap();
    })
    .await;
}
