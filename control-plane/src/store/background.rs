//! Responses that are made in the background, from the moment they are asked for.
//!
//! Every statement that a caller is behind names the group: what is another tenant's is not there.

use tollgate_config::responses::is_ours;

use super::query::Conditions;
use super::row::Columns;
use super::rows::pieces;
use super::sql::sql;
use super::{Error, Result, Store, tokens};
use crate::secrets::TokenHash;

/// One of them, as it is by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Background {
    /// The response object, JSON.
    pub(crate) response: String,
    /// Queued or in progress.
    pub(crate) is_running: bool,
    /// Past it, nobody makes the call any more.
    pub(crate) alive_until_ms: i64,
}

/// A new one.
#[derive(Debug, Clone)]
pub(crate) struct Queued<'q> {
    pub(crate) id: &'q str,
    pub(crate) group: &'q str,
    /// The control plane that makes the call.
    pub(crate) owner: &'q str,
    pub(crate) response: &'q str,
    pub(crate) now_ms: i64,
    pub(crate) alive_until_ms: i64,
}

impl Store {
    /// The hash of a group's token.
    ///
    /// # Errors
    /// When the group has no such token, or the database is away.
    pub(crate) async fn token_hash(&self, group: &str, id: i64) -> Result<TokenHash> {
        let row = sql("SELECT hash FROM tokens WHERE id = $1 AND group_id = $2")
            .bind(id)
            .bind(group.to_owned())
            .fetch_optional(self.reader())
            .await?;
        tokens::hash(&row.ok_or_else(|| Error::missing("token", id))?)
    }

    /// Keeps a queued response, unless its group has that many under way. False: it has.
    ///
    /// # Errors
    /// When the group does not exist, or the database is away.
    pub(crate) async fn queue_background(&self, new: Queued<'_>, at_once: i64) -> Result<bool> {
        let mut transaction = self.writer().begin().await?;
        // Locks the group, so that of two who ask at the same time one sees the other.
        let locked = sql("UPDATE groups SET id = id WHERE id = $1")
            .bind(new.group.to_owned())
            .execute(&mut *transaction)
            .await?;
        if locked.rows_affected() == 0 {
            return Err(Error::missing("group", new.group));
        }
        let row = sql("SELECT count(*) AS running FROM background_responses \
             WHERE group_id = $1 AND ended_at = 0 AND alive_until >= $2")
        .bind(new.group.to_owned())
        .bind(new.now_ms)
        .fetch_one(&mut *transaction)
        .await?;
        if row.int("running")? >= at_once {
            return Ok(false);
        }
        sql(
            "INSERT INTO background_responses (id, group_id, owner, created_at, alive_until, \
             response) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(new.id.to_owned())
        .bind(new.group.to_owned())
        .bind(new.owner.to_owned())
        .bind(new.now_ms)
        .bind(new.alive_until_ms)
        .bind(new.response.to_owned())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// A group's response that was asked for at or after `since`. `None`: there is none, and was
    /// none; an error: it was deleted.
    ///
    /// # Errors
    /// When it was deleted, or the database is away.
    pub(crate) async fn background(
        &self,
        group: &str,
        id: &str,
        since_ms: i64,
    ) -> Result<Option<Background>> {
        if !is_ours(id) {
            return Ok(None);
        }
        let row = sql(
            "SELECT response, ended_at, deleted_at, alive_until FROM background_responses \
             WHERE id = $1 AND group_id = $2 AND created_at >= $3",
        )
        .bind(id.to_owned())
        .bind(group.to_owned())
        .bind(since_ms)
        .fetch_optional(self.reader())
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        if row.flag("deleted_at")? {
            return Err(Error::missing("response", id));
        }
        Ok(Some(Background {
            response: row.text("response")?,
            is_running: !row.flag("ended_at")?,
            alive_until_ms: row.int("alive_until")?,
        }))
    }

    /// What a running one is by now; with `ended_at_ms`, what it is in the end. False: it is not
    /// running any more, and stays as it is.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn set_background(
        &self,
        id: &str,
        response: &str,
        ended_at_ms: Option<i64>,
    ) -> Result<bool> {
        let done = sql(
            "UPDATE background_responses SET response = $2, ended_at = $3 \
             WHERE id = $1 AND ended_at = 0",
        )
        .bind(id.to_owned())
        .bind(response.to_owned())
        .bind(ended_at_ms.unwrap_or(0))
        .execute(self.writer())
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Deletes a group's response; one that is running ends. False: there is none.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn delete_background(
        &self,
        group: &str,
        id: &str,
        now_ms: i64,
    ) -> Result<bool> {
        let done = sql(
            "UPDATE background_responses SET deleted_at = $3, response = '', \
             ended_at = CASE WHEN ended_at = 0 THEN $3 ELSE ended_at END \
             WHERE id = $1 AND group_id = $2 AND deleted_at = 0",
        )
        .bind(id.to_owned())
        .bind(group.to_owned())
        .bind(now_ms)
        .execute(self.writer())
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Says that an owner is there. Tells which of its responses are to go on.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn background_goes_on(
        &self,
        owner: &str,
        alive_until_ms: i64,
    ) -> Result<Vec<String>> {
        sql("UPDATE background_responses SET alive_until = $2 WHERE owner = $1 AND ended_at = 0")
            .bind(owner.to_owned())
            .bind(alive_until_ms)
            .execute(self.writer())
            .await?;
        let rows = sql("SELECT id FROM background_responses WHERE owner = $1 AND ended_at = 0")
            .bind(owner.to_owned())
            .fetch_all(self.writer())
            .await?;
        rows.iter().map(|row| row.text("id")).collect()
    }

    /// Running ones whose owner is gone: id and response.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn lost_background(&self, now_ms: i64) -> Result<Vec<(String, String)>> {
        let rows = sql("SELECT id, response FROM background_responses \
             WHERE ended_at = 0 AND alive_until < $1 ORDER BY id LIMIT 100")
        .bind(now_ms)
        .fetch_all(self.reader())
        .await?;
        let lost = rows
            .iter()
            .map(|row| Ok((row.text("id")?, row.text("response")?)));
        lost.collect()
    }

    /// Deletes what was kept of responses after they were deleted: it was on its way.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn delete_late_background(&self, now_ms: i64) -> Result<()> {
        let late = sql("SELECT responses.id AS id FROM background_responses \
             JOIN responses ON responses.id = background_responses.id \
             WHERE background_responses.deleted_at > 0 AND responses.deleted_at = 0")
        .fetch_all(self.reader())
        .await?;
        for row in &late {
            sql("UPDATE responses SET deleted_at = $2, response = '' WHERE id = $1")
                .bind(row.text("id")?)
                .bind(now_ms)
                .execute(self.writer())
                .await?;
        }
        Ok(())
    }

    /// Forgets what was asked for before that time, but what is running. Says how many.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn purge_background(&self, before_ms: i64) -> Result<u64> {
        let old = sql("SELECT id FROM background_responses WHERE created_at < $1 AND ended_at > 0")
            .bind(before_ms)
            .fetch_all(self.reader())
            .await?;
        let ids: Vec<String> = old
            .iter()
            .map(|row| row.text("id"))
            .collect::<Result<_>>()?;
        let mut purged = 0;
        for piece in pieces(&ids) {
            let mut conditions = Conditions::default();
            conditions.names("id", piece);
            let purge = conditions.statement("DELETE FROM background_responses", "");
            purged += purge.execute(self.writer()).await?.rows_affected();
        }
        Ok(purged)
    }
}

#[cfg(test)]
mod tests;
