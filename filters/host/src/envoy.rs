//! [`Host`] and [`MeterHost`] over the Proxy-Wasm ABI.

use std::cell::Cell;

use crate::host::{Body, Call, Host, HostError, Level, Map, MeterHost, Version};
use crate::pairs::encode_pairs;
use crate::{Headers, abi, exports};

/// Largest plugin configuration that is read, in bytes.
const CONFIGURATION_BYTES_MAX: usize = 64 << 20;

/// Response code details of the filter's own answers: none, by which the listener's local reply
/// configuration tells them from Envoy's own and leaves them as they are.
const REPLY_DETAILS: &str = "";

thread_local! {
    // One queue is all there is; its id never changes while the VM lives.
    static QUEUE: Cell<Option<u32>> = const { Cell::new(None) };
    /// State of the random number generator.
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
    /// The time of the callback that runs, once it was asked for.
    static NOW: Cell<Option<i64>> = const { Cell::new(None) };
}

/// A callback begins: time has passed. Within one it stands still, because it would cost a call into
/// the host each time, and no callback takes a millisecond that matters.
pub(crate) fn time_passes() {
    NOW.set(None);
}

/// The real thing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Envoy {
    vm_id: &'static str,
}

/// The configuration of the plugin that is being configured.
///
/// # Errors
/// When the host does not hand it over.
pub fn plugin_configuration() -> Result<Vec<u8>, HostError> {
    let bytes = abi::buffer(abi::BUFFER_PLUGIN_CONFIGURATION, 0, CONFIGURATION_BYTES_MAX)?;
    Ok(bytes.unwrap_or_default())
}

impl Envoy {
    /// `vm_id` is the VM in which queues are looked up.
    #[must_use]
    pub const fn new(vm_id: &'static str) -> Self {
        Self { vm_id }
    }
}

impl Host for Envoy {
    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Debug => 1,
            Level::Info => 2,
            Level::Warn => 3,
            Level::Error => 4,
        };
        abi::log(level, message);
    }

    fn now_unix_ms(&self) -> i64 {
        NOW.get().unwrap_or_else(|| {
            let now = i64::try_from(abi::now_unix_ns() / 1_000_000).unwrap_or(i64::MAX);
            NOW.set(Some(now));
            now
        })
    }

    fn random(&self) -> u64 {
        // SplitMix64: a call to the host for every id and every draw would cost more than both.
        let seed = SEED
            .get()
            .unwrap_or_else(|| getrandom::u64().unwrap_or_else(|_| abi::now_unix_ns()));
        let next = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        SEED.set(Some(next));
        let mixed = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn header(&self, map: Map, name: &str) -> Option<Vec<u8>> {
        abi::header(map_id(map), name).ok().flatten()
    }

    fn headers(&self, map: Map) -> Result<Headers, HostError> {
        abi::header_pairs(map_id(map)).map(Headers::decode)
    }

    fn set_headers(&self, map: Map, headers: &[(&str, &[u8])]) -> Result<(), HostError> {
        abi::set_header_pairs(map_id(map), &encode_pairs(headers))
    }

    fn set_header(&self, map: Map, name: &str, value: Option<&[u8]>) -> Result<(), HostError> {
        match value {
            Some(value) => abi::replace_header(map_id(map), name, value),
            None => abi::remove_header(map_id(map), name),
        }
    }

    fn body(&self, body: Body, start: usize, max: usize) -> Result<Vec<u8>, HostError> {
        if max == 0 {
            return Ok(Vec::new());
        }
        abi::buffer(buffer_id(body), start, max).map(Option::unwrap_or_default)
    }

    fn set_body(
        &self,
        body: Body,
        start: usize,
        size: usize,
        bytes: &[u8],
    ) -> Result<(), HostError> {
        abi::set_buffer(buffer_id(body), start, size, bytes)
    }

    fn reply(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<(), HostError> {
        let headers: Vec<(&str, &[u8])> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        abi::send_local_response(status, REPLY_DETAILS, &encode_pairs(&headers), body)
    }

    fn abort(&self) {
        abi::close_response();
    }

    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        abi::property(path.join("\0").as_bytes()).ok().flatten()
    }

    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        abi::set_property(name.as_bytes(), value)
    }

    fn shared(&self, key: &str) -> Option<Vec<u8>> {
        // The host has no real delete: a removed entry is an empty one.
        abi::shared_data(key)
            .ok()
            .and_then(|(value, _)| value)
            .filter(|value| !value.is_empty())
    }

    fn shared_version(&self, key: &str) -> (Option<Vec<u8>>, Version) {
        let (value, cas) = abi::shared_data(key).unwrap_or_default();
        // The host compares with what is there, so that an entry which is not there yet must be
        // asked for with a number that none has: 0 would mean any.
        let version = if cas == 0 { u32::MAX } else { cas };
        (value.filter(|value| !value.is_empty()), Version(version))
    }

    fn replace_shared(&self, key: &str, value: &[u8], version: Version) -> Result<bool, HostError> {
        match abi::set_shared_data(key, value, version.0) {
            Ok(()) => Ok(true),
            Err(error) if error.status == abi::CAS_MISMATCH => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn tick_every_ms(&self, period_ms: u32) {
        abi::set_tick_period_ms(period_ms);
    }

    fn enqueue(&self, queue: &str, record: &[u8]) -> Result<(), HostError> {
        let id = match QUEUE.get() {
            Some(id) => id,
            None => {
                let id = abi::resolve_queue(self.vm_id, queue)?;
                QUEUE.set(Some(id));
                id
            }
        };
        abi::enqueue(id, record)
    }

    fn call(&self, call: Call<'_>) -> Result<u32, HostError> {
        let metadata = encode_pairs(call.metadata);
        let call = abi::grpc_call(
            call.cluster,
            call.service,
            call.method,
            &metadata,
            call.message,
            call.timeout_ms,
        )?;
        exports::call_made(call);
        Ok(call)
    }

    fn cancel_call(&self, call: u32) {
        exports::call_forgotten(call);
        abi::grpc_cancel(call);
    }

    fn resume_request(&self) -> Result<(), HostError> {
        abi::continue_request()
    }
}

impl MeterHost for Envoy {
    fn register_queue(&self, queue: &str) -> Result<u32, HostError> {
        abi::register_queue(queue)
    }

    fn dequeue(&self, queue_id: u32) -> Option<Vec<u8>> {
        abi::dequeue(queue_id).ok().flatten()
    }

    fn set_shared(&self, key: &str, value: Option<&[u8]>) -> Result<(), HostError> {
        abi::set_shared_data(key, value.unwrap_or_default(), abi::CAS_ANY)
    }

    fn open_stream(
        &self,
        cluster: &str,
        service: &str,
        method: &str,
        metadata: &[(&str, &[u8])],
    ) -> Result<u32, HostError> {
        abi::grpc_stream(cluster, service, method, &encode_pairs(metadata))
    }

    fn send(&self, stream: u32, message: &[u8]) -> Result<(), HostError> {
        abi::grpc_send(stream, message)
    }

    fn cancel(&self, stream: u32) {
        abi::grpc_cancel(stream);
    }

    fn received(&self, size: usize) -> Option<Vec<u8>> {
        abi::buffer(abi::BUFFER_GRPC_RECEIVE, 0, size)
            .ok()
            .flatten()
    }
}

fn map_id(map: Map) -> u32 {
    match map {
        Map::Request => abi::MAP_REQUEST,
        Map::RequestTrailers => abi::MAP_REQUEST_TRAILERS,
        Map::ResponseTrailers => abi::MAP_RESPONSE_TRAILERS,
        Map::Response => abi::MAP_RESPONSE,
    }
}

fn buffer_id(body: Body) -> u32 {
    match body {
        Body::Request => abi::BUFFER_REQUEST_BODY,
        Body::Response => abi::BUFFER_RESPONSE_BODY,
    }
}
