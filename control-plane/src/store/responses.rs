//! Responses that are kept for callers, and the conversations that they make.
//!
//! Every statement names the group: what is another tenant's is not there.

use std::collections::HashMap;

use serde_json::value::RawValue;
use sqlx::any::AnyRow;
use tollgate_config::responses::{CONVERSATION_RESPONSES_MAX, Stored};

use super::query::Conditions;
use super::row::Columns;
use super::rows::pieces;
use super::sql::sql;
use super::{Error, Result, Store, conversations};

/// Every response that a conversation has had up to one of them, the newest first. The texts are
/// left out, so that a conversation that is too long costs little.
const CHAIN: &str = "WITH RECURSIVE chain (id, previous, bytes, depth) AS ( \
     SELECT id, previous, bytes, 1 FROM responses \
     WHERE id = $1 AND group_id = $2 AND deleted_at = 0 AND created_at >= $3 \
     UNION ALL \
     SELECT earlier.id, earlier.previous, earlier.bytes, chain.depth + 1 \
     FROM chain JOIN responses AS earlier ON earlier.id = chain.previous \
     WHERE earlier.group_id = $2 AND chain.depth < $4 \
     ) SELECT id, previous, bytes FROM chain ORDER BY depth";

/// Texts that are read at once; a conversation is read in several goes.
const AT_ONCE: usize = 100;

/// What a response was made from and what it became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    pub id: String,
    /// JSON arrays.
    pub input: String,
    pub output: String,
}

/// A conversation up to one of its responses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conversation {
    /// Oldest first.
    Whole(Vec<Turn>),
    TooLong,
}

/// One link of a conversation.
struct Link {
    id: String,
    previous: String,
    bytes: i64,
}

impl Store {
    /// Keeps responses. One that is kept already stays as it is; one whose group is gone, or that is
    /// no response, is not kept.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn keep_responses(&self, all: &[Stored], now_unix_ms: i64) -> Result<()> {
        match self.keep_at_once(all, now_unix_ms).await {
            Err(Error::Statement(_)) => {}
            done => return done,
        }
        // One of them is refused, which must not take the others with it.
        for stored in all {
            match self
                .keep_at_once(std::slice::from_ref(stored), now_unix_ms)
                .await
            {
                Err(Error::Statement(error)) => {
                    tracing::warn!(id = stored.id, %error, "a response is not kept");
                }
                done => done?,
            }
        }
        Ok(())
    }

    async fn keep_at_once(&self, all: &[Stored], now_unix_ms: i64) -> Result<()> {
        let mut transaction = self.writer().begin().await?;
        for stored in all {
            let output = output(&stored.response);
            if !stored.conversation.is_empty() {
                conversations::add_response(self, &mut transaction, stored, output, now_unix_ms)
                    .await?;
                if stored.response.is_empty() || stored.not_by_id {
                    continue;
                }
            }
            let Some(output) = output else {
                tracing::error!(id = stored.id, "a response without output is not kept");
                continue;
            };
            let bytes = stored.input.len() + output.len();
            let earlier = sql("SELECT thread FROM responses WHERE id = $1 AND group_id = $2")
                .bind(stored.previous.clone())
                .bind(stored.group.clone())
                .fetch_optional(&mut *transaction)
                .await?;
            let thread = match &earlier {
                Some(earlier) => earlier.text("thread")?,
                None => stored.id.clone(),
            };
            sql(
                "INSERT INTO responses (id, group_id, token_id, model, created_at, previous, \
                 thread, bytes, input, output, response) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
            )
            .bind(stored.id.clone())
            .bind(stored.group.clone())
            .bind(stored.token_id)
            .bind(stored.model.clone())
            .bind(now_unix_ms)
            .bind(stored.previous.clone())
            .bind(thread)
            .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
            .bind(stored.input.clone())
            .bind(output.to_owned())
            .bind(stored.response.clone())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The response object of a group's response that was kept at or after `since`.
    ///
    /// # Errors
    /// When the group has none, or the database is away.
    pub async fn response(&self, group: &str, id: &str, since_unix_ms: i64) -> Result<String> {
        let row = sql("SELECT response FROM responses \
             WHERE id = $1 AND group_id = $2 AND deleted_at = 0 AND created_at >= $3")
        .bind(id.to_owned())
        .bind(group.to_owned())
        .bind(since_unix_ms)
        .fetch_optional(self.reader())
        .await?;
        row.ok_or_else(|| Error::missing("response", id))?
            .text("response")
    }

    /// Whether a group has had this response and it is known to be gone.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn response_is_deleted(&self, group: &str, id: &str) -> Result<bool> {
        let row = sql("SELECT deleted_at FROM responses WHERE id = $1 AND group_id = $2")
            .bind(id.to_owned())
            .bind(group.to_owned())
            .fetch_optional(self.reader())
            .await?;
        row.map_or(Ok(false), |row| row.flag("deleted_at"))
    }

    /// The conversation that ends with a group's response, which was kept at or after `since`; what
    /// came before it may be older.
    ///
    /// # Errors
    /// When the group has no such response, or the database is away.
    pub async fn conversation(
        &self,
        group: &str,
        id: &str,
        since_unix_ms: i64,
        max_bytes: u64,
    ) -> Result<Conversation> {
        let rows = sql(CHAIN)
            .bind(id.to_owned())
            .bind(group.to_owned())
            .bind(since_unix_ms)
            .bind(CONVERSATION_RESPONSES_MAX)
            .fetch_all(self.reader())
            .await?;
        let chain: Vec<Link> = rows.iter().map(link).collect::<Result<_>>()?;
        let missing = || Error::missing("response", id);
        let first = chain.last().ok_or_else(missing)?;
        let bytes: i64 = chain.iter().map(|link| link.bytes).sum();
        let is_cut = !first.previous.is_empty();
        if u64::try_from(bytes).unwrap_or(0) > max_bytes
            || (is_cut && i64::try_from(chain.len()) == Ok(CONVERSATION_RESPONSES_MAX))
        {
            return Ok(Conversation::TooLong);
        }
        if is_cut {
            // A part of a conversation would be another one.
            return Err(missing());
        }
        let mut turns = HashMap::new();
        for links in chain.chunks(AT_ONCE) {
            let ids: Vec<String> = links.iter().map(|link| link.id.clone()).collect();
            for turn in self.turns(group, &ids).await? {
                turns.insert(turn.id.clone(), turn);
            }
        }
        let oldest_first = chain.iter().rev();
        let turns: Option<Vec<Turn>> = oldest_first.map(|link| turns.remove(&link.id)).collect();
        turns.map(Conversation::Whole).ok_or_else(missing)
    }

    /// The ids of those of these responses that the group has, and how large their items are.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn turn_sizes(
        &self,
        group: &str,
        ids: &[String],
        since_unix_ms: i64,
    ) -> Result<Vec<(String, u64)>> {
        let rows = known(group, ids, since_unix_ms)
            .statement("SELECT id, bytes FROM responses", "")
            .fetch_all(self.reader())
            .await?;
        let size = |row: &AnyRow| {
            let bytes = u64::try_from(row.int("bytes")?).unwrap_or(0);
            Ok((row.text("id")?, bytes))
        };
        rows.iter().map(size).collect()
    }

    /// Those of these responses of a group that were kept at or after `since`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn known_turns(
        &self,
        group: &str,
        ids: &[String],
        since_unix_ms: i64,
    ) -> Result<Vec<Turn>> {
        let rows = known(group, ids, since_unix_ms)
            .statement("SELECT id, input, output FROM responses", "")
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(turn).collect()
    }

    async fn turns(&self, group: &str, ids: &[String]) -> Result<Vec<Turn>> {
        let mut conditions = Conditions::default();
        conditions.text("group_id = ?", Some(group));
        conditions.names("id", ids);
        // Its texts may have gone since the chain was read.
        conditions.fixed("bytes > 0");
        let rows = conditions
            .statement("SELECT id, input, output FROM responses", "")
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(turn).collect()
    }

    /// Deletes a group's response: it is not there any more from now on. Its items are
    /// [forgotten](Self::forget_deleted) later.
    ///
    /// # Errors
    /// When the group has no such response, or the database is away.
    pub async fn delete_response(
        &self,
        group: &str,
        id: &str,
        since_unix_ms: i64,
        now_unix_ms: i64,
    ) -> Result<()> {
        let done = sql("UPDATE responses SET deleted_at = $4, response = '' \
             WHERE id = $1 AND group_id = $2 AND deleted_at = 0 AND created_at >= $3")
        .bind(id.to_owned())
        .bind(group.to_owned())
        .bind(since_unix_ms)
        .bind(now_unix_ms)
        .execute(self.writer())
        .await?;
        match done.rows_affected() {
            0 => Err(Error::missing("response", id)),
            _ => Ok(()),
        }
    }

    /// Forgets the items of responses that were deleted before that time and that nothing continues.
    /// A response that continues one of them may be under way when it is deleted, so that time
    /// should be a while ago.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn forget_deleted(&self, before_unix_ms: i64) -> Result<()> {
        // From the last of a conversation to its first, as far as nothing else needs them.
        for _ in 0..CONVERSATION_RESPONSES_MAX {
            let ends = sql("SELECT id FROM responses \
                 WHERE deleted_at > 0 AND deleted_at < $1 AND bytes > 0 AND NOT EXISTS ( \
                 SELECT 1 FROM responses AS next WHERE next.previous = responses.id \
                 AND next.group_id = responses.group_id AND next.bytes > 0)")
            .bind(before_unix_ms)
            .fetch_all(self.reader())
            .await?;
            for piece in pieces(&ids(&ends)?) {
                let mut conditions = Conditions::default();
                conditions.names("id", piece);
                let forget = "UPDATE responses SET bytes = 0, input = '', output = ''";
                let forget = conditions.statement(forget, "");
                forget.execute(self.writer()).await?;
            }
            if ends.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Forgets conversations whose last response was kept before that time. Says how many responses
    /// that were.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn purge_responses(&self, before_unix_ms: i64) -> Result<u64> {
        let ended = sql(
            "SELECT id FROM responses WHERE created_at < $1 AND NOT EXISTS ( \
             SELECT 1 FROM responses AS later \
             WHERE later.thread = responses.thread AND later.created_at >= $1)",
        )
        .bind(before_unix_ms)
        .fetch_all(self.reader())
        .await?;
        let mut purged = 0;
        for piece in pieces(&ids(&ended)?) {
            let mut conditions = Conditions::default();
            conditions.names("id", piece);
            let purge = conditions.statement("DELETE FROM responses", "");
            purged += purge.execute(self.writer()).await?.rows_affected();
        }
        Ok(purged)
    }
}

fn turn(row: &AnyRow) -> Result<Turn> {
    Ok(Turn {
        id: row.text("id")?,
        input: row.text("input")?,
        output: row.text("output")?,
    })
}

/// Of these responses, those that are there.
fn known(group: &str, ids: &[String], since_unix_ms: i64) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.text("group_id = ?", Some(group));
    conditions.names("id", ids);
    conditions.int("created_at >= ?", Some(since_unix_ms));
    conditions.fixed("deleted_at = 0");
    conditions
}

fn ids(rows: &[AnyRow]) -> Result<Vec<String>> {
    rows.iter().map(|row| row.text("id")).collect()
}

fn link(row: &AnyRow) -> Result<Link> {
    Ok(Link {
        id: row.text("id")?,
        previous: row.text("previous")?,
        bytes: row.int("bytes")?,
    })
}

/// The array `output` of a response object, verbatim.
fn output(response: &str) -> Option<&str> {
    #[derive(serde::Deserialize)]
    struct Response<'r> {
        #[serde(borrow)]
        output: &'r RawValue,
    }
    let response: Response<'_> = serde_json::from_str(response).ok()?;
    let output = response.output.get();
    output.starts_with('[').then_some(output)
}

#[cfg(test)]
mod tests;
