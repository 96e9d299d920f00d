//! Who consumed most: channels, models or groups.

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use crate::admin::State;
use crate::admin::answer::{Reply, data};
use crate::admin::params::Params;
use crate::admin::routes::{Routes, get};
use crate::admin::tally::{Shown, TallyView};
use crate::domain::now_unix_ms;
use crate::store::{self, Dimension, Of, Store, SummaryQuery, Summed, Top};

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/groups/ranking", get(ranking))
        .read("/groups/consumption_ranking", get(ranking))
}

const ORDERS: [&str; 6] = [
    "used_amount",
    "request_count",
    "exception_count",
    "input_tokens",
    "output_tokens",
    "total_time_milliseconds",
];

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Ranking")]
struct ListView {
    items: Vec<Place>,
    total: i64,
}

/// One of them; of `channel`, `model` and `group` it has what was asked for.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RankingPlace")]
struct Place {
    rank: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(flatten)]
    sums: TallyView,
}

/// Who consumed most: groups, models or channels.
async fn ranking(Extract(state): Extract<State>, params: Params) -> Reply<ListView> {
    let (of, by) = match params.one_of("type", &["group", "model", "channel"])? {
        Some("model") => (requests(), Dimension::Model),
        Some("channel") => (Of::Channels(None), Dimension::Channel),
        _ => (requests(), Dimension::Group),
    };
    let end = params.nonzero("end_timestamp")?;
    // Beyond the booking that is under way.
    let end = end.unwrap_or_else(|| now_unix_ms().saturating_add(1_000));
    let start = params.nonzero("start_timestamp")?.unwrap_or(0);
    let page = params.page(&ORDERS)?;
    let top = Top {
        field: page.order.column,
        descending: page.order.descending,
        limit: page.size,
        offset: page.offset(),
    };
    let query = SummaryQuery::whole(of, start, end);
    let (found, total) = match by {
        // Of many groups a page is few, and most of what there is to read is of others.
        Dimension::Group => of_many(&state.store, &query, by, top).await?,
        _ => state.store.ranked_sums(&query, by, top).await?,
    };
    let is = |dimension| by == dimension;
    let items = (page.offset() + 1..)
        .zip(found)
        .map(|(rank, sum)| Place {
            rank,
            channel: is(Dimension::Channel).then_some(sum.channel),
            model: is(Dimension::Model).then_some(sum.model),
            group: is(Dimension::Group).then_some(sum.group),
            sums: TallyView::new(&sum.tally, Shown::ALL),
        })
        .collect();
    data(ListView { items, total })
}

/// Finds the places first, and sums them then.
async fn of_many(
    store: &Store,
    query: &SummaryQuery,
    by: Dimension,
    top: Top,
) -> store::Result<(Vec<Summed>, i64)> {
    let (places, total) = store.ranked(query, by, top).await?;
    let only = query.clone().only(by, &places);
    let mut sums = store.summed(&only, &[by]).await?;
    let is_same =
        |a: &Summed, b: &Summed| (a.channel, &a.group, &a.model) == (b.channel, &b.group, &b.model);
    let found = places.iter().filter_map(|place| {
        let at = sums.iter().position(|sum| is_same(sum, place))?;
        Some(sums.swap_remove(at))
    });
    Ok((found.collect(), total))
}

fn requests() -> Of {
    Of::Groups {
        groups: Vec::new(),
        token_name: None,
    }
}
