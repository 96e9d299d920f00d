//! `/api/tokens…` over all groups, and the same handlers under `/api/token/<group>…` for one.

use axum::extract::State as Extract;
use axum::routing::{MethodRouter, get, post};
use serde::Serialize;
use serde_json::Value;
use tollgate_config::names::TOKEN_PREFIX;
use tollgate_policy::Subnet;

use super::answer::{Reply, Usd, data, data_with_note, done};
use super::body::Body;
use super::fields::Fields;
use super::limits::{self, LimitsView};
use super::params::{Params, Segments};
use super::routes::Routes;
use super::{ApiError, State, rules};
use crate::domain::{Listed, Token, TokenPatch};
use crate::secrets::hash_token;
use crate::store::{Created, TokenQuery};

pub(super) fn routes() -> Routes {
    let one: MethodRouter<State> = get(show).put(update).delete(delete);
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

#[derive(Serialize)]
struct View {
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
}

#[derive(Serialize)]
struct ListView {
    tokens: Vec<View>,
    total: i64,
}

impl Segments {
    /// The group of the path, if it has one.
    pub(super) fn group(&self) -> Option<&str> {
        Some(self.text("group")).filter(|group| !group.is_empty())
    }
}

pub(super) async fn list(Extract(state): Extract<State>, path: Segments, params: Params) -> Reply {
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
    data(ListView {
        tokens: items.into_iter().map(View::from).collect(),
        total,
    })
}

pub(super) async fn show(Extract(state): Extract<State>, path: Segments) -> Reply {
    data(View::from(
        state.store.token(path.id()?, path.group()).await?,
    ))
}

pub(super) async fn create(
    Extract(state): Extract<State>,
    path: Segments,
    params: Params,
    body: Body,
) -> Reply {
    let group = path.text("group");
    rules::name("group", group, rules::MAX_GROUP)?;
    let (auto, ignore) = (
        params.flag("auto_create_group")?,
        params.flag("ignore_exist")?,
    );
    let patch = read(body.object()?)?;
    if patch.name.is_none() {
        return Err(ApiError::field("name", "is required"));
    }
    match state.store.create_token(group, patch, auto, ignore).await? {
        Created::New(token, secret) => {
            let view = View {
                key: secret.expose().to_owned(),
                ..View::from(token)
            };
            data_with_note(view, "the key is shown this once only")
        }
        Created::Existing(token) => data_with_note(
            View::from(token),
            "it exists already; its key cannot be shown again",
        ),
    }
}

pub(super) async fn update(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply {
    let patch = read(body.object()?)?;
    data(View::from(
        state
            .store
            .update_token(path.id()?, path.group(), patch)
            .await?,
    ))
}

pub(super) async fn set_status(
    Extract(state): Extract<State>,
    path: Segments,
    body: Body,
) -> Reply {
    let mut fields = body.object()?;
    let status = Some(rules::required_status(&mut fields)?);
    fields.finish()?;
    let patch = TokenPatch {
        status,
        ..TokenPatch::default()
    };
    data(View::from(
        state
            .store
            .update_token(path.id()?, path.group(), patch)
            .await?,
    ))
}

pub(super) async fn set_name(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply {
    let mut fields = body.object()?;
    let name = name(&mut fields)?;
    fields.finish()?;
    let name = Some(name.ok_or_else(|| ApiError::field("name", "is required"))?);
    let patch = TokenPatch {
        name,
        ..TokenPatch::default()
    };
    data(View::from(
        state
            .store
            .update_token(path.id()?, path.group(), patch)
            .await?,
    ))
}

/// Gives the token another key, and lets the present one work for some time yet.
async fn rotate(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply {
    let mut fields = body.object()?;
    let overlap = fields.int("overlap_seconds", 0, MAX_OVERLAP_S)?;
    fields.finish()?;
    let overlap = overlap.ok_or_else(|| ApiError::field("overlap_seconds", "is required"))?;
    let (token, secret) = state
        .store
        .rotate_token(path.id()?, path.group(), overlap * 1000)
        .await?;
    let view = View {
        key: secret.expose().to_owned(),
        ..View::from(token)
    };
    data_with_note(view, "the key is shown this once only")
}

pub(super) async fn delete(Extract(state): Extract<State>, path: Segments) -> Reply {
    state
        .store
        .delete_tokens(&[path.id()?], path.group())
        .await?;
    done()
}

async fn delete_many(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply {
    state
        .store
        .delete_tokens(&body.ids()?, path.group())
        .await?;
    done()
}

pub(super) fn read(mut fields: Fields) -> Result<TokenPatch, ApiError> {
    let patch = TokenPatch {
        name: name(&mut fields)?,
        status: rules::status(&mut fields)?,
        models: fields.names("models", rules::MAX_MODEL)?,
        subnets: subnets(&mut fields)?,
        limits: limits::read(&mut fields)?,
    };
    // The period's kind and start mean nothing without a quota for it.
    fields.not_yet(&["quota", "period_quota"])?;
    fields.ignore(&[
        "id",
        "created_at",
        "group",
        "key",
        "used_amount",
        "used_amount_nano_usd",
        "request_count",
        "accessed_at",
        "rotates_until",
        "period_type",
        "period_last_update_time",
        "period_last_update_amount",
    ]);
    fields.finish()?;
    Ok(patch)
}

fn name(fields: &mut Fields) -> Result<Option<String>, ApiError> {
    let name = fields.line("name", rules::MAX_TOKEN_NAME)?;
    if let Some(name) = &name {
        rules::name("name", name, rules::MAX_TOKEN_NAME)?;
    }
    Ok(name)
}

fn subnets(fields: &mut Fields) -> Result<Option<Vec<String>>, ApiError> {
    const LONGEST: usize = 49;
    let subnets = fields.names("subnets", LONGEST)?;
    for subnet in subnets.iter().flatten() {
        if subnet.parse::<Subnet>().is_err() {
            let rule = format!("{subnet:?} is not a CIDR block such as 10.0.0.0/8");
            return Err(ApiError::field("subnets", rule));
        }
    }
    Ok(subnets)
}

/// As its own route shows it.
pub(super) fn shown(token: Token) -> Value {
    serde_json::to_value(View::from(token)).unwrap_or_default()
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
        }
    }
}
