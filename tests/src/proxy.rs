//! A proxy that makes tunnels (CONNECT), on loopback and to loopback alone, and keeps what it was
//! asked and what it carried.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use crate::provider::{Call, read_call};

/// Resolved by proxies alone; everywhere else it is no name (RFC 6761, section 6.4).
pub const KNOWN_TO_PROXIES: &str = "provider.invalid";

/// Of what was carried, so much is kept.
const MOST_KEPT: usize = 1 << 20;

/// A running proxy. It takes no more connections when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    refuses_with: Option<u16>,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    asked: Vec<Call>,
    carried: Vec<u8>,
    stopped: bool,
}

impl Proxy {
    #[must_use]
    pub fn start() -> Self {
        Self::with(None)
    }

    /// One that answers every request with this status.
    #[must_use]
    pub fn that_refuses(status: u16) -> Self {
        Self::with(Some(status))
    }

    fn with(refuses_with: Option<u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(State {
            refuses_with,
            books: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || accept(&listener, &shared));
        Self { address, state }
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What an administrator types as `proxy_url`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same with `user:password`.
    #[must_use]
    pub fn url_with(&self, credentials: &str) -> String {
        format!("http://{credentials}@{}", self.address)
    }

    /// Every request, oldest first.
    #[must_use]
    pub fn asked(&self) -> Vec<Call> {
        self.state.books().asked.clone()
    }

    /// What went through it, in both directions.
    #[must_use]
    pub fn carried(&self) -> Vec<u8> {
        self.state.books().carried.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.books().stopped = true;
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("not poisoned")
    }

    fn keep(&self, bytes: &[u8]) {
        let carried = &mut self.books().carried;
        let room = MOST_KEPT.saturating_sub(carried.len());
        carried.extend(&bytes[..bytes.len().min(room)]);
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    for stream in listener.incoming().flatten() {
        if state.books().stopped {
            return;
        }
        let state = Arc::clone(state);
        // Whoever goes away is no failure.
        thread::spawn(move || serve(stream, &state));
    }
}

fn serve(mut client: TcpStream, state: &Arc<State>) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let Some(call) = read_call(&mut reader)? else {
        return Ok(());
    };
    let (is_connect, authority) = (call.method == "CONNECT", call.path.clone());
    state.books().asked.push(call);
    let refused = match is_connect {
        true => state.refuses_with,
        false => Some(405),
    };
    let there = refused.map_or_else(|| connect(&authority), Err);
    let mut there = match there {
        Ok(there) => there,
        Err(status) => {
            return write!(
                client,
                "HTTP/1.1 {status} Refused\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
        }
    };
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut back, mut from_there) = (client.try_clone()?, there.try_clone()?);
    let shared = Arc::clone(state);
    let backwards = thread::spawn(move || carry(&mut from_there, &mut back, &shared));
    // What was read ahead goes first.
    carry(&mut reader, &mut there, state);
    let _ = backwards.join();
    Ok(())
}

fn connect(authority: &str) -> Result<TcpStream, u16> {
    let (host, port) = authority.rsplit_once(':').ok_or(400_u16)?;
    let port: u16 = port.parse().map_err(|_| 400_u16)?;
    match host {
        KNOWN_TO_PROXIES | "127.0.0.1" => TcpStream::connect(("127.0.0.1", port)).map_err(|_| 502),
        _ => Err(403),
    }
}

/// Until one side is done; what breaks off on one is broken off on the other.
fn carry(from: &mut impl Read, to: &mut TcpStream, state: &State) {
    let mut buffer = [0; 16 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break drop(to.shutdown(Shutdown::Write)),
            Ok(count) => {
                state.keep(&buffer[..count]);
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            Err(_) => break drop(to.shutdown(Shutdown::Both)),
        }
    }
}
