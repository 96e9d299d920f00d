//! Conversations that callers keep by id, and their [`items`].
//!
//! Every statement names the group: what is another tenant's is not there. A request that continues
//! a conversation holds it until its response was added, or is known not to come.

mod items;
mod room;

use serde_json::value::RawValue;
use sqlx::{Any, Transaction};
use tollgate_config::responses::Stored;

use self::items::add;
use super::row::Columns;
use super::sql::sql;
use super::{Error, Result, Store};

pub use self::items::{ItemPage, ItemQuery, KnownItem};

/// A conversation without its items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationFacts {
    pub id: String,
    pub created_unix_ms: i64,
    /// A JSON object.
    pub metadata: String,
}

impl Store {
    /// Makes a conversation of these items.
    ///
    /// # Errors
    /// When the group does not exist, there are too many items, or the database is away.
    pub async fn create_conversation(
        &self,
        group: &str,
        id: &str,
        metadata: &str,
        items: &[Box<RawValue>],
        now_unix_ms: i64,
    ) -> Result<()> {
        let mut transaction = self.writer().begin().await?;
        sql(
            "INSERT INTO conversations (id, group_id, created_at, used_at, metadata) \
             VALUES ($1, $2, $3, $3, $4)",
        )
        .bind(id.to_owned())
        .bind(group.to_owned())
        .bind(now_unix_ms)
        .bind(metadata.to_owned())
        .execute(&mut *transaction)
        .await?;
        add(self, &mut transaction, group, id, "", items, now_unix_ms).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// A group's conversation that was used at or after `since`.
    ///
    /// # Errors
    /// When the group has none, or the database is away.
    pub async fn conversation_facts(
        &self,
        group: &str,
        id: &str,
        since_unix_ms: i64,
    ) -> Result<ConversationFacts> {
        let row = sql("SELECT created_at, metadata FROM conversations \
             WHERE id = $1 AND group_id = $2 AND used_at >= $3")
        .bind(id.to_owned())
        .bind(group.to_owned())
        .bind(since_unix_ms)
        .fetch_optional(self.reader())
        .await?;
        let row = row.ok_or_else(|| missing(id))?;
        Ok(ConversationFacts {
            id: id.to_owned(),
            created_unix_ms: row.int("created_at")?,
            metadata: row.text("metadata")?,
        })
    }

    /// # Errors
    /// When the group has no such conversation, or the database is away.
    pub async fn set_conversation_metadata(
        &self,
        group: &str,
        id: &str,
        metadata: &str,
        now_unix_ms: i64,
    ) -> Result<()> {
        let done = sql(
            "UPDATE conversations SET metadata = $3, used_at = $4 WHERE id = $1 AND group_id = $2",
        )
        .bind(id.to_owned())
        .bind(group.to_owned())
        .bind(metadata.to_owned())
        .bind(now_unix_ms)
        .execute(self.writer())
        .await?;
        some(done.rows_affected(), id)
    }

    /// Deletes a conversation with its items.
    ///
    /// # Errors
    /// When the group has no such conversation, or the database is away.
    pub async fn delete_conversation(&self, group: &str, id: &str) -> Result<()> {
        let done = sql("DELETE FROM conversations WHERE id = $1 AND group_id = $2")
            .bind(id.to_owned())
            .bind(group.to_owned())
            .execute(self.writer())
            .await?;
        some(done.rows_affected(), id)
    }

    /// Holds a conversation for the response of this id. False: another one holds it.
    ///
    /// # Errors
    /// When the group has no such conversation, or the database is away.
    pub async fn hold_conversation(
        &self,
        group: &str,
        id: &str,
        writer: &str,
        now_unix_ms: i64,
        until_unix_ms: i64,
    ) -> Result<bool> {
        let done = sql("UPDATE conversations SET held_by = $3, held_until = $5 \
             WHERE id = $1 AND group_id = $2 \
             AND (held_by = '' OR held_by = $3 OR held_until < $4)")
        .bind(id.to_owned())
        .bind(group.to_owned())
        .bind(writer.to_owned())
        .bind(now_unix_ms)
        .bind(until_unix_ms)
        .execute(self.writer())
        .await?;
        if done.rows_affected() > 0 {
            return Ok(true);
        }
        self.conversation_facts(group, id, 0).await?;
        Ok(false)
    }

    /// Forgets conversations that were last used before that time. Says how many.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn purge_conversations(&self, before_unix_ms: i64) -> Result<u64> {
        let done = sql("DELETE FROM conversations WHERE used_at < $1")
            .bind(before_unix_ms)
            .execute(self.writer())
            .await?;
        Ok(done.rows_affected())
    }
}

/// Adds what a response was made from and became, once, and lets the conversation go; without an
/// output there is nothing to add.
pub(super) async fn add_response(
    store: &Store,
    transaction: &mut Transaction<'static, Any>,
    stored: &Stored,
    output: Option<&str>,
    now_unix_ms: i64,
) -> Result<()> {
    let (group, id) = (&stored.group, &stored.conversation);
    if let Some(output) = output {
        let mut items: Vec<Box<RawValue>> = Vec::new();
        for array in [stored.input.as_str(), output] {
            items.extend(serde_json::from_str::<Vec<Box<RawValue>>>(array).unwrap_or_default());
        }
        add(
            store,
            transaction,
            group,
            id,
            &stored.id,
            &items,
            now_unix_ms,
        )
        .await?;
    }
    sql("UPDATE conversations SET held_by = '' WHERE id = $1 AND group_id = $2 AND held_by = $3")
        .bind(id.clone())
        .bind(group.clone())
        .bind(stored.id.clone())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn some(rows: u64, id: &str) -> Result<()> {
    if rows == 0 {
        return Err(missing(id));
    }
    Ok(())
}

fn missing(id: &str) -> Error {
    Error::missing("conversation or item", id)
}

#[cfg(test)]
mod tests;
