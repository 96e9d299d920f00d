//! A host for tests: what the filter would see of Envoy, set up by a builder, and what it did.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};

use crate::Headers;
use crate::host::{Body, Call, Host, HostError, Level, Map, MeterHost, Version};

/// What the filter would see of Envoy, and what it did.
#[derive(Debug, Default)]
pub struct MockHost {
    headers: RefCell<HashMap<Map, Headers>>,
    bodies: RefCell<HashMap<Body, Vec<u8>>>,
    properties: RefCell<HashMap<String, Vec<u8>>>,
    shared: RefCell<HashMap<String, Vec<u8>>>,
    shared_versions: RefCell<HashMap<String, u32>>,
    shared_calls: Cell<u32>,
    races_lost: Cell<u32>,
    queue: RefCell<VecDeque<Vec<u8>>>,
    reply: RefCell<Option<Reply>>,
    sent: RefCell<Vec<Vec<u8>>>,
    received: RefCell<Vec<u8>>,
    streams: Cell<u32>,
    calls: RefCell<Vec<Called>>,
    cancelled: RefCell<Vec<u32>>,
    resumed: Cell<bool>,
    control_plane_away: Cell<bool>,
    no_queue: Cell<bool>,
    aborted: Cell<bool>,
    now_unix_ms: Cell<i64>,
    random: Cell<u64>,
    log: RefCell<Vec<String>>,
}

/// An answer that the filter gave by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// A gRPC call that the filter made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    pub id: u32,
    pub method: String,
    pub metadata: Vec<(String, String)>,
    pub message: Vec<u8>,
    pub timeout_ms: u32,
}

impl MockHost {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn with_headers(self, map: Map, headers: &[(&str, &str)]) -> Self {
        let headers = headers.iter().copied().collect();
        self.headers.borrow_mut().insert(map, headers);
        self
    }

    #[must_use]
    pub fn with_body(self, body: Body, bytes: &[u8]) -> Self {
        self.bodies.borrow_mut().insert(body, bytes.to_vec());
        self
    }

    #[must_use]
    pub fn with_property(self, path: &[&str], value: &[u8]) -> Self {
        self.properties
            .borrow_mut()
            .insert(path.join("."), value.to_vec());
        self
    }

    #[must_use]
    pub fn with_shared(self, key: &str, value: &[u8]) -> Self {
        self.shared
            .borrow_mut()
            .insert(key.to_owned(), value.to_vec());
        self
    }

    /// Sets a header map for the next callback.
    pub fn put_headers(&self, map: Map, headers: &[(&str, &str)]) {
        let headers = headers.iter().copied().collect();
        self.headers.borrow_mut().insert(map, headers);
    }

    /// Sets a body buffer for the next callback.
    pub fn put_body(&self, body: Body, bytes: &[u8]) {
        self.bodies.borrow_mut().insert(body, bytes.to_vec());
    }

    pub fn put_property(&self, path: &[&str], value: &[u8]) {
        self.properties
            .borrow_mut()
            .insert(path.join("."), value.to_vec());
    }

    /// Sets the gRPC message that the next callback is about.
    pub fn put_received(&self, message: &[u8]) {
        *self.received.borrow_mut() = message.to_vec();
    }

    /// The gRPC calls of one message that the filter made since the last time.
    pub fn take_calls(&self) -> Vec<Called> {
        self.calls.borrow_mut().drain(..).collect()
    }

    /// The gRPC calls that the filter dropped.
    #[must_use]
    pub fn cancelled_calls(&self) -> Vec<u32> {
        self.cancelled.borrow().clone()
    }

    /// Whether the filter let its held request go on.
    #[must_use]
    pub fn resumed(&self) -> bool {
        self.resumed.get()
    }

    /// Makes [`MeterHost::open_stream`] and [`Host::call`] fail, or work again.
    pub fn set_control_plane_away(&self, away: bool) {
        self.control_plane_away.set(away);
    }

    /// Makes [`Host::enqueue`] fail, as before the meter runs, or work again.
    pub fn set_no_queue(&self, none: bool) {
        self.no_queue.set(none);
    }

    /// Makes somebody else faster in the next so many [`Host::replace_shared`].
    pub fn lose_races(&self, count: u32) {
        self.races_lost.set(count);
    }

    /// How often shared data was read or written since the last time.
    pub fn take_shared_calls(&self) -> u32 {
        self.shared_calls.take()
    }

    /// The keys of shared data that hold something.
    #[must_use]
    pub fn shared_keys(&self) -> Vec<String> {
        self.shared.borrow().keys().cloned().collect()
    }

    pub fn advance_ms(&self, ms: i64) {
        self.now_unix_ms.set(self.now_unix_ms.get() + ms);
    }

    /// The answer that the filter gave by itself, if it did.
    #[must_use]
    pub fn replied(&self) -> Option<Reply> {
        self.reply.borrow().clone()
    }

    /// The same, for the last time: the next request is another one.
    pub fn take_reply(&self) -> Option<Reply> {
        self.reply.borrow_mut().take()
    }

    /// Whether the filter cut the answer off.
    #[must_use]
    pub fn aborted(&self) -> bool {
        self.aborted.get()
    }

    /// A header's value as text; empty when it is not there.
    #[must_use]
    pub fn shown(&self, map: Map, name: &str) -> String {
        let value = self.header(map, name).unwrap_or_default();
        String::from_utf8_lossy(&value).into_owned()
    }

    /// A body buffer as text.
    #[must_use]
    pub fn text(&self, body: Body) -> String {
        let bodies = self.bodies.borrow();
        String::from_utf8_lossy(bodies.get(&body).map_or(&[], Vec::as_slice)).into_owned()
    }

    /// What the filter put on the queue since the last call.
    pub fn take_queue(&self) -> Vec<Vec<u8>> {
        self.queue.borrow_mut().drain(..).collect()
    }

    /// What the meter sent since the last call.
    pub fn take_sent(&self) -> Vec<Vec<u8>> {
        self.sent.borrow_mut().drain(..).collect()
    }

    /// Everything that was logged.
    #[must_use]
    pub fn logged(&self) -> String {
        self.log.borrow().join("\n")
    }
}

impl Host for MockHost {
    fn log(&self, _: Level, message: &str) {
        self.log.borrow_mut().push(message.to_owned());
    }

    fn now_unix_ms(&self) -> i64 {
        self.now_unix_ms.get()
    }

    fn random(&self) -> u64 {
        // Different every time, the same in every run.
        self.random
            .set(self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        self.random.get()
    }

    fn header(&self, map: Map, name: &str) -> Option<Vec<u8>> {
        let headers = self.headers.borrow();
        headers.get(&map)?.get(name).map(<[u8]>::to_vec)
    }

    fn headers(&self, map: Map) -> Result<Headers, HostError> {
        Ok(self.headers.borrow().get(&map).cloned().unwrap_or_default())
    }

    fn set_headers(&self, map: Map, headers: &[(&str, &[u8])]) -> Result<(), HostError> {
        let headers = headers.iter().copied().collect();
        self.headers.borrow_mut().insert(map, headers);
        Ok(())
    }

    fn set_header(&self, map: Map, name: &str, value: Option<&[u8]>) -> Result<(), HostError> {
        let mut maps = self.headers.borrow_mut();
        let headers = maps.entry(map).or_default();
        let others = headers.iter().filter(|(there, _)| *there != name);
        *headers = others.chain(value.map(|value| (name, value))).collect();
        Ok(())
    }

    fn body(&self, body: Body, start: usize, max: usize) -> Result<Vec<u8>, HostError> {
        let bodies = self.bodies.borrow();
        let bytes = bodies.get(&body).map_or(&[][..], Vec::as_slice);
        Ok(bytes.iter().skip(start).take(max).copied().collect())
    }

    fn set_body(
        &self,
        body: Body,
        start: usize,
        size: usize,
        bytes: &[u8],
    ) -> Result<(), HostError> {
        let mut bodies = self.bodies.borrow_mut();
        let buffer = bodies.entry(body).or_default();
        if start == 0 {
            buffer.drain(..size.min(buffer.len()));
            buffer.splice(..0, bytes.iter().copied());
        } else if start >= buffer.len() {
            buffer.extend_from_slice(bytes);
        } else {
            return Err(HostError {
                call: "set_buffer_bytes",
                status: 2,
            });
        }
        Ok(())
    }

    fn reply(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<(), HostError> {
        let headers = headers
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        let body = String::from_utf8_lossy(body).into_owned();
        *self.reply.borrow_mut() = Some(Reply {
            status,
            headers,
            body,
        });
        Ok(())
    }

    fn abort(&self) {
        self.aborted.set(true);
    }

    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        self.properties.borrow().get(&path.join(".")).cloned()
    }

    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.properties
            .borrow_mut()
            .insert(name.to_owned(), value.to_vec());
        Ok(())
    }

    fn shared(&self, key: &str) -> Option<Vec<u8>> {
        self.shared_calls.set(self.shared_calls.get() + 1);
        self.shared.borrow().get(key).cloned()
    }

    fn shared_version(&self, key: &str) -> (Option<Vec<u8>>, Version) {
        let versions = self.shared_versions.borrow();
        let version = Version(versions.get(key).copied().unwrap_or_default());
        (self.shared(key), version)
    }

    fn replace_shared(&self, key: &str, value: &[u8], version: Version) -> Result<bool, HostError> {
        let is_faster = self.races_lost.get() > 0;
        self.races_lost.set(self.races_lost.get().saturating_sub(1));
        let current = self.shared_versions.borrow().get(key).copied();
        if is_faster || current.unwrap_or_default() != version.0 {
            return Ok(false);
        }
        self.set_shared(key, Some(value).filter(|value| !value.is_empty()))?;
        Ok(true)
    }

    fn tick_every_ms(&self, _: u32) {}

    fn enqueue(&self, _: &str, record: &[u8]) -> Result<(), HostError> {
        if self.no_queue.get() {
            return Err(HostError {
                call: "enqueue_shared_queue",
                status: 1,
            });
        }
        self.queue.borrow_mut().push_back(record.to_vec());
        Ok(())
    }

    fn call(&self, call: Call<'_>) -> Result<u32, HostError> {
        if self.control_plane_away.get() {
            return Err(HostError {
                call: "grpc_call",
                status: 10,
            });
        }
        self.streams.set(self.streams.get() + 1);
        let metadata = call.metadata.iter();
        self.calls.borrow_mut().push(Called {
            id: self.streams.get(),
            method: format!("{}/{}/{}", call.cluster, call.service, call.method),
            metadata: metadata
                .map(|(n, v)| ((*n).to_owned(), String::from_utf8_lossy(v).into_owned()))
                .collect(),
            message: call.message.to_vec(),
            timeout_ms: call.timeout_ms,
        });
        Ok(self.streams.get())
    }

    fn cancel_call(&self, call: u32) {
        self.cancelled.borrow_mut().push(call);
    }

    fn resume_request(&self) -> Result<(), HostError> {
        self.resumed.set(true);
        Ok(())
    }
}

impl MeterHost for MockHost {
    fn register_queue(&self, _: &str) -> Result<u32, HostError> {
        Ok(1)
    }

    fn dequeue(&self, _: u32) -> Option<Vec<u8>> {
        self.queue.borrow_mut().pop_front()
    }

    fn set_shared(&self, key: &str, value: Option<&[u8]>) -> Result<(), HostError> {
        self.shared_calls.set(self.shared_calls.get() + 1);
        let mut versions = self.shared_versions.borrow_mut();
        *versions.entry(key.to_owned()).or_default() += 1;
        match value {
            Some(value) => self
                .shared
                .borrow_mut()
                .insert(key.to_owned(), value.to_vec()),
            None => self.shared.borrow_mut().remove(key),
        };
        Ok(())
    }

    fn open_stream(
        &self,
        _: &str,
        _: &str,
        _: &str,
        _: &[(&str, &[u8])],
    ) -> Result<u32, HostError> {
        if self.control_plane_away.get() {
            return Err(HostError {
                call: "grpc_stream",
                status: 10,
            });
        }
        self.streams.set(self.streams.get() + 1);
        Ok(self.streams.get())
    }

    fn send(&self, _: u32, message: &[u8]) -> Result<(), HostError> {
        self.sent.borrow_mut().push(message.to_vec());
        Ok(())
    }

    fn cancel(&self, _: u32) {}

    fn received(&self, _: usize) -> Option<Vec<u8>> {
        Some(self.received.borrow().clone())
    }
}
