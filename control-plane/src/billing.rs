//! What a token's owner may see of its budgets: `/v1/dashboard/billing/…`, in the shape of OpenAI's
//! old dashboard, which clients still ask for a balance.
//!
//! ```text
//! subscription  {"object":"billing_subscription","hard_limit_usd":…,…}   used and left
//! usage         {"object":"list","total_usage":…}                        used, in US cents
//! quota         {"total":…,"remain":…}                                   AI Proxy's own
//! ```
//!
//! `hard_limit_usd − total_usage ÷ 100` is what is left: the least of the token's quota, its period
//! quota and its group's balance. Who has no limit is shown [`NO_LIMIT`]. Envoy routes these paths
//! past the filter, so it is checked here who asks, by the same rules.

mod bans;

use std::net::IpAddr;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tollgate_policy::auth::{Denied, authorize, token_hash};
use tollgate_policy::price::NanoUsd;

use self::bans::Bans;
use crate::domain::now_unix_ms;
use crate::store::{Error, Spending, Store};

/// What one-api and its relatives show who has no limit: a hundred million US dollars.
pub const NO_LIMIT: NanoUsd = NanoUsd(100_000_000_000_000_000);

/// What answers need.
#[derive(Debug, Clone)]
struct Asked {
    store: Store,
    bans: Bans,
}

/// The paths, without the administrator's guard.
pub fn router(store: Store) -> Router {
    Router::new()
        .route("/v1/dashboard/billing/subscription", get(subscription))
        .route("/v1/dashboard/billing/usage", get(usage))
        .route("/v1/dashboard/billing/quota", get(quota))
        .with_state(Asked {
            store,
            bans: Bans::default(),
        })
}

async fn subscription(State(asked): State<Asked>, headers: HeaderMap) -> Response {
    answer(&asked, &headers, |spending| {
        let limit = usd(total(spending));
        json!({
            "object": "billing_subscription",
            "has_payment_method": true,
            "soft_limit_usd": limit,
            "hard_limit_usd": limit,
            "system_hard_limit_usd": limit,
            "access_until": spending.expires_at_ms.unwrap_or(0) / 1000,
        })
    })
    .await
}

async fn usage(State(asked): State<Asked>, headers: HeaderMap) -> Response {
    answer(&asked, &headers, |spending| {
        let cents = spending.used.0.saturating_mul(100);
        json!({"object": "list", "total_usage": usd(NanoUsd(cents))})
    })
    .await
}

async fn quota(State(asked): State<Asked>, headers: HeaderMap) -> Response {
    answer(&asked, &headers, |spending| {
        let left = spending.left.unwrap_or(NO_LIMIT);
        json!({"total": usd(total(spending)), "remain": usd(left)})
    })
    .await
}

fn total(spending: &Spending) -> NanoUsd {
    match spending.left {
        Some(left) => NanoUsd(spending.used.0.saturating_add(left.0)),
        None => NO_LIMIT,
    }
}

/// With every digit, which a float would not keep.
fn usd(amount: NanoUsd) -> Box<RawValue> {
    // A decimal number is valid JSON.
    RawValue::from_string(amount.to_string()).unwrap_or_default()
}

async fn answer(
    asked: &Asked,
    headers: &HeaderMap,
    show: impl FnOnce(&Spending) -> Value,
) -> Response {
    match spending(asked, headers).await {
        Ok(spending) => Json(show(&spending)).into_response(),
        Err((status, code, message)) => {
            let kind = match status {
                StatusCode::SERVICE_UNAVAILABLE => "server_error",
                _ => "invalid_request_error",
            };
            let error = json!({"message": message, "type": kind, "param": null, "code": code});
            (status, Json(json!({"error": error}))).into_response()
        }
    }
}

type Refusal = (StatusCode, Option<&'static str>, &'static str);

/// Of the token that the request shows, if it may be used.
async fn spending(asked: &Asked, headers: &HeaderMap) -> Result<Spending, Refusal> {
    let unknown = (
        StatusCode::UNAUTHORIZED,
        Some("invalid_api_key"),
        "The API key is missing or not valid.",
    );
    let (address, now_ms) = (caller(headers), now_unix_ms());
    if let Some(address) = address
        && asked
            .bans
            .hold(&asked.store, address, now_ms)
            .await
            .map_err(|error| away(&error))?
    {
        return Err((
            StatusCode::FORBIDDEN,
            None,
            "Your address is on the black-list of this gateway.",
        ));
    }
    let hash = token_hash(|name| headers.get(name).map(HeaderValue::as_bytes)).ok_or(unknown)?;
    let (record, spending) = match asked.store.spending(&hash, now_ms).await {
        Ok(found) => found,
        Err(Error::NotFound(_)) => return Err(unknown),
        Err(error) => return Err(away(&error)),
    };
    let refused = |status, message| Err((status, None, message));
    match authorize(&record, address, now_ms) {
        Ok(()) => Ok(spending),
        Err(Denied::TokenDisabled) => Err((unknown.0, unknown.1, "The API key is disabled.")),
        Err(Denied::TokenExpired) => Err((unknown.0, unknown.1, "The API key has expired.")),
        Err(Denied::GroupDisabled) => refused(
            StatusCode::FORBIDDEN,
            "The group that this API key belongs to is disabled.",
        ),
        Err(Denied::AddressNotAllowed) => refused(
            StatusCode::FORBIDDEN,
            "This API key may not be used from your address.",
        ),
    }
}

fn away(error: &Error) -> Refusal {
    tracing::error!(%error, "a token's spending cannot be read");
    (
        StatusCode::SERVICE_UNAVAILABLE,
        None,
        "The database is not available; try again.",
    )
}

/// What Envoy appended: the address at the other end of its connection.
fn caller(headers: &HeaderMap) -> Option<IpAddr> {
    let chain = headers.get_all("x-forwarded-for").iter().next_back()?;
    let last = chain.to_str().ok()?.rsplit(',').next()?;
    let address: IpAddr = last.trim().parse().ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests;
