//! One gateway's stream.
//!
//! Tokens and usage are two loops side by side, so that a slow ledger does not delay a revocation.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prost::Message;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt};
use tollgate_config::leases::{Lease, Leases};
use tollgate_config::meter::{
    Flush, FromControl, FromGateway, Hello, Share, TokenUpdate, UsageAck, UsageBatch, from_control,
    from_gateway,
};
use tollgate_config::responses::Stored;
use tonic::Status;

use super::{Meter, flush, shares, tokens};
use crate::details;
use crate::gateways::{LimitsShare, MeterSession};
use crate::leases::Present;
use crate::store::{Change, Store};

type Outbound = mpsc::Sender<Result<FromControl, Status>>;

/// How long a stream may be open before it says who it is.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// Leases in one message.
const RECALLED_MAX: usize = 1_000;

/// Between two tries while the database is away.
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// Until the gateway is gone, which is an `Ok`.
pub(super) async fn serve(
    meter: Meter,
    mut inbound: impl Stream<Item = Result<FromGateway, Status>> + Unpin,
    outbound: Outbound,
) -> Result<(), Status> {
    let hello = match tokio::time::timeout(HELLO_TIMEOUT, inbound.next()).await {
        Ok(Some(Ok(FromGateway {
            kind: Some(from_gateway::Kind::Hello(hello)),
        }))) => hello,
        Ok(Some(Ok(_))) => return Err(Status::invalid_argument("the first message must be Hello")),
        Ok(None | Some(Err(_))) => return Ok(()),
        Err(_) => return Err(Status::deadline_exceeded("no Hello")),
    };
    if hello.node.is_empty() {
        return Err(Status::invalid_argument("node is missing"));
    }
    let Hello {
        node,
        dropped_events,
    } = hello;
    let gateway = meter.0.registry.meter_connected(&node);
    gateway.dropped(dropped_events);
    let mut member = meter.0.flushes.join();
    let mut rounds = member.rounds.clone();
    let mut place = meter.0.shares.join(&node);
    let session = Session {
        meter,
        node,
        gateway,
        outbound,
        present: OnceLock::new(),
    };
    tokio::select! {
        ended = session.take_in(&mut inbound, &mut member) => ended,
        ended = session.publish_tokens() => ended,
        ended = session.ask_for_flushes(&mut rounds) => ended,
        ended = session.tell_shares(&mut place) => ended,
        ended = session.recall_leases() => ended,
        () = session.outbound.closed() => Ok(()),
    }
}

struct Session {
    meter: Meter,
    node: String,
    gateway: MeterSession,
    outbound: Outbound,
    /// Who holds leases there, once it has said so.
    present: OnceLock<Present>,
}

impl Session {
    /// Usage and reports, in the order in which they come: a `Flushed` is taken when everything
    /// before it is booked.
    async fn take_in(
        &self,
        inbound: &mut (impl Stream<Item = Result<FromGateway, Status>> + Unpin),
        member: &mut flush::Member,
    ) -> Result<(), Status> {
        while let Some(Ok(message)) = inbound.next().await {
            match message.kind {
                Some(from_gateway::Kind::Usage(batch)) => self.book(batch).await?,
                Some(from_gateway::Kind::Responses(batch)) => self.keep(batch).await?,
                Some(from_gateway::Kind::Details(batch)) => self.keep_details(batch).await?,
                Some(from_gateway::Kind::Leases(report)) => self.returned(report).await,
                Some(from_gateway::Kind::Applied(applied)) => self.gateway.applied(applied.version),
                Some(from_gateway::Kind::Flushed(flushed)) => member.reached(flushed.nonce),
                // A second Hello changes nothing; an unknown kind is from a newer gateway.
                Some(from_gateway::Kind::Hello(_)) | None => {}
            }
        }
        Ok(())
    }

    /// Acknowledges only what is on disk. While the database is away the gateway waits with the
    /// rest, and keeps it.
    async fn book(&self, batch: UsageBatch) -> Result<(), Status> {
        self.gateway.dropped(batch.dropped_events);
        let ledger = &self.meter.0.ledger;
        let arrived = Arrived::new(&self.meter.0.unbooked, batch.events.len());
        patiently("usage", || ledger.book_encoded(&self.node, &batch.events)).await;
        drop(arrived);
        if let Some(windows) = self.meter.0.windows.get() {
            windows.correct_encoded(&batch.events).await;
        }
        let ack = UsageAck {
            sequence: batch.sequence,
        };
        self.send(from_control::Kind::Ack(ack)).await
    }

    /// Acknowledged like usage: what is not on disk stays with the gateway.
    async fn keep(&self, batch: UsageBatch) -> Result<(), Status> {
        let responses = &self.meter.0.responses;
        let mut all = Vec::new();
        for encoded in &batch.events {
            match Stored::decode(encoded.as_slice()) {
                Ok(stored) => all.push(stored),
                Err(error) => tracing::error!(node = self.node, %error, "unreadable response"),
            }
        }
        patiently("responses", || responses.keep(&all)).await;
        let ack = UsageAck {
            sequence: batch.sequence,
        };
        self.send(from_control::Kind::ResponsesAck(ack)).await
    }

    /// Likewise.
    async fn keep_details(&self, batch: UsageBatch) -> Result<(), Status> {
        let store = &self.meter.0.store;
        patiently("bodies", || details::keep(store, &self.node, &batch.events)).await;
        let ack = UsageAck {
            sequence: batch.sequence,
        };
        self.send(from_control::Kind::DetailsAck(ack)).await
    }

    /// What came back of leases; the first report also says who holds them.
    async fn returned(&self, report: Leases) {
        let leases = &self.meter.0.leases;
        self.present.get_or_init(|| leases.joined(&report.holder));
        patiently("leases", || leases.returned(&report)).await;
    }

    /// What others want back, or what rests.
    async fn recall_leases(&self) -> Result<(), Status> {
        let leases = &self.meter.0.leases;
        let mut recalls = leases.recalls();
        loop {
            let own = match (recalls.recv().await, self.present.get()) {
                (Ok(recalled), Some(present)) => present.own(&recalled),
                // What was missed is among all that there is.
                (Err(RecvError::Lagged(_)), Some(Present { holder, .. })) => {
                    patiently("leases", || leases.all_held(holder)).await
                }
                (Err(RecvError::Closed), _) => {
                    return Err(Status::unavailable("no leases any more"));
                }
                (_, None) => Vec::new(),
            };
            self.recall(own).await?;
        }
    }

    async fn recall(&self, leases: Vec<Lease>) -> Result<(), Status> {
        for piece in leases.chunks(RECALLED_MAX) {
            let recall = Leases {
                holder: String::new(),
                leases: piece.to_vec(),
            };
            self.send(from_control::Kind::Recall(recall)).await?;
        }
        Ok(())
    }

    /// Budgets may be others than they were: what this gateway has of them is called back. Those of
    /// other gateways hear the same change.
    async fn budgets_changed(
        &self,
        change: &Change,
        updates: &[TokenUpdate],
    ) -> Result<(), Status> {
        let Some(Present { holder, .. }) = self.present.get() else {
            return Ok(());
        };
        let leases = &self.meter.0.leases;
        let group = match change {
            Change::Tokens(_) => None,
            Change::GroupTokens(group) => Some(group.as_str()),
            Change::AllTokens => {
                let held = patiently("leases", || leases.all_held(holder)).await;
                return self.recall(held).await;
            }
            Change::Topology | Change::Revoked(_) | Change::Settings => return Ok(()),
        };
        let records = updates.iter().filter_map(|it| it.record.as_ref());
        let limited = records.filter(|record| !record.budgets.is_empty());
        let ids: Vec<i64> = limited.map(|record| record.id).collect();
        let held = patiently("leases", || leases.held_of(holder, &ids, group)).await;
        self.recall(held).await
    }

    /// All tokens, then what changes.
    async fn publish_tokens(&self) -> Result<(), Status> {
        let store = &self.meter.0.store;
        // Before the snapshot is read, so that nothing falls between the two.
        let mut changes = store.changes();
        self.send_snapshot().await?;
        loop {
            let change = match changes.recv().await {
                Ok(change) => change,
                Err(RecvError::Lagged(_)) => Change::AllTokens,
                Err(RecvError::Closed) => return Err(Status::unavailable("the store is closed")),
            };
            match change {
                Change::Topology | Change::Settings => {}
                Change::AllTokens => {
                    self.send_snapshot().await?;
                    self.budgets_changed(&Change::AllTokens, &[]).await?;
                }
                change => {
                    let updates = patiently("tokens", || updates(store, &change)).await;
                    self.send_tokens(false, updates.clone()).await?;
                    self.budgets_changed(&change, &updates).await?;
                }
            }
        }
    }

    async fn send_snapshot(&self) -> Result<(), Status> {
        let store = &self.meter.0.store;
        let mut updates = patiently("tokens", || store.all_token_updates()).await;
        updates.extend(self.meter.0.own_token.get().cloned());
        self.send_tokens(true, updates).await
    }

    async fn send_tokens(&self, snapshot: bool, updates: Vec<TokenUpdate>) -> Result<(), Status> {
        if updates.is_empty() && !snapshot {
            return Ok(());
        }
        let version = self.meter.next_version();
        self.gateway.sent(version);
        for part in tokens::parts(version, snapshot, updates) {
            self.send(part.kind).await?;
        }
        Ok(())
    }

    async fn ask_for_flushes(
        &self,
        rounds: &mut tokio::sync::watch::Receiver<u64>,
    ) -> Result<(), Status> {
        while rounds.changed().await.is_ok() {
            let nonce = *rounds.borrow_and_update();
            self.send(from_control::Kind::Flush(Flush { nonce }))
                .await?;
        }
        Ok(())
    }

    /// The gateway's part of every limit, whenever it is another one.
    async fn tell_shares(&self, place: &mut shares::Place) -> Result<(), Status> {
        let mut told = None;
        loop {
            let share = place.next(told).await;
            let Share { nodes, index, .. } = share;
            let message = Share {
                is_counted_together: self.meter.0.windows.get().is_some(),
                ..share
            };
            self.send(from_control::Kind::Share(message)).await?;
            self.gateway.shared(LimitsShare { nodes, index });
            told = Some(share);
        }
    }

    async fn send(&self, kind: impl Into<Option<from_control::Kind>>) -> Result<(), Status> {
        let message = FromControl { kind: kind.into() };
        self.outbound
            .send(Ok(message))
            .await
            .map_err(|_| Status::cancelled("the gateway is gone"))
    }
}

/// Events in our hands; the gateway keeps them too until they are acknowledged.
struct Arrived<'a>(&'a AtomicU64, u64);

impl<'a> Arrived<'a> {
    fn new(unbooked: &'a AtomicU64, events: usize) -> Self {
        let events = events as u64;
        unbooked.fetch_add(events, Ordering::Relaxed);
        Self(unbooked, events)
    }
}

impl Drop for Arrived<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// What a change means for the gateways, read anew: the store's present state is what counts.
async fn updates(store: &Store, change: &Change) -> crate::store::Result<Vec<TokenUpdate>> {
    match change {
        Change::Tokens(ids) => store.token_updates(ids).await,
        Change::GroupTokens(group) => store.group_token_updates(group).await,
        Change::Revoked(hashes) => Ok(hashes
            .iter()
            .map(|hash| TokenUpdate {
                hash: hash.to_vec(),
                record: None,
            })
            .collect()),
        Change::Topology | Change::AllTokens | Change::Settings => Ok(Vec::new()),
    }
}

/// Tries until it works, reporting the first failure and the end of it.
async fn patiently<T, E: std::fmt::Display, F: Future<Output = Result<T, E>>>(
    what: &str,
    mut work: impl FnMut() -> F,
) -> T {
    let mut wait = RETRY_MIN;
    loop {
        match work().await {
            Ok(done) => {
                if wait > RETRY_MIN {
                    tracing::info!(what, "the database is back");
                }
                return done;
            }
            Err(error) => {
                if wait == RETRY_MIN {
                    tracing::error!(what, %error, "the database is away; trying on");
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY_MAX);
            }
        }
    }
}

#[cfg(test)]
mod tests;
