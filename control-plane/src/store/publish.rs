//! What Envoys are told: channels with their keys, and tokens by their hashes.

use sqlx::any::AnyRow;
use tollgate_config::meter::{TokenRecord, TokenUpdate};

use super::channels::{key_place, proxy_place};
use super::query::Conditions;
use super::row::{Columns, readable, unexpected};
use super::sql::sql;
use super::{Error, Result, Store, limits};
use crate::domain::{BaseUrl, ProxyUrl, PublishedChannel, Status};
use crate::secrets::Secret;

const PUBLISHED: &str = "SELECT id, name, type, base_url, key_sealed, models, model_mapping, \
    configs, sets, priority, skip_tls_verify, proxy_url, proxy_sealed FROM channels";

impl Store {
    /// All enabled channels with their keys, by id.
    ///
    /// A channel whose row cannot be read or whose key does not open is left out and reported, so
    /// that it takes no other channel with it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn published_channels(&self) -> Result<Vec<PublishedChannel>> {
        let mut conditions = Conditions::default();
        conditions.int("status = ?", Some(Status::Enabled.number()));
        self.channels_with_keys_where(&conditions).await
    }

    /// These channels with their keys, by id, enabled or not.
    ///
    /// One that cannot be read is left out and reported.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn channels_with_keys(&self, ids: &[i64]) -> Result<Vec<PublishedChannel>> {
        let mut conditions = Conditions::default();
        conditions.ids("id", ids);
        self.channels_with_keys_where(&conditions).await
    }

    async fn channels_with_keys_where(
        &self,
        conditions: &Conditions,
    ) -> Result<Vec<PublishedChannel>> {
        let rows = conditions
            .statement(PUBLISHED, " ORDER BY id")
            .fetch_all(self.reader())
            .await?;
        self.know_keys(&rows, "key_sealed").await?;
        self.know_keys(&rows, "proxy_sealed").await?;
        let read = |row: &AnyRow| self.published_channel(row);
        Ok(readable(&rows, "a channel", "id", read))
    }

    /// A channel's proxy with its credentials, enabled or not.
    pub(super) async fn proxy_of_channel(&self, id: i64) -> Result<Option<ProxyUrl>> {
        let row = sql("SELECT proxy_url, proxy_sealed FROM channels WHERE id = $1")
            .bind(id)
            .fetch_optional(self.reader())
            .await?
            .ok_or_else(|| Error::missing("channel", id))?;
        self.know_keys(std::slice::from_ref(&row), "proxy_sealed")
            .await?;
        self.opened_proxy(id, &row)
    }

    fn opened_proxy(&self, id: i64, row: &AnyRow) -> Result<Option<ProxyUrl>> {
        let Some(proxy) = proxy(row)? else {
            return Ok(None);
        };
        if !proxy.is_masked() {
            return Ok(Some(proxy));
        }
        let credentials = self
            .open(proxy_place(id), &row.bytes("proxy_sealed")?)
            .map_err(|error| unexpected("proxy_sealed", error))?;
        Ok(Some(proxy.with_credentials(credentials)))
    }

    /// The key of a channel, enabled or not.
    pub(super) async fn key_of_channel(&self, id: i64) -> Result<Secret> {
        let row = sql("SELECT key_sealed FROM channels WHERE id = $1")
            .bind(id)
            .fetch_optional(self.reader())
            .await?
            .ok_or_else(|| Error::missing("channel", id))?;
        self.know_keys(std::slice::from_ref(&row), "key_sealed")
            .await?;
        self.open(key_place(id), &row.bytes("key_sealed")?)
            .map_err(|error| unexpected("key_sealed", error))
    }

    fn published_channel(&self, row: &AnyRow) -> Result<PublishedChannel> {
        let id = row.int("id")?;
        let key = self
            .open(key_place(id), &row.bytes("key_sealed")?)
            .map_err(|error| unexpected("key_sealed", error))?;
        Ok(PublishedChannel {
            id,
            name: row.text("name")?,
            kind: row.int("type")?,
            base_url: base_url(row)?,
            proxy: self.opened_proxy(id, row)?,
            key,
            models: row.json("models")?,
            model_mapping: row.json("model_mapping")?,
            configs: row.json("configs")?,
            sets: row.json("sets")?,
            priority: row.narrow("priority")?,
            skip_tls_verify: row.flag("skip_tls_verify")?,
        })
    }

    /// Every token, its group resolved into it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn all_token_updates(&self) -> Result<Vec<TokenUpdate>> {
        self.token_updates_where(&Conditions::default()).await
    }

    /// These tokens; one that is gone is not in the answer, and was announced as revoked.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn token_updates(&self, ids: &[i64]) -> Result<Vec<TokenUpdate>> {
        let mut conditions = Conditions::default();
        conditions.ids("tokens.id", ids);
        self.token_updates_where(&conditions).await
    }

    /// All tokens of a group.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn group_token_updates(&self, group: &str) -> Result<Vec<TokenUpdate>> {
        let mut conditions = Conditions::default();
        conditions.text("tokens.group_id = ?", Some(group));
        self.token_updates_where(&conditions).await
    }

    async fn token_updates_where(&self, conditions: &Conditions) -> Result<Vec<TokenUpdate>> {
        let select = "SELECT tokens.id AS id, tokens.name AS name, tokens.hash AS hash, \
                      tokens.group_id AS group_id, tokens.status AS status, \
                      tokens.models AS models, tokens.subnets AS subnets, \
                      tokens.rpm AS rpm, tokens.tpm AS tpm, \
                      tokens.max_concurrency AS max_concurrency, \
                      groups.rpm_ratio AS rpm_ratio, groups.tpm_ratio AS tpm_ratio, \
                      groups.user_rpm AS user_rpm, groups.user_tpm AS user_tpm, \
                      groups.user_max_concurrency AS user_max_concurrency, \
                      groups.used_amount AS group_used_amount, \
                      groups.price_multiplier AS price_multiplier, \
                      tokens.quota AS quota, tokens.period_quota AS period_quota, \
                      tokens.expires_at AS expires_at, \
                      groups.status AS group_status, groups.available_sets AS available_sets, \
                      accounts.balance AS balance, accounts.credit AS credit \
                      FROM tokens JOIN groups ON groups.id = tokens.group_id \
                      LEFT JOIN accounts ON accounts.kind = 1 \
                      AND accounts.group_id = tokens.group_id AND accounts.closed_at = 0";
        let rows = conditions
            .statement(select, " ORDER BY tokens.id")
            .fetch_all(self.reader())
            .await?;
        let terms = self.limit_terms().await?;
        let read = |row: &AnyRow| token_update(row, &terms);
        let mut updates = readable(&rows, "a token", "id", read);
        self.add_model_limits(&mut updates).await?;
        self.add_overlaps(conditions, &mut updates).await?;
        Ok(updates)
    }
}

fn token_update(row: &AnyRow, terms: &limits::Terms) -> Result<TokenUpdate> {
    let mut record = TokenRecord {
        id: row.int("id")?,
        name: row.text("name")?,
        group: row.text("group_id")?,
        enabled: row.status()?.is_enabled(),
        group_enabled: row.int("group_status")? == Status::Enabled.number(),
        sets: row.json("available_sets")?,
        models: row.json("models")?,
        subnets: row.json("subnets")?,
        out_of_credit: out_of_credit(row)?,
        budgets: super::budgets::names(row)?,
        expires_unix_ms: row.int("expires_at")?,
        ..TokenRecord::default()
    };
    limits::resolve(row, terms, &mut record)?;
    Ok(TokenUpdate {
        hash: row.bytes("hash")?,
        record: Some(record),
    })
}

/// Without a wallet there is no end to what a group may spend.
fn out_of_credit(row: &AnyRow) -> Result<bool> {
    let balance = row.optional_int("balance")?;
    let credit = row.optional_int("credit")?.unwrap_or(0);
    Ok(balance.is_some_and(|balance| balance.saturating_add(credit) <= 0))
}

/// The base URL of a channel row; `None` when it has none of its own.
pub(super) fn base_url(row: &AnyRow) -> Result<Option<BaseUrl>> {
    let text = row.text("base_url")?;
    if text.is_empty() {
        return Ok(None);
    }
    let (url, _) = BaseUrl::parse(&text).map_err(|error| unexpected("base_url", error))?;
    Ok(Some(url))
}

/// The proxy of a channel row, without its credentials; `None` when it has none.
pub(super) fn proxy(row: &AnyRow) -> Result<Option<ProxyUrl>> {
    let text = row.text("proxy_url")?;
    if text.is_empty() {
        return Ok(None);
    }
    let url = ProxyUrl::parse(&text).map_err(|error| unexpected("proxy_url", error))?;
    Ok(Some(url))
}
