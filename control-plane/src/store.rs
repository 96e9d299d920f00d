//! The only module with SQL: SQLite by default, PostgreSQL for more, one set of queries for both.
//!
//! A statement is written once with `$1` placeholders, integers for flags and JSON text for
//! lists, which both databases take alike. Every write commits first and then says what changed
//! on [`Store::changes`]; whoever publishes rereads that part. Another control plane's writes to
//! the same database are announced there too.

mod booking;
mod channels;
mod connect;
mod error;
mod groups;
mod logs;
mod models;
mod options;
mod publish;
mod query;
mod responses;
mod row;
mod rows;
mod saturating;
mod seed;
mod tokens;
mod watch;
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use sqlx::AnyPool;
use tokio::sync::broadcast;

pub use booking::NewLog;
pub use channels::ChannelQuery;
pub use connect::{Claim, claim};
pub use error::{Error, Result};
pub use groups::GroupQuery;
pub use logs::{CodeType, LogQuery};
pub use models::ModelQuery;
pub use responses::{Conversation, Turn};
pub use seed::{FirstKeys, Seeded};
pub use tokens::{Created, TokenQuery};

use crate::secrets::{KeyRing, TokenHash};

/// The database. Cloning shares it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    reader: AnyPool,
    /// SQLite has one writer at a time, so this pool has one connection there and writers wait in
    /// line instead of failing with "database is locked". In PostgreSQL it is the reader pool.
    writer: AnyPool,
    keys: KeyRing,
    /// Options that the environment sets.
    environment: OnceLock<BTreeMap<&'static str, String>>,
    changes: broadcast::Sender<Change>,
    revisions: watch::Revisions,
}

/// What a write changed, sent after its commit; more than it changed when that is not known.
///
/// A receiver that lags must reread everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Channels or model configs.
    Topology,
    /// These tokens.
    Tokens(Vec<i64>),
    /// All tokens of this group.
    GroupTokens(String),
    AllTokens,
    /// The tokens with these hashes exist no longer.
    Revoked(Vec<TokenHash>),
}

impl Store {
    /// Changes from now on.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    fn announce(&self, change: Change) {
        // It fails when nobody listens, which is no failure.
        let _ = self.0.changes.send(change);
    }

    fn reader(&self) -> &AnyPool {
        &self.0.reader
    }

    fn writer(&self) -> &AnyPool {
        &self.0.writer
    }

    fn keys(&self) -> &KeyRing {
        &self.0.keys
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
