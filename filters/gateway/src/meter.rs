//! The `meter` role: a singleton on Envoy's main thread with one gRPC stream to the control plane.
//!
//! States: *away* (no stream; a tick opens one when the back-off has passed) and *connected* (hello
//! sent). Tokens come down and are written to shared data, where the workers read them; usage goes
//! up from the shared queue through [`Outbox`]. When the stream ends, what was not acknowledged
//! goes back to the outbox and is sent again. Leases of budgets are given back when the control
//! plane asks for them; workers get theirs without the meter.

mod leases;
mod outbox;
mod tokens;

use prost::Message;
use tollgate_config::meter::{
    Flushed, FromControl, FromGateway, Hello, TokensApplied, UsageBatch, from_control, from_gateway,
};
use tollgate_config::names::{
    CONTROL_CLUSTER, METER_METHOD, METER_SERVICE, NODE_TOKEN_KEY, SHARE_KEY, USAGE_QUEUE,
};
use tollgate_host::{Level, MeterHost};

use crate::bundle;

use outbox::Outbox;
use tokens::TokenTable;

/// How often usage is sent and a lost stream is looked after.
pub(crate) const TICK_MS: u32 = 50;

// Waiting is counted in ticks, because a clock can be set back.

/// Back-off between tries to reach the control plane: doubles from the first to the last.
const BACK_OFF_FIRST_TICKS: u32 = 2;
const BACK_OFF_LAST_TICKS: u32 = 5_000 / TICK_MS;

/// A stream on which nothing came for this long after it was opened leads nowhere.
const FIRST_MESSAGE_TICKS: u32 = 5_000 / TICK_MS;

/// After a flush was asked for, the workers get this long to bring what they still hold.
const FLUSH_TICKS: u32 = 1 + 2 * bundle::TICK_MS / TICK_MS;

/// Bodies that wait while the control plane is away.
const DETAILS_BYTES_MAX: usize = 16 << 20;

/// The singleton's state.
#[derive(Debug)]
pub(crate) struct Meter {
    node: String,
    node_token: Option<String>,
    queue_id: Option<u32>,
    link: Link,
    back_off_ticks: u32,
    flush: Option<PendingFlush>,
    tokens: TokenTable,
    outbox: Outbox,
    /// Responses to be kept; apart, so that they never take the room of usage.
    responses: Outbox,
    /// Bodies for the log, likewise, and of these the most recent are the least loss.
    details: Outbox,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Away { ticks_left: u32 },
    Connected { stream: u32, silence: Silence },
}

/// Whether the control plane has said anything on this stream yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    Since { ticks: u32 },
    Broken,
}

/// The control plane wants to know when everything was sent and booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PendingFlush {
    nonce: u64,
    ticks_left: u32,
}

impl Meter {
    pub(crate) fn new(node: String, node_token: Option<String>) -> Self {
        Self {
            node,
            node_token,
            queue_id: None,
            link: Link::Away { ticks_left: 0 },
            back_off_ticks: BACK_OFF_FIRST_TICKS,
            flush: None,
            tokens: TokenTable::default(),
            outbox: Outbox::default(),
            responses: Outbox::default(),
            details: Outbox::of(DETAILS_BYTES_MAX),
        }
    }

    /// Registers the queue and opens the stream.
    pub(crate) fn start(&mut self, host: &dyn MeterHost) {
        match host.register_queue(USAGE_QUEUE) {
            Ok(id) => self.queue_id = Some(id),
            Err(error) => host.log(Level::Error, &format!("no usage queue: {error}")),
        }
        if let Some(token) = &self.node_token {
            // The workers have calls of their own to make.
            let bearer = format!("Bearer {token}");
            if let Err(error) = host.set_shared(NODE_TOKEN_KEY, Some(bearer.as_bytes())) {
                host.log(
                    Level::Error,
                    &format!("workers have no node token: {error}"),
                );
            }
        }
        host.tick_every_ms(TICK_MS);
        self.tick(host);
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, host: &dyn MeterHost) {
        self.collect(host);
        match &mut self.link {
            Link::Away { ticks_left: 0 } => self.connect(host),
            Link::Away { ticks_left } => *ticks_left -= 1,
            Link::Connected {
                stream,
                silence: Silence::Since { ticks },
            } => {
                *ticks += 1;
                if *ticks > FIRST_MESSAGE_TICKS {
                    host.cancel(*stream);
                    self.lost();
                }
            }
            Link::Connected { .. } => {}
        }
        self.send_usage(host);
        self.send_responses(host);
        self.send_details(host);
        if let Some(flush) = &mut self.flush {
            flush.ticks_left = flush.ticks_left.saturating_sub(1);
        }
        self.finish_flush(host);
    }

    /// A message of `size` bytes came on a stream.
    pub(crate) fn receive(&mut self, host: &dyn MeterHost, size: usize) {
        if let Link::Connected { silence, .. } = &mut self.link {
            *silence = Silence::Broken;
        }
        self.back_off_ticks = BACK_OFF_FIRST_TICKS;
        let message = host.received(size).unwrap_or_default();
        match FromControl::decode(message.as_slice()) {
            Ok(FromControl { kind: Some(kind) }) => self.handle(host, kind),
            Ok(_) => {}
            Err(error) => host.log(Level::Error, &format!("unreadable meter message: {error}")),
        }
    }

    /// A stream has ended.
    pub(crate) fn closed(&mut self, closed: u32) {
        if matches!(self.link, Link::Connected { stream, .. } if stream == closed) {
            self.lost();
        }
    }

    fn handle(&mut self, host: &dyn MeterHost, kind: from_control::Kind) {
        match kind {
            from_control::Kind::Tokens(tokens) => {
                let version = tokens.version;
                if self.tokens.apply(host, tokens) {
                    self.send(host, from_gateway::Kind::Applied(TokensApplied { version }));
                }
            }
            from_control::Kind::Ack(ack) => {
                self.outbox.acknowledge(ack.sequence);
                self.send_usage(host);
                self.finish_flush(host);
            }
            from_control::Kind::ResponsesAck(ack) => {
                self.responses.acknowledge(ack.sequence);
                self.send_responses(host);
                self.finish_flush(host);
            }
            from_control::Kind::Share(share) => {
                let written = host.set_shared(SHARE_KEY, Some(&share.encode_to_vec()));
                if let Err(error) = written {
                    host.log(Level::Error, &format!("shared data: {error}"));
                }
            }
            from_control::Kind::DetailsAck(ack) => self.details.acknowledge(ack.sequence),
            from_control::Kind::Recall(recalled) => {
                let holder = leases::holder(host);
                let held = leases::give_back(host, holder, &recalled.leases);
                self.send(host, from_gateway::Kind::Leases(held));
            }
            from_control::Kind::Flush(flush) => {
                self.flush = Some(PendingFlush {
                    nonce: flush.nonce,
                    ticks_left: FLUSH_TICKS,
                });
            }
        }
    }

    /// Answers a flush once there is nothing left that was not booked.
    fn finish_flush(&mut self, host: &dyn MeterHost) {
        if let Some(PendingFlush {
            nonce,
            ticks_left: 0,
        }) = self.flush
            && self.outbox.is_empty()
            && self.responses.is_empty()
        {
            self.flush = None;
            self.send(host, from_gateway::Kind::Flushed(Flushed { nonce }));
        }
    }

    fn connect(&mut self, host: &dyn MeterHost) {
        let bearer = self
            .node_token
            .as_ref()
            .map(|token| format!("Bearer {token}"));
        let metadata: Vec<(&str, &[u8])> = bearer
            .iter()
            .map(|bearer| ("authorization", bearer.as_bytes()))
            .collect();
        match host.open_stream(CONTROL_CLUSTER, METER_SERVICE, METER_METHOD, &metadata) {
            Ok(stream) => {
                self.link = Link::Connected {
                    stream,
                    silence: Silence::Since { ticks: 0 },
                };
                let hello = Hello {
                    node: self.node.clone(),
                    dropped_events: self.outbox.dropped_events(),
                };
                self.send(host, from_gateway::Kind::Hello(hello));
                let holder = leases::holder(host);
                let held = leases::give_back(host, holder, &[]);
                self.send(host, from_gateway::Kind::Leases(held));
            }
            Err(_) => self.lost(),
        }
    }

    fn lost(&mut self) {
        self.outbox.rewind();
        self.responses.rewind();
        self.details.rewind();
        self.tokens.abandon_snapshot();
        self.flush = None;
        self.link = Link::Away {
            ticks_left: self.back_off_ticks,
        };
        self.back_off_ticks = (self.back_off_ticks * 2).min(BACK_OFF_LAST_TICKS);
    }

    /// The queue has records. Usage has time until the next tick, a response may be asked for at once.
    pub(crate) fn queue_ready(&mut self, host: &dyn MeterHost) {
        self.collect(host);
        self.send_responses(host);
    }

    /// Takes what the workers left on the queue.
    pub(crate) fn collect(&mut self, host: &dyn MeterHost) {
        let Some(queue_id) = self.queue_id else {
            return;
        };
        while let Some(bundle) = host.dequeue(queue_id) {
            match UsageBatch::decode(bundle.as_slice()) {
                Ok(bundle) => {
                    self.outbox.lost(bundle.dropped_events);
                    let (events, responses) = (bundle.events, bundle.responses);
                    let mut rest = bundle.uncounted;
                    for event in events {
                        self.outbox.push_whole(event, std::mem::take(&mut rest));
                    }
                    let lost = self.details.dropped_events();
                    bundle
                        .details
                        .into_iter()
                        .for_each(|it| self.details.push(it));
                    if self.details.dropped_events() > lost {
                        host.log(Level::Warn, "bodies are not kept: too many wait");
                    }
                    let dropped = self.responses.dropped_events();
                    responses.into_iter().for_each(|it| self.responses.push(it));
                    if self.responses.dropped_events() > dropped {
                        host.log(Level::Error, "a response is not kept: too many wait");
                    }
                }
                Err(error) => host.log(Level::Error, &format!("unreadable usage: {error}")),
            }
        }
    }

    fn send_usage(&mut self, host: &dyn MeterHost) {
        while matches!(self.link, Link::Connected { .. }) {
            let Some(batch) = self.outbox.next_batch() else {
                return;
            };
            self.send(host, from_gateway::Kind::Usage(batch));
        }
    }

    fn send_responses(&mut self, host: &dyn MeterHost) {
        while matches!(self.link, Link::Connected { .. }) {
            let Some(batch) = self.responses.next_batch() else {
                return;
            };
            self.send(host, from_gateway::Kind::Responses(batch));
        }
    }

    fn send_details(&mut self, host: &dyn MeterHost) {
        while matches!(self.link, Link::Connected { .. }) {
            let Some(batch) = self.details.next_batch() else {
                return;
            };
            self.send(host, from_gateway::Kind::Details(batch));
        }
    }

    fn send(&mut self, host: &dyn MeterHost, kind: from_gateway::Kind) {
        let Link::Connected { stream, .. } = self.link else {
            return;
        };
        let message = FromGateway { kind: Some(kind) }.encode_to_vec();
        if host.send(stream, &message).is_err() {
            self.lost();
        }
    }
}

#[cfg(test)]
mod tests;
