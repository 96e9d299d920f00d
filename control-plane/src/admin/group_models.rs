//! `/api/group/<group>/model_configs` and `/api/group/<group>/model_config/<model>`: what is
//! different for one group.
//!
//! A body is the whole config: an override that it does not name is taken away. Each has a flag, as
//! in AI Proxy: `"override_price": true` beside `price`. A value without its flag is refused, so
//! that nobody believes in one that has no effect.

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tollgate_config::RETRIES_MAX;
use tollgate_policy::price::Tariff;

use super::actor::Actor;
use super::answer::{Reply, data, done};
use super::body::Body;
use super::fields::Fields;
use super::model_settings::{stored_size, timeouts};
use super::params::Segments;
use super::prices::{self, TariffView};
use super::routes::{Routes, get};
use super::{ApiError, State, rules};
use crate::domain::{GroupModelConfig, LimitOverride, NewGroupModel, Overrides, Timeouts};
use crate::store::GroupModelQuery;

pub(super) fn routes() -> Routes {
    let several = get(list)
        .post(save_many)
        .put(update_many)
        .delete(delete_many);
    Routes::new()
        .read("/group/{group}/model_configs", several.clone())
        .read("/group/{group}/model_configs/", several)
        .read(
            "/group/{group}/model_config/{*model}",
            get(show).post(save).put(update).delete(delete),
        )
}

/// Nothing has come to do these yet. Whoever makes one work takes it off this list; reading, keeping
/// and showing it is done.
const NOT_YET: [&str; 5] = [
    "override_max_image_generation_count",
    "override_max_video_generation_seconds",
    "override_max_video_generation_count",
    "override_summary_service_tier",
    "override_summary_claude_long_context",
];

const MAX_PER_MINUTE: i64 = 1_000_000_000_000;
const MAX_COUNT: i64 = 1_000_000;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "GroupModelConfig")]
struct View {
    group_id: String,
    model: String,
    created_at: i64,
    updated_at: i64,
    override_price: bool,
    price: TariffView,
    override_limit: bool,
    rpm: i64,
    tpm: i64,
    override_retry_times: bool,
    retry_times: i64,
    override_timeout_config: bool,
    timeout_config: Timeouts,
    override_force_save_detail: bool,
    force_save_detail: bool,
    override_max_image_generation_count: bool,
    max_image_generation_count: i64,
    override_max_video_generation_seconds: bool,
    max_video_generation_seconds: i64,
    override_max_video_generation_count: bool,
    max_video_generation_count: i64,
    override_request_body_storage_max_size: bool,
    request_body_storage_max_size: i64,
    override_response_body_storage_max_size: bool,
    response_body_storage_max_size: i64,
    override_summary_service_tier: bool,
    summary_service_tier: bool,
    override_summary_claude_long_context: bool,
    summary_claude_long_context: bool,
}

/// What is different for one group, by model.
async fn list(Extract(state): Extract<State>, path: Segments) -> Reply<Vec<View>> {
    views(&state, path.text("group"), None).await
}

/// What is different for one group with a model.
async fn show(Extract(state): Extract<State>, path: Segments) -> Reply<View> {
    one(&state, &path).await
}

/// Makes a model different for one group. The body is the whole config: each override has a flag
/// beside its value.
async fn save(
    Extract(state): Extract<State>,
    by: Actor,
    path: Segments,
    body: Body,
) -> Reply<View> {
    put(&state, &by, &path, body, false).await
}

/// Changes what is different for one group with a model; it must be there.
async fn update(
    Extract(state): Extract<State>,
    by: Actor,
    path: Segments,
    body: Body,
) -> Reply<View> {
    put(&state, &by, &path, body, true).await
}

/// Makes models different for one group.
async fn save_many(
    Extract(state): Extract<State>,
    by: Actor,
    path: Segments,
    body: Body,
) -> Reply<Vec<View>> {
    put_many(&state, &by, path.text("group"), body, false).await
}

/// Changes what is different for one group with models; they must be there.
async fn update_many(
    Extract(state): Extract<State>,
    by: Actor,
    path: Segments,
    body: Body,
) -> Reply<Vec<View>> {
    put_many(&state, &by, path.text("group"), body, true).await
}

/// Takes away what is different for one group with a model.
async fn delete(Extract(state): Extract<State>, by: Actor, path: Segments) -> Reply {
    let models = [path.text("model").to_owned()];
    let group = path.text("group");
    let deleted = state.store.delete_group_models(by.name(), group, &models);
    deleted.await?;
    done()
}

/// Takes away what is different for one group with these models.
async fn delete_many(
    Extract(state): Extract<State>,
    by: Actor,
    path: Segments,
    body: Body,
) -> Reply {
    let models = body.names()?;
    let group = path.text("group");
    let deleted = state.store.delete_group_models(by.name(), group, &models);
    deleted.await?;
    done()
}

async fn put(
    state: &State,
    by: &Actor,
    path: &Segments,
    body: Body,
    must_exist: bool,
) -> Reply<View> {
    let (group, model) = (path.text("group"), path.text("model"));
    let mut fields = body.object()?;
    let named = fields.line("model", rules::MAX_MODEL)?;
    if named.is_some_and(|named| named != model) {
        let rule = "must be the one in the path, or be left out";
        return Err(ApiError::field("model", rule));
    }
    let config = read(model.to_owned(), fields)?;
    let saved = state
        .store
        .save_group_models(by.name(), group, vec![config], must_exist);
    saved.await?;
    one(state, path).await
}

async fn put_many(
    state: &State,
    by: &Actor,
    group: &str,
    body: Body,
    must_exist: bool,
) -> Reply<Vec<View>> {
    let mut configs = Vec::new();
    for mut fields in body.objects()? {
        configs.push(read_one(&mut fields)?);
    }
    let models: Vec<_> = configs.iter().map(|config| config.model.clone()).collect();
    let saved = state
        .store
        .save_group_models(by.name(), group, configs, must_exist);
    saved.await?;
    views(state, group, Some(&models)).await
}

async fn one(state: &State, path: &Segments) -> Reply<View> {
    let (group, model) = (path.text("group"), path.text("model"));
    data(View::from(state.store.group_model(group, model).await?))
}

/// All of a group, or those of these models.
async fn views(state: &State, group: &str, models: Option<&[String]>) -> Reply<Vec<View>> {
    // Also says that there is no such group.
    state.store.group(group).await?;
    let query = GroupModelQuery {
        group: Some(group.to_owned()),
        model: None,
    };
    let configs = state.store.group_models(&query).await?.into_iter();
    let wanted = |config: &GroupModelConfig| models.is_none_or(|m| m.contains(&config.model));
    data(configs.filter(wanted).map(View::from).collect::<Vec<_>>())
}

/// As one of a list: its model beside the rest.
pub(super) fn read_one(fields: &mut Fields) -> Result<NewGroupModel, ApiError> {
    let model = fields.line("model", rules::MAX_MODEL)?;
    let model = model.ok_or_else(|| ApiError::field("model", "is required"))?;
    read(model, std::mem::take(fields))
}

/// As its own route shows it.
pub(super) fn shown(config: GroupModelConfig) -> Value {
    serde_json::to_value(View::from(config)).unwrap_or_default()
}

fn read(model: String, mut fields: Fields) -> Result<NewGroupModel, ApiError> {
    rules::name("model", &model, rules::MAX_MODEL)?;
    let fields = &mut fields;
    fields.check_not_yet(&NOT_YET)?;
    let count = |fields: &mut Fields, name: &str| fields.int(name, 0, MAX_COUNT);
    let config = NewGroupModel {
        model,
        price: price(fields)?,
        overrides: Overrides {
            limit: limit(fields)?,
            retry_times: value(fields, "retry_times", |fields, name| {
                fields.int(name, 0, i64::from(RETRIES_MAX))
            })?,
            timeout_config: value(fields, "timeout_config", |fields, _| {
                let given = timeouts(fields)?.map(Value::from);
                Ok(given.and_then(|given| Timeouts::deserialize(given).ok()))
            })?,
            force_save_detail: value(fields, "force_save_detail", Fields::flag)?,
            max_image_generation_count: value(fields, "max_image_generation_count", count)?,
            max_video_generation_seconds: value(fields, "max_video_generation_seconds", count)?,
            max_video_generation_count: value(fields, "max_video_generation_count", count)?,
            request_body_storage_max_size: value(
                fields,
                "request_body_storage_max_size",
                stored_size,
            )?,
            response_body_storage_max_size: value(
                fields,
                "response_body_storage_max_size",
                stored_size,
            )?,
            summary_service_tier: value(fields, "summary_service_tier", Fields::flag)?,
            summary_claude_long_context: value(
                fields,
                "summary_claude_long_context",
                Fields::flag,
            )?,
        },
    };
    fields.ignore(&["group_id", "created_at", "updated_at"]);
    std::mem::take(fields).finish()?;
    Ok(config)
}

fn price(fields: &mut Fields) -> Result<Option<Tariff>, ApiError> {
    let price = prices::read(fields)?;
    match (is_overridden(fields, "price")?, price) {
        (true, None) => Err(ApiError::field("price", "is required with override_price")),
        (true, price) => Ok(price),
        (false, Some(price)) if price != Tariff::default() => Err(without_flag("price", "price")),
        (false, _) => Ok(None),
    }
}

/// Both have one flag.
fn limit(fields: &mut Fields) -> Result<Option<LimitOverride>, ApiError> {
    let mut number = |name| Ok::<_, ApiError>(fields.int(name, 0, MAX_PER_MINUTE)?.unwrap_or(0));
    let limit = LimitOverride {
        rpm: number("rpm")?,
        tpm: number("tpm")?,
    };
    match is_overridden(fields, "limit")? {
        true => Ok(Some(limit)),
        false if limit != LimitOverride::default() => Err(without_flag("rpm and tpm", "limit")),
        false => Ok(None),
    }
}

/// A value, if its flag is set.
fn value<T: Default + PartialEq>(
    fields: &mut Fields,
    name: &'static str,
    read: impl Fn(&mut Fields, &str) -> Result<Option<T>, ApiError>,
) -> Result<Option<T>, ApiError> {
    let value = read(fields, name)?.unwrap_or_default();
    match is_overridden(fields, name)? {
        true => Ok(Some(value)),
        false if value != T::default() => Err(without_flag(name, name)),
        false => Ok(None),
    }
}

fn is_overridden(fields: &mut Fields, name: &str) -> Result<bool, ApiError> {
    let flag = fields.flag(&format!("override_{name}"))?;
    Ok(flag.unwrap_or(false))
}

fn without_flag(name: &str, flag: &str) -> ApiError {
    let rule = format!("has no effect without override_{flag}: true");
    ApiError::field(name, rule)
}

impl From<GroupModelConfig> for View {
    fn from(config: GroupModelConfig) -> Self {
        let own = config.overrides;
        let limit = own.limit.unwrap_or_default();
        Self {
            group_id: config.group,
            model: config.model,
            created_at: config.created_at_ms,
            updated_at: config.updated_at_ms,
            override_price: config.price.is_some(),
            price: TariffView(config.price.unwrap_or_default()),
            override_limit: own.limit.is_some(),
            rpm: limit.rpm,
            tpm: limit.tpm,
            override_retry_times: own.retry_times.is_some(),
            retry_times: own.retry_times.unwrap_or_default(),
            override_timeout_config: own.timeout_config.is_some(),
            timeout_config: own.timeout_config.unwrap_or_default(),
            override_force_save_detail: own.force_save_detail.is_some(),
            force_save_detail: own.force_save_detail.unwrap_or_default(),
            override_max_image_generation_count: own.max_image_generation_count.is_some(),
            max_image_generation_count: own.max_image_generation_count.unwrap_or_default(),
            override_max_video_generation_seconds: own.max_video_generation_seconds.is_some(),
            max_video_generation_seconds: own.max_video_generation_seconds.unwrap_or_default(),
            override_max_video_generation_count: own.max_video_generation_count.is_some(),
            max_video_generation_count: own.max_video_generation_count.unwrap_or_default(),
            override_request_body_storage_max_size: own.request_body_storage_max_size.is_some(),
            request_body_storage_max_size: own.request_body_storage_max_size.unwrap_or_default(),
            override_response_body_storage_max_size: own.response_body_storage_max_size.is_some(),
            response_body_storage_max_size: own.response_body_storage_max_size.unwrap_or_default(),
            override_summary_service_tier: own.summary_service_tier.is_some(),
            summary_service_tier: own.summary_service_tier.unwrap_or_default(),
            override_summary_claude_long_context: own.summary_claude_long_context.is_some(),
            summary_claude_long_context: own.summary_claude_long_context.unwrap_or_default(),
        }
    }
}
