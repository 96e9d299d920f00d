//! The models that a user may call, at the prices that they pay.

use std::collections::BTreeMap;

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use tollgate_config::names::of_model;

use crate::admin::State;
use crate::admin::answer::{Reply, data};
use crate::admin::prices::{MultiplierView, TariffView};
use crate::admin::principal::Own;
use crate::admin::routes::{Routes, get};
use crate::domain::{Status, now_unix_ms};
use crate::store::Quote;

pub(super) fn routes() -> Routes {
    Routes::new().own("/self/models", get(models))
}

/// Models whose prices are read at a time.
const AT_A_TIME: usize = 500;

/// A call costs `price` for what it used, times `price_multiplier`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OwnModel")]
struct View {
    model: String,
    owner: String,
    #[serde(rename = "type")]
    kind: i64,
    /// Whether somebody set a price; without one, calls cost nothing.
    priced: bool,
    /// The group's own, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<TariffView>,
    /// What the group pays of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_multiplier: Option<MultiplierView>,
    /// It is the group's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_override: Option<bool>,
}

/// The models that the group may use, at its prices, without the channels that serve them.
async fn models(Extract(state): Extract<State>, Own(session): Own) -> Reply<Vec<View>> {
    let group = state.store.group(&session.user.group).await?;
    let configs = state.store.model_configs().await?;
    let mut models = BTreeMap::new();
    for channel in state.store.all_channels().await? {
        let shared = channel
            .sets
            .iter()
            .any(|set| group.available_sets.contains(set));
        if shared && channel.status == Status::Enabled && group.status == Status::Enabled {
            for model in channel.models {
                // Once, by its config's name, in whatever cases channels spell it.
                let config = of_model(&configs, &model, |config| &config.model);
                let name = config.map_or(&model, |config| &config.model);
                models.entry(name.to_ascii_lowercase()).or_insert_with(|| {
                    let said = config.map(|config| (config.owner.clone(), config.kind));
                    (name.clone(), said)
                });
            }
        }
    }
    let mut models: BTreeMap<_, _> = models.into_values().collect();
    let names: Vec<String> = models.keys().cloned().collect();
    let (groups, now_ms) = ([group.id], now_unix_ms());
    let mut views = Vec::with_capacity(models.len());
    for some in names.chunks(AT_A_TIME) {
        // The rules are those of bills.
        let prices = state.store.price_book(some, &groups, now_ms).await?;
        for model in some {
            let (owner, kind) = models.remove(model).flatten().unwrap_or_default();
            let quote = prices.at(&session.user.group, model, now_ms);
            views.push(view(model.clone(), owner, kind, quote));
        }
    }
    data(views)
}

fn view(model: String, owner: String, kind: i64, quote: Option<Quote<'_>>) -> View {
    View {
        model,
        owner,
        kind,
        priced: quote.is_some(),
        price: quote.map(|quote| TariffView(quote.tariff.clone())),
        price_multiplier: quote.map(|quote| MultiplierView(quote.multiplier)),
        price_override: quote.map(|quote| quote.of_group),
    }
}
