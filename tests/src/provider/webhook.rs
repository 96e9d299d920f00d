//! Where alerts go: takes whatever is posted, and keeps it.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use super::Call;
use super::server::read_call;

/// In the path of every address, which is a secret.
pub const WEBHOOK_CANARY: &str = "webhook-canary-51c9";

/// A running webhook.
#[derive(Debug)]
pub struct Webhook {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Webhook {
    /// # Panics
    /// When loopback has no free port.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let webhook = Self {
            address: listener.local_addr().expect("its address"),
            calls: Arc::default(),
        };
        let calls = Arc::clone(&webhook.calls);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever does not wait for the answer gets none.
                let _ = serve(stream, &calls);
            }
        });
        webhook
    }

    /// An address that ends in this name.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{WEBHOOK_CANARY}/{name}", self.address)
    }

    /// What was posted to the address with this name.
    ///
    /// # Panics
    /// When it was no JSON.
    #[must_use]
    pub fn heard(&self, name: &str) -> Vec<Value> {
        let calls = self.calls.lock().expect("not poisoned");
        let there = calls.iter().filter(|call| call.path.ends_with(name));
        there.map(Call::json).collect()
    }
}

fn serve(mut stream: TcpStream, calls: &Mutex<Vec<Call>>) -> std::io::Result<()> {
    let Some(call) = read_call(&mut BufReader::new(stream.try_clone()?))? else {
        return Ok(());
    };
    calls.lock().expect("not poisoned").push(call);
    let body = r#"{"code":0}"#;
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}
