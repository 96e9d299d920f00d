//! What is to be tested: channels of the database, or one that is not saved.

use std::collections::BTreeMap;

use tollgate_config::names::of_model;

use crate::admin::ApiError;
use crate::admin::channels::form;
use crate::admin::fields::Fields;
use crate::domain::{BaseUrl, Channel, ChannelPatch, DEFAULT_PRIORITY, PublishedChannel, TestKind};
use crate::store::Store;

/// Models that one channel is tested with at most.
const MAX_MODELS: usize = 1000;

/// A channel on its way through a test.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) channel: PublishedChannel,
    /// It stands in the database, and its tests are to be kept there.
    pub(super) saved: bool,
    /// Gateways have it.
    pub(super) served: bool,
    /// What to ask for, by model; models of kinds that have no test are left out.
    pub(super) models: Vec<(String, TestKind)>,
}

/// Channels of the database with what is to be tested of them: one model, or all.
pub(super) async fn subjects(
    store: &Store,
    channels: Vec<Channel>,
    only: Option<&String>,
) -> Result<Vec<Subject>, ApiError> {
    let ids: Vec<i64> = channels.iter().map(|channel| channel.id).collect();
    let served: BTreeMap<i64, bool> = channels
        .iter()
        .map(|channel| (channel.id, channel.status.is_enabled()))
        .collect();
    let mut subjects = Vec::new();
    for channel in store.channels_with_keys(&ids).await? {
        let models = match only {
            Some(model) => vec![model.clone()],
            None => channel.models.clone(),
        };
        subjects.push(Subject {
            saved: true,
            served: served.get(&channel.id).copied().unwrap_or_default(),
            models: kinds(store, models, only.is_some()).await?,
            channel,
        });
    }
    Ok(subjects)
}

/// A channel as a form describes it.
pub(super) async fn unsaved(
    store: &Store,
    mut fields: Fields,
    only: Option<String>,
) -> Result<Subject, ApiError> {
    let patch = form::read(&mut fields, &mut Vec::new())?;
    fields.finish()?;
    let patch = form::complete(patch)?;
    let key = patch.key.clone().unwrap_or_default();
    if key.expose().contains('\n') {
        return Err(ApiError::field("key", "must be one line for a test"));
    }
    let own_address = patch.base_url.as_ref().is_some_and(Option::is_some);
    let configs = patch.configs.clone().unwrap_or_default();
    form::check_configs(
        patch.kind.unwrap_or_default(),
        &configs,
        own_address,
        Some(&key),
    )?;
    let mut channel = published(patch);
    let is_named = only.is_some();
    if let Some(model) = only {
        channel.models = vec![model];
    }
    if channel.models.is_empty() || channel.models.len() > MAX_MODELS {
        let rule = format!("must name 1 to {MAX_MODELS} models");
        return Err(ApiError::field("models", rule));
    }
    Ok(Subject {
        models: kinds(store, channel.models.clone(), is_named).await?,
        channel,
        saved: false,
        served: false,
    })
}

fn published(patch: ChannelPatch) -> PublishedChannel {
    let base_url: Option<BaseUrl> = patch.base_url.flatten();
    PublishedChannel {
        id: 0,
        name: patch.name.unwrap_or_default(),
        kind: patch.kind.unwrap_or_default(),
        base_url,
        proxy: patch.proxy.flatten(),
        key: patch.key.unwrap_or_default(),
        models: patch.models.unwrap_or_default(),
        model_mapping: patch.model_mapping.unwrap_or_default(),
        configs: patch.configs.unwrap_or_default(),
        sets: Vec::new(),
        priority: patch.priority.unwrap_or(DEFAULT_PRIORITY),
        skip_tls_verify: patch.skip_tls_verify.unwrap_or_default(),
    }
}

/// What to ask each of these models for. Those that are not to be tested with others are left out, unless
/// they were asked for by name.
async fn kinds(
    store: &Store,
    models: Vec<String>,
    is_named: bool,
) -> Result<Vec<(String, TestKind)>, ApiError> {
    let configs = store.model_configs_meant(&models).await?;
    let kind = |model: String| {
        let config = of_model(&configs, &model, |config| &config.model);
        if !is_named && config.is_some_and(|config| config.settings.exclude_from_tests) {
            return None;
        }
        let kind = TestKind::of(&model, config)?;
        Some((model, kind))
    };
    Ok(models.into_iter().filter_map(kind).collect())
}
