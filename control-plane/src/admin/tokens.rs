//! `/api/tokens…` over all groups, and the same handlers under `/api/token/<group>…` for one.

mod form;
mod window;

pub(super) use form::read;

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tollgate_config::names::TOKEN_PREFIX;
use tollgate_policy::price::NanoUsd;

use super::answer::{Reply, Usd, data, data_with_note, done};
use super::body::Body;
use super::limits::LimitsView;
use super::params::{Params, Segments};
use super::routes::{Routes, get, post};
use super::{ApiError, State, rules};
use crate::domain::{Listed, Token, TokenPatch, now_unix_ms};
use crate::secrets::hash_token;
use crate::store::{Created, TokenQuery};

pub(super) fn routes() -> Routes {
    let one = get(show).put(update).delete(delete);
    Routes::new()
        .read("/tokens", get(list))
        .read("/tokens/", get(list))
        .read("/tokens/search", get(list))
        .route("/tokens/batch_delete", post(delete_many))
        .read("/tokens/{id}", one.clone())
        .route("/tokens/{id}/status", post(set_status))
        .route("/tokens/{id}/name", post(set_name))
        .route("/tokens/{id}/rotate", post(rotate))
        .read("/token/{group}", get(list).post(create))
        .read("/token/{group}/search", get(list))
        .route("/token/{group}/batch_delete", post(delete_many))
        .read("/token/{group}/{id}", one)
        .route("/token/{group}/{id}/status", post(set_status))
        .route("/token/{group}/{id}/name", post(set_name))
        .route("/token/{group}/{id}/rotate", post(rotate))
}

/// Longest time for which an earlier key works: 30 days.
const MAX_OVERLAP_S: i64 = 30 * 24 * 60 * 60;

const ORDERS: [&str; 7] = [
    "id",
    "name",
    "created_at",
    "status",
    "used_amount",
    "request_count",
    "accessed_at",
];

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Token")]
pub(super) struct View {
    id: i64,
    created_at: i64,
    group: String,
    name: String,
    /// Whole in the answer that makes it, masked ever after.
    key: String,
    status: i64,
    models: Vec<String>,
    subnets: Vec<String>,
    #[serde(flatten)]
    limits: LimitsView,
    used_amount: Usd,
    used_amount_nano_usd: i64,
    request_count: i64,
    /// 0: never used.
    accessed_at: i64,
    /// Until when an earlier key of it works; 0: none does.
    rotates_until: i64,
    /// 0: without limit.
    quota: Usd,
    /// 0: without limit.
    period_quota: Usd,
    period_type: &'static str,
    /// Of the window that is now, where there is a period quota: what is spent in it, when it began,
    /// and what had been spent before it.
    period_used_amount: Usd,
    period_last_update_time: i64,
    period_last_update_amount: Usd,
    /// 0: never.
    expires_at: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Tokens")]
pub(super) struct ListView {
    tokens: Vec<View>,
    total: i64,
}

impl Segments {
    /// The group of the path, if it has one.
    pub(super) fn group(&self) -> Option<&str> {
        Some(self.text("group")).filter(|group| !group.is_empty())
    }
}

/// Tokens, with filters. Keys are masked.
pub(super) async fn list(
    Extract(state): Extract<State>,
    path: Segments,
    params: Params,
) -> Reply<ListView> {
    let query = TokenQuery {
        group: path
            .group()
            .map(str::to_owned)
            .or_else(|| params.text("group")),
        name: params.text("name"),
        status: params.nonzero("status")?,
        hash: params.text("key").map(|key| hash_token(&key)),
        keyword: params.text("keyword"),
    };
    let Listed { items, total } = state.store.tokens(&query, params.page(&ORDERS)?).await?;
    let tokens = views(&state, items).await?;
    data(ListView { tokens, total })
}

/// A token; its key is masked.
pub(super) async fn show(Extract(state): Extract<State>, path: Segments) -> Reply<View> {
    let token = state.store.token(path.id()?, path.group()).await?;
    shown_by_itself(&state, token).await
}

/// A token, as its own path answers.
async fn shown_by_itself(state: &State, token: Token) -> Reply<View> {
    let key = ("key", token.key_tag);
    Ok(data(view(state, token).await?)?.with_secrets([key]))
}

/// Makes a token. Its key is shown this once only. A group that is made for it
/// (`auto_create_group`) has no wallet, and spends without limit until it is given one. Windows of
/// `period_quota` begin with the days, weeks and months of the option `TimeZone`: any other
/// `period_last_update_time` is refused.
async fn create(
    Extract(state): Extract<State>,
    path: Segments,
    params: Params,
    body: Body,
) -> Reply<View> {
    let auto = params.flag("auto_create_group")?;
    make(&state, path.text("group"), auto, &params, body).await
}

/// Makes a token for a group, which is made as well only if it may be.
pub(super) async fn make(
    state: &State,
    group: &str,
    auto_create_group: bool,
    params: &Params,
    body: Body,
) -> Reply<View> {
    rules::name("group", group, rules::MAX_GROUP)?;
    let ignore = params.flag("ignore_exist")?;
    let mut fields = body.object()?;
    let begun = window::read(&mut fields)?;
    let patch = read(fields)?;
    if patch.name.is_none() {
        return Err(ApiError::field("name", "is required"));
    }
    window::check(state, begun, &[patch.period.unwrap_or_default()]).await?;
    let made = state
        .store
        .create_token(group, patch, auto_create_group, ignore);
    match made.await? {
        Created::New(token, secret) => {
            let view = View {
                key: secret.expose().to_owned(),
                ..view(state, token).await?
            };
            data_with_note(view, "the key is shown this once only")
        }
        Created::Existing(token) => data_with_note(
            view(state, token).await?,
            "it exists already; its key cannot be shown again",
        ),
    }
}

/// Changes a token.
pub(super) async fn update(
    Extract(state): Extract<State>,
    path: Segments,
    body: Body,
) -> Reply<View> {
    let mut fields = body.object()?;
    let begun = window::read(&mut fields)?;
    let patch = read(fields)?;
    if begun.is_some() {
        let now = state.store.token(path.id()?, path.group()).await?.period;
        window::check(&state, begun, &[now, patch.period.unwrap_or(now)]).await?;
    }
    let token = state.store.update_token(path.id()?, path.group(), patch);
    shown_by_itself(&state, token.await?).await
}

/// Enables (1) or disables (2) a token.
pub(super) async fn set_status(
    Extract(state): Extract<State>,
    path: Segments,
    body: Body,
) -> Reply<View> {
    let mut fields = body.object()?;
    let status = Some(fields.required_status()?);
    fields.finish()?;
    let patch = TokenPatch {
        status,
        ..TokenPatch::default()
    };
    let token = state.store.update_token(path.id()?, path.group(), patch);
    shown_by_itself(&state, token.await?).await
}

/// Renames a token.
pub(super) async fn set_name(
    Extract(state): Extract<State>,
    path: Segments,
    body: Body,
) -> Reply<View> {
    let mut fields = body.object()?;
    let name = form::name(&mut fields)?;
    fields.finish()?;
    let name = Some(name.ok_or_else(|| ApiError::field("name", "is required"))?);
    let patch = TokenPatch {
        name,
        ..TokenPatch::default()
    };
    let token = state.store.update_token(path.id()?, path.group(), patch);
    shown_by_itself(&state, token.await?).await
}

/// Gives the token another key, and lets the present one work for some time yet.
pub(super) async fn rotate(
    Extract(state): Extract<State>,
    path: Segments,
    body: Body,
) -> Reply<View> {
    let mut fields = body.object()?;
    let overlap = fields.int("overlap_seconds", 0, MAX_OVERLAP_S)?;
    fields.finish()?;
    let overlap = overlap.ok_or_else(|| ApiError::field("overlap_seconds", "is required"))?;
    let (token, secret) = state
        .store
        .rotate_token(path.id()?, path.group(), overlap * 1000)
        .await?;
    let tag = ("key", token.key_tag);
    let view = View {
        key: secret.expose().to_owned(),
        ..view(&state, token).await?
    };
    Ok(data_with_note(view, "the key is shown this once only")?.with_secrets([tag]))
}

/// Removes a token.
pub(super) async fn delete(Extract(state): Extract<State>, path: Segments) -> Reply {
    state
        .store
        .delete_tokens(&[path.id()?], path.group())
        .await?;
    done()
}

/// Removes tokens by their ids.
async fn delete_many(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply {
    state
        .store
        .delete_tokens(&body.ids()?, path.group())
        .await?;
    done()
}

/// As its own route shows it.
pub(super) fn shown(token: Token) -> Value {
    serde_json::to_value(View::from(token)).unwrap_or_default()
}

async fn view(state: &State, token: Token) -> Result<View, ApiError> {
    let mut views = views(state, vec![token]).await?;
    views.pop().ok_or(ApiError::Internal)
}

/// Tokens with what they spent in their present windows.
async fn views(state: &State, tokens: Vec<Token>) -> Result<Vec<View>, ApiError> {
    let now_ms = now_unix_ms();
    let used = state.store.period_used(&tokens, now_ms).await?;
    let zone = state.store.zone().await?;
    let view = |token: Token| {
        let period = token.period;
        let total = token.used_amount.0;
        match used.get(&token.id) {
            None => View::from(token),
            Some(used) => View {
                period_used_amount: Usd(*used),
                period_last_update_time: period.window(&zone, now_ms).start_ms,
                period_last_update_amount: Usd(NanoUsd(total.saturating_sub(used.0))),
                ..View::from(token)
            },
        }
    };
    Ok(tokens.into_iter().map(view).collect())
}

impl From<Token> for View {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            created_at: token.created_at_ms,
            group: token.group,
            name: token.name,
            key: format!("{TOKEN_PREFIX}…{}", token.hint),
            status: token.status.number(),
            models: token.models,
            subnets: token.subnets,
            limits: LimitsView::from(token.limits),
            used_amount: Usd(token.used_amount),
            used_amount_nano_usd: token.used_amount.0,
            request_count: token.request_count,
            accessed_at: token.accessed_at_ms.unwrap_or(0),
            rotates_until: token.rotates_until_ms.unwrap_or(0),
            quota: Usd(token.quota),
            period_quota: Usd(token.period_quota),
            period_type: token.period.name(),
            period_used_amount: Usd(NanoUsd(0)),
            period_last_update_time: 0,
            period_last_update_amount: Usd(NanoUsd(0)),
            expires_at: token.expires_at_ms.unwrap_or(0),
        }
    }
}
