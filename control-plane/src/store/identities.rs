//! Who users are at OpenID providers, and sign-ins there that are under way.

use super::error::OnConflict;
use super::row::{Columns, readable, to_json, unexpected};
use super::sql::sql;
use super::write::Write;
use super::{Error, Result, Store};
use crate::domain::{Identity, LinkedIdentity, NewUser, User, now_unix_ms};

impl Store {
    /// The user whom an OpenID provider knows by this subject.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn user_of_identity(&self, issuer: &str, subject: &str) -> Result<Option<User>> {
        let row = sql("SELECT user_id FROM user_identities WHERE issuer = $1 AND subject = $2")
            .bind(issuer.to_owned())
            .bind(subject.to_owned())
            .fetch_optional(self.writer())
            .await?;
        match row {
            Some(row) => self.user(row.int("user_id")?).await.map(Some),
            None => Ok(None),
        }
    }

    /// All identities of a user.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn identities(&self, user_id: i64) -> Result<Vec<LinkedIdentity>> {
        let rows = sql(
            "SELECT issuer, subject, created_at FROM user_identities WHERE user_id = $1 \
             ORDER BY issuer, subject",
        )
        .bind(user_id)
        .fetch_all(self.reader())
        .await?;
        Ok(readable(&rows, "an identity", "created_at", |row| {
            Ok(LinkedIdentity {
                issuer: row.text("issuer")?,
                subject: row.text("subject")?,
                created_at_ms: row.int("created_at")?,
            })
        }))
    }

    /// Makes a user who signs in at an OpenID provider.
    ///
    /// # Errors
    /// `Conflict` when the name or the identity is taken.
    pub async fn create_user_of_identity(
        &self,
        new: NewUser,
        issuer: &str,
        subject: &str,
    ) -> Result<User> {
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        self.write(move |write| {
            Box::pin(async move {
                let user = write.create_user(new).await?;
                write.add_identity(user.id, issuer, subject).await?;
                Ok(user)
            })
        })
        .await
    }

    /// Lets a user sign in with one more identity.
    ///
    /// # Errors
    /// `Conflict` when it has a user already.
    pub async fn add_identity(&self, user_id: i64, issuer: &str, subject: &str) -> Result<()> {
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        self.write(move |write| Box::pin(write.add_identity(user_id, issuer, subject)))
            .await
    }

    /// Takes all identities from a user.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn remove_identities(&self, user_id: i64) -> Result<()> {
        self.write(move |write| {
            Box::pin(async move {
                sql("DELETE FROM user_identities WHERE user_id = $1")
                    .bind(user_id)
                    .execute(&mut *write.transaction)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Notes that a sign-in at a provider came back; `false` if it did so before. Those whose time
    /// is over are cleared away.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn begin_oidc_login(&self, state: [u8; 32], expires_at_ms: i64) -> Result<bool> {
        self.write(move |write| Box::pin(write.begin_oidc_login(state, expires_at_ms)))
            .await
    }

    /// Keeps who came back.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn keep_oidc_identity(&self, state: [u8; 32], identity: &Identity) -> Result<()> {
        let identity = to_json(identity);
        self.write(move |write| {
            Box::pin(async move {
                sql("UPDATE oidc_logins SET identity = $2 WHERE state = $1")
                    .bind(state.to_vec())
                    .bind(identity)
                    .execute(&mut *write.transaction)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Who came back; given out once.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn take_oidc_identity(&self, state: [u8; 32]) -> Result<Option<Identity>> {
        self.write(move |write| Box::pin(write.take_oidc_identity(state)))
            .await
    }
}

impl Write {
    async fn add_identity(&mut self, user_id: i64, issuer: String, subject: String) -> Result<()> {
        sql("SELECT id FROM users WHERE id = $1")
            .bind(user_id)
            .fetch_optional(&mut *self.transaction)
            .await?
            .ok_or_else(|| Error::missing("user", user_id))?;
        sql(
            "INSERT INTO user_identities (issuer, subject, user_id, created_at) \
             VALUES ($1, $2, $3, $4)",
        )
        .bind(issuer)
        .bind(subject)
        .bind(user_id)
        .bind(now_unix_ms())
        .execute(&mut *self.transaction)
        .await
        .on_conflict(|| "this identity has a user already".to_owned())?;
        Ok(())
    }

    async fn begin_oidc_login(&mut self, state: [u8; 32], expires_at_ms: i64) -> Result<bool> {
        sql("DELETE FROM oidc_logins WHERE expires_at <= $1")
            .bind(now_unix_ms())
            .execute(&mut *self.transaction)
            .await?;
        let begun = sql(
            "INSERT INTO oidc_logins (state, expires_at, identity) VALUES ($1, $2, '') \
             ON CONFLICT DO NOTHING",
        )
        .bind(state.to_vec())
        .bind(expires_at_ms)
        .execute(&mut *self.transaction)
        .await?;
        Ok(begun.rows_affected() == 1)
    }

    async fn take_oidc_identity(&mut self, state: [u8; 32]) -> Result<Option<Identity>> {
        let row = sql("SELECT identity FROM oidc_logins WHERE state = $1")
            .bind(state.to_vec())
            .fetch_optional(&mut *self.transaction)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let identity = row.text("identity")?;
        if identity.is_empty() {
            return Ok(None);
        }
        // It decides who of two comes first.
        let taken = sql("UPDATE oidc_logins SET identity = '' WHERE state = $1 AND identity <> ''")
            .bind(state.to_vec())
            .execute(&mut *self.transaction)
            .await?;
        if taken.rows_affected() != 1 {
            return Ok(None);
        }
        serde_json::from_str(&identity)
            .map(Some)
            .map_err(|error| unexpected("identity", error))
    }
}

#[cfg(test)]
mod tests;
