//! What the filter may ask of its host.

use std::fmt;

use crate::Headers;

/// What the filter may ask of Envoy while it handles a request.
///
/// Headers are bytes, because callers send what they like. A header map is only there while its
/// callback runs or its headers are held back; asked at another time, the host says
/// [`HostError`], never anything worse.
pub trait Host {
    fn log(&self, level: Level, message: &str);

    /// Unix time in milliseconds.
    fn now_unix_ms(&self) -> i64;

    /// 64 random bits: good for ids and for drawing lots, not for secrets.
    fn random(&self) -> u64;

    /// The first value of one header; cheaper than [`Host::headers`]. `None` also when the map is
    /// not there in this phase.
    fn header(&self, map: Map, name: &str) -> Option<Vec<u8>>;

    /// # Errors
    /// When the map is not there in this phase.
    fn headers(&self, map: Map) -> Result<Headers, HostError>;

    /// Replaces the whole map.
    ///
    /// # Errors
    /// When the map is not there in this phase, or is over Envoy's limits (1,024 pairs, 1 MiB).
    fn set_headers(&self, map: Map, headers: &[(&str, &[u8])]) -> Result<(), HostError>;

    /// Sets one header, or removes it.
    ///
    /// # Errors
    /// When the map is not there in this phase.
    fn set_header(&self, map: Map, name: &str, value: Option<&[u8]>) -> Result<(), HostError>;

    /// At most `max` buffered bytes from `start` on.
    ///
    /// # Errors
    /// When there is no such buffer in this phase.
    fn body(&self, body: Body, start: usize, max: usize) -> Result<Vec<u8>, HostError>;

    /// Replaces `size` buffered bytes from `start` on. `start == 0` with the buffer's size replaces
    /// all of it; `start` at the buffer's end appends.
    ///
    /// # Errors
    /// When there is no such buffer in this phase, or the range is neither of those.
    fn set_body(
        &self,
        body: Body,
        start: usize,
        size: usize,
        bytes: &[u8],
    ) -> Result<(), HostError>;

    /// Answers the caller at once and ends the request.
    ///
    /// # Errors
    /// When an answer has already begun.
    fn reply(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<(), HostError>;

    /// Cuts the answer off: the caller sees that it is not whole.
    fn abort(&self);

    /// A request attribute (Envoy's `request.*`, `response.*`, `source.*`, …) or a filter-state
    /// entry that this plugin wrote.
    fn property(&self, path: &[&str]) -> Option<Vec<u8>>;

    /// Writes the filter-state entry `wasm.<name>` of the downstream request.
    ///
    /// # Errors
    /// When there is no request, or the entry is read-only.
    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), HostError>;

    /// An entry of the data that all workers share. An entry that was removed is not there.
    fn shared(&self, key: &str) -> Option<Vec<u8>>;

    /// The same with its version, by which [`Host::replace_shared`] sees that somebody else was
    /// faster.
    fn shared_version(&self, key: &str) -> (Option<Vec<u8>>, Version);

    /// Writes an entry of that data if it still has this version; nothing else comes between. Empty
    /// bytes remove it. False, and nothing written, when it has another.
    ///
    /// # Errors
    /// When the host refuses.
    fn replace_shared(&self, key: &str, value: &[u8], version: Version) -> Result<bool, HostError>;

    /// Has the plugin's root context called at this interval.
    fn tick_every_ms(&self, period_ms: u32);

    /// Puts a record on a queue that the meter registered.
    ///
    /// # Errors
    /// When no such queue is registered.
    fn enqueue(&self, queue: &str, record: &[u8]) -> Result<(), HostError>;

    /// Begins a gRPC call of one message each way, and says its id. Its end comes to the request
    /// that made it ([`crate::Stream::call_ended`]), if that is still there.
    ///
    /// # Errors
    /// When the cluster does not exist or cannot be reached at once.
    fn call(&self, call: Call<'_>) -> Result<u32, HostError>;

    /// Drops a call whose end is of no interest any more. It does not come then.
    fn cancel_call(&self, call: u32);

    /// Lets a request go on that was held; to be called outside its own callbacks.
    ///
    /// # Errors
    /// When there is no request.
    fn resume_request(&self) -> Result<(), HostError>;
}

/// Tells one state of a shared entry from every other; also that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub(crate) u32);

/// A gRPC call of one message each way.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    pub cluster: &'a str,
    pub service: &'a str,
    pub method: &'a str,
    pub metadata: &'a [(&'a str, &'a [u8])],
    pub message: &'a [u8],
    pub timeout_ms: u32,
}

/// What the meter singleton may ask besides.
pub trait MeterHost: Host {
    /// Registers a queue and says its id; the singleton is told when it has records.
    ///
    /// # Errors
    /// When the host refuses.
    fn register_queue(&self, queue: &str) -> Result<u32, HostError>;

    /// The oldest record of a queue, if there is one.
    fn dequeue(&self, queue_id: u32) -> Option<Vec<u8>>;

    /// Writes an entry of the data that all workers share, or removes it.
    ///
    /// # Errors
    /// When the host refuses.
    fn set_shared(&self, key: &str, value: Option<&[u8]>) -> Result<(), HostError>;

    /// Opens a bidirectional gRPC stream and says its id.
    ///
    /// # Errors
    /// When the cluster does not exist or cannot be reached at once.
    fn open_stream(
        &self,
        cluster: &str,
        service: &str,
        method: &str,
        metadata: &[(&str, &[u8])],
    ) -> Result<u32, HostError>;

    /// # Errors
    /// When the stream is gone.
    fn send(&self, stream: u32, message: &[u8]) -> Result<(), HostError>;

    /// Drops a stream without waiting for the other side.
    fn cancel(&self, stream: u32);

    /// The message that has just been received, at most `size` bytes.
    fn received(&self, size: usize) -> Option<Vec<u8>>;
}

/// A header map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Map {
    Request,
    RequestTrailers,
    Response,
    ResponseTrailers,
}

/// A body buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Body {
    Request,
    Response,
}

/// What happens after a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// On to the next filter.
    Continue,
    /// Held here: headers wait, body bytes are buffered.
    Hold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// The host refused a call: its Proxy-Wasm status, and which call it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostError {
    pub call: &'static str,
    pub status: u32,
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "host call {} ended with status {}",
            self.call, self.status
        )
    }
}

impl std::error::Error for HostError {}
