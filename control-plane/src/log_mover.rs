//! Moves log rows to the log database, in the background, where there is one of its own.

use std::time::Duration;

use crate::store::Store;

/// Between two looks. Rows are in lists about a second after their booking.
const EVERY: Duration = Duration::from_millis(500);

/// Until it is dropped.
pub async fn run(store: Store) {
    if let Err(error) = store.try_set_aside().await {
        tracing::error!(%error, "log rows that were set aside stay there until the next start");
    }
    let mut is_away = false;
    loop {
        match store.move_logs().await {
            Ok(Some(_)) if is_away => {
                tracing::info!("the log database is back");
                is_away = false;
            }
            Ok(_) => {}
            Err(error) if !is_away => {
                tracing::error!(%error, "log rows wait for the log database");
                is_away = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(EVERY).await;
    }
}
