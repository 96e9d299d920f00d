//! `/api/dashboard…`, `/api/dashboardv2…`, `/api/dashboardv3…` and the ranking of consumption, from
//! summaries alone.
//!
//! Without a group they tell of attempts by channel, with one of its requests by token and model.
//! Days and months begin in the time zone that is asked for; where its offset is no whole number of
//! hours, the hour in which a day begins counts for the day in which that hour began.

mod days;
mod ranking;
mod time;

use std::collections::BTreeMap;

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Reply, data};
use super::params::{Params, Segments};
use super::routes::{Routes, get};
use super::tally::{Shown, TallyView, rates};
use super::{ApiError, State};
use crate::domain::{Span, Tally};
use crate::store::{Dimension, Of, Store, SummaryQuery, Summed, Top};

use days::Buckets;
use time::Time;
pub(super) use time::zone;

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/dashboard", get(overview))
        .read("/dashboard/", get(overview))
        .read("/dashboard/{group}", get(overview))
        .read("/dashboard/{group}/models", get(models))
        .read("/dashboardv2", get(series))
        .read("/dashboardv2/", get(series))
        .read("/dashboardv2/{group}", get(series))
        .read("/dashboardv3", get(series))
        .read("/dashboardv3/", get(series))
        .read("/dashboardv3/{group}", get(series))
        .merge(ranking::routes())
}

/// Names in a list of those that there are.
const NAMES_MAX: i64 = 1_000;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Dashboard")]
struct Overview {
    chart_data: Vec<Point>,
    total_count: i64,
    #[serde(flatten)]
    totals: TallyView,
    rpm: i64,
    tpm: i64,
    max_rpm: i64,
    max_tpm: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<Vec<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_names: Option<Vec<String>>,
    models: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DashboardPoint")]
struct Point {
    timestamp: i64,
    #[serde(flatten)]
    sums: TallyView,
}

/// Sums of a time, in buckets and in all. Without a group they tell of attempts by channel.
async fn overview(
    Extract(state): Extract<State>,
    path: Segments,
    params: Params,
) -> Reply<Overview> {
    let (of, store) = (of(&path, &params)?, &state.store);
    let time = Time::read(store, &params, &["hour", "day"]).await?;
    let model = params.text("model");
    let each = |span| {
        SummaryQuery::each(of.clone(), span, time.start_ms, time.end_ms).with_model(model.clone())
    };
    let pieces = store
        .summed(&each(time.source()), &[Dimension::Time])
        .await?;
    let mut chart: BTreeMap<i64, Tally> = BTreeMap::new();
    for start in time.buckets()? {
        chart.insert(start, Tally::default());
    }
    let (mut totals, mut busiest) = (Tally::default(), (0, 0));
    for piece in &pieces {
        let bucket = chart.entry(time.bucket(piece.start_ms)?).or_default();
        bucket.add(&piece.tally);
        totals.add(&piece.tally);
    }
    // Minutes are read where there are few, else the busiest hour counts, or day.
    let (unit, measured) = if time.is_short() {
        let minutes = store
            .summed(&each(Span::Minute), &[Dimension::Time])
            .await?;
        (Span::Minute, minutes)
    } else {
        (time.source(), pieces)
    };
    let minutes = unit.millis() / Span::Minute.millis();
    for piece in &measured {
        busiest.0 = busiest.0.max(piece.tally.request_count / minutes);
        busiest.1 = busiest.1.max(piece.tally.total_tokens() / minutes);
    }
    let now = rates(store, of.clone(), model.clone(), &[]).await?;
    let now = now
        .first()
        .map(|rate| (rate.rpm, rate.tpm))
        .unwrap_or_default();

    let whole = SummaryQuery::whole(of.clone(), time.start_ms, time.end_ms);
    let found = |by| top_names(&state, whole.clone(), by);
    let models = found(Dimension::Model).await?;
    let (channels, token_names) = match of {
        Of::Channels(_) => (Some(found(Dimension::Channel).await?), None),
        Of::Groups { .. } => (None, Some(found(Dimension::TokenName).await?)),
    };
    data(Overview {
        chart_data: chart
            .into_iter()
            .map(|(timestamp, tally)| Point {
                timestamp,
                sums: TallyView::new(&tally, Shown::ALL),
            })
            .collect(),
        total_count: totals.request_count,
        totals: TallyView::new(&totals, Shown::ALL),
        rpm: now.0,
        tpm: now.1,
        max_rpm: busiest.0.max(now.0),
        max_tpm: busiest.1.max(now.1),
        channels: channels.map(|found| {
            let ids = found.into_iter().map(|sum| sum.channel);
            ids.filter(|id| *id != 0).collect()
        }),
        token_names: token_names.map(|found| found.into_iter().map(|sum| sum.token_name).collect()),
        models: named(models),
    })
}

/// The models that were used in the time.
async fn models(
    Extract(state): Extract<State>,
    path: Segments,
    params: Params,
) -> Reply<Vec<String>> {
    let time = Time::read(&state.store, &params, &["hour", "day"]).await?;
    let whole = SummaryQuery::whole(of(&path, &params)?, time.start_ms, time.end_ms);
    data(named(top_names(&state, whole, Dimension::Model).await?))
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DashboardMoment")]
struct Moment {
    timestamp: i64,
    summary: Vec<ModelSums>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DashboardModel")]
struct ModelSums {
    timestamp: i64,
    model: String,
    #[serde(flatten)]
    sums: TallyView,
}

/// Sums of each model, in buckets. A time in which nothing was used is left out.
async fn series(
    Extract(state): Extract<State>,
    path: Segments,
    params: Params,
) -> Reply<Vec<Moment>> {
    let of = of(&path, &params)?;
    let spans = &["minute", "hour", "day", "month"];
    let time = Time::read(&state.store, &params, spans).await?;
    let shown = Shown::read(&params)?;
    let model = params.text("model");
    let buckets = match time.has_days_of_its_own() {
        true => days::sums(&state.store, &time, &of, model.as_ref()).await?,
        false => pieces(&state.store, &time, of, model).await?,
    };
    let moments: Vec<_> = buckets
        .into_iter()
        .map(|(timestamp, models)| Moment {
            timestamp,
            summary: models
                .into_iter()
                .map(|(model, tally)| ModelSums {
                    timestamp,
                    model,
                    sums: TallyView::new(&tally, shown),
                })
                .collect(),
        })
        .collect();
    data(moments)
}

/// Sums of each model in buckets that summaries fit into.
async fn pieces(
    store: &Store,
    time: &Time,
    of: Of,
    model: Option<String>,
) -> Result<Buckets, ApiError> {
    let query = SummaryQuery::each(of, time.source(), time.start_ms, time.end_ms).with_model(model);
    let by = [Dimension::Time, Dimension::Model];
    let mut buckets = Buckets::default();
    for piece in store.summed(&query, &by).await? {
        let models = buckets.entry(time.bucket(piece.start_ms)?).or_default();
        models.entry(piece.model).or_default().add(&piece.tally);
    }
    Ok(buckets)
}

/// Whose summaries the path and the filters name.
fn of(path: &Segments, params: &Params) -> Result<Of, ApiError> {
    match path.group() {
        None => Ok(Of::Channels(params.nonzero("channel")?)),
        Some(group) => Ok(Of::Groups {
            groups: vec![group.to_owned()],
            token_name: params.text("token_name"),
        }),
    }
}

pub(super) async fn top_names(
    state: &State,
    query: SummaryQuery,
    by: Dimension,
) -> Result<Vec<Summed>, ApiError> {
    let top = Top {
        field: "used_amount",
        descending: true,
        limit: NAMES_MAX,
        offset: 0,
    };
    Ok(state.store.ranked(&query, by, top).await?.0)
}

pub(super) fn named(found: Vec<Summed>) -> Vec<String> {
    let names = found.into_iter().map(|sum| sum.model);
    names.filter(|name| !name.is_empty()).collect()
}
