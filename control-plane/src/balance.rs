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
//!
//! Answers to `consume` come in any order, and one to a repeated key is as old as the first: so such
//! a balance only ever lowers what remains. What a group got there is heard of from `balance`.

mod http;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};
use tollgate_policy::price::NanoUsd;

pub use http::HttpService;

use crate::domain::Consumption;
use crate::store::{self, Notice, ServiceAccess, Stale, Store};

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
    #[error("its address or secret cannot be read here")]
    Unreadable,
}

/// Tells services what was used, and asks them what is left, as long as the program runs.
#[derive(Debug, Clone)]
pub struct Collector {
    store: Store,
}

/// The services that are being told and asked. Dropping it ends that.
#[derive(Debug, Default)]
struct AtWork {
    tasks: JoinSet<()>,
    services: BTreeMap<i64, AbortHandle>,
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
        let mut at_work = AtWork::default();
        loop {
            interval.tick().await;
            if let Err(error) = self.begin(&mut at_work, HttpService::new).await {
                tracing::error!(%error, "balance services are not told what was used");
            }
        }
    }

    /// Begins a round at every service that has ended its last one: none waits for another.
    async fn begin<P: BalanceProvider>(
        &self,
        at_work: &mut AtWork,
        provider: impl Fn(ServiceAccess) -> P + Clone + Send + 'static,
    ) -> store::Result<()> {
        while at_work.tasks.try_join_next().is_some() {}
        at_work.services.retain(|_, task| !task.is_finished());
        for service in self.store.balance_service_ids().await? {
            if at_work.services.contains_key(&service) {
                continue;
            }
            let (collector, provider) = (self.clone(), provider.clone());
            let task = at_work.tasks.spawn(async move {
                if let Err(error) = collector.round(service, provider).await {
                    tracing::error!(service, %error, "a balance service is not told what was used");
                }
            });
            at_work.services.insert(service, task);
        }
        Ok(())
    }

    /// Everything that is due at a service, a batch side by side, until no batch is full.
    async fn round<P: BalanceProvider>(
        &self,
        service: i64,
        provider: impl Fn(ServiceAccess) -> P,
    ) -> store::Result<()> {
        let (provider, unreadable) = match self.store.service_access(service).await {
            Ok(access) => (Some(Arc::new(provider(access))), None),
            Err(error @ (store::Error::Row { .. } | store::Error::NotFound(_))) => {
                (None, Some(error))
            }
            Err(error) => return Err(error),
        };
        loop {
            let (due, is_full) = self.store.take_consumptions(service).await?;
            let is_idle = due.is_empty();
            // Of a service that takes none, the rest of what waits would go the same way.
            let goes_on = self.tell(provider.as_ref(), due).await? || is_idle;
            // After it: what the service knows by now is not taken off what it will say.
            let (stale, is_full_too) = self.store.take_stale(service, STALE_MS).await?;
            let is_wanted = !is_idle || !stale.is_empty();
            if let Some(error) = unreadable.as_ref().filter(|_| is_wanted) {
                tracing::error!(service, %error, "a balance service cannot be called");
            }
            self.ask(provider.as_ref(), stale).await?;
            if !(is_full && goes_on || is_full_too) {
                return Ok(());
            }
        }
    }

    /// Whether any of it was taken.
    async fn tell<P: BalanceProvider>(
        &self,
        provider: Option<&Arc<P>>,
        due: Vec<Consumption>,
    ) -> store::Result<bool> {
        let mut groups: BTreeMap<String, Vec<Consumption>> = BTreeMap::new();
        for consumption in due {
            let group = groups.entry(consumption.group.clone()).or_default();
            group.push(consumption);
        }
        let mut all = JoinSet::new();
        for consumptions in groups.into_values() {
            all.spawn(tell_group(
                self.store.clone(),
                provider.cloned(),
                consumptions,
            ));
        }
        let mut is_taken = false;
        while let Some(done) = all.join_next().await {
            is_taken |= done.unwrap_or(Ok(false))?;
        }
        Ok(is_taken)
    }

    async fn ask<P: BalanceProvider>(
        &self,
        provider: Option<&Arc<P>>,
        stale: Vec<Stale>,
    ) -> store::Result<()> {
        let mut calls = JoinSet::new();
        for stale in stale {
            let (store, provider) = (self.store.clone(), provider.cloned());
            calls.spawn(async move {
                let answer = match provider {
                    Some(provider) => provider.balance(&stale.group).await,
                    None => Err(ProviderError::Unreadable),
                };
                match answer {
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

/// Tells a service what one group used, side by side. What is left counts when all have answered:
/// what the service has taken meanwhile is then no longer taken off what it says.
async fn tell_group<P: BalanceProvider>(
    store: Store,
    provider: Option<Arc<P>>,
    consumptions: Vec<Consumption>,
) -> store::Result<bool> {
    let mut calls = JoinSet::new();
    for consumption in consumptions {
        calls.spawn(tell_one(store.clone(), provider.clone(), consumption));
    }
    let (mut taken, mut least) = (None, None);
    while let Some(done) = calls.join_next().await {
        if let Some((consumption, left)) = done.unwrap_or(Ok(None))? {
            taken = Some(consumption);
            least = least.into_iter().chain(left).min();
        }
    }
    if let (Some(consumption), Some(left)) = (&taken, least) {
        store.lower_credit(consumption, left).await?;
    }
    Ok(taken.is_some())
}

/// What the service took, and what it said is left; `None` when it did not take it.
async fn tell_one<P: BalanceProvider>(
    store: Store,
    provider: Option<Arc<P>>,
    consumption: Consumption,
) -> store::Result<Option<(Consumption, Option<NanoUsd>)>> {
    let answer = match provider {
        Some(provider) => provider.consume(&consumption).await,
        None => Err(ProviderError::Unreadable),
    };
    match answer {
        Ok(left) => {
            store.consumption_confirmed(&consumption).await?;
            // Another attempt's answer may be one that was true long ago.
            let left = left.filter(|_| consumption.attempts == 1);
            Ok(Some((consumption, left)))
        }
        Err(error) => {
            let error = error.to_string();
            store.consumption_failed(&consumption, &error).await?;
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests;
