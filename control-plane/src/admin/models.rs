//! `/api/model_configs…`, `/api/model_config/<model>` and `/api/models/…`.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use tollgate_config::RETRIES_MAX;

use super::actor::Actor;
use super::answer::{Reply, data, done};
use super::body::Body;
use super::fields::Fields;
use super::limits::{self, LimitsView};
use super::model_facts;
use super::model_settings;
use super::params::{Params, Segments};
use super::prices::{self, TariffView};
use super::routes::{Routes, get, post};
use super::{ApiError, State, rules};
use crate::domain::{Limits, Listed, ModelConfig, ModelConfigPatch, ModelSettings};
use crate::store::ModelQuery;

pub(super) fn routes() -> Routes {
    let several = get(list).post(save_many);
    Routes::new()
        .read("/model_configs", several.clone())
        .read("/model_configs/", several)
        .read("/model_configs/search", get(list))
        .read("/model_configs/all", get(all))
        .ask("/model_configs/contains", post(contains))
        .route("/model_configs/batch_delete", post(delete_many))
        .read(
            "/model_config/{*model}",
            get(show).post(save).put(save).delete(delete),
        )
        .read("/models/enabled", get(enabled))
        .read("/models/enabled/{set}", get(enabled_in))
        .read("/models/sets", get(sets))
}

const ORDERS: [&str; 5] = ["model", "owner", "type", "created_at", "updated_at"];
/// AI Proxy's highest mode number.
const MAX_MODE: i64 = 38;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ModelConfig")]
struct View {
    model: String,
    created_at: i64,
    updated_at: i64,
    owner: String,
    #[serde(rename = "type")]
    kind: i64,
    price: TariffView,
    /// 0: as many as there are channels.
    retry_times: u32,
    #[serde(flatten)]
    limits: LimitsView,
    config: Map<String, Value>,
    #[serde(flatten)]
    settings: ModelSettings,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ModelConfigs")]
struct ListView {
    configs: Vec<View>,
    total: i64,
}

/// Model configs, with filters.
async fn list(Extract(state): Extract<State>, params: Params) -> Reply<ListView> {
    let query = ModelQuery {
        model: params.text("model"),
        owner: params.text("owner"),
        keyword: params.text("keyword"),
    };
    let page = params.page(&ORDERS)?;
    let Listed { items, total } = state.store.model_config_page(&query, page).await?;
    data(ListView {
        configs: items.into_iter().map(View::from).collect(),
        total,
    })
}

/// Every model config.
async fn all(Extract(state): Extract<State>) -> Reply<Vec<View>> {
    views(state.store.model_configs().await?)
}

/// The configs of these models.
async fn contains(Extract(state): Extract<State>, body: Body) -> Reply<Vec<View>> {
    let mut fields = body.object()?;
    let models = fields.names("models", rules::MAX_MODEL)?;
    fields.finish()?;
    views(
        state
            .store
            .model_configs_of(&models.unwrap_or_default())
            .await?,
    )
}

/// A model config.
async fn show(Extract(state): Extract<State>, path: Segments) -> Reply<View> {
    data(View::from(
        state.store.model_config(path.text("model")).await?,
    ))
}

/// Adds or changes a model config.
async fn save(
    Extract(state): Extract<State>,
    by: Actor,
    path: Segments,
    body: Body,
) -> Reply<View> {
    let model = path.text("model");
    let mut fields = body.object()?;
    if fields
        .line("model", rules::MAX_MODEL)?
        .is_some_and(|named| named != model)
    {
        return Err(ApiError::field(
            "model",
            "must be the one in the path, or be left out",
        ));
    }
    rules::name("model", model, rules::MAX_MODEL)?;
    let patch = read(fields)?;
    state
        .store
        .save_model_configs_as(by.name(), vec![(model.to_owned(), patch)])
        .await?;
    data(View::from(state.store.model_config(model).await?))
}

/// Adds or changes model configs, all or none.
async fn save_many(Extract(state): Extract<State>, by: Actor, body: Body) -> Reply<Vec<View>> {
    let mut configs = Vec::new();
    for mut fields in body.objects()? {
        let model = fields.line("model", rules::MAX_MODEL)?;
        let model = model.ok_or_else(|| ApiError::field("model", "is required"))?;
        rules::name("model", &model, rules::MAX_MODEL)?;
        configs.push((model, read(fields)?));
    }
    let models: Vec<_> = configs.iter().map(|(model, _)| model.clone()).collect();
    state
        .store
        .save_model_configs_as(by.name(), configs)
        .await?;
    views(state.store.model_configs_of(&models).await?)
}

/// Removes a model config.
async fn delete(Extract(state): Extract<State>, by: Actor, path: Segments) -> Reply {
    state
        .store
        .delete_model_configs_as(by.name(), &[path.text("model").to_owned()])
        .await?;
    done()
}

/// Removes the configs of these models.
async fn delete_many(Extract(state): Extract<State>, by: Actor, body: Body) -> Reply {
    let models = body.names()?;
    state
        .store
        .delete_model_configs_as(by.name(), &models)
        .await?;
    done()
}

/// Models that enabled channels serve, by set.
async fn enabled(Extract(state): Extract<State>) -> Reply<BTreeMap<String, Vec<View>>> {
    data(by_set(&state).await?)
}

/// Models that enabled channels of one set serve.
async fn enabled_in(Extract(state): Extract<State>, path: Segments) -> Reply<Vec<View>> {
    let mut sets = by_set(&state).await?;
    data(sets.remove(path.text("set")).unwrap_or_default())
}

async fn by_set(state: &State) -> Result<BTreeMap<String, Vec<View>>, ApiError> {
    let configs = state.store.model_configs().await?;
    let known: BTreeMap<String, _> = configs
        .iter()
        .rev()
        .map(|config| (config.model.to_ascii_lowercase(), config))
        .collect();
    let mut sets: BTreeMap<String, BTreeMap<String, View>> = BTreeMap::new();
    for channel in state.store.all_channels().await? {
        for set in channel.sets.iter().filter(|_| channel.status.is_enabled()) {
            let models = sets.entry(set.clone()).or_default();
            for model in &channel.models {
                let key = model.to_ascii_lowercase();
                let config = known.get(&key).map(|config| (*config).clone());
                models
                    .entry(key)
                    .or_insert_with(|| View::from(config.unwrap_or_else(|| without_config(model))));
            }
        }
    }
    let list = |models: BTreeMap<String, View>| models.into_values().collect::<Vec<_>>();
    let sets = sets.into_iter().map(|(set, models)| (set, list(models)));
    Ok(sets.collect())
}

/// The sets that channels belong to.
async fn sets(Extract(state): Extract<State>) -> Reply<BTreeSet<String>> {
    let channels = state.store.all_channels().await?;
    data(
        channels
            .into_iter()
            .flat_map(|channel| channel.sets)
            .collect::<BTreeSet<_>>(),
    )
}

fn views(configs: Vec<ModelConfig>) -> Reply<Vec<View>> {
    data(configs.into_iter().map(View::from).collect::<Vec<_>>())
}

/// What a model is that channels serve and nobody described.
fn without_config(model: &str) -> ModelConfig {
    ModelConfig {
        model: model.to_owned(),
        created_at_ms: 0,
        updated_at_ms: 0,
        owner: String::new(),
        kind: 0,
        price: Default::default(),
        retry_times: None,
        limits: Limits::default(),
        config: Map::new(),
        settings: Default::default(),
    }
}

pub(super) fn read(mut fields: Fields) -> Result<ModelConfigPatch, ApiError> {
    let retries = fields.int("retry_times", 0, i64::from(RETRIES_MAX))?;
    let retries = retries.map(|number| u32::try_from(number).ok().filter(|number| *number > 0));
    let patch = ModelConfigPatch {
        owner: fields.line("owner", rules::MAX_OWNER)?,
        kind: fields.int("type", 0, MAX_MODE)?,
        price: prices::read(&mut fields)?,
        retry_times: retries,
        limits: limits::read(&mut fields)?,
        config: model_facts::read(&mut fields)?,
        settings: model_settings::read(&mut fields)?,
    };
    fields.not_yet(&["plugin"])?;
    fields.ignore(&["created_at", "updated_at"]);
    fields.finish()?;
    Ok(patch)
}

/// As its own route shows it.
pub(super) fn shown(config: ModelConfig) -> Value {
    serde_json::to_value(View::from(config)).unwrap_or_default()
}

impl From<ModelConfig> for View {
    fn from(config: ModelConfig) -> Self {
        Self {
            price: TariffView(config.price),
            model: config.model,
            created_at: config.created_at_ms,
            updated_at: config.updated_at_ms,
            owner: config.owner,
            kind: config.kind,
            retry_times: config.retry_times.unwrap_or(0),
            limits: LimitsView::from(config.limits),
            config: config.config,
            settings: config.settings,
        }
    }
}
