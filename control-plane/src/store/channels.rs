//! Channels. Keys go in and never come out here; see `publish` for the one place that opens them.

use sqlx::any::AnyRow;
use tollgate_policy::price::NanoUsd;

use super::publish::{base_url, proxy};
use super::query::Conditions;
use super::row::{Columns, readable, to_json, unexpected};
use super::sql::sql;
use super::write::Write;
use super::{Change, Error, Result, Store};
use crate::domain::{
    Channel, ChannelBalance, ChannelCare, ChannelPatch, DEFAULT_PRIORITY, DEFAULT_SET, Listed,
    Page, ProxyUrl, Share, Status, key_again, now_unix_ms,
};
use crate::secrets::{Place, SecretTag, hint};

/// Which channels are wanted.
#[derive(Debug, Clone, Default)]
pub struct ChannelQuery {
    pub id: Option<i64>,
    pub name: Option<String>,
    pub kind: Option<i64>,
    pub base_url: Option<String>,
    pub status: Option<i64>,
    /// A word in name, models, sets or base URL.
    pub keyword: Option<String>,
}

const COLUMNS: &str = "SELECT id, created_at, name, type, base_url, key_hint, models, \
    model_mapping, configs, sets, priority, status, skip_tls_verify, used_amount, request_count, \
    retry_count, warn_error_rate, max_error_rate, no_permission_ban, auto_balance_check, \
    balance_threshold, balance, balance_currency, balance_updated_at, proxy_url, \
    key_sealed, proxy_sealed FROM channels";

/// Where a channel's key is sealed for.
pub(super) fn key_place(channel: i64) -> Place {
    Place {
        table: "channels",
        column: "key",
        row: channel,
    }
}

/// Where the credentials of a channel's proxy are sealed for.
pub(super) fn proxy_place(channel: i64) -> Place {
    Place {
        table: "channels",
        column: "proxy",
        row: channel,
    }
}

impl Store {
    /// # Errors
    /// When the database is away.
    pub async fn channels(&self, query: &ChannelQuery, page: Page) -> Result<Listed<Channel>> {
        let mut conditions = Conditions::default();
        conditions.int("id = ?", query.id);
        conditions.text("name = ?", query.name.as_deref());
        conditions.int("type = ?", query.kind);
        conditions.text("base_url = ?", query.base_url.as_deref());
        conditions.int("status = ?", query.status);
        conditions.keyword(
            "lower(name) LIKE lower(?) ESCAPE '\\' OR lower(models) LIKE lower(?) ESCAPE '\\' \
             OR lower(sets) LIKE lower(?) ESCAPE '\\' OR lower(base_url) LIKE lower(?) ESCAPE '\\'",
            query.keyword.as_deref(),
        );
        let count = "SELECT count(*) FROM channels";
        conditions
            .page(
                self.reader(),
                ("a channel", COLUMNS, count),
                page,
                "id",
                channel,
            )
            .await
    }

    /// # Errors
    /// When the database is away.
    pub async fn all_channels(&self) -> Result<Vec<Channel>> {
        let every = Conditions::default();
        let rows = every
            .statement(COLUMNS, " ORDER BY id")
            .fetch_all(self.reader())
            .await?;
        Ok(readable(&rows, "a channel", "id", channel))
    }

    /// # Errors
    /// `NotFound` when there is none.
    pub async fn channel(&self, id: i64) -> Result<Channel> {
        let mut conditions = Conditions::default();
        conditions.int("id = ?", Some(id));
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_optional(self.reader())
            .await?;
        channel(&row.ok_or_else(|| Error::missing("channel", id))?)
    }

    /// Makes channels, all or none; fields that are `None` get their defaults.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn create_channels(&self, channels: Vec<ChannelPatch>) -> Result<Vec<Channel>> {
        self.write(|write| Box::pin(write.create_channels(channels)))
            .await
    }

    /// Changes what the patch names.
    ///
    /// # Errors
    /// `NotFound` when there is none; `WrittenSince` when it was changed so that its key must be in the
    /// patch, which whoever asks has looked at before.
    pub async fn update_channel(&self, id: i64, patch: ChannelPatch) -> Result<Channel> {
        self.write(move |write| {
            Box::pin(async move {
                if patch.key.is_none() {
                    write.hold_key(id, &patch).await?;
                }
                write.update_channel(id, patch).await
            })
        })
        .await
    }

    /// Keeps what a channel's provider said of its balance.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn set_channel_balance(&self, id: i64, balance: &ChannelBalance) -> Result<()> {
        let done = sql(
            "UPDATE channels SET balance = $2, balance_currency = $3, balance_updated_at = $4 \
             WHERE id = $1",
        )
        .bind(id)
        .bind(balance.amount.0)
        .bind(balance.currency.clone())
        .bind(balance.updated_at_ms)
        .execute(self.writer())
        .await?;
        match done.rows_affected() {
            0 => Err(Error::missing("channel", id)),
            _ => Ok(()),
        }
    }

    /// Removes channels, all or none.
    ///
    /// # Errors
    /// `NotFound` names the first that is not there; nothing is removed then.
    pub async fn delete_channels(&self, ids: &[i64]) -> Result<()> {
        let ids = ids.to_owned();
        self.write(|write| Box::pin(write.delete_channels(ids)))
            .await
    }
}

impl Write {
    pub(super) async fn create_channels(
        &mut self,
        channels: Vec<ChannelPatch>,
    ) -> Result<Vec<Channel>> {
        let mut ids = Vec::with_capacity(channels.len());
        for new in channels {
            let base_url = new
                .base_url
                .flatten()
                .map(|url| url.to_string())
                .unwrap_or_default();
            let key = new.key.unwrap_or_default();
            let proxy = new.proxy.flatten();
            let models = new.models.unwrap_or_default();
            let sets = new.sets.filter(|sets| !sets.is_empty());
            let row = sql(
                "INSERT INTO channels (created_at, name, type, base_url, key_sealed, key_hint, \
                 models, model_mapping, sets, priority, status, skip_tls_verify, configs, \
                 warn_error_rate, max_error_rate, no_permission_ban, auto_balance_check, \
                 balance_threshold, proxy_url, proxy_sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, \
                 $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) RETURNING id",
            )
            .bind(now_unix_ms())
            .bind(new.name.unwrap_or_default())
            .bind(new.kind.unwrap_or_default())
            .bind(base_url)
            .bind(Vec::new())
            .bind(hint(key.expose()))
            .bind(to_json(&models))
            .bind(to_json(&new.model_mapping.unwrap_or_default()))
            .bind(to_json(
                &sets.unwrap_or_else(|| vec![DEFAULT_SET.to_owned()]),
            ))
            .bind(i64::from(new.priority.unwrap_or(DEFAULT_PRIORITY)))
            .bind(new.status.unwrap_or_default().number())
            .bind(i64::from(new.skip_tls_verify.unwrap_or_default()))
            .bind(to_json(&new.configs.unwrap_or_default()))
            .bind(new.care.warn_error_rate.map_or(0, Share::millionths))
            .bind(new.care.max_error_rate.map_or(0, Share::millionths))
            .bind(i64::from(new.care.no_permission_ban.unwrap_or_default()))
            .bind(i64::from(new.care.auto_balance_check.unwrap_or_default()))
            .bind(new.care.balance_threshold.unwrap_or_default().0)
            .bind(proxy.as_ref().map(ToString::to_string).unwrap_or_default())
            .bind(Vec::new())
            .fetch_one(&mut *self.transaction)
            .await?;
            let id = row.int("id")?;
            // The seal is bound to the row, whose id is known only now.
            let sealed = self.seal(key_place(id), &key).await?;
            let proxy_sealed = self.seal_proxy(id, proxy.as_ref()).await?;
            sql("UPDATE channels SET key_sealed = $2, proxy_sealed = $3 WHERE id = $1")
                .bind(id)
                .bind(sealed)
                .bind(proxy_sealed)
                .execute(&mut *self.transaction)
                .await?;
            ids.push(id);
        }
        self.changed(Change::Topology);
        let mut conditions = Conditions::default();
        conditions.ids("id", &ids);
        let rows = conditions
            .statement(COLUMNS, " ORDER BY id")
            .fetch_all(&mut *self.transaction)
            .await?;
        rows.iter().map(channel).collect()
    }

    pub(super) async fn update_channel(&mut self, id: i64, patch: ChannelPatch) -> Result<Channel> {
        let sealed = match &patch.key {
            Some(key) => Some(self.seal(key_place(id), key).await?),
            None => None,
        };
        let proxy_sealed = match &patch.proxy {
            Some(proxy) => Some(self.seal_proxy(id, proxy.as_ref()).await?),
            None => None,
        };
        let proxy_url = patch
            .proxy
            .map(|url| url.map(|url| url.to_string()).unwrap_or_default());
        let base_url = patch
            .base_url
            .map(|url| url.map(|url| url.to_string()).unwrap_or_default());
        let row = sql(
            "UPDATE channels SET name = coalesce($2, name), type = coalesce($3, type), \
             base_url = coalesce($4, base_url), key_sealed = coalesce($5, key_sealed), \
             key_hint = coalesce($6, key_hint), models = coalesce($7, models), \
             model_mapping = coalesce($8, model_mapping), sets = coalesce($9, sets), \
             priority = coalesce($10, priority), status = coalesce($11, status), \
             skip_tls_verify = coalesce($12, skip_tls_verify), \
             configs = coalesce($13, configs), \
             warn_error_rate = coalesce($14, warn_error_rate), \
             max_error_rate = coalesce($15, max_error_rate), \
             no_permission_ban = coalesce($16, no_permission_ban), \
             auto_balance_check = coalesce($17, auto_balance_check), \
             balance_threshold = coalesce($18, balance_threshold), \
             proxy_url = coalesce($19, proxy_url), \
             proxy_sealed = coalesce($20, proxy_sealed) WHERE id = $1 \
             RETURNING id, created_at, name, type, base_url, key_hint, models, model_mapping, \
             configs, sets, priority, status, skip_tls_verify, used_amount, request_count, \
             retry_count, warn_error_rate, max_error_rate, no_permission_ban, \
             auto_balance_check, balance_threshold, balance, balance_currency, \
             balance_updated_at, proxy_url, key_sealed, proxy_sealed",
        )
        .bind(id)
        .bind(patch.name)
        .bind(patch.kind)
        .bind(base_url)
        .bind(sealed)
        .bind(patch.key.as_ref().map(|key| hint(key.expose())))
        .bind(patch.models.as_ref().map(to_json))
        .bind(patch.model_mapping.as_ref().map(to_json))
        .bind(patch.sets.as_ref().map(to_json))
        .bind(patch.priority.map(i64::from))
        .bind(patch.status.map(Status::number))
        .bind(patch.skip_tls_verify.map(i64::from))
        .bind(patch.configs.as_ref().map(to_json))
        .bind(patch.care.warn_error_rate.map(Share::millionths))
        .bind(patch.care.max_error_rate.map(Share::millionths))
        .bind(patch.care.no_permission_ban.map(i64::from))
        .bind(patch.care.auto_balance_check.map(i64::from))
        .bind(patch.care.balance_threshold.map(|amount| amount.0))
        .bind(proxy_url)
        .bind(proxy_sealed)
        .fetch_optional(&mut *self.transaction)
        .await?;
        self.changed(Change::Topology);
        channel(&row.ok_or_else(|| Error::missing("channel", id))?)
    }

    /// That the key which the channel has now may stay: it can be another than when somebody looked,
    /// for another host.
    async fn hold_key(&mut self, id: i64, patch: &ChannelPatch) -> Result<()> {
        sql("UPDATE channels SET name = name WHERE id = $1")
            .bind(id)
            .execute(&mut *self.transaction)
            .await?;
        let mut conditions = Conditions::default();
        conditions.int("id = ?", Some(id));
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_optional(&mut *self.transaction)
            .await?
            .ok_or_else(|| Error::missing("channel", id))?;
        if key_again(&channel(&row)?, patch).is_none() {
            return Ok(());
        }
        // One that does not open is one, too.
        let key = self.store.open(key_place(id), &row.bytes("key_sealed")?);
        match key.is_ok_and(|key| key.is_empty()) {
            true => Ok(()),
            false => Err(Error::WrittenSince),
        }
    }

    /// Empty where there is nothing to seal.
    async fn seal_proxy(&mut self, id: i64, proxy: Option<&ProxyUrl>) -> Result<Vec<u8>> {
        match proxy.and_then(ProxyUrl::credentials) {
            Some(credentials) => self.seal(proxy_place(id), credentials).await,
            None => Ok(Vec::new()),
        }
    }

    pub(super) async fn delete_channels(&mut self, ids: Vec<i64>) -> Result<()> {
        for id in ids {
            let done = sql("DELETE FROM channels WHERE id = $1")
                .bind(id)
                .execute(&mut *self.transaction)
                .await?;
            if done.rows_affected() == 0 {
                return Err(Error::missing("channel", id));
            }
        }
        self.changed(Change::Topology);
        Ok(())
    }
}

fn channel(row: &AnyRow) -> Result<Channel> {
    Ok(Channel {
        id: row.int("id")?,
        created_at_ms: row.int("created_at")?,
        name: row.text("name")?,
        kind: row.int("type")?,
        base_url: base_url(row)?,
        proxy: proxy(row)?,
        key_hint: row.text("key_hint")?,
        key_tag: SecretTag::of(&row.bytes("key_sealed")?),
        proxy_tag: proxy_tag(row)?,
        models: row.json("models")?,
        model_mapping: row.json("model_mapping")?,
        configs: row.json("configs")?,
        sets: row.json("sets")?,
        priority: row.narrow("priority")?,
        status: row.status()?,
        skip_tls_verify: row.flag("skip_tls_verify")?,
        care: ChannelCare {
            warn_error_rate: share(row, "warn_error_rate")?,
            max_error_rate: share(row, "max_error_rate")?,
            no_permission_ban: row.flag("no_permission_ban")?,
            auto_balance_check: row.flag("auto_balance_check")?,
            balance_threshold: NanoUsd(row.int("balance_threshold")?),
        },
        balance: ChannelBalance {
            amount: NanoUsd(row.int("balance")?),
            currency: row.text("balance_currency")?,
            updated_at_ms: row.int("balance_updated_at")?,
        },
        used_amount: NanoUsd(row.int("used_amount")?),
        request_count: row.int("request_count")?,
        retry_count: row.int("retry_count")?,
    })
}

/// Of where the proxy is, and of its credentials.
fn proxy_tag(row: &AnyRow) -> Result<SecretTag> {
    let mut stored = row.bytes("proxy_sealed")?;
    stored.extend(row.text("proxy_url")?.into_bytes());
    Ok(SecretTag::of(&stored))
}

fn share(row: &AnyRow, column: &'static str) -> Result<Share> {
    let share = Share::from_millionths(row.int(column)?);
    share.ok_or_else(|| unexpected(column, "no share"))
}
