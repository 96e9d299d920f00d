//! Models that channels are banned for, and moments since which errors count.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;

use super::error::OnConflict;
use super::query::Conditions;
use super::row::Columns;
use super::sql::sql;
use super::{Change, Notice, Result, Store};
use crate::domain::{ChannelBan, now_unix_ms};

/// The duty of trying out what is banned.
pub const BANNED_CHANNELS: &str = "banned_channels";

/// Nobody looks further back.
const CLEARS_KEPT_MS: i64 = 60 * 60 * 1000;

const COLUMNS: &str = "SELECT channel_id, model, banned_at, until_at, reason FROM channel_bans";

/// Since when errors count, by channel (0: all) and model in lower case (empty: all).
#[derive(Debug, Clone, Default)]
pub struct Clears(BTreeMap<(i64, String), i64>);

impl Clears {
    /// Of a model of a channel, in Unix milliseconds; 0: always.
    #[must_use]
    pub fn of(&self, channel: i64, model: &str) -> i64 {
        let at = |channel, model: &str| self.0.get(&(channel, model.to_owned())).copied();
        let model = model.to_ascii_lowercase();
        let all = [at(0, ""), at(channel, ""), at(channel, &model)];
        all.into_iter().flatten().max().unwrap_or(0)
    }
}

impl Store {
    /// Bans a model of a channel until then, and has gateways told. False when it is banned already.
    ///
    /// # Errors
    /// `Conflict` when the channel is gone.
    pub async fn ban_channel(&self, ban: ChannelBan, notice: Notice) -> Result<bool> {
        self.write(move |write| {
            Box::pin(async move {
                // One that has passed and was not removed yet.
                sql(
                    "DELETE FROM channel_bans WHERE channel_id = $1 AND model = $2 \
                     AND until_at <= $3",
                )
                .bind(ban.channel_id)
                .bind(ban.model.clone())
                .bind(ban.banned_at_ms)
                .execute(&mut *write.transaction)
                .await?;
                let done = sql(
                    "INSERT INTO channel_bans (channel_id, model, banned_at, until_at, reason) \
                     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (channel_id, model) DO NOTHING",
                )
                .bind(ban.channel_id)
                .bind(ban.model)
                .bind(ban.banned_at_ms)
                .bind(ban.until_ms)
                .bind(ban.reason)
                .execute(&mut *write.transaction)
                .await
                .on_conflict(|| format!("channel {} is gone", ban.channel_id))?;
                if done.rows_affected() == 0 {
                    return Ok(false);
                }
                write.changed(Change::Topology);
                write.noticed(notice);
                Ok(true)
            })
        })
        .await
    }

    /// The bans that hold now.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn channel_bans(&self) -> Result<Vec<ChannelBan>> {
        let mut conditions = Conditions::default();
        conditions.int("until_at > ?", Some(now_unix_ms()));
        let rows = conditions
            .statement(COLUMNS, " ORDER BY channel_id, model")
            .fetch_all(self.reader())
            .await?;
        let ban = |row: &AnyRow| {
            Ok(ChannelBan {
                channel_id: row.int("channel_id")?,
                model: row.text("model")?,
                banned_at_ms: row.int("banned_at")?,
                until_ms: row.int("until_at")?,
                reason: row.text("reason")?,
            })
        };
        rows.iter().map(ban).collect()
    }

    /// Lifts bans, and lets no error until now count: of a model in any case (`None`: of all) of a
    /// channel (`None`: of all). Gateways are told, and people where there is a `notice` and a ban.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn clear_errors(
        &self,
        channel: Option<i64>,
        model: Option<String>,
        notice: Option<Notice>,
    ) -> Result<()> {
        self.write(move |write| {
            Box::pin(async move {
                let mut conditions = Conditions::default();
                conditions.int("channel_id = ?", channel);
                conditions.text("lower(model) = lower(?)", model.as_deref());
                let lifted = conditions
                    .statement("DELETE FROM channel_bans", "")
                    .execute(&mut *write.transaction)
                    .await?;
                let now = now_unix_ms();
                sql("DELETE FROM channel_clears WHERE cleared_at < $1")
                    .bind(now - CLEARS_KEPT_MS)
                    .execute(&mut *write.transaction)
                    .await?;
                sql(
                    "INSERT INTO channel_clears (channel_id, model, cleared_at) \
                     VALUES ($1, $2, $3) ON CONFLICT (channel_id, model) \
                     DO UPDATE SET cleared_at = excluded.cleared_at",
                )
                .bind(channel.unwrap_or(0))
                .bind(model.unwrap_or_default())
                .bind(now)
                .execute(&mut *write.transaction)
                .await?;
                if lifted.rows_affected() > 0 {
                    write.changed(Change::Topology);
                    if let Some(notice) = notice {
                        write.noticed(notice);
                    }
                }
                Ok(())
            })
        })
        .await
    }

    /// Since when errors count.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn clears(&self) -> Result<Clears> {
        let rows = sql("SELECT channel_id, model, cleared_at FROM channel_clears")
            .fetch_all(self.reader())
            .await?;
        let mut clears = BTreeMap::new();
        for row in &rows {
            let model = row.text("model")?.to_ascii_lowercase();
            let at = clears.entry((row.int("channel_id")?, model)).or_insert(0);
            *at = row.int("cleared_at")?.max(*at);
        }
        Ok(Clears(clears))
    }
}
