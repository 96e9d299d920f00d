//! `/api/monitor…`: what goes on at the moment, from the summaries of the last minutes.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Reply, data};
use super::body::Body;
use super::params::{Params, Segments};
use super::routes::{Routes, get, post};
use super::tally::{Rate, rates};
use super::{ApiError, State, rules};
use crate::domain::{Span, Tally, now_unix_ms};
use crate::store::{Dimension, Of, SummaryQuery, Summed};

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/monitor", get(error_rates))
        .read("/monitor/", get(error_rates))
        .read("/monitor/models", get(model_error_rates))
        .read("/monitor/runtime_metrics", get(runtime))
        .read("/monitor/group_summary_metrics", get(groups))
        .read("/monitor/group_token_metrics/{group}", get(tokens))
        .read("/monitor/group_model_metrics/{group}", get(models))
        .read(
            "/monitor/group_tokenname_model_metrics/{group}",
            get(token_models),
        )
        .route("/monitor/batch_group_token_metrics", post(batch))
        .read("/monitor/{id}", get(channel_error_rates))
}

/// Errors are counted over this many minutes, and the present one.
const WINDOW_MINUTES: i64 = 10;

/// Groups that one request may name.
const GROUPS_MAX: usize = 100;

// === error rates ===

/// The share of attempts that failed, by channel and model.
async fn error_rates(
    Extract(state): Extract<State>,
) -> Reply<BTreeMap<i64, BTreeMap<String, f64>>> {
    let by = [Dimension::Channel, Dimension::Model];
    let mut channels: BTreeMap<i64, BTreeMap<String, f64>> = BTreeMap::new();
    for sum in recent(&state, Of::Channels(None), &by).await? {
        if sum.channel != 0 {
            let models = channels.entry(sum.channel).or_default();
            models.insert(sum.model, error_rate(&sum.tally));
        }
    }
    data(channels)
}

/// The share of attempts that failed, by model.
async fn model_error_rates(Extract(state): Extract<State>) -> Reply<BTreeMap<String, f64>> {
    let found = recent(&state, Of::Channels(None), &[Dimension::Model]).await?;
    data(by_model(found))
}

/// The share of attempts that failed, by model of one channel.
async fn channel_error_rates(
    Extract(state): Extract<State>,
    path: Segments,
) -> Reply<BTreeMap<String, f64>> {
    let of = Of::Channels(Some(path.id()?));
    data(by_model(recent(&state, of, &[Dimension::Model]).await?))
}

fn by_model(found: Vec<Summed>) -> BTreeMap<String, f64> {
    let rates = found
        .into_iter()
        .map(|sum| (sum.model, error_rate(&sum.tally)));
    rates.filter(|(model, _)| !model.is_empty()).collect()
}

async fn recent(state: &State, of: Of, by: &[Dimension]) -> Result<Vec<Summed>, ApiError> {
    let now = now_unix_ms();
    let minute = Span::Minute.millis();
    let start = now.saturating_sub(WINDOW_MINUTES * minute);
    let query = SummaryQuery::each(of, Span::Minute, start, now.saturating_add(minute));
    Ok(state.store.summed(&query, by).await?)
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
fn error_rate(tally: &Tally) -> f64 {
    if tally.request_count == 0 {
        return 0.0;
    }
    tally.exception_count as f64 / tally.request_count as f64
}

// === runtime metrics ===

#[derive(Default, Serialize, JsonSchema)]
#[schemars(rename = "RuntimeMetrics")]
struct Runtime {
    models: BTreeMap<String, ModelMetrics>,
    channels: BTreeMap<i64, ChannelMetrics>,
    channel_models: BTreeMap<i64, BTreeMap<String, Metrics>>,
}

#[derive(Default, Serialize, JsonSchema)]
struct ModelMetrics {
    #[serde(flatten)]
    metrics: Metrics,
    channels: BTreeMap<i64, Metrics>,
    accessible_sets: BTreeSet<String>,
}

#[derive(Default, Serialize, JsonSchema)]
struct ChannelMetrics {
    #[serde(flatten)]
    metrics: Metrics,
    models: BTreeMap<String, Metrics>,
}

/// Of the last 60 seconds; `requests` and `errors` of the last minutes.
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
    let by = [Dimension::Channel, Dimension::Model];
    let mut found: BTreeMap<(i64, String), Metrics> = BTreeMap::new();
    for sum in recent(&state, Of::Channels(None), &by).await? {
        let metrics = found.entry((sum.channel, sum.model)).or_default();
        metrics.requests = sum.tally.request_count;
        metrics.errors = sum.tally.exception_count;
    }
    for rate in rates(&state.store, Of::Channels(None), None, &by).await? {
        let key = (rate.of.channel, rate.of.model.clone());
        let metrics = found.entry(key).or_default();
        (metrics.rpm, metrics.tpm) = (rate.rpm, rate.tpm);
    }
    let mut runtime = Runtime::default();
    for ((channel, model), metrics) in found {
        if channel == 0 {
            continue;
        }
        let one = metrics.shared();
        let of_model = runtime.models.entry(model.clone()).or_default();
        of_model.metrics.add(&metrics);
        of_model.channels.insert(channel, one);
        let of_channel = runtime.channels.entry(channel).or_default();
        of_channel.metrics.add(&metrics);
        of_channel.models.insert(model.clone(), one);
        let models = runtime.channel_models.entry(channel).or_default();
        models.insert(model, one);
    }
    for channel in state.store.all_channels().await? {
        for model in &channel.models {
            if let Some(known) = runtime.models.get_mut(model) {
                known.accessible_sets.extend(channel.sets.iter().cloned());
            }
        }
    }
    data(runtime)
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

// === rates of groups ===

#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
struct Pace {
    rpm: i64,
    tpm: i64,
}

/// The pace of one token.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TokenPace")]
struct Item {
    group: String,
    token_name: String,
    #[serde(flatten)]
    pace: Pace,
}

/// Requests and tokens per minute of groups. `groups` names them, with commas between.
async fn groups(Extract(state): Extract<State>, params: Params) -> Reply<BTreeMap<String, Pace>> {
    let text = params.text("groups").unwrap_or_default();
    let names = text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let names: Vec<String> = names.map(str::to_owned).collect();
    if names.is_empty() || names.len() > GROUPS_MAX {
        let rule = format!("must name 1 to {GROUPS_MAX} groups, with commas between");
        return Err(ApiError::field("groups", rule));
    }
    let mut paces: BTreeMap<String, Pace> = BTreeMap::new();
    for name in &names {
        paces.insert(name.clone(), Pace::default());
    }
    for rate in of_groups(&state, names, &[Dimension::Group]).await? {
        paces.insert(rate.of.group.clone(), Pace::from(&rate));
    }
    data(paces)
}

/// Requests and tokens per minute of a group, by token name.
async fn tokens(Extract(state): Extract<State>, path: Segments) -> Reply<BTreeMap<String, Pace>> {
    let group = vec![path.text("group").to_owned()];
    let found = of_groups(&state, group, &[Dimension::TokenName]).await?;
    let paces = found
        .iter()
        .map(|rate| (rate.of.token_name.clone(), Pace::from(rate)));
    data(paces.collect::<BTreeMap<_, _>>())
}

/// Requests and tokens per minute of a group, by model.
async fn models(Extract(state): Extract<State>, path: Segments) -> Reply<BTreeMap<String, Pace>> {
    let group = vec![path.text("group").to_owned()];
    let found = of_groups(&state, group, &[Dimension::Model]).await?;
    let paces = found
        .iter()
        .map(|rate| (rate.of.model.clone(), Pace::from(rate)));
    data(paces.collect::<BTreeMap<_, _>>())
}

/// Requests and tokens per minute of a group, by token name and model.
async fn token_models(
    Extract(state): Extract<State>,
    path: Segments,
) -> Reply<BTreeMap<String, BTreeMap<String, Pace>>> {
    let group = vec![path.text("group").to_owned()];
    let by = [Dimension::TokenName, Dimension::Model];
    let mut paces: BTreeMap<String, BTreeMap<String, Pace>> = BTreeMap::new();
    for rate in of_groups(&state, group, &by).await? {
        let models = paces.entry(rate.of.token_name.clone()).or_default();
        models.insert(rate.of.model.clone(), Pace::from(&rate));
    }
    data(paces)
}

/// Requests and tokens per minute of tokens, in their order.
async fn batch(Extract(state): Extract<State>, body: Body) -> Reply<Vec<Item>> {
    let mut items = Vec::new();
    for mut fields in body.objects()? {
        let group = fields.line("group", rules::MAX_GROUP)?;
        let token_name = fields.line("token_name", rules::MAX_TOKEN_NAME)?;
        fields.finish()?;
        items.push(Item {
            group: group.ok_or_else(|| ApiError::field("group", "is required"))?,
            token_name: token_name.ok_or_else(|| ApiError::field("token_name", "is required"))?,
            pace: Pace::default(),
        });
    }
    let names: BTreeSet<String> = items.iter().map(|item| item.group.clone()).collect();
    if names.is_empty() || names.len() > GROUPS_MAX {
        let rule = format!("must name 1 to {GROUPS_MAX} groups");
        return Err(ApiError::field("the list", rule));
    }
    let by = [Dimension::Group, Dimension::TokenName];
    let found = of_groups(&state, names.into_iter().collect(), &by).await?;
    let paces: BTreeMap<(&str, &str), Pace> = found
        .iter()
        .map(|rate| {
            let key = (rate.of.group.as_str(), rate.of.token_name.as_str());
            (key, Pace::from(rate))
        })
        .collect();
    for item in &mut items {
        let key = (item.group.as_str(), item.token_name.as_str());
        item.pace = paces.get(&key).copied().unwrap_or_default();
    }
    data(items)
}

async fn of_groups(
    state: &State,
    groups: Vec<String>,
    by: &[Dimension],
) -> Result<Vec<Rate>, ApiError> {
    let of = Of::Groups {
        groups,
        token_name: None,
    };
    Ok(rates(&state.store, of, None, by).await?)
}

impl From<&Rate> for Pace {
    fn from(rate: &Rate) -> Self {
        Self {
            rpm: rate.rpm,
            tpm: rate.tpm,
        }
    }
}
