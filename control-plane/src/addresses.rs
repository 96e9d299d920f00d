//! Goes through log rows that were booked before anybody wrote down which groups called from which
//! addresses, in the background and some at a time, so that bookings go on between.

use std::time::Duration;

use crate::store::Store;

/// Between two batches.
const PAUSE: Duration = Duration::from_millis(100);

/// Between two looks whether there is something to do.
const EVERY: Duration = Duration::from_secs(60);

/// Until it is dropped.
pub async fn run(store: Store) {
    loop {
        let pause = match store.fill_addresses().await {
            Ok(true) => PAUSE,
            Ok(false) => EVERY,
            Err(error) => {
                tracing::error!(%error, "the log is not gone through for addresses yet");
                EVERY
            }
        };
        tokio::time::sleep(pause).await;
    }
}
