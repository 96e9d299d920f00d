//! `/api/models/builtin…`: the models that the catalogue knows, and their import.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use tollgate_catalog::{Model, builtin};

use super::actor::Actor;
use super::answer::{Reply, data};
use super::body::Body;
use super::params::Segments;
use super::prices::TariffView;
use super::routes::{Routes, get, post};
use super::{ApiError, State, rules};
use crate::domain::{ImportedModels, ModelConfigPatch, catalogued};

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/models/builtin", get(all))
        .read("/models/builtin/channel", get(by_channel))
        .read("/models/builtin/channel/{type}", get(of_channel))
        .route("/models/builtin/import", post(import))
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BuiltinModel")]
struct View {
    model: &'static str,
    owner: &'static str,
    #[serde(rename = "type")]
    kind: i64,
    channel_type: i64,
    /// Year and month of the price; empty where there is none.
    as_of: &'static str,
    price: TariffView,
    config: Map<String, Value>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Import")]
struct ImportView {
    added: Vec<String>,
    updated: Vec<String>,
    unchanged: Vec<String>,
    /// Somebody changed them.
    kept: Vec<String>,
}

/// The models that the catalogue knows, with list prices.
async fn all() -> Reply<Vec<View>> {
    data(views(builtin().models())?)
}

/// The models that the catalogue knows, by type of channel.
async fn by_channel() -> Reply<BTreeMap<i64, Vec<View>>> {
    let mut types: BTreeMap<i64, Vec<View>> = BTreeMap::new();
    for model in builtin().models() {
        types.entry(model.provider).or_default().push(view(model)?);
    }
    data(types)
}

/// The models that the catalogue knows for one type of channel.
async fn of_channel(path: Segments) -> Reply<Vec<View>> {
    data(views(builtin().models_of(path.kind()?))?)
}

/// Makes model configs of what the catalogue knows. `models` and `types` (of channels) say which;
/// without them it is everything. What somebody changed is kept.
async fn import(Extract(state): Extract<State>, by: Actor, body: Body) -> Reply<ImportView> {
    let mut fields = body.object()?;
    let models = fields
        .names("models", rules::MAX_MODEL)?
        .unwrap_or_default();
    let types = fields.ints("types")?.unwrap_or_default();
    fields.finish()?;
    let known: BTreeSet<&str> = builtin().models().map(|model| model.id.as_str()).collect();
    if let Some(unknown) = models.iter().find(|name| !known.contains(name.as_str())) {
        let rule = format!("names {unknown}, which is not in the catalogue");
        return Err(ApiError::field("models", rule));
    }
    let everything = models.is_empty() && types.is_empty();
    let wanted = |model: &&Model| {
        everything || models.contains(&model.id) || types.contains(&model.provider)
    };
    let configs: Result<Vec<_>, ApiError> = builtin()
        .models()
        .filter(wanted)
        .map(|model| Ok((model.id.clone(), config(model)?)))
        .collect();
    let done = state.store.import_models(by.name(), configs?).await?;
    data(ImportView::from(done))
}

fn views(models: impl Iterator<Item = &'static Model>) -> Result<Vec<View>, ApiError> {
    models.map(view).collect()
}

fn view(model: &'static Model) -> Result<View, ApiError> {
    let config = config(model)?;
    Ok(View {
        model: &model.id,
        owner: &model.owner,
        kind: model.kind,
        channel_type: model.provider,
        as_of: model.as_of.as_deref().unwrap_or_default(),
        price: TariffView(config.price.unwrap_or_default()),
        config: config.config.unwrap_or_default(),
    })
}

/// A test keeps the catalogue's data right.
fn config(model: &Model) -> Result<ModelConfigPatch, ApiError> {
    catalogued(model).map_err(|error| {
        tracing::error!(model = model.id, %error, "the catalogue is broken");
        ApiError::Internal
    })
}

impl From<ImportedModels> for ImportView {
    fn from(done: ImportedModels) -> Self {
        Self {
            added: done.added,
            updated: done.updated,
            unchanged: done.unchanged,
            kept: done.kept,
        }
    }
}
