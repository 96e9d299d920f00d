//! `GET /api/gateways` and `GET /api/status`.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Gateway, Registry};

/// For administrators; the caller puts them behind the admin key.
pub fn admin_routes(registry: Registry) -> Router {
    Router::new()
        .route("/api/gateways", get(gateways))
        .with_state(registry)
}

/// For load balancers and people: no names, no versions, nothing secret.
pub fn public_routes(registry: Registry) -> Router {
    Router::new()
        .route("/api/status", get(status))
        .with_state(registry)
}

/// For every path that is not there.
pub async fn no_such_path() -> Response {
    let body = json!({ "success": false, "message": "there is nothing at this path" });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

async fn gateways(State(registry): State<Registry>) -> Json<Value> {
    let list: Vec<Value> = registry.gateways().iter().map(describe).collect();
    Json(
        json!({ "success": true, "message": "", "data": { "gateways": list, "total": list.len() } }),
    )
}

fn describe((node, gateway): (&String, &Gateway)) -> Value {
    let up_to_date = gateway.xds.as_ref().is_some_and(|xds| {
        !xds.resources.is_empty() && xds.resources.values().all(|it| it.acked == it.version)
    });
    json!({
        "node": node,
        "connected": gateway.xds.is_some(),
        "ready": gateway.is_ready(),
        "up_to_date": up_to_date,
        "last_seen_at": gateway.last_seen_at,
        "xds": gateway.xds,
        "meter": gateway.meter,
        "refusals": gateway.refusals,
    })
}

/// 200 only while a gateway serves model calls.
async fn status(State(registry): State<Registry>) -> Response {
    let readiness = registry.readiness();
    let ready = readiness.ready > 0;
    let (code, message) = if ready {
        (StatusCode::OK, "")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "no gateway serves model calls yet",
        )
    };
    let data = BTreeMap::from([
        ("gateways_connected", readiness.connected),
        ("gateways_ready", readiness.ready),
    ]);
    (
        code,
        Json(json!({ "success": ready, "message": message, "data": data })),
    )
        .into_response()
}
