//! `/api/ip_blacklist…`: addresses that nothing is done for; `/api/groups/ip_groups`: addresses from
//! which the keys of several groups are used.

use std::collections::BTreeMap;

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Reply, data, done};
use super::body::Body;
use super::fields::Fields;
use super::params::{Params, Segments};
use super::routes::{Routes, get};
use super::{ApiError, State};
use crate::domain::{Ban, BanPatch, Listed, block, now_unix_ms};

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/ip_blacklist", get(list).post(create))
        .read("/ip_blacklist/", get(list).post(create))
        .read("/ip_blacklist/search", get(list))
        .read("/ip_blacklist/{id}", get(show).put(update).delete(delete))
        .read("/groups/ip_groups", get(ip_groups))
}

const MAX_ADDRESS: usize = 64;
const MAX_REASON: usize = 512;
const HOUR_MS: i64 = 60 * 60 * 1000;
/// Calls from everywhere are looked through.
const WEEK_MS: i64 = 7 * 24 * HOUR_MS;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Ban")]
struct View {
    id: i64,
    created_at: i64,
    /// An address or a CIDR block.
    address: String,
    reason: String,
    /// 0: never.
    expires_at: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Bans")]
struct ListView {
    ip_blacklist: Vec<View>,
    total: i64,
}

/// Addresses that nothing is done for.
async fn list(Extract(state): Extract<State>, params: Params) -> Reply<ListView> {
    let page = params.page(&["id", "created_at", "address", "expires_at"])?;
    let keyword = params.text("keyword");
    let Listed { items, total } = state.store.bans(keyword.as_deref(), page).await?;
    data(ListView {
        ip_blacklist: items.into_iter().map(View::from).collect(),
        total,
    })
}

/// A banned address.
async fn show(Extract(state): Extract<State>, path: Segments) -> Reply<View> {
    data(View::from(state.store.ban(path.id()?).await?))
}

/// Bans an address or a CIDR block.
async fn create(Extract(state): Extract<State>, body: Body) -> Reply<View> {
    let patch = read(body.object()?)?;
    if patch.address.is_none() {
        return Err(ApiError::field("address", "is required"));
    }
    data(View::from(state.store.create_ban(patch).await?))
}

/// Changes a ban.
async fn update(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply<View> {
    let (id, patch) = (path.id()?, read(body.object()?)?);
    data(View::from(state.store.update_ban(id, patch).await?))
}

/// Lifts a ban.
async fn delete(Extract(state): Extract<State>, path: Segments) -> Reply {
    state.store.delete_ban(path.id()?).await?;
    done()
}

/// Groups by the address from which their keys are used, in whole hours: those from the hour in which
/// `start` lies to that of `end`. Of the last hour, and of addresses with one group or more, unless told
/// otherwise (`threshold`); of a week at most.
async fn ip_groups(
    Extract(state): Extract<State>,
    params: Params,
) -> Reply<BTreeMap<String, Vec<String>>> {
    let threshold = params.int("threshold")?.unwrap_or(1).max(1);
    let named = |long, short| Ok::<_, ApiError>(params.nonzero(long)?.or(params.nonzero(short)?));
    let end = named("end_timestamp", "end")?.unwrap_or_else(now_unix_ms);
    let start = named("start_timestamp", "start")?;
    let start = start.unwrap_or(end.saturating_sub(HOUR_MS));
    if start > end {
        return Err(ApiError::field("start", "must not be after end"));
    }
    if end.saturating_sub(start) > WEEK_MS {
        return Err(ApiError::field(
            "start",
            "must be at most a week before end",
        ));
    }
    data(state.store.ip_groups(threshold, start, end).await?)
}

fn read(mut fields: Fields) -> Result<BanPatch, ApiError> {
    let address = match fields.line("address", MAX_ADDRESS)? {
        None => None,
        Some(text) => Some(block(&text).ok_or_else(|| {
            let rule = "must be an address, or a CIDR block such as 203.0.113.0/24";
            ApiError::field("address", rule)
        })?),
    };
    let expires_at = fields.int("expires_at", 0, i64::MAX)?;
    if expires_at.is_some_and(|at| at != 0 && at <= now_unix_ms()) {
        let rule = "must be in the future, in Unix milliseconds, or 0 for never";
        return Err(ApiError::field("expires_at", rule));
    }
    let patch = BanPatch {
        address,
        reason: fields.line("reason", MAX_REASON)?,
        expires_at_ms: expires_at.map(|at| Some(at).filter(|at| *at > 0)),
    };
    fields.ignore(&["id", "created_at"]);
    fields.finish()?;
    Ok(patch)
}

impl From<Ban> for View {
    fn from(ban: Ban) -> Self {
        Self {
            id: ban.id,
            created_at: ban.created_at_ms,
            address: ban.address,
            reason: ban.reason,
            expires_at: ban.expires_at_ms.unwrap_or(0),
        }
    }
}
