//! Users, each with a group of their own.

use sqlx::any::AnyRow;

use super::error::OnConflict;
use super::models::NOBODY;
use super::query::Conditions;
use super::row::{Columns, unexpected};
use super::sql::sql;
use super::write::Write;
use super::{Change, Error, Result, Store};
use crate::domain::{
    GroupPatch, Listed, NewUser, Page, PasswordHash, Role, Status, User, UserPatch, now_unix_ms,
};
use crate::secrets::{Secret, SecretTag, random};

/// Which users are wanted.
#[derive(Debug, Clone, Default)]
pub struct UserQuery {
    pub username: Option<String>,
    pub role: Option<Role>,
    pub status: Option<i64>,
    pub group: Option<String>,
    /// A word in name, e-mail or group.
    pub keyword: Option<String>,
}

const COLUMNS: &str = "SELECT id, created_at, username, email, password_hash, role, status, \
    group_id, last_login_at, token_version FROM users";

impl Store {
    /// # Errors
    /// When the database is away.
    pub async fn users(&self, query: &UserQuery, page: Page) -> Result<Listed<User>> {
        let mut conditions = Conditions::default();
        conditions.text("username = ?", query.username.as_deref());
        conditions.text("role = ?", query.role.map(Role::as_str));
        conditions.int("status = ?", query.status);
        conditions.text("group_id = ?", query.group.as_deref());
        conditions.keyword(
            "username LIKE lower(?) ESCAPE '\\' OR lower(email) LIKE lower(?) ESCAPE '\\' \
             OR lower(group_id) LIKE lower(?) ESCAPE '\\'",
            query.keyword.as_deref(),
        );
        let count = "SELECT count(*) FROM users";
        conditions
            .page(self.reader(), ("a user", COLUMNS, count), page, "id", user)
            .await
    }

    /// # Errors
    /// `NotFound` when there is none.
    pub async fn user(&self, id: i64) -> Result<User> {
        let mut conditions = Conditions::default();
        conditions.int("id = ?", Some(id));
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_optional(self.reader())
            .await?;
        user(&row.ok_or_else(|| Error::missing("user", id))?)
    }

    /// The user with this name, and their password if they have one.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn credentials(
        &self,
        username: &str,
    ) -> Result<Option<(User, Option<PasswordHash>)>> {
        let mut conditions = Conditions::default();
        conditions.text("username = ?", Some(username));
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_optional(self.reader())
            .await?;
        row.map(|row| {
            let hash = row.text("password_hash")?;
            let hash = Some(hash).filter(|hash| !hash.is_empty());
            Ok((
                user(&row)?,
                hash.map(|hash| PasswordHash(Secret::new(hash))),
            ))
        })
        .transpose()
    }

    /// Makes a user and their group, with a wallet: who comes by themselves must not spend without
    /// limit, at no time.
    ///
    /// # Errors
    /// `Conflict` when the name is taken.
    pub async fn create_user(&self, new: NewUser) -> Result<User> {
        self.write(|write| Box::pin(write.create_user(new))).await
    }

    /// Changes what the patch names; see [`UserPatch`] for what else that does.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn update_user(&self, id: i64, patch: UserPatch) -> Result<User> {
        self.write(move |write| Box::pin(write.update_user(id, patch)))
            .await
    }

    /// Removes users with their groups, tokens and sessions, all or none. What they did stays in
    /// the logs. The price history says that `by` ended their groups' own prices.
    ///
    /// # Errors
    /// `NotFound` names the first that is not there; nothing is removed then.
    pub async fn delete_users(&self, by: &str, ids: &[i64]) -> Result<()> {
        let (by, ids) = (by.to_owned(), ids.to_owned());
        self.write(|write| Box::pin(write.delete_users(by, ids)))
            .await
    }
}

impl Write {
    pub(super) async fn create_user(&mut self, new: NewUser) -> Result<User> {
        // Logs outlive users, and are found by group: a group's name must never come back, so that
        // nobody ever sees the log of somebody who had the same name.
        let group = format!("user-{}-{}", new.username, hex::encode(random::<4>()));
        // It is as usable as they are.
        let patch = GroupPatch {
            status: Some(new.status),
            ..GroupPatch::default()
        };
        self.create_group(NOBODY.to_owned(), group.clone(), patch)
            .await?;
        let row = sql(
            "INSERT INTO users (created_at, username, email, password_hash, role, status, \
             group_id) VALUES ($1, $2, $3, $4, $5, $6, $7) \
             RETURNING id, created_at, username, email, password_hash, role, status, group_id, \
             last_login_at, token_version",
        )
        .bind(now_unix_ms())
        .bind(new.username.clone())
        .bind(new.email)
        .bind(stored(new.password.as_ref()).unwrap_or_default())
        .bind(new.role.as_str())
        .bind(new.status.number())
        .bind(group.clone())
        .fetch_one(&mut *self.transaction)
        .await
        .on_conflict(|| format!("the user name {} is taken", new.username))?;
        // Last: the ledger's own accounts are locked as shortly as can be.
        self.open_wallet_of_new_user(group).await?;
        user(&row)
    }

    async fn update_user(&mut self, id: i64, patch: UserPatch) -> Result<User> {
        let ends_sessions =
            patch.role.is_some() || patch.status.is_some() || patch.password.is_some();
        let row = sql(
            "UPDATE users SET email = coalesce($2, email), role = coalesce($3, role), \
             status = coalesce($4, status), password_hash = coalesce($5, password_hash), \
             token_version = token_version + $6 WHERE id = $1 \
             RETURNING id, created_at, username, email, password_hash, role, status, group_id, \
             last_login_at, token_version",
        )
        .bind(id)
        .bind(patch.email)
        .bind(patch.role.map(Role::as_str))
        .bind(patch.status.map(Status::number))
        .bind(stored(patch.password.as_ref()))
        .bind(i64::from(ends_sessions))
        .fetch_optional(&mut *self.transaction)
        .await?;
        let user = user(&row.ok_or_else(|| Error::missing("user", id))?)?;
        self.changed(Change::Settings);
        if ends_sessions {
            self.end_sessions(id).await?;
        }
        if let Some(status) = patch.status {
            sql("UPDATE groups SET status = $2 WHERE id = $1")
                .bind(user.group.clone())
                .bind(status.number())
                .execute(&mut *self.transaction)
                .await?;
            self.changed(Change::GroupTokens(user.group.clone()));
        }
        Ok(user)
    }

    async fn delete_users(&mut self, by: String, ids: Vec<i64>) -> Result<()> {
        let mut groups = Vec::with_capacity(ids.len());
        for id in ids {
            let row = sql("DELETE FROM users WHERE id = $1 RETURNING group_id")
                .bind(id)
                .fetch_optional(&mut *self.transaction)
                .await?;
            let row = row.ok_or_else(|| Error::missing("user", id))?;
            groups.push(row.text("group_id")?);
        }
        self.changed(Change::Settings);
        self.delete_groups(by, groups).await
    }
}

/// The one place from which a password's hash goes to the database.
fn stored(password: Option<&PasswordHash>) -> Option<String> {
    password.map(|PasswordHash(hash)| hash.expose().to_owned())
}

pub(super) fn user(row: &AnyRow) -> Result<User> {
    let role = row.text("role")?;
    let password = row.text("password_hash")?;
    Ok(User {
        id: row.int("id")?,
        created_at_ms: row.int("created_at")?,
        username: row.text("username")?,
        email: row.text("email")?,
        role: Role::read(&role).ok_or_else(|| unexpected("role", "not a role"))?,
        status: row.status()?,
        group: row.text("group_id")?,
        last_login_at_ms: row.optional_int("last_login_at")?,
        token_version: row.int("token_version")?,
        has_password: !password.is_empty(),
        password_tag: SecretTag::of(password.as_bytes()),
    })
}
