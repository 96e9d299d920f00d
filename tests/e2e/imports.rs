//! People move over from one-api: its database is read, and the keys that their callers have work.

use std::path::Path;
use std::process::{Command, Output};

use tollgate_tests::gateway::ADMIN_KEY;
use tollgate_tests::http::Request;
use tollgate_tests::sdk::Generation;
use tollgate_tests::{Answer, Dialect, Gateway, Provider, eventually, tools};

const TABLES: &str =
    include_str!("../../control-plane/src/store/testdata/one-api-tables-sqlite.sql");
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
