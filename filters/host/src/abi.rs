//! Imports of the Proxy-Wasm ABI 0.2.1, each as a function that returns `Result`.
//!
//! The SDK has the same calls, but each of its wrappers ends in a panic when the host answers with
//! a status that it did not foresee, and one panic cuts every stream of the worker.
//!
//! <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1>
#![allow(
    unsafe_code,
    reason = "the ABI is a C interface; this is the only module that speaks it"
)]

use std::ptr::{null, null_mut};

use crate::HostError;

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const EMPTY: u32 = 7;

/// Another writer was faster.
pub(crate) const CAS_MISMATCH: u32 = 8;

/// Write whatever is there.
pub(crate) const CAS_ANY: u32 = 0;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, data: *const u8, size: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_header_map_pairs(map: u32, data: *const u8, size: usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_buffer_bytes(
        buffer: u32,
        start: usize,
        size: usize,
        data: *const u8,
        data_size: usize,
    ) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_close_stream(stream: u32) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_property(
        path: *const u8,
        path_size: usize,
        data: *const u8,
        data_size: usize,
    ) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        cas: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        data: *const u8,
        data_size: usize,
        cas: u32,
    ) -> u32;
    fn proxy_register_shared_queue(name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_resolve_shared_queue(
        vm: *const u8,
        vm_size: usize,
        name: *const u8,
        name_size: usize,
        id: *mut u32,
    ) -> u32;
    fn proxy_dequeue_shared_queue(id: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_enqueue_shared_queue(id: u32, data: *const u8, size: usize) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_grpc_stream(
        service: *const u8,
        service_size: usize,
        name: *const u8,
        name_size: usize,
        method: *const u8,
        method_size: usize,
        metadata: *const u8,
        metadata_size: usize,
        stream: *mut u32,
    ) -> u32;
    fn proxy_grpc_call(
        service: *const u8,
        service_size: usize,
        name: *const u8,
        name_size: usize,
        method: *const u8,
        method_size: usize,
        metadata: *const u8,
        metadata_size: usize,
        message: *const u8,
        message_size: usize,
        timeout_ms: u32,
        call: *mut u32,
    ) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_grpc_send(stream: u32, data: *const u8, size: usize, end: u32) -> u32;
    fn proxy_grpc_cancel(stream: u32) -> u32;
}

/// Buffer ids of the ABI.
pub(crate) const BUFFER_REQUEST_BODY: u32 = 0;
pub(crate) const BUFFER_RESPONSE_BODY: u32 = 1;
pub(crate) const BUFFER_GRPC_RECEIVE: u32 = 5;
pub(crate) const BUFFER_PLUGIN_CONFIGURATION: u32 = 7;

/// Header-map ids of the ABI.
pub(crate) const MAP_REQUEST: u32 = 0;
pub(crate) const MAP_REQUEST_TRAILERS: u32 = 1;
pub(crate) const MAP_RESPONSE: u32 = 2;
pub(crate) const MAP_RESPONSE_TRAILERS: u32 = 3;

/// Stream types of the ABI.
const STREAM_REQUEST: u32 = 0;
const STREAM_RESPONSE: u32 = 1;

pub(crate) fn log(level: u32, message: &str) {
    // SAFETY: the host reads `len` bytes from the pointer during the call.
    let _ = unsafe { proxy_log(level, message.as_ptr(), message.len()) };
}

pub(crate) fn now_unix_ns() -> u64 {
    let mut time = 0;
    // SAFETY: the host writes one u64.
    let _ = unsafe { proxy_get_current_time_nanoseconds(&mut time) };
    time
}

pub(crate) fn header_pairs(map: u32) -> Result<Vec<u8>, HostError> {
    taken("get_header_map_pairs", |data, size| {
        // SAFETY: the host allocates in this module and writes pointer and size.
        unsafe { proxy_get_header_map_pairs(map, data, size) }
    })
    .map(Option::unwrap_or_default)
}

pub(crate) fn header(map: u32, name: &str) -> Result<Option<Vec<u8>>, HostError> {
    taken("get_header_map_value", |data, size| {
        // SAFETY: the host allocates in this module and writes pointer and size.
        unsafe { proxy_get_header_map_value(map, name.as_ptr(), name.len(), data, size) }
    })
}

pub(crate) fn set_header_pairs(map: u32, pairs: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host reads the slice during the call; so in all functions below.
    let status = unsafe { proxy_set_header_map_pairs(map, pairs.as_ptr(), pairs.len()) };
    done("set_header_map_pairs", status)
}

pub(crate) fn replace_header(map: u32, name: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: as above.
    let status = unsafe {
        proxy_replace_header_map_value(map, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    };
    done("replace_header_map_value", status)
}

pub(crate) fn remove_header(map: u32, name: &str) -> Result<(), HostError> {
    // SAFETY: as above.
    let status = unsafe { proxy_remove_header_map_value(map, name.as_ptr(), name.len()) };
    done("remove_header_map_value", status)
}

pub(crate) fn buffer(buffer: u32, start: usize, max: usize) -> Result<Option<Vec<u8>>, HostError> {
    taken("get_buffer_bytes", |data, size| {
        // SAFETY: the host allocates in this module and writes pointer and size.
        unsafe { proxy_get_buffer_bytes(buffer, start, max, data, size) }
    })
}

pub(crate) fn set_buffer(
    buffer: u32,
    start: usize,
    size: usize,
    bytes: &[u8],
) -> Result<(), HostError> {
    // SAFETY: as above.
    let status =
        unsafe { proxy_set_buffer_bytes(buffer, start, size, bytes.as_ptr(), bytes.len()) };
    done("set_buffer_bytes", status)
}

pub(crate) fn send_local_response(
    status: u16,
    details: &str,
    headers: &[u8],
    body: &[u8],
) -> Result<(), HostError> {
    // SAFETY: as above.
    let answer = unsafe {
        proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            -1,
        )
    };
    done("send_local_response", answer)
}

pub(crate) fn close_response() {
    // SAFETY: no memory crosses.
    let _ = unsafe { proxy_close_stream(STREAM_RESPONSE) };
}

pub(crate) fn continue_request() -> Result<(), HostError> {
    // SAFETY: no memory crosses.
    let status = unsafe { proxy_continue_stream(STREAM_REQUEST) };
    done("continue_stream", status)
}

/// From here to the end of the callback, host calls are about this context.
pub(crate) fn set_effective_context(context: u32) -> Result<(), HostError> {
    // SAFETY: no memory crosses.
    let status = unsafe { proxy_set_effective_context(context) };
    done("set_effective_context", status)
}

pub(crate) fn property(path: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
    taken("get_property", |data, size| {
        // SAFETY: the host allocates in this module and writes pointer and size.
        unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) }
    })
}

pub(crate) fn set_property(path: &[u8], value: &[u8]) -> Result<(), HostError> {
    // SAFETY: as above.
    let status =
        unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) };
    done("set_property", status)
}

/// An entry and its number, which is 0 when there is none.
pub(crate) fn shared_data(key: &str) -> Result<(Option<Vec<u8>>, u32), HostError> {
    let mut cas = 0;
    let value = taken("get_shared_data", |data, size| {
        // SAFETY: the host allocates in this module and writes pointer, size and cas.
        unsafe { proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &mut cas) }
    })?;
    Ok((value, cas))
}

/// Writes if the entry has the number `cas`, or is not there; [`CAS_MISMATCH`] otherwise.
pub(crate) fn set_shared_data(key: &str, value: &[u8], cas: u32) -> Result<(), HostError> {
    let data = if value.is_empty() {
        null()
    } else {
        value.as_ptr()
    };
    // SAFETY: as above.
    let status = unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), data, value.len(), cas) };
    done("set_shared_data", status)
}

pub(crate) fn register_queue(name: &str) -> Result<u32, HostError> {
    let mut id = 0;
    // SAFETY: the host reads the name and writes one u32.
    let status = unsafe { proxy_register_shared_queue(name.as_ptr(), name.len(), &mut id) };
    done("register_shared_queue", status).map(|()| id)
}

pub(crate) fn resolve_queue(vm_id: &str, name: &str) -> Result<u32, HostError> {
    let mut id = 0;
    // SAFETY: the host reads both names and writes one u32.
    let status = unsafe {
        proxy_resolve_shared_queue(
            vm_id.as_ptr(),
            vm_id.len(),
            name.as_ptr(),
            name.len(),
            &mut id,
        )
    };
    done("resolve_shared_queue", status).map(|()| id)
}

pub(crate) fn dequeue(id: u32) -> Result<Option<Vec<u8>>, HostError> {
    taken("dequeue_shared_queue", |data, size| {
        // SAFETY: the host allocates in this module and writes pointer and size.
        unsafe { proxy_dequeue_shared_queue(id, data, size) }
    })
}

pub(crate) fn enqueue(id: u32, record: &[u8]) -> Result<(), HostError> {
    // SAFETY: as above.
    let status = unsafe { proxy_enqueue_shared_queue(id, record.as_ptr(), record.len()) };
    done("enqueue_shared_queue", status)
}

pub(crate) fn set_tick_period_ms(period: u32) {
    // SAFETY: no memory crosses.
    let _ = unsafe { proxy_set_tick_period_milliseconds(period) };
}

/// `metadata` is a header map as the ABI serializes it.
pub(crate) fn grpc_stream(
    cluster: &str,
    service: &str,
    method: &str,
    metadata: &[u8],
) -> Result<u32, HostError> {
    let mut stream = 0;
    // SAFETY: the host reads the slices and writes one u32.
    let status = unsafe {
        proxy_grpc_stream(
            cluster.as_ptr(),
            cluster.len(),
            service.as_ptr(),
            service.len(),
            method.as_ptr(),
            method.len(),
            metadata.as_ptr(),
            metadata.len(),
            &mut stream,
        )
    };
    done("grpc_stream", status).map(|()| stream)
}

/// `metadata` is a header map as the ABI serializes it.
pub(crate) fn grpc_call(
    cluster: &str,
    service: &str,
    method: &str,
    metadata: &[u8],
    message: &[u8],
    timeout_ms: u32,
) -> Result<u32, HostError> {
    let mut call = 0;
    // SAFETY: the host reads the slices and writes one u32.
    let status = unsafe {
        proxy_grpc_call(
            cluster.as_ptr(),
            cluster.len(),
            service.as_ptr(),
            service.len(),
            method.as_ptr(),
            method.len(),
            metadata.as_ptr(),
            metadata.len(),
            message.as_ptr(),
            message.len(),
            timeout_ms,
            &mut call,
        )
    };
    done("grpc_call", status).map(|()| call)
}

pub(crate) fn grpc_send(stream: u32, message: &[u8]) -> Result<(), HostError> {
    // SAFETY: as above.
    let status = unsafe { proxy_grpc_send(stream, message.as_ptr(), message.len(), 0) };
    done("grpc_send", status)
}

pub(crate) fn grpc_cancel(stream: u32) {
    // SAFETY: no memory crosses.
    let _ = unsafe { proxy_grpc_cancel(stream) };
}

/// A call that hands over memory: `Ok(None)` when the host has nothing to give.
fn taken(
    call: &'static str,
    ask: impl FnOnce(*mut *mut u8, *mut usize) -> u32,
) -> Result<Option<Vec<u8>>, HostError> {
    let mut data: *mut u8 = null_mut();
    let mut size: usize = 0;
    match ask(&mut data, &mut size) {
        OK if data.is_null() => Ok(None),
        // SAFETY: the host got this memory from `exports`, which makes a `Vec` of exactly `size`
        // bytes and leaks it for us to take.
        OK => Ok(Some(unsafe { Vec::from_raw_parts(data, size, size) })),
        NOT_FOUND | EMPTY => Ok(None),
        status => Err(HostError { call, status }),
    }
}

fn done(call: &'static str, status: u32) -> Result<(), HostError> {
    if status == OK {
        Ok(())
    } else {
        Err(HostError { call, status })
    }
}
