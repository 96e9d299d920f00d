//! `/api/monitor…`: what goes on at the moment, from the summaries of the last minutes, and which
//! channels are banned for which models.

mod paces;
mod runtime;

use std::collections::BTreeMap;

use axum::extract::State as Extract;

use super::answer::{Reply, data, done};
use super::params::Segments;
use super::routes::{Routes, delete, get};
use super::{ApiError, State, rules};
use crate::domain::{Span, Tally, now_unix_ms};
use crate::store::{Dimension, Of, SummaryQuery};

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/monitor", get(error_rates).delete(clear_all))
        .read("/monitor/", get(error_rates).delete(clear_all))
        .read("/monitor/models", get(model_error_rates))
        .read("/monitor/banned_channels", get(banned_channels))
        .read(
            "/monitor/{id}",
            get(channel_error_rates).delete(clear_channel),
        )
        .read("/monitor/{id}/{*model}", delete(clear_model))
        .merge(runtime::routes())
        .merge(paces::routes())
}

/// Errors are counted over this many minutes, and the present one.
const WINDOW_MINUTES: i64 = 10;

/// The share of attempts that failed, by channel and model. What callers bring about does not count.
async fn error_rates(
    Extract(state): Extract<State>,
) -> Reply<BTreeMap<i64, BTreeMap<String, f64>>> {
    let mut channels: BTreeMap<i64, BTreeMap<String, f64>> = BTreeMap::new();
    for ((channel, model), tally) in recent(&state, None).await? {
        let models = channels.entry(channel).or_default();
        models.insert(model, tally.error_rate());
    }
    data(channels)
}

/// The share of attempts that failed, by model.
async fn model_error_rates(Extract(state): Extract<State>) -> Reply<BTreeMap<String, f64>> {
    data(by_model(recent(&state, None).await?))
}

/// The share of attempts that failed, by model of one channel.
async fn channel_error_rates(
    Extract(state): Extract<State>,
    path: Segments,
) -> Reply<BTreeMap<String, f64>> {
    data(by_model(recent(&state, Some(path.id()?)).await?))
}

/// The channels that are banned, by the model that they are banned for.
async fn banned_channels(Extract(state): Extract<State>) -> Reply<BTreeMap<String, Vec<i64>>> {
    let mut models: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for ban in state.store.channel_bans().await? {
        models.entry(ban.model).or_default().push(ban.channel_id);
    }
    data(models)
}

/// Forgets all errors and lifts all bans.
async fn clear_all(Extract(state): Extract<State>) -> Reply {
    state.store.clear_errors(None, None, None).await?;
    done()
}

/// Forgets the errors of a channel and lifts its bans.
async fn clear_channel(Extract(state): Extract<State>, path: Segments) -> Reply {
    let channel = state.store.channel(path.id()?).await?;
    let of = Some(channel.id);
    state.store.clear_errors(of, None, None).await?;
    done()
}

/// Forgets the errors of a model of a channel and lifts its ban.
async fn clear_model(Extract(state): Extract<State>, path: Segments) -> Reply {
    let channel = state.store.channel(path.id()?).await?;
    let model = path.text("model").to_owned();
    rules::name("model", &model, rules::MAX_MODEL)?;
    let of = Some(channel.id);
    state.store.clear_errors(of, Some(model), None).await?;
    done()
}

/// Attempts by channel and model, of the last minutes and from when they were cleared on. Summaries
/// are whole minutes: the one in which they were cleared does not count.
async fn recent(
    state: &State,
    channel: Option<i64>,
) -> Result<BTreeMap<(i64, String), Tally>, ApiError> {
    let now = now_unix_ms();
    let minute = Span::Minute.millis();
    let start = now.saturating_sub(WINDOW_MINUTES * minute);
    let end = now.saturating_add(minute);
    let query = SummaryQuery::each(Of::Channels(channel), Span::Minute, start, end);
    let by = [Dimension::Channel, Dimension::Model, Dimension::Time];
    let clears = state.store.clears().await?;
    let mut found: BTreeMap<(i64, String), Tally> = BTreeMap::new();
    for sum in state.store.summed(&query, &by).await? {
        // Of requests without an attempt there is no channel.
        if sum.channel != 0 && sum.start_ms >= clears.of(sum.channel, &sum.model) {
            let tally = found.entry((sum.channel, sum.model)).or_default();
            tally.add(&sum.tally);
        }
    }
    Ok(found)
}

fn by_model(found: BTreeMap<(i64, String), Tally>) -> BTreeMap<String, f64> {
    let mut models: BTreeMap<String, Tally> = BTreeMap::new();
    for ((_, model), tally) in found {
        models.entry(model).or_default().add(&tally);
    }
    let rates = models
        .into_iter()
        .map(|(model, tally)| (model, tally.error_rate()));
    rates.filter(|(model, _)| !model.is_empty()).collect()
}
