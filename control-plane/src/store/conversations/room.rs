//! How much a group may keep in conversations.

use serde_json::value::RawValue;
use sqlx::{Any, Transaction};

use crate::domain::options::GROUP_MAX_CONVERSATION_MEGABYTES;
use crate::store::row::Columns;
use crate::store::sql::sql;
use crate::store::{Result, Store};

/// Conversations that a group has, at the most, however little is in them.
const CONVERSATIONS_MAX: i64 = 100_000;

/// Why these items are too much for what the group has already, in words for its caller; `None`: there
/// is room. Several who add at once may all find it.
pub(super) async fn lacks(
    transaction: &mut Transaction<'static, Any>,
    store: &Store,
    group: &str,
    items: &[Box<RawValue>],
) -> Result<Option<String>> {
    let rows = sql("SELECT name, value FROM options")
        .fetch_all(&mut **transaction)
        .await?;
    let most = store
        .read_options(&rows)?
        .whole(GROUP_MAX_CONVERSATION_MEGABYTES);
    let row = sql(
        "SELECT count(*) AS conversations, CAST(coalesce(sum(bytes), 0) AS BIGINT) AS bytes \
         FROM conversations WHERE group_id = $1",
    )
    .bind(group.to_owned())
    .fetch_one(&mut **transaction)
    .await?;
    // The one that is added to is among them.
    if row.int("conversations")? > CONVERSATIONS_MAX {
        return Ok(Some(format!(
            "There are {CONVERSATIONS_MAX} conversations already, which is as many as may be kept; \
             delete some first."
        )));
    }
    let new: usize = items.iter().map(|item| item.get().len()).sum();
    let bytes = row
        .int("bytes")?
        .saturating_add(i64::try_from(new).unwrap_or(i64::MAX));
    Ok((most != 0 && bytes > most.saturating_mul(1 << 20)).then(|| {
        format!(
            "The conversations would be larger than the {most} MiB that may be kept of them; delete \
             some first."
        )
    }))
}
