//! Database servers of this test process, each in a temporary folder and reached through a socket there,
//! so that no port is taken.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};

pub(super) struct Server {
    kind: &'static Kind,
    folder: String,
    /// Databases that no test uses any more.
    left: Mutex<Vec<String>>,
    /// Its standard input is what keeps the server alive; see [`Kind::script`].
    _watch: Child,
}

struct Kind {
    name: &'static str,
    /// Names the folder of its programs.
    variable: &'static str,
    /// Starts the server, and stops it when standard input ends, which it does however the test process
    /// ends. `$0` is the folder of its programs, `$1` its own.
    script: &'static str,
    address: fn(folder: &str, database: &str) -> String,
}

static POSTGRES: Kind = Kind {
    name: "PostgreSQL",
    variable: "TOLLGATE_POSTGRES_BIN",
    script: r#"
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
    "#,
    address: |folder, database| format!("postgres://postgres@localhost/{database}?host={folder}"),
};

/// Without the tables of accounts it is there at once, and lets everybody in who finds the socket.
static MARIADB: Kind = Kind {
    name: "MariaDB",
    variable: "TOLLGATE_MARIADB_BIN",
    script: r#"
        bin=$0 dir=$1
        mkdir "$dir/data"
        "$bin/mariadbd" --no-defaults --datadir="$dir/data" --socket="$dir/socket" --tmpdir="$dir" \
            --skip-networking \
            --skip-grant-tables --skip-name-resolve --skip-log-bin --performance-schema=off \
            --innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync --innodb-doublewrite=0 \
            --innodb-file-per-table=0 --innodb-stats-persistent=off --innodb-buffer-pool-size=64M \
            --innodb-log-file-size=64M --max-connections=400 --sync-frm=0 >"$dir/log" 2>&1 &
        server=$!
        until grep -q 'ready for connections' "$dir/log"; do
            kill -0 $server 2>/dev/null || { cat "$dir/log"; rm -rf "$dir"; exit 1; }
            sleep 0.1
        done
        echo ready
        cat >/dev/null
        kill -9 $server
        wait $server 2>/dev/null
        rm -rf "$dir"
    "#,
    address: |folder, database| format!("mysql://root@localhost/{database}?socket={folder}/socket"),
};

pub(super) fn postgres() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(|| Server::of(&POSTGRES)).as_ref()
}

pub(super) fn mariadb() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(|| Server::of(&MARIADB)).as_ref()
}

/// A database of a test that has not ended.
pub(super) struct Used {
    server: &'static Server,
    name: String,
}

impl Drop for Used {
    fn drop(&mut self) {
        let mut left = self.server.left.lock().unwrap();
        left.push(std::mem::take(&mut self.name));
    }
}

impl Server {
    pub(super) fn uses(&'static self, name: &str) -> Used {
        let name = name.to_owned();
        Used { server: self, name }
    }

    /// The databases that can be dropped, each of them once.
    pub(super) fn left(&self) -> Vec<String> {
        std::mem::take(&mut *self.left.lock().unwrap())
    }

    pub(super) fn address(&self, database: &str) -> String {
        (self.kind.address)(&self.folder, database)
    }

    fn of(kind: &'static Kind) -> Option<Self> {
        let Kind { name, variable, .. } = kind;
        let Some(bin) = std::env::var_os(variable).filter(|bin| !bin.is_empty()) else {
            eprintln!("SKIPPED on {name}: {variable} is not set");
            return None;
        };
        Some(Self::start(kind, Path::new(&bin)))
    }

    fn start(kind: &'static Kind, bin: &Path) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("tollgate-db")
            .tempdir()
            .unwrap()
            .keep();
        let mut command = Command::new("sh");
        command.arg("-c").arg(kind.script).arg(bin).arg(&folder);
        if std::fs::metadata(&folder).unwrap().uid() == 0 {
            // Neither server runs as root; 65534 is nobody.
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
            panic!("{} does not start: {text}", kind.name);
        }
        let folder = folder.to_str().unwrap().to_owned();
        Self {
            kind,
            folder,
            left: Mutex::default(),
            _watch: watch,
        }
    }
}
