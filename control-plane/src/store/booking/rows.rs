//! Rows of the log, as they are written.

use std::collections::BTreeSet;

use sqlx::{Any, Transaction};

use crate::domain::{BookedPrice, Log};
use crate::store::Result;
use crate::store::error::OnConflict;
use crate::store::query::Conditions;
use crate::store::row::{Columns, to_json};
use crate::store::rows::{pieces, places};
use crate::store::sql::{On, sql};

/// In the order in which [`insert`] binds them.
const COLUMNS: &str = "request_id, node, request_at, created_at, duration_ms, ttfb_ms, token_id, \
    token_name, group_id, model, method, path, dialect, stream, code, outcome, content, ip, caller, \
    channel_id, attempts, input_tokens, output_tokens, cached_tokens, cache_creation_tokens, \
    reasoning_tokens, usage_estimated, upstream_id, losses, price, amount, \
    cache_creation_1h_tokens, image_input_tokens, audio_input_tokens, video_input_tokens, \
    image_output_tokens, audio_output_tokens, web_search_count, web_fetch_count, code_run_count, \
    file_search_count, service_tier, resolution, native_resolution, quality, input_media, \
    input_video, output_audio";

/// Which of these requests have a row.
pub(in crate::store) async fn known(
    database: impl Into<On<'_>> + Send,
    ids: &[String],
) -> Result<BTreeSet<String>> {
    let mut database = database.into();
    let mut known = BTreeSet::new();
    for piece in pieces(ids) {
        let mut conditions = Conditions::default();
        conditions.names("request_id", piece);
        let rows = conditions
            .statement("SELECT request_id FROM logs", "")
            .fetch_all(database.again())
            .await?;
        for row in rows {
            known.insert(row.text("request_id")?);
        }
    }
    Ok(known)
}

/// Writes rows; their ids are the database's.
///
/// # Errors
/// `Conflict` when one of them is there; the transaction is of no use then.
pub(super) async fn insert(transaction: &mut Transaction<'_, Any>, logs: &[&Log]) -> Result<()> {
    let columns = COLUMNS.split(", ").count();
    for piece in pieces(logs) {
        let text = format!(
            "INSERT INTO logs ({COLUMNS}) VALUES {}",
            places(piece.len(), columns)
        );
        let mut query = sql(text);
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
        query
            .execute(&mut **transaction)
            .await
            .on_conflict(|| "a call was booked meanwhile".to_owned())?;
    }
    Ok(())
}
