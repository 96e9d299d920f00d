//! A tiny HTTP/1.1 client that can misbehave: it sends the bytes it is given, reads an answer as
//! it comes, and says whether the answer ended as HTTP demands.

mod body;
mod event;

use std::io::{self, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use self::body::{Body, Framing, read_head};
pub use self::event::Event;
use self::event::take_event;

/// No answer takes longer; a test that hangs is worse than one that fails.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Bytes, because hostile headers are not text.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub end: End,
}

/// How an answer's body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With the last byte of its `content-length`, or its final chunk.
    Whole,
    /// Before that: the connection was closed or reset.
    Cut,
}

/// An answer that is still arriving. Dropping it closes the connection: the client has gone away.
#[derive(Debug)]
pub struct Exchange {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    body: Body,
    /// Decoded bytes that belong to no complete event yet.
    pending: Vec<u8>,
    end: Option<End>,
}

// === impl Request ===

impl Request {
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    #[must_use]
    pub fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path)
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it on a connection of its own and reads the whole answer.
    ///
    /// # Errors
    /// When the connection fails before a status line has come.
    pub fn send(&self, to: SocketAddr) -> io::Result<Response> {
        self.open(to)?.finish()
    }

    /// Sends it and returns as soon as the response headers are there.
    ///
    /// # Errors
    /// When the connection fails before the headers have come.
    pub fn open(&self, to: SocketAddr) -> io::Result<Exchange> {
        speak(to, &self.bytes(to))
    }

    /// The bytes on the wire, with `host` and `content-length` unless they are among the headers.
    #[must_use]
    pub fn bytes(&self, to: SocketAddr) -> Vec<u8> {
        let mut out = self.head(to);
        out.extend(&self.body);
        out
    }

    /// [`Request::bytes`] without the body.
    #[must_use]
    pub fn head(&self, to: SocketAddr) -> Vec<u8> {
        let has = |name: &str| {
            self.headers
                .iter()
                .any(|(n, _)| n.eq_ignore_ascii_case(name))
        };
        let mut out = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        if !has("host") {
            out.extend(format!("host: {to}\r\n").bytes());
        }
        if !has("content-length") && !has("transfer-encoding") && self.method != "GET" {
            out.extend(format!("content-length: {}\r\n", self.body.len()).bytes());
        }
        for (name, value) in &self.headers {
            out.extend(name.bytes());
            out.extend(b": ");
            out.extend(value);
            out.extend(b"\r\n");
        }
        out.extend(b"\r\n");
        out
    }
}

/// Sends any bytes and reads the head of the answer.
///
/// # Errors
/// When the connection fails before the headers have come.
pub fn speak(to: SocketAddr, bytes: &[u8]) -> io::Result<Exchange> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    // A server may refuse and close before it has read all; its answer is what counts.
    let written = stream.write_all(bytes);
    Exchange::read(stream).map_err(|error| written.err().unwrap_or(error))
}

/// Sends the bytes, ends the sending side there, and reads the answer if one comes.
///
/// # Errors
/// When the connection fails before the headers have come.
pub fn speak_and_hang_up(to: SocketAddr, bytes: &[u8]) -> io::Result<Exchange> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    stream.write_all(bytes)?;
    stream.shutdown(Shutdown::Write)?;
    Exchange::read(stream)
}

// === impl Response ===

impl Response {
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// # Panics
    /// When the body is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("not JSON ({e}): {} {}", self.status, self.text()))
    }

    /// The body's server-sent events.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let mut rest = self.body.clone();
        std::iter::from_fn(|| take_event(&mut rest)).collect()
    }
}

// === impl Exchange ===

impl Exchange {
    fn read(stream: TcpStream) -> io::Result<Self> {
        let mut reader = BufReader::new(stream);
        loop {
            let (status, headers) = read_head(&mut reader)?;
            if status == 100 {
                continue;
            }
            let framing = Framing::of(status, &headers);
            let body = Body { reader, framing };
            return Ok(Self {
                status,
                headers,
                body,
                pending: Vec::new(),
                end: None,
            });
        }
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The next event, as soon as it is complete; `None` at the end of the body.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = take_event(&mut self.pending) {
                return Some(event);
            }
            if self.end.is_some() {
                return None;
            }
            self.read_more();
        }
    }

    /// How the body ended; reads on to its end.
    pub fn end(&mut self) -> End {
        while self.end.is_none() {
            self.read_more();
        }
        self.end.unwrap_or(End::Cut)
    }

    /// Reads on to the end.
    ///
    /// # Errors
    /// Never today: a body that is cut is an answer, too ([`End::Cut`]).
    pub fn finish(mut self) -> io::Result<Response> {
        let end = self.end();
        Ok(Response {
            status: self.status,
            headers: self.headers,
            body: self.pending,
            end,
        })
    }

    fn read_more(&mut self) {
        match self.body.read() {
            Ok(Some(bytes)) => self.pending.extend(bytes),
            Ok(None) => self.end = Some(End::Whole),
            Err(_) => self.end = Some(End::Cut),
        }
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.as_str())
}
