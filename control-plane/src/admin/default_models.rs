//! `/api/models/default…`: the models, and the mapping of their names, that a new channel of a type
//! gets when it names none; they are the options `DefaultChannelModels` and
//! `DefaultChannelModelMapping`.

use std::collections::BTreeMap;

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use super::State;
use super::answer::{Reply, data};
use super::params::Segments;
use super::routes::{Routes, get};
use crate::domain::ChannelPatch;
use crate::domain::options::{
    DEFAULT_CHANNEL_MODEL_MAPPING, DEFAULT_CHANNEL_MODELS, Mappings, Models, Options,
};

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/models/default", get(all))
        .read("/models/default/{type}", get(of_type))
}

/// By type of channel.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DefaultModels {
    models: Models,
    mapping: Mappings,
}

#[derive(Serialize, JsonSchema)]
struct DefaultModelsOfType {
    models: Vec<String>,
    mapping: BTreeMap<String, String>,
}

/// The models that new channels get when they name none, by type of channel.
async fn all(Extract(state): Extract<State>) -> Reply<DefaultModels> {
    data(DefaultModels::of(&state.store.options().await?))
}

/// The models that a new channel of one type gets when it names none.
async fn of_type(Extract(state): Extract<State>, path: Segments) -> Reply<DefaultModelsOfType> {
    let kind = path.kind()?;
    let mut defaults = DefaultModels::of(&state.store.options().await?);
    data(DefaultModelsOfType {
        models: defaults.models.remove(&kind).unwrap_or_default(),
        mapping: defaults.mapping.remove(&kind).unwrap_or_default(),
    })
}

impl DefaultModels {
    pub(super) fn of(options: &Options) -> Self {
        Self {
            models: options.by_type(DEFAULT_CHANNEL_MODELS),
            mapping: options.by_type(DEFAULT_CHANNEL_MODEL_MAPPING),
        }
    }

    /// What a new channel will be.
    pub(super) fn fill(&self, channel: ChannelPatch) -> ChannelPatch {
        let kind = channel.kind.unwrap_or_default();
        let models = channel.models.filter(|models| !models.is_empty());
        let mapping = channel.model_mapping.filter(|mapping| !mapping.is_empty());
        ChannelPatch {
            models: models.or_else(|| self.models.get(&kind).cloned()),
            model_mapping: mapping.or_else(|| self.mapping.get(&kind).cloned()),
            ..channel
        }
    }
}
