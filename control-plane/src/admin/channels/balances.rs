//! `/api/channel/:id/update_balance` and `/api/channels/update_balance`: what is left at providers.

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use crate::admin::answer::{Reply, Usd, data};
use crate::admin::params::Segments;
use crate::admin::routes::{Routes, get};
use crate::admin::{ApiError, State};
use crate::provider_balance::{self, BalanceError};

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/channel/{id}/update_balance", get(one))
        .route("/channels/update_balance", get(all))
}

/// How it went with one of several channels.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UpdatedBalance")]
struct Line {
    channel_id: i64,
    channel_name: String,
    success: bool,
    /// Empty, or why the balance is not known.
    message: String,
    /// In the provider's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<Usd>,
    #[serde(skip_serializing_if = "String::is_empty")]
    currency: String,
}

/// Asks a channel's provider for its balance and answers with it, in the provider's currency.
async fn one(Extract(state): Extract<State>, path: Segments) -> Reply<Usd> {
    let channel = state.store.channel(path.id()?).await?;
    let balance = provider_balance::update(&state.store, &channel).await?;
    data(Usd(balance.amount))
}

/// Asks the providers of all enabled channels that tell a balance.
async fn all(Extract(state): Extract<State>) -> Reply<Vec<Line>> {
    let mut channels = state.store.all_channels().await?;
    channels
        .retain(|channel| channel.status.is_enabled() && provider_balance::is_told(channel.kind));
    let mut lines = Vec::new();
    for (channel, updated) in provider_balance::update_all(&state.store, channels).await {
        let message = updated.as_ref().err().map(ToString::to_string);
        let balance = updated.ok();
        lines.push(Line {
            channel_id: channel.id,
            channel_name: channel.name,
            success: balance.is_some(),
            message: message.unwrap_or_default(),
            balance: balance.as_ref().map(|balance| Usd(balance.amount)),
            currency: balance.map(|balance| balance.currency).unwrap_or_default(),
        });
    }
    data(lines)
}

impl From<BalanceError> for ApiError {
    fn from(error: BalanceError) -> Self {
        match error {
            BalanceError::Store(error) => error.into(),
            error if error.is_lasting() => Self::Invalid(error.to_string()),
            error => Self::NotNow(error.to_string()),
        }
    }
}
