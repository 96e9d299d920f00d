//! From usage events to log rows and amounts.
//!
//! Envoys send every event at least once; the ledger takes each id once. It never refuses a batch
//! because of one event: text is bounded, counts are bounded, and an event without an id is
//! counted and left out. It never calls a provider and never touches a token's text.

mod bounds;
mod entry;

use std::collections::BTreeSet;

use prost::Message;
use tollgate_config::counting;
use tollgate_config::meter::UsageEvent;
use tracing::warn;

use crate::domain::{day, now_unix_ms};
use crate::health::Health;
use crate::store::{Result, Store};
use crate::tokenizer::Tokenizer;

/// Books usage.
#[derive(Debug, Clone)]
pub struct Ledger {
    store: Store,
    tokenizer: Tokenizer,
    health: Health,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Booked {
    pub new: usize,
    /// Seen before; they changed nothing.
    pub repeated: usize,
    /// Not an event: they could not be decoded or had no id. They are lost, and reported.
    pub unreadable: usize,
}

/// Larger encoded events are refused; the gateway's own bounds keep them below, also where a call's
/// texts come along to be counted.
const MAX_EVENT_BYTES: usize = 256 * 1024 + 3 * counting::TEXT_BYTES_MAX;

impl Ledger {
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            tokenizer: Tokenizer::default(),
            health: Health::default(),
        }
    }

    /// What is booked is counted there.
    #[must_use]
    pub fn counted_by(self, health: Health) -> Self {
        Self { health, ..self }
    }

    /// Books events as they came over the wire; see [`Ledger::book`].
    ///
    /// # Errors
    /// When the database is away.
    pub async fn book_encoded(&self, node: &str, events: &[Vec<u8>]) -> Result<Booked> {
        let decoded: Vec<UsageEvent> = events
            .iter()
            .filter(|bytes| bytes.len() <= MAX_EVENT_BYTES)
            .filter_map(|bytes| UsageEvent::decode(bytes.as_slice()).ok())
            .collect();
        let undecoded = events.len() - decoded.len();
        if undecoded > 0 {
            warn!(node, undecoded, "usage events that cannot be decoded");
        }
        let mut booked = self.book(node, decoded).await?;
        booked.unreadable += undecoded;
        Ok(booked)
    }

    /// Books events in one transaction: a log row each, and what they add to their token, group
    /// and channels. When it returns, they are on disk and may be acknowledged.
    ///
    /// Usage that the provider did not tell is counted first. The price is the one in force when the
    /// request began: the group's own or the model's, under the condition that fits best, times what
    /// the group pays of it. A model without one costs nothing, and its row says so.
    ///
    /// # Errors
    /// When the database is away. Nothing is booked then, and the batch may come again.
    pub async fn book(&self, node: &str, events: Vec<UsageEvent>) -> Result<Booked> {
        let total = events.len();
        let mut events: Vec<_> = events
            .into_iter()
            .filter(|event| !event.id.is_empty())
            .collect();
        let nameless = total - events.len();
        if nameless > 0 {
            warn!(node, nameless, "usage events without an id");
        }
        if events.is_empty() {
            return Ok(Booked {
                unreadable: nameless,
                ..Booked::default()
            });
        }

        for event in &mut events {
            self.tokenizer.complete(event).await;
        }

        let names = |name: fn(&UsageEvent) -> &str| -> Vec<String> {
            let names: BTreeSet<_> = events
                .iter()
                .map(|event| bounds::name(name(event)))
                .collect();
            names.into_iter().collect()
        };
        let models = names(|event| &event.model);
        let groups = names(|event| &event.group);
        let started = events.iter().map(|event| event.started_unix_ms);
        let since = started.filter(|at| *at > 0).min().unwrap_or(i64::MAX);
        let prices = self.store.price_book(&models, &groups, since).await?;

        let now = now_unix_ms();
        let mut entries: Vec<_> = events
            .into_iter()
            .map(|event| entry::entry(node, event, &prices, now))
            .collect();
        let zone = self.store.zone().await?;
        for entry in &mut entries {
            entry.draw.day = day(&zone, entry.request_at_ms);
        }
        let booked = entries.len();
        let new = self.store.book(entries).await?;
        self.health.count(&new, now);
        let new = new.len();
        Ok(Booked {
            new,
            repeated: booked - new,
            unreadable: nameless,
        })
    }
}

#[cfg(test)]
mod tests;
