mod compatible;

use std::collections::BTreeSet;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType};

use super::*;
use crate::domain::{ChannelPatch, TokenPatch};
use crate::store::row::Columns;
use crate::store::sql::sql;
use crate::store::testing::{Database, on_each_database};
use crate::store::{Created, Store};

fn kind_of(database: &Database) -> Kind {
    match database.name {
        "sqlite" => Kind::Sqlite,
        "postgres" => Kind::Postgres,
        _ => Kind::Mysql,
    }
}

/// What there is, and a version more.
fn and_then(kind: Kind, text: &'static str) -> Migrator {
    let known = kind.migrations().iter().cloned();
    let next = Migration::new(
        9999,
        "next".into(),
        MigrationType::Simple,
        text.into_sql_str(),
        false,
    );
    Migrator::with_migrations(known.chain([next]).collect())
}

async fn works(store: &Store) {
    let channel = ChannelPatch {
        models: Some(vec!["m".into()]),
        ..ChannelPatch::default()
    };
    store.create_channels(vec![channel]).await.unwrap();
    let made = store.create_token("g", TokenPatch::default(), true, true);
    assert!(matches!(
        made.await.unwrap(),
        Created::New(..) | Created::Existing(_)
    ));
    assert!(!store.all_token_updates().await.unwrap().is_empty());
}

async fn count(store: &Store, table: &str) -> i64 {
    let row = sql(format!("SELECT count(*) AS number FROM {table}"));
    let row = row.fetch_one(store.reader()).await.unwrap();
    row.int("number").unwrap()
}

#[tokio::test]
async fn a_migration_that_fails_leaves_the_old_schema_usable() {
    on_each_database(async |database| {
        let (kind, running) = (kind_of(&database), database.open().await);
        let next = and_then(
            kind,
            "CREATE TABLE added (id BIGINT NOT NULL);
             INSERT INTO added (id) VALUES (1);
             ALTER TABLE tokens ADD COLUMN added BIGINT NOT NULL DEFAULT 0;
             INSERT INTO away (id) VALUES (1);
             CREATE TABLE added_too (id BIGINT NOT NULL);",
        );
        let error = run(running.writer(), kind, &next).await.unwrap_err();
        assert!(error.to_string().contains("away"), "{error}");
        works(&running).await;
        let started = database.open().await;
        works(&started).await;

        // What was missing is there, and the next try does what is left, once.
        let away = "CREATE TABLE away (id BIGINT NOT NULL)";
        running.execute_for_tests(away.into()).await;
        run(running.writer(), kind, &next).await.unwrap();
        run(running.writer(), kind, &next).await.unwrap();
        assert_eq!(count(&running, "added").await, 1);
        assert_eq!(count(&running, "away").await, 1);
        assert_eq!(count(&running, "added_too").await, 0);
        // The program before it goes on, and does not start any more.
        works(&running).await;
        let old = Store::connect(&database.address, database.keys.clone()).await;
        let error = old.unwrap_err().to_string();
        assert!(error.contains("9999"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn what_a_crash_left_undone_is_done() {
    on_each_database(async |database| {
        let kind = kind_of(&database);
        if kind != Kind::Mysql {
            // There a version is one transaction.
            return;
        }
        let store = database.open().await;
        let next = and_then(
            kind,
            "CREATE TABLE added (id BIGINT); CREATE INDEX added_id ON added (id);",
        );
        run(store.writer(), kind, &next).await.unwrap();
        // The statement was done, and the crash came before that was written down.
        for statements in [0, 1] {
            let back = format!(
                "UPDATE migrations SET done = 0, statements = {statements} WHERE version = 9999"
            );
            if statements == 0 {
                let none = "DROP INDEX added_id ON added";
                store.execute_for_tests(none.into()).await;
            }
            store.execute_for_tests(back).await;
            run(store.writer(), kind, &next).await.unwrap();
            run(store.writer(), kind, &next).await.unwrap();
        }
        let changed = and_then(kind, "CREATE TABLE other (id BIGINT)");
        assert!(run(store.writer(), kind, &changed).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn of_several_who_start_at_once_one_migrates() {
    on_each_database(async |database| {
        let kind = kind_of(&database);
        let store = database.open().await;
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    let next = and_then(kind, "CREATE TABLE added (id BIGINT NOT NULL);");
                    run(store.writer(), kind, &next).await
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(count(&store, "added").await, 0);
    })
    .await;
}

#[tokio::test]
async fn every_database_has_the_same_columns() {
    let mut all: Vec<(&str, BTreeSet<String>)> = Vec::new();
    let found = std::sync::Mutex::new(&mut all);
    on_each_database(async |database| {
        let store = database.open().await;
        let columns = match kind_of(&database) {
            Kind::Sqlite => {
                "SELECT tables.name || '.' || columns.name AS name FROM sqlite_master AS tables, \
                 pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'"
            }
            Kind::Postgres => {
                "SELECT CAST(table_name || '.' || column_name AS TEXT) AS name \
                 FROM information_schema.columns WHERE table_schema = 'public'"
            }
            Kind::Mysql => {
                "SELECT table_name || '.' || column_name AS name FROM information_schema.columns \
                 WHERE table_schema = DATABASE()"
            }
        };
        let rows = sql(columns).fetch_all(store.reader()).await.unwrap();
        let names = rows.iter().map(|row| row.text("name").unwrap());
        let ours = names.filter(|name| {
            let of_the_database = ["_sqlx_migrations.", "migrations.", "sqlite_"];
            let is_ours = !of_the_database.iter().any(|it| name.starts_with(it));
            // In the place of an index over a part of the rows.
            is_ours && name != "logs.failed"
        });
        found.lock().unwrap().push((database.name, ours.collect()));
    })
    .await;
    let (first, expected) = &all[0];
    assert!(expected.len() > 200);
    for (name, columns) in &all {
        let different: Vec<_> = expected.symmetric_difference(columns).collect();
        assert!(different.is_empty(), "{first} and {name}: {different:?}");
    }
}

#[tokio::test]
async fn a_migration_that_would_wait_for_long_fails_and_nobody_waits_behind_it() {
    on_each_database(async |database| {
        let kind = kind_of(&database);
        if kind == Kind::Sqlite {
            // It has one writer at a time, and no locks of tables.
            return;
        }
        let running = database.open().await;
        let text = "ALTER TABLE channels ADD COLUMN added BIGINT NOT NULL DEFAULT 0";
        let next = and_then(kind, text);
        let mut reading = running.reader().begin().await.unwrap();
        sql("SELECT id FROM channels")
            .fetch_all(&mut *reading)
            .await
            .unwrap();
        let error = run(running.writer(), kind, &next).await.unwrap_err();
        let text = error.to_string().to_lowercase();
        assert!(text.contains("lock"), "{text}");
        works(&running).await;
        reading.commit().await.unwrap();
        run(running.writer(), kind, &next).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn text_is_compared_byte_by_byte() {
    on_each_database(async |database| {
        let store = database.open().await;
        for name in ["a", "A", "a ", "á", "a\u{301}", "ß", "ss", "😀", "\\", "'"] {
            let made = store.create_group(name, crate::domain::GroupPatch::default());
            made.await.unwrap();
            assert_eq!(
                store.group(name).await.unwrap().id,
                name,
                "{}",
                database.name
            );
        }
        assert!(store.group("B").await.is_err());
        let found = sql("SELECT id FROM groups WHERE id = $1")
            .bind("a")
            .fetch_all(store.reader())
            .await
            .unwrap();
        assert_eq!(found.len(), 1);
    })
    .await;
}
