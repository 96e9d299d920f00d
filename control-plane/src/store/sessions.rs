//! Sessions of users: one row per sign-in, ended by removing it.

use super::row::{Columns, unexpected};
use super::sql::sql;
use super::users::user;
use super::write::Write;
use super::{Error, Result, Store};
use crate::domain::{User, now_unix_ms};
use crate::secrets::{Place, Secret, random};

/// Where the secret is sealed that signs access tokens.
const SIGNING_SECRET: Place = Place {
    table: "meta",
    column: "jwt_secret",
    row: 0,
};

/// The same for whoever goes through all that is sealed.
pub(super) fn signing_secret_place(_: i64) -> Place {
    SIGNING_SECRET
}

/// A sign-in that is to be kept.
#[derive(Debug, Clone)]
pub struct NewSession {
    pub id: String,
    pub user_id: i64,
    /// SHA-256 of its first refresh token.
    pub refresh_hash: [u8; 32],
    pub expires_at_ms: i64,
    /// Where it begins; `None`: that is not known.
    pub network: Option<String>,
}

/// What became of a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewed {
    /// The session goes on with the new one.
    By(User),
    /// It was used before: somebody else may have a copy, so the session has been ended. Whose it
    /// was.
    Reused(i64),
    /// There is no such session.
    Unknown,
}

impl Store {
    /// What signs access tokens: made once, kept sealed, the same for all control planes.
    ///
    /// # Errors
    /// When the database is away, or it was sealed with a key that is not here.
    pub async fn signing_secret(&self) -> Result<Secret> {
        if let Some(secret) = self.kept_signing_secret().await? {
            return Ok(secret);
        }
        self.write(|write| Box::pin(write.make_signing_secret()))
            .await?;
        // Another control plane may have been faster.
        let kept = self.kept_signing_secret().await?;
        kept.ok_or_else(|| Error::missing("meta", "jwt_secret"))
    }

    async fn kept_signing_secret(&self) -> Result<Option<Secret>> {
        let row = sql("SELECT value FROM meta WHERE name = 'jwt_secret'")
            .fetch_optional(self.writer())
            .await?;
        let Some(row) = row else { return Ok(None) };
        self.know_keys(std::slice::from_ref(&row), "value").await?;
        self.open(SIGNING_SECRET, &row.bytes("value")?)
            .map(Some)
            .map_err(|error| unexpected("jwt_secret", error))
    }

    /// Begins a session, and notes that the user has signed in. Sessions that nobody can go on with
    /// are cleared away.
    ///
    /// # Errors
    /// `Conflict` when the user is gone, disabled, or of another version than when the password
    /// was checked.
    pub async fn begin_session(&self, new: NewSession, token_version: i64) -> Result<()> {
        self.write(move |write| Box::pin(write.begin_session(new, token_version)))
            .await
    }

    /// The user of a session that goes on; `None` when it has ended in any way.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn session_user(
        &self,
        session: &str,
        user_id: i64,
        token_version: i64,
    ) -> Result<Option<User>> {
        let row = sql(
            "SELECT users.id AS id, users.created_at AS created_at, username, email, \
             password_hash, role, status, group_id, last_login_at, token_version \
             FROM sessions JOIN users ON users.id = sessions.user_id \
             WHERE sessions.id = $1 AND users.id = $2 AND users.token_version = $3 \
             AND users.status = 1 AND sessions.expires_at > $4",
        )
        .bind(session.to_owned())
        .bind(user_id)
        .bind(token_version)
        .bind(now_unix_ms())
        .fetch_optional(self.reader())
        .await?;
        row.as_ref().map(user).transpose()
    }

    /// Changes a session's refresh token for a new one; of two that come with the same one, the
    /// second ends the session. Who names a session that is not there has nothing written, so that
    /// nobody who guesses stands in the way of bookings.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn renew_session(
        &self,
        session: &str,
        old_hash: [u8; 32],
        new_hash: [u8; 32],
        expires_at_ms: i64,
    ) -> Result<Renewed> {
        let there = sql("SELECT user_id FROM sessions WHERE id = $1 AND expires_at > $2")
            .bind(session.to_owned())
            .bind(now_unix_ms())
            .fetch_optional(self.reader())
            .await?;
        if there.is_none() {
            return Ok(Renewed::Unknown);
        }
        let session = session.to_owned();
        self.write(move |write| {
            Box::pin(write.renew_session(session, old_hash, new_hash, expires_at_ms))
        })
        .await
    }

    /// Whether a session goes on with the refresh token of this hash.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn is_last_of_session(&self, session: &str, refresh_hash: [u8; 32]) -> Result<bool> {
        let row = sql("SELECT user_id FROM sessions \
             WHERE id = $1 AND refresh_hash = $2 AND expires_at > $3")
        .bind(session.to_owned())
        .bind(refresh_hash.to_vec())
        .bind(now_unix_ms())
        .fetch_optional(self.reader())
        .await?;
        Ok(row.is_some())
    }

    /// Ends one session; it is no error when it has ended already.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn end_session(&self, session: &str) -> Result<()> {
        let session = session.to_owned();
        self.write(move |write| {
            Box::pin(async move {
                sql("DELETE FROM sessions WHERE id = $1")
                    .bind(session)
                    .execute(&mut *write.transaction)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    /// Ends all sessions of a user, their access tokens included.
    ///
    /// # Errors
    /// `NotFound` when there is no such user.
    pub async fn end_all_sessions(&self, user_id: i64) -> Result<()> {
        self.write(move |write| {
            Box::pin(async move {
                let done = sql("UPDATE users SET token_version = token_version + 1 WHERE id = $1")
                    .bind(user_id)
                    .execute(&mut *write.transaction)
                    .await?;
                if done.rows_affected() == 0 {
                    return Err(Error::missing("user", user_id));
                }
                write.end_sessions(user_id).await
            })
        })
        .await
    }
}

impl Write {
    async fn make_signing_secret(&mut self) -> Result<()> {
        let fresh = Secret::new(hex::encode(random::<32>()));
        let sealed = self.seal(SIGNING_SECRET, &fresh).await?;
        sql("INSERT INTO meta (name, value) VALUES ('jwt_secret', $1) ON CONFLICT DO NOTHING")
            .bind(sealed)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    async fn begin_session(&mut self, new: NewSession, token_version: i64) -> Result<()> {
        let now = now_unix_ms();
        sql("DELETE FROM sessions WHERE expires_at <= $1")
            .bind(now)
            .execute(&mut *self.transaction)
            .await?;
        let signed_in = sql("UPDATE users SET last_login_at = $2 \
             WHERE id = $1 AND token_version = $3 AND status = 1")
        .bind(new.user_id)
        .bind(now)
        .bind(token_version)
        .execute(&mut *self.transaction)
        .await?;
        if signed_in.rows_affected() == 0 {
            return Err(Error::Conflict("the user was changed meanwhile".into()));
        }
        sql(
            "INSERT INTO sessions (id, user_id, created_at, refreshed_at, expires_at, \
             refresh_hash) VALUES ($1, $2, $3, $3, $4, $5)",
        )
        .bind(new.id)
        .bind(new.user_id)
        .bind(now)
        .bind(new.expires_at_ms)
        .bind(new.refresh_hash.to_vec())
        .execute(&mut *self.transaction)
        .await?;
        match new.network {
            Some(network) => self.note_network(new.user_id, &network, now).await,
            None => Ok(()),
        }
    }

    async fn renew_session(
        &mut self,
        session: String,
        old_hash: [u8; 32],
        new_hash: [u8; 32],
        expires_at_ms: i64,
    ) -> Result<Renewed> {
        let now = now_unix_ms();
        // One statement decides who of two comes first.
        let renewed = sql(
            "UPDATE sessions SET refresh_hash = $3, refreshed_at = $4, expires_at = $5 \
             WHERE id = $1 AND refresh_hash = $2 AND expires_at > $4",
        )
        .bind(session.clone())
        .bind(old_hash.to_vec())
        .bind(new_hash.to_vec())
        .bind(now)
        .bind(expires_at_ms)
        .execute(&mut *self.transaction)
        .await?;
        if renewed.rows_affected() > 0 {
            let row = sql(
                "SELECT id, created_at, username, email, password_hash, role, status, group_id, \
                 last_login_at, token_version FROM users \
                 WHERE id = (SELECT user_id FROM sessions WHERE id = $1) AND status = 1",
            )
            .bind(session)
            .fetch_optional(&mut *self.transaction)
            .await?;
            return match row {
                Some(row) => Ok(Renewed::By(user(&row)?)),
                None => Ok(Renewed::Unknown),
            };
        }
        let ended = sql("DELETE FROM sessions WHERE id = $1 RETURNING user_id, expires_at")
            .bind(session)
            .fetch_optional(&mut *self.transaction)
            .await?;
        match ended {
            Some(row) if row.int("expires_at")? > now => Ok(Renewed::Reused(row.int("user_id")?)),
            _ => Ok(Renewed::Unknown),
        }
    }

    pub(super) async fn end_sessions(&mut self, user_id: i64) -> Result<()> {
        sql("DELETE FROM sessions WHERE user_id = $1")
            .bind(user_id)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::with_store;

    #[tokio::test]
    async fn who_guesses_sessions_does_not_wait_for_writes_nor_hold_them_up() {
        with_store(async |store| {
            let guesser = store.clone();
            // SQLite has one writer, and this is it: a guess that wanted to write would never end.
            let guessed = store.write(move |_| {
                Box::pin(async move {
                    let guess = guesser.renew_session("invented", [1; 32], [2; 32], i64::MAX);
                    guess.await
                })
            });
            assert_eq!(guessed.await.unwrap(), Renewed::Unknown);
        })
        .await;
    }
}
