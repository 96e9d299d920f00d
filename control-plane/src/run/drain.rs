//! The orderly end: no new calls, those under way end, all usage is booked.

use std::time::Duration;

use anyhow::Result;

use super::admin::Client;
use crate::meter::Meter;

/// Calls that Envoy's listener (`xds::resources`) has under way.
const ACTIVE: &str = "http.tollgate.downstream_rq_active";

/// How often to look whether they have ended; Envoy does not tell.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// For usage that is still in the gateway when the last call has ended, also when the calls did
/// not end in time.
const BOOKING_PATIENCE: Duration = Duration::from_secs(10);

/// Returns when all is done or the time is up, and says what is left.
pub(super) async fn drain(envoy: &Client, meter: &Meter, patience: Duration) {
    match tokio::time::timeout(patience, calls_end(envoy)).await {
        Ok(Ok(())) => tracing::debug!("all calls have ended"),
        // Without Envoy there are no calls.
        Ok(Err(error)) => tracing::warn!(%error, "Envoy cannot be drained"),
        Err(_) => eprintln!("tollgate: some calls have not ended in time and are cut"),
    }
    if tokio::time::timeout(BOOKING_PATIENCE, meter.flush())
        .await
        .is_err()
    {
        eprintln!("tollgate: some usage could not be booked in time");
    }
}

async fn calls_end(envoy: &Client) -> Result<()> {
    // Callers that keep a connection are told to close it with their next answer.
    envoy.post("/healthcheck/fail").await?;
    envoy.post("/drain_listeners").await?;
    while envoy.stat(ACTIVE).await? > 0 {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}
