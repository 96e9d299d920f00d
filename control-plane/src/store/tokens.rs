//! Tokens, by their hashes. Methods with a `group` argument see that group's tokens only.

use sqlx::any::AnyRow;
use tollgate_policy::price::NanoUsd;

use super::error::OnConflict;
use super::limits::limits;
use super::query::Conditions;
use super::row::{Columns, readable, to_json, unexpected};
use super::sql::sql;
use super::write::Write;
use super::{Change, Error, Result, Store};
use crate::domain::options::{Definition, GROUP_MAX_TOKEN_NUM, USER_MAX_TOKEN_NUM};
use crate::domain::{DEFAULT_SET, Listed, Page, Period, Status, Token, TokenPatch, now_unix_ms};
use crate::secrets::{NewToken, Secret, SecretTag, TokenHash};

/// Which tokens are wanted.
#[derive(Debug, Clone, Default)]
pub struct TokenQuery {
    pub group: Option<String>,
    pub name: Option<String>,
    pub status: Option<i64>,
    /// The token itself: found by its hash.
    pub hash: Option<TokenHash>,
    /// A word in name, group or models.
    pub keyword: Option<String>,
}

/// What became of a wish for a token.
#[derive(Debug)]
pub enum Created {
    /// Its text, for the only time.
    New(Token, Secret),
    /// There was one with this name, and that was fine.
    Existing(Token),
}

const COLUMNS: &str = "SELECT id, created_at, group_id, name, hash, hint, status, models, subnets, \
    rpm, tpm, max_concurrency, used_amount, request_count, accessed_at, quota, period_quota, \
    period_type, expires_at, \
    (SELECT max(ends_at) FROM token_overlaps WHERE token_id = tokens.id) AS rotates_until \
    FROM tokens";

impl Store {
    /// # Errors
    /// When the database is away.
    pub async fn tokens(&self, query: &TokenQuery, page: Page) -> Result<Listed<Token>> {
        let mut conditions = Conditions::default();
        conditions.text("group_id = ?", query.group.as_deref());
        conditions.text("name = ?", query.name.as_deref());
        conditions.int("status = ?", query.status);
        if let Some(hash) = &query.hash {
            let id = match self.token_id(hash).await? {
                Some(id) => Some(id),
                None => self.rotated(hash).await?,
            };
            conditions.int("id = ?", Some(id.unwrap_or(0)));
        }
        conditions.keyword(
            "lower(name) LIKE lower(?) ESCAPE '\\' OR lower(group_id) LIKE lower(?) ESCAPE '\\' \
             OR lower(models) LIKE lower(?) ESCAPE '\\'",
            query.keyword.as_deref(),
        );
        let count = "SELECT count(*) FROM tokens";
        conditions
            .page(
                self.reader(),
                ("a token", COLUMNS, count),
                page,
                "id",
                token,
            )
            .await
    }

    /// All tokens of a group, by name.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn tokens_of(&self, group: &str) -> Result<Vec<Token>> {
        let mut conditions = Conditions::default();
        conditions.text("group_id = ?", Some(group));
        let rows = conditions
            .statement(COLUMNS, " ORDER BY name")
            .fetch_all(self.reader())
            .await?;
        Ok(readable(&rows, "a token", "id", token))
    }

    /// # Errors
    /// `NotFound` when there is none.
    pub async fn token(&self, id: i64, group: Option<&str>) -> Result<Token> {
        let mut conditions = Conditions::default();
        conditions.int("id = ?", Some(id));
        conditions.text("group_id = ?", group);
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_optional(self.reader())
            .await?;
        token(&row.ok_or_else(|| Error::missing("token", id))?)
    }

    /// Makes a token for a group.
    ///
    /// # Errors
    /// `NotFound` when the group is not there and may not be made; `Conflict` when the group has
    /// a token of this name and `ignore_exist` is not set.
    pub async fn create_token(
        &self,
        group: &str,
        new: TokenPatch,
        auto_create_group: bool,
        ignore_exist: bool,
    ) -> Result<Created> {
        let group = group.to_owned();
        self.write(move |write| {
            let fresh = NewToken::random();
            Box::pin(write.create_token(group, new, fresh, auto_create_group, ignore_exist))
        })
        .await
    }

    /// Changes what the patch names.
    ///
    /// # Errors
    /// `NotFound` when there is none; `Conflict` when the new name is taken in its group.
    pub async fn update_token(
        &self,
        id: i64,
        group: Option<&str>,
        patch: TokenPatch,
    ) -> Result<Token> {
        let group = group.map(str::to_owned);
        self.write(move |write| Box::pin(write.update_token(id, group, patch)))
            .await
    }

    /// Removes tokens, all or none.
    ///
    /// # Errors
    /// `NotFound` names the first that is not there; nothing is removed then.
    pub async fn delete_tokens(&self, ids: &[i64], group: Option<&str>) -> Result<()> {
        let (ids, group) = (ids.to_owned(), group.map(str::to_owned));
        self.write(|write| Box::pin(write.delete_tokens(ids, group)))
            .await
    }

    /// The id of the token whose present text has this hash.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn token_id(&self, hash: &TokenHash) -> Result<Option<i64>> {
        let row = sql("SELECT id FROM tokens WHERE hash = $1")
            .bind(hash.to_vec())
            .fetch_optional(self.reader())
            .await?;
        row.map(|row| row.int("id")).transpose()
    }
}

impl Write {
    pub(super) async fn create_token(
        &mut self,
        group: String,
        new: TokenPatch,
        fresh: NewToken,
        auto_create_group: bool,
        ignore_exist: bool,
    ) -> Result<Created> {
        let name = new.name.unwrap_or_default();
        if auto_create_group {
            sql(
                "INSERT INTO groups (id, created_at, status, available_sets) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            )
            .bind(group.clone())
            .bind(now_unix_ms())
            .bind(Status::Enabled.number())
            .bind(to_json(&[DEFAULT_SET]))
            .execute(&mut *self.transaction)
            .await?;
        } else {
            sql("SELECT id FROM groups WHERE id = $1")
                .bind(group.clone())
                .fetch_optional(&mut *self.transaction)
                .await?
                .ok_or_else(|| Error::missing("group", &group))?;
        }
        self.check_room_for_a_token(&group, &name).await?;
        let another_s_key = || {
            format!("group {group} was removed meanwhile, or its token {name} has another's key")
        };
        let made = sql(
            "INSERT INTO tokens (created_at, group_id, name, hash, hint, status, models, subnets, \
             quota, period_quota, period_type, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
             ON CONFLICT (group_id, name) DO NOTHING RETURNING id",
        )
        .bind(now_unix_ms())
        .bind(group.clone())
        .bind(name.clone())
        .bind(fresh.hash.to_vec())
        .bind(fresh.hint.clone())
        .bind(new.status.unwrap_or_default().number())
        .bind(to_json(&new.models.unwrap_or_default()))
        .bind(to_json(&new.subnets.unwrap_or_default()))
        .bind(new.quota.unwrap_or_default().0)
        .bind(new.period_quota.unwrap_or_default().0)
        .bind(new.period.unwrap_or_default().name())
        .bind(new.expires_at_ms.unwrap_or(0))
        .fetch_optional(&mut *self.transaction)
        .await
        .on_conflict(another_s_key)?;

        if let Some(row) = made {
            let id = row.int("id")?;
            self.limit_token(id, new.limits).await?;
            self.changed(Change::Tokens(vec![id]));
            return Ok(Created::New(self.token(id).await?, fresh.secret));
        }
        let mut conditions = Conditions::default();
        conditions.text("group_id = ?", Some(&group));
        conditions.text("name = ?", Some(&name));
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_optional(&mut *self.transaction)
            .await?
            // MySQL does not tell which of the keys is taken.
            .ok_or_else(|| Error::Conflict(another_s_key()))?;
        if !ignore_exist {
            return Err(Error::Conflict(format!(
                "group {group} has a token named {name} already"
            )));
        }
        Ok(Created::Existing(token(&row)?))
    }

    /// `Conflict` when the group has as many tokens as it may; those of this name do not count.
    async fn check_room_for_a_token(&mut self, group: &str, name: &str) -> Result<()> {
        let options = self.options().await?;
        let limits = [GROUP_MAX_TOKEN_NUM, USER_MAX_TOKEN_NUM].map(|it| (options.whole(it), it));
        if limits.iter().all(|(most, _)| *most == 0) {
            return Ok(());
        }
        let row = sql(
            "SELECT (SELECT count(*) FROM tokens WHERE group_id = $1 AND name <> $2) AS others, \
             (SELECT count(*) FROM users WHERE group_id = $1) AS users",
        )
        .bind(group.to_owned())
        .bind(name.to_owned())
        .fetch_one(&mut *self.transaction)
        .await?;
        let (others, is_users) = (row.int("others")?, row.int("users")? > 0);
        let reached = |(most, option): &(i64, &Definition)| {
            let holds = *most > 0 && (is_users || *option != USER_MAX_TOKEN_NUM);
            holds && others >= *most
        };
        let Some((most, option)) = limits.into_iter().find(reached) else {
            return Ok(());
        };
        let option = option.name;
        Err(Error::Conflict(format!(
            "group {group} has {most} tokens or more, which is as many as the option {option} allows"
        )))
    }

    pub(super) async fn update_token(
        &mut self,
        id: i64,
        group: Option<String>,
        patch: TokenPatch,
    ) -> Result<Token> {
        let row = sql(
            "UPDATE tokens SET name = coalesce($3, name), status = coalesce($4, status), \
             models = coalesce($5, models), subnets = coalesce($6, subnets), \
             quota = coalesce($7, quota), period_quota = coalesce($8, period_quota), \
             period_type = coalesce($9, period_type), expires_at = coalesce($10, expires_at) \
             WHERE id = $1 AND group_id = coalesce($2, group_id) \
             RETURNING id",
        )
        .bind(id)
        .bind(group)
        .bind(patch.name)
        .bind(patch.status.map(Status::number))
        .bind(patch.models.as_ref().map(to_json))
        .bind(patch.subnets.as_ref().map(to_json))
        .bind(patch.quota.map(|quota| quota.0))
        .bind(patch.period_quota.map(|quota| quota.0))
        .bind(patch.period.map(Period::name))
        .bind(patch.expires_at_ms)
        .fetch_optional(&mut *self.transaction)
        .await
        .on_conflict(|| "the group has a token of this name already".to_owned())?;
        row.ok_or_else(|| Error::missing("token", id))?;
        self.limit_token(id, patch.limits).await?;
        self.changed(Change::Tokens(vec![id]));
        self.token(id).await
    }

    /// As it is now, in the middle of the work.
    pub(super) async fn token(&mut self, id: i64) -> Result<Token> {
        let mut conditions = Conditions::default();
        conditions.int("id = ?", Some(id));
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_one(&mut *self.transaction)
            .await?;
        token(&row)
    }

    pub(super) async fn delete_tokens(
        &mut self,
        ids: Vec<i64>,
        group: Option<String>,
    ) -> Result<()> {
        let mut revoked = Vec::with_capacity(ids.len());
        self.lock_in_order(&ids, &[]).await?;
        for id in ids {
            let overlaps = self.end_overlaps(id).await?;
            let row = sql(
                "DELETE FROM tokens WHERE id = $1 AND group_id = coalesce($2, group_id) \
                 RETURNING hash",
            )
            .bind(id)
            .bind(group.clone())
            .fetch_optional(&mut *self.transaction)
            .await?;
            revoked.extend(overlaps);
            revoked.push(hash(&row.ok_or_else(|| Error::missing("token", id))?)?);
        }
        self.changed(Change::Revoked(revoked));
        Ok(())
    }
}

pub(super) fn hash(row: &AnyRow) -> Result<TokenHash> {
    row.bytes("hash")?
        .try_into()
        .map_err(|_| unexpected("hash", "not 32 bytes"))
}

pub(super) fn period(row: &AnyRow) -> Result<Period> {
    let name = row.text("period_type")?;
    Period::from_name(&name).ok_or_else(|| unexpected("period_type", "not a period"))
}

fn token(row: &AnyRow) -> Result<Token> {
    Ok(Token {
        id: row.int("id")?,
        created_at_ms: row.int("created_at")?,
        group: row.text("group_id")?,
        name: row.text("name")?,
        hint: row.text("hint")?,
        key_tag: SecretTag::of(&row.bytes("hash")?),
        status: row.status()?,
        models: row.json("models")?,
        subnets: row.json("subnets")?,
        limits: limits(row)?,
        used_amount: NanoUsd(row.int("used_amount")?),
        request_count: row.int("request_count")?,
        accessed_at_ms: row.optional_int("accessed_at")?,
        rotates_until_ms: row
            .optional_int("rotates_until")?
            .filter(|until| *until > now_unix_ms()),
        quota: NanoUsd(row.int("quota")?),
        period_quota: NanoUsd(row.int("period_quota")?),
        period: period(row)?,
        expires_at_ms: Some(row.int("expires_at")?).filter(|at| *at != 0),
    })
}
