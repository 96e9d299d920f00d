//! Pages of the admin API over everything that was booked.

use std::time::{Duration, Instant};

use anyhow::ensure;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use tollgate::admin::{State, router};
use tollgate::secrets::Secret;
use tollgate::store::Store;
use tower::ServiceExt;

/// The key of the administrator.
const KEY: &str = "a key that is for the benchmark alone";

/// What is asked for.
const LISTS: [&str; 20] = [
    "/logs/",
    "/logs/?page=1000",
    "/logs/?per_page=100&order=id-asc",
    "/logs/?group=group-7",
    "/logs/?token_name=token-7",
    "/logs/?group=group-7&token_name=token-7",
    "/logs/?model_name=model-7",
    "/logs/?channel=7",
    "/logs/?code_type=error",
    "/logs/?code=500&model_name=model-7",
    "/logs/?code=429",
    "/logs/?request_id=00000000000000000000000000000777",
    "/logs/?upstream_id=req_000000000000000000000777",
    "/logs/?user=user-7",
    "/logs/?ip=10.0.7.7",
    "/logs/search?keyword=model-7",
    "/logs/search?keyword=nowhere",
    "/log/group-7",
    "/dashboard/?type=month",
    "/groups/ranking?type=group",
];

/// Each with its milliseconds: the median of five.
pub(crate) async fn run(store: &Store) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let api = router(State::new(store.clone(), Secret::new(KEY)));
    let mut measured = Vec::new();
    for list in LISTS {
        let mut times = Vec::new();
        for _ in 0..5 {
            let request = Request::get(format!("/api{list}"))
                .header("authorization", KEY)
                .body(Body::empty())?;
            let begun = Instant::now();
            let response = api.clone().oneshot(request).await?;
            let status = response.status();
            let body = to_bytes(response.into_body(), usize::MAX).await?;
            times.push(begun.elapsed());
            ensure!(
                status.is_success(),
                "{list}: {status} {}",
                String::from_utf8_lossy(&body)
            );
        }
        times.sort();
        let median: Duration = times.get(times.len() / 2).copied().unwrap_or_default();
        measured.push((list, median.as_secs_f64() * 1e3));
    }
    Ok(measured)
}
