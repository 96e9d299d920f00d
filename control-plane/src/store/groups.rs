//! Groups. What changes in one reaches Envoys through its tokens.

use sqlx::any::AnyRow;
use tollgate_policy::price::{Multiplier, NanoUsd};

use super::error::OnConflict;
use super::limits::group_limits;
use super::models::NOBODY;
use super::query::Conditions;
use super::row::{Columns, readable, to_json};
use super::rows::pieces;
use super::sql::sql;
use super::write::Write;
use super::{Change, Error, Result, Store};
use crate::domain::{DEFAULT_SET, Group, GroupPatch, Listed, Page, Status, now_unix_ms};
use crate::secrets::TokenHash;

/// Which groups are wanted.
#[derive(Debug, Clone, Default)]
pub struct GroupQuery {
    pub status: Option<i64>,
    /// A word in the id or the sets.
    pub keyword: Option<String>,
}

const COLUMNS: &str = "SELECT id, created_at, status, available_sets, used_amount, \
    request_count, balance_alert_enabled, balance_alert_threshold, rpm_ratio, tpm_ratio, \
    user_rpm, user_tpm, user_max_concurrency, price_multiplier FROM groups";

impl Store {
    /// # Errors
    /// When the database is away.
    pub async fn groups(&self, query: &GroupQuery, page: Page) -> Result<Listed<Group>> {
        let mut conditions = Conditions::default();
        conditions.int("status = ?", query.status);
        conditions.keyword(
            "lower(id) LIKE lower(?) ESCAPE '\\' OR lower(available_sets) LIKE lower(?) ESCAPE '\\'",
            query.keyword.as_deref(),
        );
        let count = "SELECT count(*) FROM groups";
        conditions
            .page(
                self.reader(),
                ("a group", COLUMNS, count),
                page,
                "id",
                group,
            )
            .await
    }

    /// # Errors
    /// When the database is away.
    pub async fn all_groups(&self) -> Result<Vec<Group>> {
        let rows = Conditions::default()
            .statement(COLUMNS, " ORDER BY id")
            .fetch_all(self.reader())
            .await?;
        Ok(readable(&rows, "a group", "id", group))
    }

    /// # Errors
    /// `NotFound` when there is none.
    pub async fn group(&self, id: &str) -> Result<Group> {
        let mut conditions = Conditions::default();
        conditions.text("id = ?", Some(id));
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_optional(self.reader())
            .await?;
        group(&row.ok_or_else(|| Error::missing("group", id))?)
    }

    /// [`Store::create_group_as`] by nobody.
    ///
    /// # Errors
    /// `Conflict` when there is one with this id.
    pub async fn create_group(&self, id: &str, new: GroupPatch) -> Result<Group> {
        self.create_group_as(NOBODY, id, new).await
    }

    /// Makes a group. The price history says that `by` set its multiplier.
    ///
    /// # Errors
    /// `Conflict` when there is one with this id.
    pub async fn create_group_as(&self, by: &str, id: &str, new: GroupPatch) -> Result<Group> {
        let (by, id) = (by.to_owned(), id.to_owned());
        self.write(|write| Box::pin(write.create_group(by, id, new)))
            .await
    }

    /// [`Store::update_group_as`] by nobody.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn update_group(&self, id: &str, patch: GroupPatch) -> Result<Group> {
        self.update_group_as(NOBODY, id, patch).await
    }

    /// Changes what the patch names. The price history says that `by` set its multiplier.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn update_group_as(&self, by: &str, id: &str, patch: GroupPatch) -> Result<Group> {
        let (by, id) = (by.to_owned(), id.to_owned());
        self.write(|write| Box::pin(write.update_group(by, id, patch)))
            .await
    }

    /// Switches groups on or off, all or none.
    ///
    /// # Errors
    /// `NotFound` names the first that is not there; nothing is changed then.
    pub async fn set_group_status(&self, ids: &[String], status: Status) -> Result<()> {
        let ids = ids.to_owned();
        self.write(move |write| Box::pin(write.set_group_status(ids, status)))
            .await
    }

    /// [`Store::delete_groups_as`] by nobody.
    ///
    /// # Errors
    /// `NotFound` names the first that is not there; nothing is removed then.
    pub async fn delete_groups(&self, ids: &[String]) -> Result<()> {
        self.delete_groups_as(NOBODY, ids).await
    }

    /// Removes groups with their tokens, all or none. The price history says that `by` ended their
    /// own prices.
    ///
    /// # Errors
    /// `NotFound` names the first that is not there; nothing is removed then.
    pub async fn delete_groups_as(&self, by: &str, ids: &[String]) -> Result<()> {
        let (by, ids) = (by.to_owned(), ids.to_owned());
        self.write(|write| Box::pin(write.delete_groups(by, ids)))
            .await
    }

    /// How many groups may use exactly these sets.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn groups_by_sets(&self) -> Result<Vec<(Vec<String>, i64)>> {
        let rows =
            sql("SELECT available_sets, count(*) AS count FROM groups GROUP BY available_sets")
                .fetch_all(self.reader())
                .await?;
        let of = |row: &AnyRow| Ok((row.json("available_sets")?, row.int("count")?));
        rows.iter().map(of).collect()
    }
}

impl Write {
    /// Without tokens there is nothing to announce.
    pub(super) async fn create_group(
        &mut self,
        by: String,
        id: String,
        new: GroupPatch,
    ) -> Result<Group> {
        let sets = new.available_sets.filter(|sets| !sets.is_empty());
        sql(
            "INSERT INTO groups (id, created_at, status, available_sets, balance_alert_enabled, \
             balance_alert_threshold) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id.clone())
        .bind(now_unix_ms())
        .bind(new.status.unwrap_or_default().number())
        .bind(to_json(
            &sets.unwrap_or_else(|| vec![DEFAULT_SET.to_owned()]),
        ))
        .bind(i64::from(new.balance_alert_enabled.unwrap_or_default()))
        .bind(new.balance_alert_threshold.unwrap_or_default().0)
        .execute(&mut *self.transaction)
        .await
        .on_conflict(|| format!("group {id} exists already"))?;
        self.set_multiplier(&by, &id, new.price_multiplier).await?;
        self.limit_group(&id, new.limits).await?;
        self.group(&id).await
    }

    pub(super) async fn update_group(
        &mut self,
        by: String,
        id: String,
        patch: GroupPatch,
    ) -> Result<Group> {
        self.set_multiplier(&by, &id, patch.price_multiplier)
            .await?;
        let row = sql("UPDATE groups SET status = coalesce($2, status), \
             available_sets = coalesce($3, available_sets), \
             balance_alert_enabled = coalesce($4, balance_alert_enabled), \
             balance_alert_threshold = coalesce($5, balance_alert_threshold) WHERE id = $1 \
             RETURNING id")
        .bind(id.clone())
        .bind(patch.status.map(Status::number))
        .bind(patch.available_sets.as_ref().map(to_json))
        .bind(patch.balance_alert_enabled.map(i64::from))
        .bind(patch.balance_alert_threshold.map(|threshold| threshold.0))
        .fetch_optional(&mut *self.transaction)
        .await?;
        row.ok_or_else(|| Error::missing("group", &id))?;
        self.limit_group(&id, patch.limits).await?;
        self.changed(Change::GroupTokens(id.clone()));
        self.group(&id).await
    }

    /// As it is now, in the middle of the work.
    async fn group(&mut self, id: &str) -> Result<Group> {
        let mut conditions = Conditions::default();
        conditions.text("id = ?", Some(id));
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_one(&mut *self.transaction)
            .await?;
        group(&row)
    }

    async fn set_group_status(&mut self, ids: Vec<String>, status: Status) -> Result<()> {
        self.lock_in_order(&[], &ids).await?;
        for id in ids {
            let done = sql("UPDATE groups SET status = $2 WHERE id = $1")
                .bind(id.clone())
                .bind(status.number())
                .execute(&mut *self.transaction)
                .await?;
            if done.rows_affected() == 0 {
                return Err(Error::missing("group", id));
            }
            self.changed(Change::GroupTokens(id));
        }
        Ok(())
    }

    pub(super) async fn tokens_in(&mut self, groups: &[String]) -> Result<Vec<i64>> {
        let mut tokens = Vec::new();
        for group in groups {
            let rows = sql("SELECT id FROM tokens WHERE group_id = $1")
                .bind(group.clone())
                .fetch_all(&mut *self.transaction)
                .await?;
            for row in &rows {
                tokens.push(row.int("id")?);
            }
        }
        Ok(tokens)
    }

    pub(super) async fn delete_groups(&mut self, by: String, ids: Vec<String>) -> Result<()> {
        let mut revoked: Vec<TokenHash> = Vec::new();
        let tokens = self.tokens_in(&ids).await?;
        // Whoever makes a token from here on waits, and then finds that the group is gone.
        self.lock_in_order(&tokens, &ids).await?;
        // Of one that was made before that, some booking may have the lock: it keeps its group.
        for piece in pieces(&tokens) {
            let mut conditions = Conditions::default();
            conditions.ids("token_id", piece);
            let overlaps = conditions.statement("DELETE FROM token_overlaps", " RETURNING hash");
            let mut conditions = Conditions::default();
            conditions.ids("id", piece);
            let gone = conditions.statement("DELETE FROM tokens", " RETURNING hash");
            for deletion in [overlaps, gone] {
                for row in deletion.fetch_all(&mut *self.transaction).await? {
                    revoked.push(super::tokens::hash(&row)?);
                }
            }
        }
        for id in ids {
            self.end_own_prices(&by, &id).await?;
            let done = sql("DELETE FROM groups WHERE id = $1")
                .bind(id.clone())
                .execute(&mut *self.transaction)
                .await
                .on_conflict(|| {
                    format!("group {id} belongs to a user, or got a new token meanwhile")
                })?;
            if done.rows_affected() == 0 {
                return Err(Error::missing("group", id));
            }
            if self.close_wallet(&id, "").await? {
                // Gateways give back what they hold of it: another group may have the name one day.
                self.changed(Change::GroupTokens(id));
            }
        }
        self.changed(Change::Revoked(revoked));
        Ok(())
    }
}

fn group(row: &AnyRow) -> Result<Group> {
    Ok(Group {
        id: row.text("id")?,
        created_at_ms: row.int("created_at")?,
        status: row.status()?,
        available_sets: row.json("available_sets")?,
        limits: group_limits(row)?,
        used_amount: NanoUsd(row.int("used_amount")?),
        request_count: row.int("request_count")?,
        balance_alert_enabled: row.flag("balance_alert_enabled")?,
        balance_alert_threshold: NanoUsd(row.int("balance_alert_threshold")?),
        price_multiplier: Multiplier::from_nano(row.int("price_multiplier")?),
    })
}

#[cfg(test)]
mod tests;
