//! The meter service: tokens go down to the gateways, usage comes up.
//!
//! Each gateway's meter singleton holds one bidirectional gRPC stream. It gets a snapshot of all
//! tokens and then every change; it sends usage in numbered batches, and a batch is acknowledged
//! only when the ledger has it on disk. Responses that are kept come up in the same way. What a gateway says is bounded and never trusted with more
//! than its own usage.

mod flush;
mod peers;
mod service;
mod session;
mod shares;
mod tokens;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use service::Server;
use tollgate_config::meter::TokenUpdate;

use crate::domain::now_unix_ms;
use crate::gateways::Registry;
use crate::leases::Leases;
use crate::ledger::Ledger;
use crate::responses::Responses;
use crate::store::Store;
use crate::windows::Windows;

/// What all streams share. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Meter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    ledger: Ledger,
    registry: Registry,
    responses: Responses,
    leases: Leases,
    flushes: flush::Flushes,
    shares: shares::Shares,
    version: AtomicU64,
    unbooked: AtomicU64,
    /// The control plane's own token.
    own_token: OnceLock<TokenUpdate>,
    /// Where rates are counted for all gateways together.
    windows: OnceLock<Windows>,
}

/// A gateway that lost its stream tries again soon.
const FLUSH_AGAIN: Duration = Duration::from_millis(50);

impl Meter {
    #[must_use]
    pub fn new(
        store: Store,
        ledger: Ledger,
        registry: Registry,
        responses: Responses,
        leases: Leases,
    ) -> Self {
        // Versions rise over restarts too, as long as the clock does not go back.
        let version = AtomicU64::new(now_unix_ms().unsigned_abs());
        let flushes = flush::Flushes::default();
        Self(Arc::new(Shared {
            store,
            ledger,
            registry,
            responses,
            leases,
            flushes,
            shares: shares::Shares::new(shares::GRACE),
            version,
            unbooked: AtomicU64::new(0),
            own_token: OnceLock::new(),
            windows: OnceLock::new(),
        }))
    }

    /// Every gateway that connects from now on is told of this token too, beside those of the
    /// store. There is one for as long as the program runs.
    pub fn tell_own_token(&self, token: TokenUpdate) {
        let _ = self.0.own_token.set(token);
    }

    /// Every gateway that connects from now on has rates counted there.
    pub fn count_in(&self, windows: Windows) {
        let _ = self.0.windows.set(windows);
    }

    /// Asks every connected gateway for the usage it still holds, and waits until that is booked
    /// or the gateway is gone. When all are gone, waits for one that comes back with what it holds.
    pub async fn flush(&self) {
        while self.0.flushes.flush().await == 0 {
            tokio::time::sleep(FLUSH_AGAIN).await;
        }
    }

    /// Shares limits with the gateways of other control planes too, where there may be some, for as
    /// long as it is polled.
    pub async fn know_others(self) {
        let Shared { store, shares, .. } = &*self.0;
        if store.is_shared() {
            peers::keep(store.clone(), shares.clone()).await;
        }
    }

    /// Usage events that have arrived and are not booked.
    #[must_use]
    pub fn unbooked(&self) -> u64 {
        self.0.unbooked.load(Ordering::Relaxed)
    }

    fn next_version(&self) -> u64 {
        self.0.version.fetch_add(1, Ordering::Relaxed) + 1
    }
}
