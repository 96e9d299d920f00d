//! The `meter` role: a singleton on Envoy's main thread with one gRPC stream to the control plane.
//!
//! States: *away* (no stream; a tick opens one when the back-off has passed) and *connected* (hello
//! sent). Tokens come down and are written to shared data, where the workers read them; usage goes
//! up from the shared queue through [`Outbox`]. When the stream ends, what was not acknowledged
//! goes back to the outbox and is sent again.

mod outbox;
mod tokens;

use prost::Message;
use tollgate_config::meter::{
    Flushed, FromControl, FromGateway, Hello, TokensApplied, from_control, from_gateway,
};
use tollgate_config::names::{CONTROL_CLUSTER, METER_METHOD, METER_SERVICE, USAGE_QUEUE};
use tollgate_host::{Level, MeterHost};

use outbox::Outbox;
use tokens::TokenTable;

/// How often usage is sent and a lost stream is looked after.
pub(crate) const TICK_MS: u32 = 50;

/// Back-off between tries to reach the control plane: doubles from the first to the last.
const BACK_OFF_FIRST_MS: i64 = 100;
const BACK_OFF_LAST_MS: i64 = 5_000;

/// A stream on which nothing came for this long after it was opened leads nowhere.
const FIRST_MESSAGE_MS: i64 = 5_000;

/// The singleton's state.
#[derive(Debug)]
pub(crate) struct Meter {
    node: String,
    node_token: Option<String>,
    queue_id: Option<u32>,
    link: Link,
    back_off_ms: i64,
    tokens: TokenTable,
    outbox: Outbox,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Away {
        retry_at_unix_ms: i64,
    },
    Connected {
        stream: u32,
        since_unix_ms: i64,
        heard: bool,
    },
}

impl Meter {
    pub(crate) fn new(node: String, node_token: Option<String>) -> Self {
        Self {
            node,
            node_token,
            queue_id: None,
            link: Link::Away {
                retry_at_unix_ms: 0,
            },
            back_off_ms: BACK_OFF_FIRST_MS,
            tokens: TokenTable::default(),
            outbox: Outbox::default(),
        }
    }

    /// Registers the queue and opens the stream.
    pub(crate) fn start(&mut self, host: &dyn MeterHost) {
        match host.register_queue(USAGE_QUEUE) {
            Ok(id) => self.queue_id = Some(id),
            Err(error) => host.log(Level::Error, &format!("no usage queue: {error}")),
        }
        host.tick_every_ms(TICK_MS);
        self.tick(host);
    }

    /// The queue has records, or time has passed.
    pub(crate) fn tick(&mut self, host: &dyn MeterHost) {
        self.collect(host);
        let now = host.now_unix_ms();
        match self.link {
            Link::Away { retry_at_unix_ms } if now >= retry_at_unix_ms => self.connect(host),
            Link::Connected {
                stream,
                since_unix_ms,
                heard: false,
            } if now - since_unix_ms > FIRST_MESSAGE_MS => {
                host.cancel(stream);
                self.lost(host);
            }
            _ => {}
        }
        self.send_usage(host);
    }

    /// A message of `size` bytes came on a stream.
    pub(crate) fn receive(&mut self, host: &dyn MeterHost, size: usize) {
        if let Link::Connected { heard, .. } = &mut self.link {
            *heard = true;
        }
        self.back_off_ms = BACK_OFF_FIRST_MS;
        let message = host.received(size).unwrap_or_default();
        match FromControl::decode(message.as_slice()) {
            Ok(FromControl { kind: Some(kind) }) => self.handle(host, kind),
            Ok(_) => {}
            Err(error) => host.log(Level::Error, &format!("unreadable meter message: {error}")),
        }
    }

    /// A stream has ended.
    pub(crate) fn closed(&mut self, host: &dyn MeterHost, closed: u32) {
        if matches!(self.link, Link::Connected { stream, .. } if stream == closed) {
            self.lost(host);
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
            from_control::Kind::Ack(ack) => self.outbox.acknowledge(ack.sequence),
            from_control::Kind::Flush(flush) => {
                self.collect(host);
                self.send_usage(host);
                self.send(
                    host,
                    from_gateway::Kind::Flushed(Flushed { nonce: flush.nonce }),
                );
            }
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
                let since_unix_ms = host.now_unix_ms();
                self.link = Link::Connected {
                    stream,
                    since_unix_ms,
                    heard: false,
                };
                let hello = Hello {
                    node: self.node.clone(),
                    dropped_events: self.outbox.dropped_events(),
                };
                self.send(host, from_gateway::Kind::Hello(hello));
            }
            Err(_) => self.lost(host),
        }
    }

    fn lost(&mut self, host: &dyn MeterHost) {
        self.outbox.rewind();
        self.tokens.abandon_snapshot();
        self.link = Link::Away {
            retry_at_unix_ms: host.now_unix_ms() + self.back_off_ms,
        };
        self.back_off_ms = (self.back_off_ms * 2).min(BACK_OFF_LAST_MS);
    }

    /// Takes what the workers left on the queue.
    pub(crate) fn collect(&mut self, host: &dyn MeterHost) {
        let Some(queue_id) = self.queue_id else {
            return;
        };
        while let Some(event) = host.dequeue(queue_id) {
            self.outbox.push(event);
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

    fn send(&mut self, host: &dyn MeterHost, kind: from_gateway::Kind) {
        let Link::Connected { stream, .. } = self.link else {
            return;
        };
        let message = FromGateway { kind: Some(kind) }.encode_to_vec();
        if host.send(stream, &message).is_err() {
            self.lost(host);
        }
    }
}

#[cfg(test)]
mod tests;
