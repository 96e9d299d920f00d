//! Exports of the Proxy-Wasm ABI 0.2.1: what Envoy calls, handed to the [`Root`] or [`Stream`] that
//! it is about.
//!
//! The SDK's own dispatcher panics on a context that it does not know and on a call that comes in
//! while another one runs; and it exports callbacks that nobody here needs, each of which costs a
//! crossing per request. Envoy calls only what is exported.
//!
//! <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1>
#![allow(
    unsafe_code,
    reason = "the ABI is a C interface; names must be exported as they are"
)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use crate::envoy::time_passes;
use crate::plugin::{Root, Stream};
use crate::{Flow, abi};

/// Status of the ABI's actions.
const CONTINUE: u32 = 0;
const PAUSE: u32 = 1;

const LOG_CRITICAL: u32 = 5;

type Shared<T> = Rc<RefCell<Box<T>>>;
type Table<T> = HashMap<u32, Shared<T>, BuildHasherDefault<ById>>;

thread_local! {
    static CONTEXTS: RefCell<Contexts> = RefCell::default();
}

/// Every context that the host has made, by its id.
#[derive(Default)]
struct Contexts {
    new_root: Option<fn() -> Box<dyn Root>>,
    roots: Table<dyn Root>,
    streams: Table<dyn Stream>,
    /// Calls under way, and the streams that made them.
    calls: HashMap<u32, u32, BuildHasherDefault<ById>>,
    /// The stream whose callback was the last to run.
    running: u32,
}

/// Ids are numbers that the host counts up: they are spread well enough as they are.
#[derive(Default)]
struct ById(u64);

/// To be called once, when the module is initialised: how roots are made.
pub fn start(new_root: fn() -> Box<dyn Root>) {
    std::panic::set_hook(Box::new(|info| abi::log(LOG_CRITICAL, &info.to_string())));
    CONTEXTS.with_borrow_mut(|contexts| contexts.new_root = Some(new_root));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// Memory for what a host call hands over; `abi` takes it back as a `Vec` of exactly this size.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    // The capacity must be the size, because that is what the memory is freed with.
    let mut memory = std::mem::ManuallyDrop::new(Vec::<u8>::with_capacity(size));
    memory.as_mut_ptr()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(id: u32, root_id: u32) {
    CONTEXTS.with_borrow_mut(|contexts| {
        if root_id == 0 {
            if let Some(new_root) = contexts.new_root {
                contexts.roots.insert(id, Rc::new(RefCell::new(new_root())));
            }
        } else if let Some(root) = contexts.roots.get(&root_id)
            && let Ok(root) = root.try_borrow()
        {
            time_passes();
            let stream = root.begin();
            contexts.streams.insert(id, Rc::new(RefCell::new(stream)));
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(id: u32) {
    // Dropped outside the borrow: what a context holds may be more than memory.
    let _dropped = CONTEXTS.with_borrow_mut(|contexts| {
        if !contexts.calls.is_empty() {
            contexts.calls.retain(|_, caller| *caller != id);
        }
        let stream = contexts.streams.remove(&id);
        match stream {
            Some(stream) => (Some(stream), None),
            None => (None, contexts.roots.remove(&id)),
        }
    });
}

// === roots ===

#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(_id: u32, _size: usize) -> u32 {
    1
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(id: u32, _size: usize) -> u32 {
    u32::from(root(id, |root| root.configure()).unwrap_or(false))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(id: u32) {
    root(id, |root| root.tick());
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_queue_ready(id: u32, _queue: u32) {
    root(id, |root| root.queue_ready());
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_grpc_receive(id: u32, grpc: u32, size: usize) {
    match call_forgotten(grpc) {
        Some(caller) => {
            // It is the root's to read, so before the host is told whose turn it is.
            let message = abi::buffer(abi::BUFFER_GRPC_RECEIVE, 0, size).ok();
            call_ended(caller, grpc, message.map(Option::unwrap_or_default));
        }
        None => {
            root(id, |root| root.message(grpc, size));
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_grpc_close(id: u32, grpc: u32, _status: u32) {
    match call_forgotten(grpc) {
        Some(caller) => call_ended(caller, grpc, None),
        None => {
            root(id, |root| root.closed(grpc));
        }
    }
}

// === calls ===
//
// The host tells the end of a call to the root of whoever made it, and does not end it with the
// request that waits for it. Whose it was is known here alone.

/// The stream that runs has made this call.
pub(crate) fn call_made(call: u32) {
    CONTEXTS.with_borrow_mut(|contexts| contexts.calls.insert(call, contexts.running));
}

/// Who made this call, which is over.
pub(crate) fn call_forgotten(call: u32) -> Option<u32> {
    CONTEXTS.with_borrow_mut(|contexts| contexts.calls.remove(&call))
}

fn call_ended(caller: u32, call: u32, message: Option<Vec<u8>>) {
    if abi::set_effective_context(caller).is_ok() {
        stream(caller, |stream| stream.call_ended(call, message));
    }
}

fn root<T>(id: u32, call: impl FnOnce(&mut dyn Root) -> T) -> Option<T> {
    time_passes();
    let root = CONTEXTS.with_borrow(|contexts| contexts.roots.get(&id).cloned())?;
    let mut root = root.try_borrow_mut().ok()?;
    Some(call(root.as_mut()))
}

// === streams ===

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(id: u32, _count: usize, end: u32) -> u32 {
    // A request that nobody looks at must not pass.
    let flow = stream(id, |stream| stream.request_headers(end != 0)).unwrap_or_else(|| {
        let _ = abi::send_local_response(500, "tollgate_no_context", &[], &[]);
        Flow::Hold
    });
    action(flow)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(id: u32, size: usize, end: u32) -> u32 {
    let flow = stream(id, |stream| stream.request_body(size, end != 0));
    action(flow.unwrap_or(Flow::Continue))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(id: u32, _count: usize) -> u32 {
    let flow = stream(id, |stream| stream.request_trailers());
    action(flow.unwrap_or(Flow::Continue))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(id: u32, _count: usize, end: u32) -> u32 {
    let flow = stream(id, |stream| stream.response_headers(end != 0));
    action(flow.unwrap_or(Flow::Continue))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(id: u32, size: usize, end: u32) -> u32 {
    let flow = stream(id, |stream| stream.response_body(size, end != 0));
    action(flow.unwrap_or(Flow::Continue))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(id: u32, _count: usize) -> u32 {
    let flow = stream(id, |stream| stream.response_trailers());
    action(flow.unwrap_or(Flow::Continue))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(id: u32) {
    stream(id, |stream| stream.log());
}

fn stream<T>(id: u32, call: impl FnOnce(&mut dyn Stream) -> T) -> Option<T> {
    time_passes();
    let stream = CONTEXTS.with_borrow_mut(|contexts| {
        contexts.running = id;
        contexts.streams.get(&id).cloned()
    })?;
    let mut stream = stream.try_borrow_mut().ok()?;
    Some(call(stream.as_mut()))
}

fn action(flow: Flow) -> u32 {
    match flow {
        Flow::Continue => CONTINUE,
        Flow::Hold => PAUSE,
    }
}

// === impl ById ===

impl Hasher for ById {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*byte);
        }
    }

    fn write_u32(&mut self, id: u32) {
        // Hash tables look at the highest bits as well.
        self.0 = u64::from(id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
