//! People move over from one-api: its database is read, and the keys that their callers have work.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tollgate_tests::gateway::ADMIN_KEY;
use tollgate_tests::http::Request;
use tollgate_tests::mariadb::MariaDb;
use tollgate_tests::postgres::Postgres;
use tollgate_tests::sdk::Generation;
use tollgate_tests::{Answer, Dialect, Gateway, Provider, eventually, tools};

const TABLES: &str =
    include_str!("../../control-plane/src/store/testdata/one-api-tables-sqlite.sql");
const TABLES_ON_POSTGRES: &str =
    include_str!("../../control-plane/src/store/testdata/one-api-tables-postgres.sql");
const TABLES_ON_MYSQL: &str =
    include_str!("../../control-plane/src/store/testdata/one-api-tables-mysql.sql");
const ROWS: &str = include_str!("../../control-plane/src/store/testdata/one-api-rows.sql");

/// Anna's token in those rows.
const KEY: &str = "Kq3cPyu8vbQnAbCdEfGhIjKlMnOpQrStUvWxYz0123456789";

/// one-api's database, with its channel at a provider of ours.
fn one_api(file: &Path, provider: &Provider) {
    let url = provider.base_url();
    let rows = ROWS.replace("http://provider.example", url.trim_end_matches("/v1"));
    let script = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); \
                  d.executescript(sys.argv[2]); d.executescript(sys.argv[3]); d.close()";
    let made = Command::new(tools::python(Generation::Current))
        .args(["-c", script])
        .arg(file)
        .args([TABLES, &rows])
        .status()
        .expect("Python runs");
    assert!(made.success());
}

fn import(gateway: &Gateway, arguments: &[&str]) -> Output {
    Command::new(tools::tollgate())
        .args(["import", "--from", "one-api"])
        .args(arguments)
        .env("TOLLGATE_URL", format!("http://{}", gateway.address()))
        .env("ADMIN_KEY", ADMIN_KEY)
        .current_dir(gateway.data())
        .output()
        .expect("tollgate runs")
}

fn printed(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn keys_from_one_api_go_on_working() {
    let gateway = Gateway::start();
    let provider = Provider::openai().plays(Answer::text("hi")).start();
    let file = gateway.data().join("one-api.db");
    one_api(&file, &provider);
    let file = file.to_str().unwrap();

    let looked = printed(&import(&gateway, &[file, "--dry-run"]));
    for line in [
        "+ channel one-api 1: main",
        "+ group one-api-2",
        "+ wallet one-api-2",
        "+ token one-api-2/app",
        "would change",
    ] {
        assert!(looked.contains(line), "{looked} should have: {line}");
    }
    assert!(
        looked.contains("! channel 3 (\"coze\"): there is no type like"),
        "{looked}"
    );
    let groups = gateway.admin().get("/api/groups/")["total"].clone();
    let done = printed(&import(&gateway, &[file]));
    assert!(!format!("{looked}{done}").contains("canary"), "{done}");
    let made = gateway.admin().get("/api/groups/")["total"].as_i64();
    assert_eq!(
        made,
        groups.as_i64().map(|before| before + 2),
        "root and anna"
    );
    let again = printed(&import(&gateway, &[file]));
    assert!(again.starts_with("0 changed"), "{again}");

    let call = || {
        let body = Dialect::OpenAi.ask("gpt-x", "hello", false);
        let request = Request::post(Dialect::OpenAi.path(), &body);
        gateway.send(&request.header("authorization", format!("Bearer sk-{KEY}")))
    };
    eventually("the old key is taken", || match call().status {
        200 => Ok(()),
        status => Err(status.to_string()),
    });
    eventually("it is on the bill", || {
        let wallet = gateway.admin().get("/api/group/one-api-2/wallet");
        match wallet["balance_nano_usd"].as_i64() {
            Some(left) if left < 500_000_000 => Ok(()),
            _ => Err(wallet.to_string()),
        }
    });
    let calls = provider.calls();
    let key = calls[0].header("authorization").unwrap_or_default();
    assert_eq!(key, "Bearer sk-channel-canary");
    let nothing = import(&gateway, &["/nowhere/one-api.db"]);
    assert!(!nothing.status.success());
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("there is no file"));
}

#[test]
fn one_api_is_read_from_servers_of_its_own() {
    let (postgres, mariadb) = (Postgres::start(), MariaDb::start_on_a_port());
    execute(&postgres.dsn(), TABLES_ON_POSTGRES);
    execute(&mariadb.dsn(), TABLES_ON_MYSQL);
    let gateway = Gateway::builder()
        .env("TOLLGATE_IMPORT_HOSTS", "127.0.0.1")
        .start();
    let on_postgres = postgres.dsn().replace("tollgate@", "tollgate:canary@");
    let on_mariadb = mariadb.address();
    for dsn in [
        format!("{on_postgres}?sslmode=disable"),
        format!("mysql://root:canary@{on_mariadb}/tollgate?ssl-mode=DISABLED"),
        format!("root:canary@tcp({on_mariadb})/tollgate?charset=utf8mb4&parseTime=True"),
    ] {
        let looked = printed(&import(&gateway, &[&dsn, "--dry-run"]));
        for line in [
            "+ channel one-api 1: main",
            "+ token one-api-2/app",
            "would change",
        ] {
            assert!(looked.contains(line), "{looked} should have: {line}");
        }
        let body = json!({ "dsn": dsn });
        let path = "/api/channels/import/oneapi?dry_run=true";
        let told = gateway.admin().post(path, &body);
        assert_eq!(told["changes"][0]["name"], "one-api 1: main", "{told}");
        assert!(!format!("{looked}{told}").contains("canary"), "{told}");
    }
    // Our own database is none of one-api's, and says nothing of its address.
    let wrong = format!("mysql://root:canary@{on_mariadb}/mysql?ssl-mode=DISABLED");
    let refused = import(&gateway, &[&wrong]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && !said.contains("canary"),
        "{said}"
    );
}

/// Makes one-api's tables in a database, with its rows.
fn execute(dsn: &str, tables: &str) {
    sqlx::any::install_default_drivers();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut connection = sqlx::AnyConnection::connect(dsn)
            .await
            .expect("the database is there");
        for text in [tables, ROWS] {
            let text = AssertSqlSafe(text.to_owned());
            connection.execute(text).await.expect("tables of one-api");
        }
    });
}
