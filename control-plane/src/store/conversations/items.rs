//! The items of conversations: read, listed, added and taken away.
//!
//! Each has a number, in the order in which it came, and an id that the conversation has once.

use std::collections::HashSet;

use serde_json::value::RawValue;
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};
use tollgate_config::responses::conversation_item;

use super::{missing, room, some};
use crate::domain::named_item;
use crate::store::query::Conditions;
use crate::store::row::Columns;
use crate::store::rows::pieces;
use crate::store::sql::sql;
use crate::store::{Error, Result, Store};

/// A conversation has no more items.
pub(super) const CONVERSATION_ITEMS_MAX: usize = 10_000;

/// Some items of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemPage {
    /// Id and JSON.
    pub items: Vec<(String, String)>,
    pub has_more: bool,
}

/// An item that a group has, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownItem {
    pub id: String,
    pub bytes: u64,
    /// The conversation, and the number in it.
    place: (String, i64),
}

/// Which items.
#[derive(Debug, Clone, Copy)]
pub struct ItemQuery<'q> {
    /// Behind this one.
    pub after: Option<&'q str>,
    pub limit: i64,
    /// The page ends before what would make it larger, but for its first item.
    pub max_bytes: u64,
    /// Newest first.
    pub descending: bool,
}

impl Store {
    /// Adds items, and gives them as they are kept: id and JSON.
    ///
    /// # Errors
    /// When the group has no such conversation, it has no room, or the database is away.
    pub async fn add_conversation_items(
        &self,
        group: &str,
        id: &str,
        items: &[Box<RawValue>],
        now_unix_ms: i64,
    ) -> Result<Vec<(String, String)>> {
        let mut transaction = self.writer().begin().await?;
        let added = add(self, &mut transaction, group, id, "", items, now_unix_ms).await?;
        transaction.commit().await?;
        added.ok_or_else(|| missing(id))
    }

    /// Takes one item away.
    ///
    /// # Errors
    /// When the conversation has no such item, or the database is away.
    pub async fn delete_conversation_item(
        &self,
        group: &str,
        id: &str,
        item: &str,
        now_unix_ms: i64,
    ) -> Result<()> {
        let mut transaction = self.writer().begin().await?;
        let done = sql(
            "UPDATE conversations SET used_at = $4, bytes = bytes - (SELECT bytes FROM \
             conversation_items WHERE conversation_id = $1 AND id = $3) \
             WHERE id = $1 AND group_id = $2 AND EXISTS (SELECT 1 FROM conversation_items \
             WHERE conversation_id = $1 AND id = $3)",
        )
        .bind(id.to_owned())
        .bind(group.to_owned())
        .bind(item.to_owned())
        .bind(now_unix_ms)
        .execute(&mut *transaction)
        .await?;
        some(done.rows_affected(), item)?;
        sql("DELETE FROM conversation_items WHERE conversation_id = $1 AND id = $2")
            .bind(id.to_owned())
            .bind(item.to_owned())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// One item, as JSON.
    ///
    /// # Errors
    /// When the group's conversation has none of this id, or the database is away.
    pub async fn conversation_item(&self, group: &str, id: &str, item: &str) -> Result<String> {
        let row = sql("SELECT item FROM conversation_items AS items \
             JOIN conversations ON conversations.id = items.conversation_id \
             WHERE items.conversation_id = $1 AND items.id = $2 AND conversations.group_id = $3")
        .bind(id.to_owned())
        .bind(item.to_owned())
        .bind(group.to_owned())
        .fetch_optional(self.reader())
        .await?;
        row.ok_or_else(|| missing(item))?.text("item")
    }

    /// Those of these items that are in any of the group's conversations, without their texts.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn known_items(&self, group: &str, ids: &[String]) -> Result<Vec<KnownItem>> {
        let mut conditions = Conditions::default();
        conditions.text(
            "conversation_id IN (SELECT id FROM conversations WHERE group_id = ?)",
            Some(group),
        );
        conditions.names("id", ids);
        let rows = conditions
            .statement(
                "SELECT conversation_id, number, id, bytes FROM conversation_items",
                " ORDER BY conversation_id, number",
            )
            .fetch_all(self.reader())
            .await?;
        let known = |row: &AnyRow| {
            Ok(KnownItem {
                id: row.text("id")?,
                bytes: u64::try_from(row.int("bytes")?).unwrap_or(0),
                place: (row.text("conversation_id")?, row.int("number")?),
            })
        };
        rows.iter().map(known).collect()
    }

    /// The texts of such items: id and JSON. What was taken away meanwhile is not there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn items_known(&self, known: &[KnownItem]) -> Result<Vec<(String, String)>> {
        let mut items = Vec::with_capacity(known.len());
        for known in pieces(known) {
            let places: Vec<String> = (0..known.len())
                .map(|at| {
                    let (conversation, number) = (2 * at + 1, 2 * at + 2);
                    format!("(conversation_id = ${conversation} AND number = ${number})")
                })
                .collect();
            let mut query = sql(format!(
                "SELECT id, item FROM conversation_items WHERE {}",
                places.join(" OR ")
            ));
            for KnownItem { place, .. } in known {
                query = query.bind(place.0.clone()).bind(place.1);
            }
            for row in query.fetch_all(self.reader()).await? {
                items.push(item(&row)?);
            }
        }
        Ok(items)
    }

    /// A page of a conversation that the group is known to have. `None`: it has no item behind
    /// which the page could begin.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn conversation_page(
        &self,
        id: &str,
        query: ItemQuery<'_>,
    ) -> Result<Option<ItemPage>> {
        let from = match query.after {
            None if query.descending => i64::MAX,
            None => -1,
            Some(after) => {
                let row = sql(
                    "SELECT number FROM conversation_items WHERE conversation_id = $1 AND id = $2",
                )
                .bind(id.to_owned())
                .bind(after.to_owned())
                .fetch_optional(self.reader())
                .await?;
                match row {
                    Some(row) => row.int("number")?,
                    None => return Ok(None),
                }
            }
        };
        let (sizes, texts) = match query.descending {
            true => (
                "SELECT number, bytes FROM conversation_items \
                 WHERE conversation_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3",
                "SELECT id, item FROM conversation_items \
                 WHERE conversation_id = $1 AND number < $2 AND number >= $3 ORDER BY number DESC",
            ),
            false => (
                "SELECT number, bytes FROM conversation_items \
                 WHERE conversation_id = $1 AND number > $2 ORDER BY number LIMIT $3",
                "SELECT id, item FROM conversation_items \
                 WHERE conversation_id = $1 AND number > $2 AND number <= $3 ORDER BY number",
            ),
        };
        let rows = sql(sizes)
            .bind(id.to_owned())
            .bind(from)
            .bind(query.limit.saturating_add(1))
            .fetch_all(self.reader())
            .await?;
        let limit = usize::try_from(query.limit).unwrap_or(0);
        let (mut last, mut shown, mut bytes) = (None, 0, 0_u64);
        for row in rows.iter().take(limit) {
            bytes = bytes.saturating_add(u64::try_from(row.int("bytes")?).unwrap_or(0));
            if bytes > query.max_bytes && last.is_some() {
                break;
            }
            (last, shown) = (Some(row.int("number")?), shown + 1);
        }
        let mut items = Vec::new();
        if let Some(last) = last {
            let texts = sql(texts).bind(id.to_owned()).bind(from).bind(last);
            for row in texts.fetch_all(self.reader()).await? {
                items.push(item(&row)?);
            }
        }
        let has_more = rows.len() > shown;
        Ok(Some(ItemPage { items, has_more }))
    }

    /// All items of a group's conversation that was used at or after `since`, in order; `None` when
    /// they are larger.
    ///
    /// # Errors
    /// When the group has no such conversation, or the database is away.
    pub async fn conversation_items(
        &self,
        group: &str,
        id: &str,
        since_unix_ms: i64,
        max_bytes: u64,
    ) -> Result<Option<Vec<String>>> {
        let row = sql(
            "SELECT bytes FROM conversations WHERE id = $1 AND group_id = $2 AND used_at >= $3",
        )
        .bind(id.to_owned())
        .bind(group.to_owned())
        .bind(since_unix_ms)
        .fetch_optional(self.reader())
        .await?;
        let bytes = row.ok_or_else(|| missing(id))?.int("bytes")?;
        if u64::try_from(bytes).unwrap_or(0) > max_bytes {
            return Ok(None);
        }
        let rows = sql(
            "SELECT id, item FROM conversation_items WHERE conversation_id = $1 ORDER BY number",
        )
        .bind(id.to_owned())
        .fetch_all(self.reader())
        .await?;
        let items = rows.iter().map(|row| Ok(item(row)?.1));
        items.collect::<Result<_>>().map(Some)
    }
}

/// Adds items to the end; `None` when the group has no such conversation. What a source has added
/// already is not added again.
pub(super) async fn add(
    store: &Store,
    transaction: &mut Transaction<'static, Any>,
    group: &str,
    id: &str,
    source: &str,
    items: &[Box<RawValue>],
    now_unix_ms: i64,
) -> Result<Option<Vec<(String, String)>>> {
    // Locks the conversation, so that numbers are given in order.
    let done = sql("UPDATE conversations SET used_at = $3 WHERE id = $1 AND group_id = $2")
        .bind(id.to_owned())
        .bind(group.to_owned())
        .bind(now_unix_ms)
        .execute(&mut **transaction)
        .await?;
    if done.rows_affected() == 0 {
        return Ok(None);
    }
    let row = sql("SELECT numbers FROM conversations WHERE id = $1")
        .bind(id.to_owned())
        .fetch_one(&mut **transaction)
        .await?;
    let first = row.int("numbers")?;
    let rows = sql("SELECT id, source FROM conversation_items WHERE conversation_id = $1")
        .bind(id.to_owned())
        .fetch_all(&mut **transaction)
        .await?;
    let mut taken = HashSet::new();
    for row in &rows {
        if !source.is_empty() && row.text("source")? == source {
            return Ok(Some(Vec::new()));
        }
        taken.insert(row.text("id")?);
    }
    if rows.len() + items.len() > CONVERSATION_ITEMS_MAX {
        if source.is_empty() {
            let message = format!(
                "'items' are too many: a conversation has no more than {CONVERSATION_ITEMS_MAX} items."
            );
            return Err(Error::Conflict(message));
        }
        tracing::warn!(id, source, "a conversation is full, and gets no more");
        return Ok(Some(Vec::new()));
    }
    if let Some(full) = room::lacks(transaction, store, group, items).await? {
        if source.is_empty() {
            return Err(Error::Conflict(full));
        }
        tracing::warn!(
            id,
            source,
            group,
            "the conversations of a group are full, and get no more"
        );
        return Ok(Some(Vec::new()));
    }
    let mut added = Vec::with_capacity(items.len());
    let mut bytes = 0;
    for (number, raw) in (first..).zip(items) {
        let own = conversation_item(id, number);
        let (item_id, item) = named_item(raw, &own, &|id| taken.contains(id));
        taken.insert(item_id.clone());
        let item = item.get().to_owned();
        let length = i64::try_from(item.len()).unwrap_or(i64::MAX);
        bytes += length;
        sql(
            "INSERT INTO conversation_items (conversation_id, number, id, source, bytes, item) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id.to_owned())
        .bind(number)
        .bind(item_id.clone())
        .bind(source.to_owned())
        .bind(length)
        .bind(item.clone())
        .execute(&mut **transaction)
        .await?;
        added.push((item_id, item));
    }
    sql("UPDATE conversations SET numbers = numbers + $2, bytes = bytes + $3 WHERE id = $1")
        .bind(id.to_owned())
        .bind(i64::try_from(items.len()).unwrap_or(i64::MAX))
        .bind(bytes)
        .execute(&mut **transaction)
        .await?;
    Ok(Some(added))
}

fn item(row: &AnyRow) -> Result<(String, String)> {
    Ok((row.text("id")?, row.text("item")?))
}
