//! Groups whose money is kept elsewhere.
//!
//! A group's wallet is the ledger's own unless it was opened with a service. Such a wallet is charged
//! here like any other, in the transaction that books the calls; beside it stands what the service
//! has to be told, which goes out from there until the service has confirmed it, so that nothing is
//! lost, whoever is away. What may be spent is what the service said last, without what it does not
//! know yet.
//!
//! The protocol, with `Authorization: Bearer <secret>`, amounts in decimal USD:
//! - `GET <url>/balance?group=<id>` → `200 {"balance": 12.5}`
//! - `POST <url>/consume` with `{"group", "amount", "calls", "idempotency_key"}` and the header
//!   `Idempotency-Key` → any 2xx, perhaps with `{"balance": …}`. A key that the service knows is
//!   answered like the first time; it comes again when an answer did not arrive.

mod http;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tollgate_policy::price::NanoUsd;

pub use http::HttpService;

use crate::domain::Consumption;
use crate::store::{self, Notice, ServiceAccess, Store};

/// Who keeps a group's money.
pub trait BalanceProvider: Send + Sync + 'static {
    /// What the group may still spend.
    fn balance(&self, group: &str) -> impl Future<Output = Result<NanoUsd, ProviderError>> + Send;

    /// Takes what was used, once for each key. Gives what is left, if it says so.
    fn consume(
        &self,
        consumption: &Consumption,
    ) -> impl Future<Output = Result<Option<NanoUsd>, ProviderError>> + Send;
}

/// Why a service did not do it. Its text holds no secret and no more of the address than its host.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("{0}")]
    Call(String),
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("its answer is not {{\"balance\": <amount in USD>}}")]
    Answer,
}

/// Tells services what was used, and asks them what is left, as long as the program runs.
#[derive(Debug, Clone)]
pub struct Collector {
    store: Store,
}

const ROUND: Duration = Duration::from_secs(1);

/// How old a service's word may be.
const STALE_MS: i64 = 30_000;

impl Collector {
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    pub async fn run(self) {
        let mut interval = tokio::time::interval(ROUND);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            if let Err(error) = self.round(HttpService::new).await {
                tracing::error!(%error, "balance services are not told what was used");
            }
        }
    }

    /// Everything that is due, side by side.
    async fn round<P: BalanceProvider>(
        &self,
        provider: impl Fn(ServiceAccess) -> P,
    ) -> store::Result<()> {
        let mut calls = JoinSet::new();
        for consumption in self.store.take_consumptions().await? {
            let access = self.store.service_access(consumption.service).await?;
            let (store, provider) = (self.store.clone(), Arc::new(provider(access)));
            calls.spawn(async move {
                match provider.consume(&consumption).await {
                    Ok(left) => store.consumption_confirmed(&consumption, left).await,
                    Err(error) => {
                        store
                            .consumption_failed(&consumption, &error.to_string())
                            .await
                    }
                }
            });
        }
        while let Some(done) = calls.join_next().await {
            done.unwrap_or(Ok(()))?;
        }
        for stale in self.store.take_stale(STALE_MS).await? {
            let access = self.store.service_access(stale.service).await?;
            let (store, provider) = (self.store.clone(), provider(access));
            calls.spawn(async move {
                match provider.balance(&stale.group).await {
                    Ok(left) => store.set_credit(&stale, left).await,
                    Err(error) => {
                        store.notice(Notice::BalanceUnknown {
                            group: stale.group,
                            error: error.to_string(),
                        });
                        Ok(())
                    }
                }
            });
        }
        while let Some(done) = calls.join_next().await {
            done.unwrap_or(Ok(()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
