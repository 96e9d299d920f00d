//! Who consumed most: channels, models or groups.

use axum::Router;
use axum::extract::State as Extract;
use axum::routing::get;
use serde::Serialize;

use crate::admin::answer::{Reply, data};
use crate::admin::params::Params;
use crate::admin::tally::{Shown, TallyView};
use crate::admin::{ApiError, State};
use crate::domain::now_unix_ms;
use crate::store::{Dimension, Of, SummaryQuery, Top};

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/groups/ranking", get(ranking))
        .route("/groups/consumption_ranking", get(ranking))
}

const ORDERS: [&str; 6] = [
    "used_amount",
    "request_count",
    "exception_count",
    "input_tokens",
    "output_tokens",
    "total_time_milliseconds",
];

#[derive(Serialize)]
struct ListView {
    items: Vec<Place>,
    total: i64,
}

/// One of them; of `channel`, `model` and `group` it has what was asked for.
#[derive(Serialize)]
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

async fn ranking(Extract(state): Extract<State>, params: Params) -> Reply {
    let (of, by) = match params.text("type").as_deref() {
        None | Some("group") => (requests(), Dimension::Group),
        Some("model") => (requests(), Dimension::Model),
        Some("channel") => (Of::Channels(None), Dimension::Channel),
        Some(_) => return Err(ApiError::field("type", "must be group, model or channel")),
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
    let total = state.store.count_summed(&query, &[by]).await?;
    let found = state.store.summed(&query, &[by], Some(top)).await?;
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

fn requests() -> Of {
    Of::Groups {
        groups: Vec::new(),
        token_name: None,
    }
}
