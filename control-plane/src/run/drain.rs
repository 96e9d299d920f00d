//! The orderly end: no new calls, those under way end or are cut, all usage is booked.

use std::time::Duration;

use anyhow::Result;

use super::NODE;
use super::admin::Client;
use crate::serve::ControlPlane;

/// Calls that Envoy's listener (`xds::resources`) has under way.
const ACTIVE: &str = "http.tollgate.downstream_rq_active";

/// How often to look whether they have ended; Envoy does not tell.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// For connections to be closed after the time was up: Envoy's drain time (`child`) and some more.
const CUT_PATIENCE: Duration = Duration::from_secs(5);

/// For usage that is still in the gateway when the last call has ended.
const BOOKING_PATIENCE: Duration = Duration::from_secs(10);

/// Returns when all is done or the time is up, and says what is left.
pub(super) async fn drain(envoy: &Client, control: &ControlPlane, patience: Duration) {
    match tokio::time::timeout(patience, calls_end(envoy)).await {
        Ok(Ok(())) => tracing::debug!("all calls have ended"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "Envoy cannot be drained");
            // Without Envoy there are no calls, nor is there any usage.
            if !control.registry.has_meter(NODE) {
                return;
            }
        }
        Err(_) => {
            eprintln!("tollgate: some calls have not ended in time and are cut");
            // While Envoy lives, so that the filter sees the end of each and tells its usage.
            control.cut_off_callers(NODE);
            if tokio::time::timeout(CUT_PATIENCE, no_calls(envoy))
                .await
                .is_err()
            {
                eprintln!("tollgate: some calls could not be cut; their usage is not booked");
            }
        }
    }
    if tokio::time::timeout(BOOKING_PATIENCE, control.meter.flush())
        .await
        .is_err()
    {
        let arrived = control.meter.unbooked();
        eprintln!(
            "tollgate: some usage could not be booked in time ({arrived} calls of which we know, \
             and what gateways still hold)"
        );
    }
}

async fn calls_end(envoy: &Client) -> Result<()> {
    // Callers that keep a connection are told to close it with their next answer.
    envoy.post("/healthcheck/fail").await?;
    // The others are what calls under way may still go through.
    envoy.post("/drain_listeners?inboundonly").await?;
    while envoy.stat(ACTIVE).await? > 0 {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// The figure goes with the listener, or Envoy itself has ended.
async fn no_calls(envoy: &Client) {
    while envoy.stat(ACTIVE).await.is_ok_and(|active| active > 0) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
