//! `GET /api/gateways` and `GET /api/status`.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Gateway, Registry};
use crate::store::{Backlog, Store};

/// For administrators; the caller puts them behind the admin key.
pub fn admin_routes(registry: Registry, store: Store) -> Router {
    Router::new()
        .route("/api/gateways", get(gateways))
        .with_state((registry, store))
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

/// Also while the database is away: what waits for the log database is not known then.
async fn gateways(State((registry, store)): State<(Registry, Store)>) -> Json<Value> {
    let list: Vec<Value> = registry.gateways().iter().map(describe).collect();
    let backlog = store.log_backlog().await.ok().flatten();
    Json(json!({
        "success": true,
        "message": "",
        "data": {
            "gateways": list,
            "total": list.len(),
            "log_backlog": backlog.map(|it| waiting(&it)),
        },
    }))
}

/// What waits for a log database of its own; `null` where there is none.
fn waiting(backlog: &Backlog) -> Value {
    json!({
        "rows": backlog.rows,
        "oldest_at": backlog.oldest_at_ms.unwrap_or(0),
        "rows_set_aside": backlog.set_aside,
        "bodies": backlog.bodies,
        "body_bytes": backlog.body_bytes,
        "bodies_lost": backlog.lost_bodies,
    })
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

/// Through which gateway a request came; each says so in its bootstrap. Nothing secret hangs on
/// it: whoever reaches the control plane directly can write what they like.
pub const NODE_HEADER: &str = "x-tollgate-node";

/// 200 only while model calls are served: by the gateway that forwarded the request, or by any if
/// it came directly.
async fn status(State(registry): State<Registry>, headers: HeaderMap) -> Response {
    let readiness = registry.readiness();
    let through = headers.get(NODE_HEADER);
    let (ready, not_yet) = match through.and_then(|node| node.to_str().ok()) {
        Some(node) => (
            registry.is_ready(node),
            "this gateway does not serve model calls yet",
        ),
        None => (readiness.ready > 0, "no gateway serves model calls yet"),
    };
    let (code, message) = if ready {
        (StatusCode::OK, "")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, not_yet)
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

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;
    use crate::xds::Kind;
    use crate::xds::delta::Status;

    #[tokio::test]
    async fn status_is_that_of_the_gateway_it_is_asked_through() {
        let registry = Registry::new();
        let (xds, meter) = (registry.xds_connected("a"), registry.meter_connected("a"));
        let _other = registry.xds_connected("b");
        let check = async |node: Option<&str>, expected: StatusCode| {
            let mut request = Request::get("/api/status");
            if let Some(node) = node {
                request = request.header(NODE_HEADER, node);
            }
            let request = request.body(Body::empty()).unwrap();
            let answer = public_routes(registry.clone()).oneshot(request).await;
            assert_eq!(answer.unwrap().status(), expected, "{node:?}");
        };
        check(None, StatusCode::SERVICE_UNAVAILABLE).await;
        for kind in Kind::ALL {
            let (published, acked) = ("1".into(), true);
            xds.progress(kind, Some(Status { published, acked }));
        }
        meter.sent(1);
        meter.applied(1);
        check(None, StatusCode::OK).await;
        check(Some("a"), StatusCode::OK).await;
        check(Some("b"), StatusCode::SERVICE_UNAVAILABLE).await;
        check(Some("c"), StatusCode::SERVICE_UNAVAILABLE).await;
    }
}
