//! A PostgreSQL server of our own, in a temporary folder, on a free port of loopback.

use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

use crate::account::Account;
use crate::eventually;
use crate::ports::free_address;
use crate::process::Process;
use crate::tools;

/// A running server with an empty database. Dropping it stops it.
#[derive(Debug)]
pub struct Postgres {
    // Dropped first: the server must end before its folder goes.
    process: Process,
    address: SocketAddr,
    folder: TempDir,
}

impl Postgres {
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let bin = tools::postgres();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let account = Account::other_than_root("postgres");
        account.give(folder.path());
        let data = folder.path().join("data");
        let initdb = account
            .command(&bin.join("initdb"))
            .args([
                "--auth=trust",
                "--username=tollgate",
                "--encoding=UTF8",
                "--no-sync",
                "-D",
            ])
            .arg(&data)
            .current_dir(folder.path())
            .output()
            .expect("initdb runs");
        assert!(
            initdb.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&initdb.stderr)
        );

        let address = free_address();
        Self {
            process: serve(&account, folder.path(), address),
            address,
            folder,
        }
    }

    /// Ends the server as a crash would, and starts it again on the same data and port: it has to
    /// recover.
    #[track_caller]
    pub fn crash_and_start(&mut self) {
        // "Immediate shutdown": nothing is written any more.
        self.process.signal(nix::sys::signal::Signal::SIGQUIT);
        self.process.wait(crate::eventually::patience());
        self.process = serve(
            &Account::other_than_root("postgres"),
            self.folder.path(),
            self.address,
        );
    }

    #[must_use]
    pub fn dsn(&self) -> String {
        format!("postgres://tollgate@{}/postgres", self.address)
    }

    pub fn stop(&mut self) {
        self.process.signal(nix::sys::signal::Signal::SIGINT);
        self.process.stop();
    }
}

#[track_caller]
fn serve(account: &Account, folder: &Path, address: SocketAddr) -> Process {
    let process = Process::spawn(
        "postgres",
        account
            .command(&tools::postgres().join("postgres"))
            .arg("-D")
            .arg(folder.join("data"))
            .args(["-h", "127.0.0.1", "-p", &address.port().to_string(), "-F"])
            .args(["-c", "unix_socket_directories="])
            .current_dir(folder),
    );
    eventually("PostgreSQL accepts connections", || {
        let ready = process.output().contains("ready to accept connections");
        ready.then_some(()).ok_or_else(|| process.output())
    });
    process
}
