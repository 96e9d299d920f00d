//! Usage events of one worker on their way to the meter's queue.
//!
//! Every record on the queue wakes Envoy's main thread, so under load events leave in bundles: at
//! once when the last bundle left a while ago, else when enough have come or at the next tick. What
//! waits here would be lost with the VM, so it never waits longer than [`TICK_MS`].

use std::cell::RefCell;

use prost::Message;
use tollgate_config::meter::UsageBatch;
use tollgate_config::names::USAGE_QUEUE;
use tollgate_host::{Host, Level};

/// How often a worker looks for events that wait.
pub(crate) const TICK_MS: u32 = 20;

const EVENTS_MAX: usize = 64;

/// While there is no queue yet, no more than this wait here.
const WAITING_MAX: usize = 10_000;

thread_local! {
    static WAITING: RefCell<Waiting> =
        const { RefCell::new(Waiting { events: Vec::new(), lost: 0, left_unix_ms: 0 }) };
}

struct Waiting {
    events: Vec<Vec<u8>>,
    /// Events that there was no room for; the next bundle tells the meter, which counts them.
    lost: u64,
    /// When the last bundle left.
    left_unix_ms: i64,
}

/// Takes an encoded event, and the rest of it that the control plane counts from. With that it is
/// large and leaves at once.
pub(crate) fn push(host: &dyn Host, event: Vec<u8>, rest: Option<Vec<u8>>, now_unix_ms: i64) {
    let event = match rest {
        None => event,
        Some(uncounted) => {
            let bundle = UsageBatch {
                events: vec![event],
                uncounted,
                ..UsageBatch::default()
            };
            if host.enqueue(USAGE_QUEUE, &bundle.encode_to_vec()).is_ok() {
                return;
            }
            // There is no queue yet: it waits without.
            bundle.events.into_iter().next().unwrap_or_default()
        }
    };
    WAITING.with_borrow_mut(|waiting| {
        if waiting.events.len() < WAITING_MAX {
            waiting.events.push(event);
        } else {
            waiting.lost += 1;
            host.log(
                Level::Error,
                "a usage event is lost: the meter has not run for too long",
            );
        }
        let rested = now_unix_ms.abs_diff(waiting.left_unix_ms) >= u64::from(TICK_MS);
        if rested || waiting.events.len() >= EVENTS_MAX {
            waiting.send(host, now_unix_ms);
        }
    });
}

/// Takes an encoded response, which leaves at once: it is large, and its caller may continue it
/// within milliseconds.
pub(crate) fn push_response(host: &dyn Host, response: Vec<u8>) {
    let bundle = UsageBatch {
        responses: vec![response],
        ..UsageBatch::default()
    };
    if let Err(error) = host.enqueue(USAGE_QUEUE, &bundle.encode_to_vec()) {
        host.log(Level::Error, &format!("a response is not kept: {error}"));
    }
}

/// Takes encoded bodies for the log, which are large too.
pub(crate) fn push_detail(host: &dyn Host, detail: Vec<u8>) {
    let bundle = UsageBatch {
        details: vec![detail],
        ..UsageBatch::default()
    };
    if host.enqueue(USAGE_QUEUE, &bundle.encode_to_vec()).is_err() {
        host.log(Level::Warn, "bodies are not kept: the meter does not run");
    }
}

/// Sends what waits.
pub(crate) fn tick(host: &dyn Host) {
    WAITING.with_borrow_mut(|waiting| {
        if !waiting.events.is_empty() {
            waiting.send(host, host.now_unix_ms());
        }
    });
}

impl Waiting {
    fn send(&mut self, host: &dyn Host, now_unix_ms: i64) {
        let events = std::mem::take(&mut self.events);
        let bundle = UsageBatch {
            events,
            dropped_events: self.lost,
            ..UsageBatch::default()
        };
        match host.enqueue(USAGE_QUEUE, &bundle.encode_to_vec()) {
            Ok(()) => {
                self.lost = 0;
                self.left_unix_ms = now_unix_ms;
            }
            // There is no queue before the meter runs. Then they wait here.
            Err(error) => {
                host.log(Level::Error, &format!("usage not queued yet: {error}"));
                self.events = bundle.events;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tollgate_host::mock::MockHost;

    use super::*;

    #[test]
    fn what_there_is_no_room_for_before_the_meter_runs_is_counted() {
        let host = MockHost::new();
        host.set_no_queue(true);
        for _ in 0..WAITING_MAX + 3 {
            push(&host, b"event".to_vec(), None, 0);
        }
        assert!(host.logged().contains("a usage event is lost"));
        assert_eq!(host.take_queue().len(), 0);
        host.set_no_queue(false);
        tick(&host);
        push(&host, b"later".to_vec(), None, 0);
        tick(&host);
        let sent: Vec<UsageBatch> = host
            .take_queue()
            .iter()
            .map(|bundle| UsageBatch::decode(bundle.as_slice()).unwrap())
            .collect();
        let counts: Vec<_> = sent
            .iter()
            .map(|bundle| (bundle.events.len(), bundle.dropped_events))
            .collect();
        assert_eq!(counts, [(WAITING_MAX, 3), (1, 0)]);
    }
}
