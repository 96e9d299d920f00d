//! Ports for what the tests start.

use std::fs::{File, OpenOptions};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which the kernel takes ports for outgoing connections, so that none of those
/// takes one first.
const FIRST: u16 = 10_000;

/// A process takes a block of ports at a time for itself: between finding that a port is free and
/// using it, another test run on this machine must not find the same.
const BLOCKS: u16 = 44;
const BLOCK: u16 = 500;

/// A loopback address that nobody uses.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = FIRST + block() * BLOCK;
    (0..BLOCK)
        .map(|_| {
            let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % BLOCK;
            SocketAddr::from(([127, 0, 0, 1], port))
        })
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("a free port")
}

/// This process's block, locked for as long as it runs.
fn block() -> u16 {
    static CLAIM: OnceLock<(u16, File)> = OnceLock::new();
    let (block, _) = CLAIM.get_or_init(|| {
        (0..BLOCKS)
            .find_map(|block| Some((block, claim(block)?)))
            .expect("a block of ports that no other test run holds")
    });
    *block
}

/// In one folder, wherever a run has its temporary files.
fn claim(block: u16) -> Option<File> {
    let path = Path::new("/tmp").join(format!("tollgate-test-ports-{block}.lock"));
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).open(path);
    let file = file.ok()?;
    file.try_lock().ok().map(|()| file)
}
