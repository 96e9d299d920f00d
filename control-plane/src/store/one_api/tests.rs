use std::path::Path;

use sqlx::any::AnyConnectOptions;
use url::Url;

use super::*;
use crate::store::connect::percent_encode;
use crate::store::testing::on_each_database;

const ROWS: &str = include_str!("../testdata/one-api-rows.sql");
const SQLITE: &str = include_str!("../testdata/one-api-tables-sqlite.sql");
const POSTGRES: &str = include_str!("../testdata/one-api-tables-postgres.sql");
const MYSQL: &str = include_str!("../testdata/one-api-tables-mysql.sql");

async fn execute(url: &str, texts: &[&str]) {
    sqlx::any::install_default_drivers();
    let options: AnyConnectOptions = url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    for text in texts {
        let text = AssertSqlSafe((*text).to_owned());
        connection.execute(text).await.unwrap();
    }
    connection.close().await.unwrap();
}

/// one-api's database in an SQLite file.
pub(crate) async fn sample(file: &Path) {
    let url = format!(
        "sqlite://{}?mode=rwc",
        percent_encode(file.to_str().unwrap())
    );
    execute(&url, &[SQLITE, ROWS]).await;
}

#[tokio::test]
async fn its_tables_are_read_on_each_database() {
    on_each_database(async |database| {
        let address = match database.name {
            "sqlite" => {
                let file = database.folder.path().join("one-api %.db");
                sample(&file).await;
                file.to_str().unwrap().to_owned()
            }
            "postgres" => {
                // In place of ours.
                let empty = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
                execute(&database.address, &[empty, POSTGRES, ROWS]).await;
                database.address.clone()
            }
            // Its tests' databases have our tables, and some of one-api's have the same names.
            _ => {
                let mut url = Url::parse(&database.address).unwrap();
                let name = format!("{}_one_api", url.path().trim_start_matches('/'));
                let make = format!("CREATE DATABASE {name} CHARACTER SET utf8mb4");
                execute(url.as_str(), &[&make]).await;
                url.set_path(&name);
                execute(url.as_str(), &[MYSQL, ROWS]).await;
                url.into()
            }
        };
        let address = Secret::new(address);
        let tables = read_one_api(&address).await.unwrap();
        let alone = read_one_api_channels(&address).await.unwrap();
        assert_eq!(alone.channels.len(), tables.channels.len());
        assert!(alone.users.is_empty() && alone.tokens.is_empty());
        let channel = &tables.channels[0];
        assert_eq!((channel.id, channel.kind, channel.status), (1, 1, 1));
        assert_eq!(channel.key.expose(), "sk-channel-canary");
        assert_eq!(
            (channel.base_url.as_str(), channel.groups.as_str()),
            ("http://provider.example", "default,vip")
        );
        assert_eq!(
            (
                tables.channels[1].base_url.as_str(),
                tables.channels[1].priority
            ),
            ("", 5)
        );
        let user = &tables.users[1];
        assert_eq!(
            (user.name.as_str(), user.quota, user.group.as_str()),
            ("anna", 250_000, "vip")
        );
        let [app, unlimited, old] = &tables.tokens[..] else {
            panic!("{:?}", tables.tokens);
        };
        assert_eq!(
            app.key.expose(),
            "Kq3cPyu8vbQnAbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
        );
        assert_eq!(
            (app.unlimited, app.remain_quota, app.expires_s),
            (false, 500_000, -1)
        );
        assert_eq!(
            (unlimited.unlimited, unlimited.subnets.as_str()),
            (true, "127.0.0.0/8")
        );
        assert_eq!(old.key.expose(), "0123456789abcdef0123456789abcdef");
        assert_eq!((tables.options.len(), tables.unused_codes), (3, 1));
    })
    .await;
}

#[tokio::test]
async fn what_is_no_such_database_is_refused_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.db");
    std::fs::write(&empty, "").unwrap();
    let nothing = folder.path().join("nothing.db");
    for (address, words) in [
        (empty.to_str().unwrap(), "no such table channels"),
        (nothing.to_str().unwrap(), "no file"),
        ("", "no file"),
        ("oracle://u:canary@h/d", "oracle:// is not read"),
        ("postgres://u:canary@127.0.0.1:1/d", "does not open"),
        ("postgres://u:canary@[/d", "one-api's database"),
        ("mysql://u:canary@127.0.0.1:1/d", "does not open"),
        (
            "mysql://u:canary@127.0.0.1:1/",
            "does not name the database",
        ),
        ("root:canary@tcp(127.0.0.1:1)/oneapi", "does not open"),
        (
            "root:canary@tcp(127.0.0.1:1)/",
            "does not name the database",
        ),
        ("root:canary@unix(/tmp/s)/oneapi", "no file"),
        ("host=db user=root password=canary", "no file"),
        ("sqlite://canary", "no file"),
        ("root:canary://ss@h/d", "such an address is not read"),
        ("://canary", "such an address is not read"),
    ] {
        let told = read_one_api(&Secret::new(address))
            .await
            .unwrap_err()
            .to_string();
        assert!(told.contains(words), "{told} should say: {words}");
        assert!(!told.contains("canary"), "{told}");
    }
    assert!(!nothing.exists());
}

#[tokio::test]
async fn a_table_has_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one-api.db");
    sample(&file).await;
    let address = Secret::new(file.to_str().unwrap());
    for (most, fits) in [(2, false), (3, true)] {
        let ids = read(&address, async |reader| {
            let rows = reader.rows("channels", &["id"], most, |row| row.int("c_id"));
            rows.await.map(|_| Tables::default())
        });
        match ids.await {
            Ok(_) => assert!(fits, "{most}"),
            Err(error) => assert!(
                !fits && error.to_string().contains("more than 2 channels"),
                "{error}"
            ),
        }
    }
}
