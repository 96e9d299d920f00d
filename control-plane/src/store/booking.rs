//! Booking: log rows and all that grows with them, in one transaction.

mod budgets;
mod growth;

use std::collections::BTreeMap;

use sqlx::{Any, AssertSqlSafe, Transaction};

use super::row::{Columns, to_json};
use super::rows::{pieces, places};
use super::write::Write;
use super::{Result, Store, summaries};
use crate::domain::{BookedPrice, Log};

/// A log row before it has an id; that field is not looked at.
pub type NewLog = Log;

/// In the order in which [`insert`] binds them.
const COLUMNS: &str = "request_id, node, request_at, created_at, duration_ms, ttfb_ms, token_id, \
    token_name, group_id, model, method, path, dialect, stream, code, outcome, content, ip, caller, \
    channel_id, attempts, input_tokens, output_tokens, cached_tokens, cache_creation_tokens, \
    reasoning_tokens, usage_estimated, upstream_id, losses, price, amount, \
    cache_creation_1h_tokens, image_input_tokens, audio_input_tokens, video_input_tokens, \
    image_output_tokens, audio_output_tokens, web_search_count, web_fetch_count, code_run_count, \
    file_search_count, service_tier, resolution, native_resolution, quality, input_media, \
    input_video, output_audio";

impl Store {
    /// Writes log rows and everything that they add, or nothing at all.
    ///
    /// A row whose request id is there already, or stands in `logs` before it, is left out with all
    /// that it would add. Answers with the rows that were written, by request id, each with its own
    /// id.
    ///
    /// # Errors
    /// When the database is away; nothing is written then.
    pub(crate) async fn book(&self, logs: Vec<NewLog>) -> Result<Vec<Log>> {
        let logs = once_each(logs);
        let terms = self.limit_terms().await?;
        let mut write = Write::begin(self).await?;
        let written = insert(&mut write.transaction, logs).await?;
        if !written.is_empty() {
            add(&mut write.transaction, &written).await?;
            write.charge(&written).await?;
        }
        write.reach_levels(&terms, &written).await?;
        write.commit_charges().await?;
        Ok(written)
    }
}

/// Everything that grows with new rows. Each of these takes the rows that it locks in the order of
/// their keys, so that two bookings wait for each other in one direction only.
async fn add(transaction: &mut Transaction<'_, Any>, written: &[Log]) -> Result<()> {
    growth::add(transaction, written).await?;
    summaries::add(transaction, written).await?;
    budgets::add(transaction, written).await
}

/// Every request once, in the order of their ids, for the same reason.
fn once_each(logs: Vec<NewLog>) -> BTreeMap<String, NewLog> {
    let mut unique = BTreeMap::new();
    for log in logs {
        unique.entry(log.request_id.clone()).or_insert(log);
    }
    unique
}

/// Inserts the rows that are not there yet, and gives these.
async fn insert(
    transaction: &mut Transaction<'_, Any>,
    mut logs: BTreeMap<String, NewLog>,
) -> Result<Vec<Log>> {
    let columns = COLUMNS.split(", ").count();
    let mut ids = Vec::with_capacity(logs.len());
    let rows: Vec<&NewLog> = logs.values().collect();
    for piece in pieces(&rows) {
        let sql = format!(
            "INSERT INTO logs ({COLUMNS}) VALUES {} \
             ON CONFLICT (request_id) DO NOTHING RETURNING id, request_id",
            places(piece.len(), columns)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for log in piece {
            query = query
                .bind(log.request_id.clone())
                .bind(log.node.clone())
                .bind(log.request_at_ms)
                .bind(log.created_at_ms)
                .bind(log.duration_ms)
                .bind(log.ttfb_ms)
                .bind(log.token_id)
                .bind(log.token_name.clone())
                .bind(log.group.clone())
                .bind(log.model.clone())
                .bind(log.method.clone())
                .bind(log.path.clone())
                .bind(log.dialect.clone())
                .bind(i64::from(log.stream))
                .bind(log.code)
                .bind(log.outcome.clone())
                .bind(log.content.clone())
                .bind(log.ip.clone())
                .bind(log.user.clone())
                .bind(log.channel_id)
                .bind(to_json(&log.attempts))
                .bind(log.tokens.input)
                .bind(log.tokens.output)
                .bind(log.tokens.cached)
                .bind(log.tokens.cache_creation)
                .bind(log.tokens.reasoning)
                .bind(i64::from(log.tokens.estimated))
                .bind(log.upstream_id.clone())
                .bind(to_json(&log.losses))
                .bind(log.price.as_ref().map(BookedPrice::to_json))
                .bind(log.amount.0)
                .bind(log.tokens.cache_creation_1h)
                .bind(log.tokens.image_input)
                .bind(log.tokens.audio_input)
                .bind(log.tokens.video_input)
                .bind(log.tokens.image_output)
                .bind(log.tokens.audio_output)
                .bind(log.tokens.web_searches)
                .bind(log.tokens.web_fetches)
                .bind(log.tokens.code_runs)
                .bind(log.tokens.file_searches)
                .bind(log.circumstances.service_tier.clone())
                .bind(log.circumstances.resolution.clone())
                .bind(log.circumstances.native_resolution.clone())
                .bind(log.circumstances.quality.clone())
                .bind(log.circumstances.input_media.map(i64::from))
                .bind(log.circumstances.input_video.map(i64::from))
                .bind(log.circumstances.output_audio.map(i64::from));
        }
        for row in query.fetch_all(&mut **transaction).await? {
            ids.push((row.text("request_id")?, row.int("id")?));
        }
    }
    let written = ids.into_iter().filter_map(|(request_id, id)| {
        let log = logs.remove(&request_id)?;
        Some(Log { id, ..log })
    });
    Ok(written.collect())
}
