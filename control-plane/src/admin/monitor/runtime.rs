//! `/api/monitor/runtime_metrics`: what goes on at the moment, by model and by channel.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use super::recent;
use crate::admin::State;
use crate::admin::answer::{Reply, data};
use crate::admin::routes::{Routes, get};
use crate::admin::tally::rates;
use crate::store::{Dimension, Of};

pub(super) fn routes() -> Routes {
    Routes::new().read("/monitor/runtime_metrics", get(runtime))
}

#[derive(Default, Serialize, JsonSchema)]
#[schemars(rename = "RuntimeMetrics")]
struct Runtime {
    models: BTreeMap<String, ModelMetrics>,
    channels: BTreeMap<i64, ChannelMetrics>,
    channel_models: BTreeMap<i64, BTreeMap<String, PairMetrics>>,
}

#[derive(Default, Serialize, JsonSchema)]
struct ModelMetrics {
    #[serde(flatten)]
    metrics: Metrics,
    /// Channels that are banned for it.
    banned_channels: i64,
    channels: BTreeMap<i64, OfChannel>,
    accessible_sets: BTreeSet<String>,
    /// Groups that may use one of these sets.
    accessible_groups: i64,
}

#[derive(Default, Serialize, JsonSchema)]
struct ChannelMetrics {
    #[serde(flatten)]
    metrics: Metrics,
    /// Models that it is banned for.
    banned_models: i64,
    models: BTreeMap<String, OfModel>,
}

/// A model of a channel.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
struct PairMetrics {
    #[serde(flatten)]
    metrics: Metrics,
    banned: bool,
}

/// The same, among a model's channels.
#[derive(Serialize, JsonSchema)]
struct OfChannel {
    #[serde(flatten)]
    metrics: Metrics,
    /// 1 or 0.
    banned_models: i64,
}

/// The same, among a channel's models.
#[derive(Serialize, JsonSchema)]
struct OfModel {
    #[serde(flatten)]
    metrics: Metrics,
    /// 1 or 0.
    banned_channels: i64,
}

/// Of the last 60 seconds; `requests` and `errors` of the last minutes, without those that their
/// callers brought about.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
struct Metrics {
    rpm: i64,
    tpm: i64,
    rps: f64,
    tps: f64,
    requests: i64,
    errors: i64,
    error_rate: f64,
}

/// What goes on at the moment, by model and by channel.
async fn runtime(Extract(state): Extract<State>) -> Reply<Runtime> {
    let mut found: BTreeMap<(i64, String), PairMetrics> = BTreeMap::new();
    for (key, tally) in recent(&state, None).await? {
        let pair = found.entry(key).or_default();
        pair.metrics.requests = tally.request_count - tally.caller_error_count;
        pair.metrics.errors = tally.errors();
    }
    let by = [Dimension::Channel, Dimension::Model];
    for rate in rates(&state.store, Of::Channels(None), None, &by).await? {
        let key = (rate.of.channel, rate.of.model.clone());
        let pair = found.entry(key).or_default();
        (pair.metrics.rpm, pair.metrics.tpm) = (rate.rpm, rate.tpm);
    }
    for ban in state.store.channel_bans().await? {
        let pair = found.entry((ban.channel_id, ban.model)).or_default();
        pair.banned = true;
    }
    let mut runtime = Runtime::default();
    for ((channel, model), pair) in found {
        if channel != 0 {
            runtime.add(channel, model, pair);
        }
    }
    // Channels spell a model in any case.
    let mut sets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for channel in state.store.all_channels().await? {
        for model in &channel.models {
            let of_model = sets.entry(model.to_ascii_lowercase()).or_default();
            of_model.extend(channel.sets.iter().cloned());
        }
    }
    for (model, known) in &mut runtime.models {
        let sets = sets.get(&model.to_ascii_lowercase());
        known
            .accessible_sets
            .extend(sets.into_iter().flatten().cloned());
    }
    let groups = state.store.groups_by_sets().await?;
    for model in runtime.models.values_mut() {
        let may = |sets: &[String]| sets.iter().any(|set| model.accessible_sets.contains(set));
        let groups = groups.iter().filter(|(sets, _)| may(sets));
        model.accessible_groups = groups.map(|(_, count)| count).sum();
    }
    data(runtime)
}

impl Runtime {
    fn add(&mut self, channel: i64, model: String, pair: PairMetrics) {
        let metrics = pair.metrics.shared();
        let banned = i64::from(pair.banned);
        let of_model = self.models.entry(model.clone()).or_default();
        of_model.metrics.add(&metrics);
        of_model.banned_channels += banned;
        let of_channel = OfChannel {
            metrics,
            banned_models: banned,
        };
        of_model.channels.insert(channel, of_channel);
        let of_channel = self.channels.entry(channel).or_default();
        of_channel.metrics.add(&metrics);
        of_channel.banned_models += banned;
        let of_model = OfModel {
            metrics,
            banned_channels: banned,
        };
        of_channel.models.insert(model.clone(), of_model);
        let models = self.channel_models.entry(channel).or_default();
        models.insert(model, PairMetrics { metrics, ..pair });
    }
}

impl Metrics {
    fn add(&mut self, other: &Self) {
        self.rpm += other.rpm;
        self.tpm += other.tpm;
        self.requests += other.requests;
        self.errors += other.errors;
        *self = self.shared();
    }

    /// With what follows from the counts.
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
    fn shared(&self) -> Self {
        let (requests, errors) = (self.requests as f64, self.errors as f64);
        Self {
            rps: self.rpm as f64 / 60.0,
            tps: self.tpm as f64 / 60.0,
            error_rate: if self.requests == 0 {
                0.0
            } else {
                errors / requests
            },
            ..*self
        }
    }
}
