//! A MariaDB server of our own, in a temporary folder, reached through a socket there, or by whoever
//! cannot do that on a free port of loopback.

use std::net::SocketAddr;
use std::path::Path;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::account::Account;
use crate::eventually;
use crate::ports::free_address;
use crate::process::Process;
use crate::tools;

/// A running server with an empty database. Dropping it stops it.
#[derive(Debug)]
pub struct MariaDb {
    // Dropped first: the server must end before its folder goes.
    process: Process,
    address: Option<SocketAddr>,
    folder: TempDir,
    size: Size,
}

/// How much it may hold in memory, and write before it tidies up.
#[derive(Debug, Clone, Copy)]
enum Size {
    Small,
    Large,
}

impl MariaDb {
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        Self::start_at(None, Size::Small)
    }

    /// The same with the memory that a server of its own would have, for measuring.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn start_large() -> Self {
        Self::start_at(None, Size::Large)
    }

    /// The same on a port as well.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn start_on_a_port() -> Self {
        Self::start_at(Some(free_address()), Size::Small)
    }

    #[track_caller]
    fn start_at(address: Option<SocketAddr>, size: Size) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let account = Account::other_than_root("mysql");
        account.give(folder.path());
        // Its data recover from a crash only after they were closed in order for the first time.
        let mut first = serve(&account, folder.path(), address, size);
        first.signal(Signal::SIGTERM);
        first.wait(crate::eventually::patience());
        Self {
            process: serve(&account, folder.path(), address, size),
            address,
            folder,
            size,
        }
    }

    /// Ends the server as a crash would, and starts it again on the same data: it has to recover.
    #[track_caller]
    pub fn crash_and_start(&mut self) {
        self.process.signal(Signal::SIGKILL);
        self.process.wait(crate::eventually::patience());
        let account = Account::other_than_root("mysql");
        self.process = serve(&account, self.folder.path(), self.address, self.size);
    }

    /// Where it listens beside its socket.
    ///
    /// # Panics
    /// When it was started without a port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address.expect("started on a port")
    }

    #[must_use]
    pub fn dsn(&self) -> String {
        let folder = self.folder.path().display();
        format!("mysql://root@localhost/tollgate?socket={folder}/socket")
    }
}

/// Without the tables of accounts it is there at once, and lets everybody in who finds the socket.
#[track_caller]
fn serve(account: &Account, folder: &Path, address: Option<SocketAddr>, size: Size) -> Process {
    let (pool, log) = match size {
        Size::Small => ("64M", "32M"),
        Size::Large => ("1G", "1G"),
    };
    let network = match address {
        None => vec!["--skip-networking".to_owned()],
        Some(address) => vec![
            format!("--bind-address={}", address.ip()),
            format!("--port={}", address.port()),
        ],
    };
    let data = folder.join("data");
    let made = account
        .command(Path::new("mkdir"))
        .arg("-p")
        .arg(data.join("tollgate"))
        .status();
    assert!(made.expect("mkdir runs").success());
    let process = Process::spawn(
        "mariadbd",
        account
            .command(&tools::mariadb().join("mariadbd"))
            .arg("--no-defaults")
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--socket={}", folder.join("socket").display()))
            // A server that starts removes what others have in the folder that they would share.
            .arg(format!("--tmpdir={}", folder.display()))
            .args(network)
            .args(["--skip-grant-tables", "--skip-name-resolve"])
            .args(["--skip-log-bin", "--performance-schema=off", "--sync-frm=0"])
            // What is committed survives the server, if not the machine.
            .args(["--innodb-flush-log-at-trx-commit=2"])
            .arg(format!("--innodb-buffer-pool-size={pool}"))
            .arg(format!("--innodb-log-file-size={log}"))
            .current_dir(folder),
    );
    eventually("MariaDB accepts connections", || {
        let ready = process.output().contains("ready for connections");
        ready.then_some(()).ok_or_else(|| process.output())
    });
    process
}
