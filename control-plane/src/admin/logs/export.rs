//! Log rows as CSV (RFC 4180), streamed: some hundred rows are in memory at a time, however many
//! there are.

use std::io;

use axum::body::Body;
use axum::extract::State as Extract;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::{Schema, SchemaGenerator, json_schema};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tollgate_policy::price::Amounts;

use super::amounts::{PARTS, parts};
use super::query;
use crate::admin::answer::Described;
use crate::admin::dashboard::zone;
use crate::admin::params::{Params, Segments};
use crate::admin::{ApiError, State};
use crate::domain::options::TIME_ZONE;
use crate::domain::{Detail, Log, now_unix_ms};
use crate::store::{LogQuery, Store};

/// Rows that are read at a time.
const ROWS: i64 = 500;
/// The same when their bodies are wanted, which are larger.
const ROWS_WITH_DETAIL: i64 = 50;

/// Pieces that wait for a caller who reads slowly.
const QUEUE: usize = 2;

/// The longest time that one export covers, and what it covers unless it says something else.
const LONGEST_MS: i64 = 30 * 86_400_000;
const USUAL_MS: i64 = 7 * 86_400_000;

/// The rows, as they are sent.
pub(super) struct Csv(Response);

/// What is exported, and how.
struct Export {
    query: LogQuery,
    descending: bool,
    rows_left: i64,
    zone: TimeZone,
    columns: Columns,
}

/// Columns that not everybody wants.
#[derive(Clone, Copy)]
struct Columns {
    channel: bool,
    retry: bool,
    detail: bool,
}

/// Calls as CSV, streamed. `used_amount` is told by part as well. It takes the filters of the list, and `timezone`, `max_entries` (0:
/// all), `include_channel`, `include_retry_at`, `include_detail`. `chunk_interval` is taken and
/// changes nothing: rows are read by their place, in no intervals.
pub(super) async fn export(
    Extract(state): Extract<State>,
    path: Segments,
    params: Params,
) -> Result<Csv, ApiError> {
    let export = Export::read(&state.store, &path, &params).await?;
    let (sender, receiver) = mpsc::channel(QUEUE);
    // It ends when all is sent, or when whoever asked has gone.
    tokio::spawn(send(state.store.clone(), export, sender));
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"logs.csv\""),
    ];
    let rows = Body::from_stream(ReceiverStream::new(receiver));
    Ok(Csv((headers, rows).into_response()))
}

async fn send(store: Store, mut export: Export, sender: mpsc::Sender<io::Result<Bytes>>) {
    let (mut piece, mut after) = (Some(export.header()), None);
    while let Some(bytes) = piece.take() {
        if sender.send(Ok(bytes)).await.is_err() {
            return;
        }
        match export.next(&store, &mut after).await {
            Ok(next) => piece = next,
            // The status is sent already: all that can be done is that it does not look whole.
            Err(error) => {
                tracing::error!(%error, "an export of log rows breaks off");
                let _ = sender.send(Err(io::Error::other("broken off"))).await;
                return;
            }
        }
    }
}

impl IntoResponse for Csv {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Described for Csv {
    fn contents(_: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        vec![("text/csv", json_schema!({ "type": "string" }))]
    }
}

impl Export {
    async fn read(store: &Store, path: &Segments, params: &Params) -> Result<Self, ApiError> {
        let mut query = query(path, params)?;
        if query.keyword.is_some() {
            let rule = "is not for exports; use the other filters";
            return Err(ApiError::field("keyword", rule));
        }
        let end = query.end_ms.unwrap_or_else(now_unix_ms);
        let start = query.start_ms.unwrap_or(end.saturating_sub(USUAL_MS));
        if start > end || end.saturating_sub(start) > LONGEST_MS {
            let rule = "must be at most 30 days after start_timestamp, and not before it";
            return Err(ApiError::field("end_timestamp", rule));
        }
        (query.start_ms, query.end_ms) = (Some(start), Some(end));
        let rows_left = match params.int("max_entries")?.unwrap_or(0) {
            0 => i64::MAX,
            some if some > 0 => some,
            _ => return Err(ApiError::field("max_entries", "must not be negative")),
        };
        Ok(Self {
            query,
            descending: params.page(&super::ORDERS)?.order.descending,
            rows_left,
            zone: match params.text("timezone") {
                Some(name) => zone(&name)?,
                None => store.options().await?.zone(TIME_ZONE),
            },
            columns: Columns {
                // Which channels there are is no group's business.
                channel: params.flag("include_channel")? && path.group().is_none(),
                retry: params.flag("include_retry_at")?,
                detail: params.flag("include_detail")?,
            },
        })
    }

    fn header(&self) -> Bytes {
        let mut names = vec![
            "id",
            "created_at",
            "request_at",
            "request_id",
            "upstream_id",
            "group",
            "token_name",
            "model",
            "endpoint",
            "code",
            "outcome",
            "content",
            "ip",
            "user",
            "stream",
            "input_tokens",
            "output_tokens",
            "cached_tokens",
            "cache_creation_tokens",
            "reasoning_tokens",
            "used_amount",
            "duration_milliseconds",
            "ttfb_milliseconds",
        ];
        names.extend(parts(&Amounts::default()).map(|(name, _)| name));
        if self.columns.channel {
            names.push("channel");
        }
        if self.columns.retry {
            names.extend(["retry_times", "retry_at"]);
        }
        if self.columns.detail {
            names.extend(["request_body", "response_body"]);
        }
        let mut text = String::new();
        line(&mut text, names.into_iter().map(str::to_owned));
        Bytes::from(text)
    }

    /// The next rows; `None` after the last.
    async fn next(
        &mut self,
        store: &Store,
        after: &mut Option<(i64, i64)>,
    ) -> crate::store::Result<Option<Bytes>> {
        let rows = if self.columns.detail {
            ROWS_WITH_DETAIL
        } else {
            ROWS
        };
        let limit = rows.min(self.rows_left);
        if limit == 0 {
            return Ok(None);
        }
        let logs = store
            .logs_after(&self.query, self.descending, *after, limit)
            .await?;
        let Some(last) = logs.last() else {
            return Ok(None);
        };
        *after = Some((last.created_at_ms, last.id));
        self.rows_left -= limit;
        let mut details = Vec::new();
        if self.columns.detail {
            let ids: Vec<String> = logs.iter().map(|log| log.request_id.clone()).collect();
            details = store.details_of(&ids).await?;
        }
        let mut text = String::new();
        for log in &logs {
            let mut details = details.iter();
            let detail = details.find(|detail| detail.request_id == log.request_id);
            line(&mut text, self.row(log, detail).into_iter());
        }
        Ok(Some(Bytes::from(text)))
    }

    fn row(&self, log: &Log, detail: Option<&Detail>) -> Vec<String> {
        let tokens = &log.tokens;
        let mut row = vec![
            log.id.to_string(),
            self.moment(log.created_at_ms),
            self.moment(log.request_at_ms),
            log.request_id.clone(),
            log.upstream_id.clone(),
            log.group.clone(),
            log.token_name.clone(),
            log.model.clone(),
            log.path.clone(),
            log.code.to_string(),
            log.outcome.clone(),
            log.content.clone(),
            log.ip.clone(),
            log.user.clone(),
            log.stream.to_string(),
            tokens.input.to_string(),
            tokens.output.to_string(),
            tokens.cached.to_string(),
            tokens.cache_creation.to_string(),
            tokens.reasoning.to_string(),
            log.amount.to_string(),
            log.duration_ms.to_string(),
            log.ttfb_ms.map(|ms| ms.to_string()).unwrap_or_default(),
        ];
        row.extend(match log.amounts() {
            Some(amounts) => parts(&amounts).map(|(_, amount)| amount.to_string()),
            None => [const { String::new() }; PARTS],
        });
        if self.columns.channel {
            row.push(log.channel_id.to_string());
        }
        if self.columns.retry {
            row.push(log.attempts.len().saturating_sub(1).to_string());
            row.push(
                log.retry_at_ms()
                    .map(|at| self.moment(at))
                    .unwrap_or_default(),
            );
        }
        if self.columns.detail {
            row.push(detail.map(|it| it.request_body.clone()).unwrap_or_default());
            row.push(
                detail
                    .map(|it| it.response_body.clone())
                    .unwrap_or_default(),
            );
        }
        row
    }

    /// RFC 3339 in the zone of the export.
    fn moment(&self, ms: i64) -> String {
        let Ok(at) = Timestamp::from_millisecond(ms) else {
            return String::new();
        };
        let offset = self.zone.to_offset(at);
        at.display_with_offset(offset).to_string()
    }
}

/// Adds one line. What a spreadsheet would take for a formula gets an apostrophe in front, which
/// makes it text there; numbers are left alone.
/// <https://owasp.org/www-community/attacks/CSV_Injection>
fn line(text: &mut String, fields: impl Iterator<Item = String>) {
    for (at, field) in fields.enumerate() {
        if at > 0 {
            text.push(',');
        }
        let is_formula = field
            .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
            && field.parse::<f64>().is_err();
        text.push('"');
        if is_formula {
            text.push('\'');
        }
        text.push_str(&field.replace('"', "\"\""));
        text.push('"');
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_line_is_a_formula_or_another_line() {
        for (field, written) in [
            ("a", r#""a""#),
            ("", r#""""#),
            ("a,b", r#""a,b""#),
            ("a\"b\r\nc", "\"a\"\"b\r\nc\""),
            ("=1+1", r#""'=1+1""#),
            ("@SUM(A1)", r#""'@SUM(A1)""#),
            ("-1.5", r#""-1.5""#),
            ("-1+1|cmd", r#""'-1+1|cmd""#),
            ("+x", r#""'+x""#),
            ("\t=1", "\"'\t=1\""),
            ("＝1", r#""'＝1""#),
        ] {
            let mut text = String::new();
            line(&mut text, ["1".to_owned(), field.to_owned()].into_iter());
            assert_eq!(text, format!("\"1\",{written}\r\n"), "{field}");
        }
    }
}
