//! A Redis server of our own, in a temporary folder, on a free port of loopback.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use tempfile::TempDir;

use crate::eventually;
use crate::ports::free_address;
use crate::process::Process;
use crate::tools;

/// A running server with nothing in it. Dropping it stops it.
#[derive(Debug)]
pub struct Redis {
    // Dropped first: the server must end before its folder goes.
    process: Process,
    address: SocketAddr,
    folder: TempDir,
}

impl Redis {
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = free_address();
        Self {
            process: serve(&folder, address),
            address,
            folder,
        }
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again, with nothing in it.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.process = serve(&self.folder, self.address);
    }
}

#[track_caller]
fn serve(folder: &TempDir, address: SocketAddr) -> Process {
    let process = Process::spawn(
        "redis-server",
        Command::new(tools::redis())
            .args(["--bind", &address.ip().to_string()])
            .args(["--port", &address.port().to_string()])
            .args(["--save", "", "--daemonize", "no"])
            .current_dir(folder.path()),
    );
    eventually("Redis accepts", || TcpStream::connect(address));
    process
}
