//! `/api/price_history` and `/api/group/<group>/price_history`: who changed which price, and when.

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use super::State;
use super::answer::{Reply, data};
use super::params::{Params, Segments};
use super::prices::{MultiplierView, TariffView};
use super::routes::{Routes, get};
use crate::domain::{Listed, PriceChange, PriceValue};
use crate::store::PriceQuery;

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/price_history", get(list))
        .read("/price_history/", get(list))
        .read("/group/{group}/price_history", get(list))
}

const ORDERS: [&str; 2] = ["id", "changed_at"];

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PriceChange")]
struct View {
    id: i64,
    changed_at: i64,
    changed_by: String,
    /// Empty: for everybody.
    group: String,
    /// Empty: it is the group's `price_multiplier`.
    model: String,
    /// Null: there was none.
    old: Option<ValueView>,
    new: Option<ValueView>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PriceValue")]
#[serde(untagged)]
enum ValueView {
    Price(Box<TariffView>),
    Multiplier(MultiplierView),
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PriceChanges")]
struct ListView {
    changes: Vec<View>,
    /// 10,001 stands for more.
    total: i64,
}

/// Who changed which price, and when.
async fn list(Extract(state): Extract<State>, path: Segments, params: Params) -> Reply<ListView> {
    let group = path.group().map(str::to_owned);
    let query = PriceQuery {
        group: group.or_else(|| params.text("group")),
        model: params.text("model"),
        changed_by: params.text("changed_by"),
        start_ms: params.nonzero("start_timestamp")?,
        end_ms: params.nonzero("end_timestamp")?,
    };
    let page = params.page(&ORDERS)?;
    let Listed { items, total } = state.store.price_changes(&query, page).await?;
    data(ListView {
        changes: items.into_iter().map(View::from).collect(),
        total,
    })
}

impl From<PriceChange> for View {
    fn from(change: PriceChange) -> Self {
        Self {
            id: change.id,
            changed_at: change.changed_at_ms,
            changed_by: change.changed_by,
            group: change.group,
            model: change.model,
            old: change.old.map(ValueView::from),
            new: change.new.map(ValueView::from),
        }
    }
}

impl From<PriceValue> for ValueView {
    fn from(value: PriceValue) -> Self {
        match value {
            PriceValue::Tariff(tariff) => Self::Price(Box::new(TariffView(*tariff))),
            PriceValue::Multiplier(multiplier) => Self::Multiplier(MultiplierView(multiplier)),
        }
    }
}
