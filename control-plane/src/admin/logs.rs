//! `/api/logs…` over all groups, and the same handlers under `/api/log/<group>…` for one.

mod amounts;
mod export;
mod views;

use std::time::{Duration, Instant};

use axum::extract::State as Extract;

pub(super) use amounts::AmountView;
pub(super) use views::{ContextView, UsageView};

use super::answer::{Reply, data, data_with_note};
use super::dashboard::{named, top_names};
use super::params::{Params, Segments};
use super::routes::{Routes, get};
use super::{ApiError, State};
use crate::domain::{Listed, now_unix_ms};
use crate::housekeeping::LOG_HOURS_MIN;
use crate::store::{CodeType, Dimension, LogQuery, Of, SummaryQuery};
use views::{DetailView, ListView, View, WholeView};

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/logs", get(list).delete(delete))
        .read("/logs/", get(list).delete(delete))
        .read("/logs/search", get(list))
        .read("/logs/export", get(export::export))
        .read("/logs/detail/{id}", get(show))
        .read("/log/{group}", get(list))
        .read("/log/{group}/search", get(list))
        .read("/log/{group}/export", get(export::export))
        .read("/log/{group}/detail/{id}", get(show))
}

/// Both are the order of the booking.
const ORDERS: [&str; 2] = ["id", "created_at"];

/// The time whose channels and names a list tells when it is not limited itself.
const NAMES_MS: i64 = 30 * 86_400_000;

/// Rows that are deleted at a time, and how long one request goes on with that.
const DELETED: i64 = 1_000;
const DELETES_FOR: Duration = Duration::from_secs(10);

/// Calls, with filters, the newest first. The total stops at 10,001, which stands for more.
async fn list(Extract(state): Extract<State>, path: Segments, params: Params) -> Reply<ListView> {
    let query = query(&path, &params)?;
    let page = params.page(&ORDERS)?;
    let Listed { items, total } = state.store.logs(&query, page).await?;
    let mut details = Vec::new();
    if params.flag("include_detail")? {
        let ids: Vec<String> = items.iter().map(|log| log.request_id.clone()).collect();
        details = state.store.details_of(&ids).await?;
    }
    let end = query.end_ms.unwrap_or_else(now_unix_ms);
    let start = query.start_ms.unwrap_or(end.saturating_sub(NAMES_MS));
    let names = |by| {
        let of = match path.group() {
            None => Of::Channels(None),
            Some(group) => Of::Groups {
                groups: vec![group.to_owned()],
                token_name: None,
            },
        };
        top_names(
            &state,
            SummaryQuery::whole(of, start, end.saturating_add(1)),
            by,
        )
    };
    let models = named(names(Dimension::Model).await?);
    let (mut channels, mut token_names) = (None, None);
    if path.group().is_some() {
        let found = names(Dimension::TokenName).await?;
        token_names = Some(found.into_iter().map(|sum| sum.token_name).collect());
    } else {
        let found = names(Dimension::Channel).await?;
        let ids = found.into_iter().map(|sum| sum.channel);
        channels = Some(ids.filter(|id| *id != 0).collect());
    }
    let logs = items.into_iter().map(|log| {
        let found = details.iter().find(|it| it.request_id == log.request_id);
        View::with(log, found.cloned())
    });
    data(ListView {
        logs: logs.collect(),
        total,
        channels,
        token_names,
        models,
    })
}

/// The filters that the path and the query name.
fn query(path: &Segments, params: &Params) -> Result<LogQuery, ApiError> {
    Ok(LogQuery {
        group: path
            .group()
            .map(str::to_owned)
            .or_else(|| params.text("group")),
        token_id: params.nonzero("token_id")?,
        token_name: params.text("token_name"),
        model: params.text("model_name"),
        channel: params.nonzero("channel")?,
        request_id: params.text("request_id"),
        upstream_id: params.text("upstream_id"),
        code: params.nonzero("code")?,
        code_type: code_type(params)?,
        ip: params.text("ip"),
        user: params.text("user"),
        start_ms: params.nonzero("start_timestamp")?,
        end_ms: params.nonzero("end_timestamp")?,
        keyword: params.text("keyword"),
    })
}

/// A call, with its bodies if they were kept.
async fn show(Extract(state): Extract<State>, path: Segments) -> Reply<WholeView> {
    let id = path.id()?;
    let log = state.store.log(id).await?;
    if path.group().is_some_and(|group| group != log.group) {
        return Err(ApiError::NotFound(format!("log {id} does not exist")));
    }
    let kept = state
        .store
        .details_of(std::slice::from_ref(&log.request_id))
        .await?;
    data(WholeView {
        view: View::from(log),
        log_id: id,
        detail: kept.into_iter().next().map(DetailView::from),
    })
}

/// Deletes log rows that were booked before `timestamp`, with all bodies that were kept before it. It
/// goes on for some seconds at most, and says how many rows.
async fn delete(Extract(state): Extract<State>, params: Params) -> Reply<u64> {
    let before = params.nonzero("timestamp")?.unwrap_or(0);
    let latest = now_unix_ms().saturating_sub(LOG_HOURS_MIN.saturating_mul(3_600_000));
    if before <= 0 || before > latest {
        let rule = format!("must be in Unix milliseconds, {LOG_HOURS_MIN} hours ago or earlier");
        return Err(ApiError::field("timestamp", rule));
    }
    let (begun, mut deleted) = (Instant::now(), 0);
    let full = DELETED.unsigned_abs();
    loop {
        let rows = state.store.delete_logs(before, DELETED).await?;
        deleted += rows;
        // Those of rows that are gone already, too; what rows said of addresses goes last.
        let bodies = state.store.delete_details(before, DELETED).await?;
        let all = rows < full && bodies < full;
        if all && state.store.delete_oldest_addresses(before).await? == 0 {
            return data(deleted);
        }
        if begun.elapsed() > DELETES_FOR {
            return data_with_note(deleted, "there are more; send this again");
        }
    }
}

pub(super) fn code_type(params: &Params) -> Result<CodeType, ApiError> {
    Ok(
        match params.one_of("code_type", &["all", "success", "error"])? {
            Some("success") => CodeType::Success,
            Some("error") => CodeType::Error,
            _ => CodeType::All,
        },
    )
}
