//! The only module with SQL: SQLite by default, PostgreSQL or MySQL (MariaDB) for more, one set of
//! queries for all of them.
//!
//! A statement is written once, by the rules in [`sql`], with integers for flags and JSON text for
//! lists, which all databases take alike. Every write commits first and then says what changed
//! on [`Store::changes`]; whoever publishes rereads that part. Another control plane's writes to
//! the same database are announced there too.
//!
//! The log may be in a database of its own ([`log_outbox`]): rows of calls, bodies that were kept, and
//! summaries. Everything else, all that has to do with money among it, is in the main one.

mod address_groups;
mod alerts;
mod apply;
mod audits;
mod background;
mod blacklist;
mod booking;
mod bounded;
mod budgets;
mod channel_bans;
mod channel_tests;
mod channels;
mod connect;
mod conversations;
mod deadlines;
mod details;
mod error;
mod group_models;
mod groups;
mod guesses;
mod identities;
mod imports;
mod keys;
mod leases;
mod limits;
mod log_outbox;
mod logs;
mod migrate;
mod models;
mod networks;
mod notice;
mod one_api;
mod options;
mod overlaps;
mod peers;
mod prices;
mod publish;
mod query;
mod responses;
mod retention;
mod row;
mod rows;
mod saturating;
mod seed;
mod sessions;
mod sql;
mod summaries;
mod tokens;
mod usage;
mod users;
mod wallets;
mod watch;
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use sqlx::AnyPool;
use tokio::sync::broadcast;

pub use alerts::{AlertQuery, CHANNEL_BALANCES, LOW_BALANCES, USAGE_ALERTS};
pub(crate) use apply::{Left, Step, Then};
pub use audits::AuditQuery;
pub(crate) use background::Queued;
pub use blacklist::SHARED_ADDRESSES;
pub use booking::NewLog;
pub use budgets::Spending;
pub use channel_bans::{BANNED_CHANNELS, Clears};
pub use channels::ChannelQuery;
pub use connect::{Claim, claim};
pub use conversations::{ConversationFacts, ItemPage, ItemQuery, KnownItem};
pub use error::{Error, Result};
pub use group_models::GroupModelQuery;
pub use groups::GroupQuery;
pub use guesses::Limits;
pub use keys::Rotation;
pub(crate) use leases::{Asked, Granted, Held};
pub use logs::{CodeType, LogQuery};
pub use models::ModelQuery;
pub use notice::Notice;
pub use one_api::{
    ChannelRow, Tables, TokenRow, UserRow, mysql_url, read_one_api, read_one_api_channels,
};
pub(crate) use peers::Peer;
pub use prices::{PriceBook, PriceQuery, Quote};
pub use responses::{Conversation, Turn};
pub use seed::{FirstKeys, Seeded};
pub use sessions::{NewSession, Renewed};
pub use summaries::{DailyHours, Dimension, Of, SummaryQuery, Summed, Top};
pub use tokens::{Created, TokenQuery};
pub use usage::{UsageQuery, UsageRow};
pub use users::UserQuery;
pub use wallets::{
    CodeQuery, Done, Fault, Movement, NewCodes, Redeemed, ServiceAccess, Stale, TransactionQuery,
    Unbalanced,
};
pub use write::unless_written_since;

use log_outbox::LogDatabase;
pub use log_outbox::{Backlog, WAITING_BYTES_MAX};

use crate::secrets::TokenHash;

/// The database. Cloning shares it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    reader: AnyPool,
    /// SQLite has one writer at a time, so this pool has one connection there and writers wait in
    /// line instead of failing with "database is locked". Elsewhere it is the reader pool.
    writer: AnyPool,
    /// Where log rows, bodies and summaries are, if that is not here.
    logs: Option<LogDatabase>,
    /// Other control planes may be on the database.
    shared: bool,
    keys: keys::Keys,
    /// Options that the environment sets.
    environment: OnceLock<BTreeMap<&'static str, String>>,
    changes: broadcast::Sender<Change>,
    notices: broadcast::Sender<Notice>,
    revisions: watch::Revisions,
    noted: address_groups::Noted,
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
    /// Something that gateways are not told of. It raises the revision like the others, for those who
    /// change the same thing at the same time.
    Settings,
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

    /// Notices from now on; each is in the program's log as well.
    #[must_use]
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.0.notices.subscribe()
    }

    /// People are to hear of this.
    pub(crate) fn notice(&self, notice: Notice) {
        notice.log();
        // It fails when nobody listens, which is no failure.
        let _ = self.0.notices.send(notice);
    }

    fn reader(&self) -> &AnyPool {
        &self.0.reader
    }

    fn writer(&self) -> &AnyPool {
        &self.0.writer
    }

    /// The same of the database that has the log.
    ///
    /// # Errors
    /// When that is one of its own and was not there yet since the start: it may have no tables.
    fn log_reader(&self) -> Result<&AnyPool> {
        match &self.0.logs {
            None => Ok(&self.0.reader),
            Some(logs) => logs.prepared().map(|()| &logs.reader),
        }
    }

    fn log_writer(&self) -> &AnyPool {
        self.0
            .logs
            .as_ref()
            .map_or(&self.0.writer, |logs| &logs.writer)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

#[cfg(test)]
pub(crate) use one_api::tests::sample as one_api_sample;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
