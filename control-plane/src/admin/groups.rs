//! `/api/groups…` and `/api/group/…`.

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::actor::Actor;
use super::answer::{Reply, Usd, data, done};
use super::body::Body;
use super::fields::Fields;
use super::limits::{self, GroupLimitsView};
use super::params::{Params, Segments};
use super::prices::{self, MultiplierView};
use super::routes::{Routes, get, post};
use super::{ApiError, State, money, rules};
use crate::domain::{Group, GroupPatch, Listed};
use crate::store::GroupQuery;

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/groups", get(list))
        .read("/groups/", get(list))
        .read("/groups/search", get(list))
        .route("/groups/batch_delete", post(delete_many))
        .route("/groups/batch_status", post(set_many_status))
        .read(
            "/group/{group}",
            get(show).post(create).put(update).delete(delete),
        )
        .route("/group/{group}/status", post(set_status))
        .route("/group/{group}/rpm_ratio", post(set_rpm_ratio))
        .route("/group/{group}/tpm_ratio", post(set_tpm_ratio))
}

const ORDERS: [&str; 5] = ["created_at", "id", "status", "used_amount", "request_count"];

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Group")]
struct View {
    id: String,
    created_at: i64,
    status: i64,
    available_sets: Vec<String>,
    #[serde(flatten)]
    limits: GroupLimitsView,
    used_amount: Usd,
    used_amount_nano_usd: i64,
    request_count: i64,
    balance_alert_enabled: bool,
    balance_alert_threshold: Usd,
    price_multiplier: MultiplierView,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Groups")]
struct ListView {
    groups: Vec<View>,
    total: i64,
}

/// Groups, with filters.
async fn list(Extract(state): Extract<State>, params: Params) -> Reply<ListView> {
    let query = GroupQuery {
        status: params.nonzero("status")?,
        keyword: params.text("keyword"),
    };
    let Listed { items, total } = state.store.groups(&query, params.page(&ORDERS)?).await?;
    data(ListView {
        groups: items.into_iter().map(View::from).collect(),
        total,
    })
}

/// A group.
async fn show(Extract(state): Extract<State>, path: Segments) -> Reply<View> {
    data(View::from(state.store.group(path.text("group")).await?))
}

/// Adds a group. It spends without limit until it is given a wallet.
async fn create(
    Extract(state): Extract<State>,
    by: Actor,
    path: Segments,
    body: Body,
) -> Reply<View> {
    let id = path.text("group");
    rules::name("group", id, rules::MAX_GROUP)?;
    let patch = read(body.object()?)?;
    data(View::from(
        state.store.create_group_as(by.name(), id, patch).await?,
    ))
}

/// Changes a group.
async fn update(
    Extract(state): Extract<State>,
    by: Actor,
    path: Segments,
    body: Body,
) -> Reply<View> {
    let patch = read(body.object()?)?;
    let group = path.text("group");
    data(View::from(
        state.store.update_group_as(by.name(), group, patch).await?,
    ))
}

/// Enables (1) or disables (2) a group.
async fn set_status(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply<View> {
    let mut fields = body.object()?;
    let status = Some(fields.required_status()?);
    fields.finish()?;
    let patch = GroupPatch {
        status,
        ..GroupPatch::default()
    };
    data(View::from(
        state.store.update_group(path.text("group"), patch).await?,
    ))
}

/// Sets what the requests per minute of models are multiplied with for a group.
async fn set_rpm_ratio(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply<View> {
    set_ratio(&state, &path, &body, "rpm_ratio").await
}

/// Sets what the tokens per minute of models are multiplied with for a group.
async fn set_tpm_ratio(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply<View> {
    set_ratio(&state, &path, &body, "tpm_ratio").await
}

async fn set_ratio(state: &State, path: &Segments, body: &Body, name: &str) -> Reply<View> {
    let patch = GroupPatch {
        limits: limits::only_ratio(body.object()?, name)?,
        ..GroupPatch::default()
    };
    data(View::from(
        state.store.update_group(path.text("group"), patch).await?,
    ))
}

/// Enables (1) or disables (2) groups.
async fn set_many_status(Extract(state): Extract<State>, body: Body) -> Reply {
    let mut fields = body.object()?;
    let status = fields.required_status()?;
    let groups = fields.names("groups", rules::MAX_GROUP)?;
    fields.finish()?;
    let groups = groups.ok_or_else(|| ApiError::field("groups", "is required"))?;
    state.store.set_group_status(&groups, status).await?;
    done()
}

/// Removes a group, and its tokens.
async fn delete(Extract(state): Extract<State>, actor: Actor, path: Segments) -> Reply {
    let ids = [path.text("group").to_owned()];
    state.store.delete_groups_as(actor.name(), &ids).await?;
    done()
}

/// Removes groups by their ids.
async fn delete_many(Extract(state): Extract<State>, actor: Actor, body: Body) -> Reply {
    let ids = body.names()?;
    state.store.delete_groups_as(actor.name(), &ids).await?;
    done()
}

pub(super) fn read(mut fields: Fields) -> Result<GroupPatch, ApiError> {
    let patch = GroupPatch {
        status: fields.status()?,
        available_sets: fields.sets("available_sets")?,
        balance_alert_enabled: fields.flag("balance_alert_enabled")?,
        balance_alert_threshold: money::amount(&mut fields, "balance_alert_threshold")?,
        limits: limits::read_group(&mut fields)?,
        price_multiplier: prices::multiplier(&mut fields, "price_multiplier")?,
    };
    fields.ignore(&[
        "id",
        "created_at",
        "used_amount",
        "used_amount_nano_usd",
        "request_count",
        "accessed_at",
    ]);
    fields.finish()?;
    Ok(patch)
}

/// As its own route shows it.
pub(super) fn shown(group: Group) -> Value {
    serde_json::to_value(View::from(group)).unwrap_or_default()
}

impl From<Group> for View {
    fn from(group: Group) -> Self {
        Self {
            id: group.id,
            created_at: group.created_at_ms,
            status: group.status.number(),
            available_sets: group.available_sets,
            limits: GroupLimitsView::from(group.limits),
            used_amount: Usd(group.used_amount),
            used_amount_nano_usd: group.used_amount.0,
            request_count: group.request_count,
            balance_alert_enabled: group.balance_alert_enabled,
            balance_alert_threshold: Usd(group.balance_alert_threshold),
            price_multiplier: MultiplierView(group.price_multiplier),
        }
    }
}
