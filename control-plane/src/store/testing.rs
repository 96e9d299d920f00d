//! Databases for tests: every test runs on SQLite and, where `TOLLGATE_POSTGRES_BIN` names the
//! folder of PostgreSQL's server programs, on PostgreSQL too.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use tempfile::TempDir;

use super::Store;
use crate::secrets::{KeyRing, random};

/// A database of a test's own.
pub(crate) struct Database {
    pub(crate) name: &'static str,
    pub(crate) address: String,
    pub(crate) keys: KeyRing,
    /// Where SQLite's files are.
    pub(crate) folder: TempDir,
}

/// Runs a test on each database.
pub(crate) async fn on_each_database(test: impl AsyncFn(Database)) {
    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().join("a %?#é.db").to_str().unwrap().to_owned();
    test(Database {
        name: "sqlite",
        address,
        keys: KeyRing::random(),
        folder,
    })
    .await;

    if let Some(server) = postgres() {
        let name = format!("t{}", hex::encode(random::<8>()));
        sqlx::any::install_default_drivers();
        let options: sqlx::any::AnyConnectOptions = server.address("postgres").parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        let sql = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        connection.execute(sql).await.unwrap();
        let (address, folder) = (server.address(&name), tempfile::tempdir().unwrap());
        test(Database {
            name: "postgres",
            address,
            keys: KeyRing::random(),
            folder,
        })
        .await;
    }
}

/// The same with the database open.
pub(crate) async fn with_store(test: impl AsyncFn(Store)) {
    on_each_database(async |database| test(database.open().await).await).await;
}

impl Database {
    pub(crate) async fn open(&self) -> Store {
        Store::connect(&self.address, self.keys.clone())
            .await
            .unwrap()
    }
}

impl Store {
    /// Makes a state that no method makes.
    pub(crate) async fn execute_for_tests(&self, sql: String) {
        let sql = AssertSqlSafe(sql);
        sqlx::query(sql).execute(self.writer()).await.unwrap();
    }
}

/// A server in a temporary folder, reached through a socket there, so that no port is taken.
struct Server {
    folder: String,
    /// Its standard input is what keeps the server alive; see [`WATCH`].
    _watch: Child,
}

/// Starts the server and stops it when standard input ends, which it does however the test
/// process ends.
const WATCH: &str = r#"
    bin=$0 dir=$1
    {
        "$bin/initdb" -D "$dir/data" -U postgres -A trust -N -E UTF8 --locale=C &&
        "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" -o "-k '$dir' -c listen_addresses='' \
            -c fsync=off -c max_connections=400 -c shared_buffers=16MB" start
    } >"$dir/start" 2>&1 || { cat "$dir"/start "$dir"/log; rm -rf "$dir"; exit 1; }
    echo ready
    cat >/dev/null
    "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1
    rm -rf "$dir"
"#;

impl Server {
    fn address(&self, database: &str) -> String {
        format!(
            "postgres://postgres@localhost/{database}?host={}",
            self.folder
        )
    }
}

/// One server for all tests of this process.
fn postgres() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let start = || {
        let Some(bin) = std::env::var_os("TOLLGATE_POSTGRES_BIN").filter(|bin| !bin.is_empty())
        else {
            eprintln!("SKIPPED on PostgreSQL: TOLLGATE_POSTGRES_BIN is not set");
            return None;
        };
        Some(start(Path::new(&bin)))
    };
    SERVER.get_or_init(start).as_ref()
}

fn start(bin: &Path) -> Server {
    let folder = tempfile::Builder::new()
        .prefix("tollgate-pg")
        .tempdir()
        .unwrap()
        .keep();
    let mut command = Command::new("sh");
    command.arg("-c").arg(WATCH).arg(bin).arg(&folder);
    if std::fs::metadata(&folder).unwrap().uid() == 0 {
        // PostgreSQL does not run as root; 65534 is nobody.
        const NOBODY: u32 = 65534;
        chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        command.uid(NOBODY).gid(NOBODY).current_dir(&folder);
    }
    let mut watch = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(watch.stdout.take().unwrap());
    let mut text = String::new();
    output.read_line(&mut text).unwrap();
    if text != "ready\n" {
        output.read_to_string(&mut text).unwrap();
        panic!("PostgreSQL does not start: {text}");
    }
    let folder = folder.to_str().unwrap().to_owned();
    Server {
        folder,
        _watch: watch,
    }
}
