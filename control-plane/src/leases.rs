//! Leases of budgets for gateways: granted when a call lacks something, called back when nobody uses
//! them or something changed, freed when their holder is gone.
//!
//! How slices are cut, and how far a budget can be exceeded, is in [`tollgate_policy::lease`]. What is
//! outstanding is in the database before a gateway hears of it ([`Store::grant_leases`]), so a
//! restart forgets nothing. A gateway that is not heard of for [`GONE_AFTER`] counts as ended, and what
//! it held is granted to others: were it only cut off, and came back, its calls meanwhile would come
//! on top, up to what it held.

mod service;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, oneshot};
use tollgate_config::leases::{self, Lease};

use crate::domain::{day, now_unix_ms};
use crate::store::{Asked, Error, Granted, Held, Result, Store};

/// Who gets nothing waits so long before it is told, and asks again.
const WAIT: Duration = Duration::from_millis(150);

/// A lease that nothing happened to for so long is called back. Longer than any answer is on its way.
const IDLE: Duration = Duration::from_secs(60);

/// How long a holder may be away.
const GONE_AFTER: Duration = Duration::from_secs(15 * 60);

/// Nobody counts as gone for so long after a start, or after the database was away: holders that could
/// not be heard of meanwhile, here or at other control planes, are to be seen first.
const SETTLE: Duration = Duration::from_secs(60);

const SWEEP_EVERY: Duration = Duration::from_secs(15);

/// Days are kept for longer than any window.
const KEPT_DAYS: Duration = Duration::from_secs(62 * 24 * 60 * 60);

/// What holders at other control planes are to give back is heard of after so long. Who waits for it
/// asks for about two seconds.
const LISTEN_EVERY: Duration = Duration::from_millis(200);

/// Recalls that a slow session may be behind; past that it calls back all that its holder has.
const RECALLS: usize = 256;

/// What one question may be about.
const LEASES_MAX: usize = 16;

/// Cloning shares it.
#[derive(Debug, Clone)]
pub struct Leases(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    waiting: Mutex<Vec<Waiting>>,
    /// Whoever has it answers all that wait: one transaction for all who came during the last one.
    turn: tokio::sync::Mutex<()>,
    recalls: broadcast::Sender<Arc<Vec<Held>>>,
    /// How many streams each holder has.
    present: Mutex<BTreeMap<String, usize>>,
    /// Since when the database has been there each time that it was looked at, in Unix milliseconds.
    steady_since: Mutex<Option<i64>>,
}

#[derive(Debug)]
struct Waiting {
    asked: Vec<Asked>,
    answer: oneshot::Sender<Vec<Granted>>,
}

/// A holder that is connected, until this is dropped.
#[derive(Debug)]
pub(crate) struct Present {
    leases: Leases,
    pub(crate) holder: String,
}

impl Leases {
    #[must_use]
    pub fn new(store: Store) -> Self {
        let (recalls, _) = broadcast::channel(RECALLS);
        Self(Arc::new(Shared {
            store,
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            recalls,
            present: Mutex::default(),
            steady_since: Mutex::default(),
        }))
    }

    /// Answers a worker whose call lacks something. Where all that is left is with others, they are
    /// called, and the answer takes a moment.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn ask(&self, question: leases::Leases) -> Result<leases::Leases> {
        let holder = question.holder;
        let asked = question.leases.into_iter().take(LEASES_MAX).map(|lease| {
            let holder = holder.clone();
            Asked { holder, lease }
        });
        let granted = self.grant(asked.collect()).await?;
        if granted.iter().any(|granted| granted.must_wait) {
            let others = granted.iter().flat_map(|granted| granted.others.clone());
            let others: Vec<Held> = others.collect();
            self.want(&others).await;
            self.recall(others);
            tokio::time::sleep(WAIT).await;
        }
        let answers = granted.into_iter().map(|granted| granted.lease);
        Ok(leases::Leases {
            holder: String::new(),
            leases: answers.filter(|it| !it.budget.is_empty()).collect(),
        })
    }

    async fn grant(&self, asked: Vec<Asked>) -> Result<Vec<Granted>> {
        let (answer, mut answered) = oneshot::channel();
        lock(&self.0.waiting).push(Waiting { asked, answer });
        let turn = self.0.turn.lock().await;
        if let Ok(granted) = answered.try_recv() {
            return Ok(granted);
        }
        // A task of its own: who hangs up must not take the others' answers along.
        let leases = self.clone();
        let all = tokio::spawn(async move { leases.grant_all().await });
        let done = all.await.unwrap_or_else(|_| Err(Error::cut_short()));
        drop(turn);
        done?;
        answered.try_recv().map_err(|_| Error::cut_short())
    }

    /// Answers all that wait.
    async fn grant_all(&self) -> Result<()> {
        let waiting = std::mem::take(&mut *lock(&self.0.waiting));
        let asked: Vec<Asked> = waiting.iter().flat_map(|it| it.asked.clone()).collect();
        let granted = self.0.store.grant_leases(&asked, now_unix_ms()).await?;
        let mut granted = granted.into_iter();
        for Waiting { asked, answer } in waiting {
            // Who is not there any more asks again, or needs nothing.
            let _ = answer.send(granted.by_ref().take(asked.len()).collect());
        }
        Ok(())
    }

    /// A gateway says who holds leases there.
    pub(crate) fn joined(&self, holder: &str) -> Present {
        *lock(&self.0.present).entry(holder.to_owned()).or_default() += 1;
        Present {
            leases: self.clone(),
            holder: holder.to_owned(),
        }
    }

    /// What is to be given back, from now on.
    pub(crate) fn recalls(&self) -> broadcast::Receiver<Arc<Vec<Held>>> {
        self.0.recalls.subscribe()
    }

    /// What a gateway gave back.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn returned(&self, report: &leases::Leases) -> Result<()> {
        let known: Vec<Lease> = report
            .leases
            .iter()
            .filter(|it| it.id != 0)
            .cloned()
            .collect();
        if known.is_empty() {
            return Ok(());
        }
        let idle = ago(now_unix_ms(), IDLE);
        let store = &self.0.store;
        store.leases_returned(&report.holder, &known, idle).await
    }

    /// What a holder has of these tokens' budgets, and of a group's balance.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn held_of(
        &self,
        holder: &str,
        tokens: &[i64],
        group: Option<&str>,
    ) -> Result<Vec<Lease>> {
        let held = self.0.store.leases_of_budgets(holder, tokens, group);
        Ok(held.await?.into_iter().map(|held| held.lease).collect())
    }

    /// All that a holder has.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn all_held(&self, holder: &str) -> Result<Vec<Lease>> {
        let held = self.0.store.leases_of(holder).await?;
        Ok(held.into_iter().map(|held| held.lease).collect())
    }

    /// Says to all control planes that somebody waits for these. Who waits asks again, so that this may
    /// fail.
    async fn want(&self, held: &[Held]) {
        let store = &self.0.store;
        if !store.is_shared() {
            return;
        }
        let ids: Vec<i64> = held.iter().map(|held| held.lease.id).collect();
        if let Err(error) = store.want_leases(&ids).await {
            tracing::warn!(%error, "leases at other control planes are not called back yet");
        }
    }

    /// Has these given back, as far as their holders are connected here.
    pub(crate) fn recall(&self, held: Vec<Held>) {
        if !held.is_empty() {
            // It fails when nobody is connected; then there is nobody to call.
            let _ = self.0.recalls.send(Arc::new(held));
        }
    }

    /// Looks after what is out, for as long as it is polled.
    pub async fn run(self) {
        tokio::join!(self.keep(), self.listen());
    }

    async fn keep(&self) {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            match self.sweep(now_unix_ms()).await {
                Ok(0) => {}
                Ok(freed) => tracing::info!(freed, "leases of gateways that are gone are free"),
                Err(error) => tracing::warn!(%error, "leases are not looked after"),
            }
        }
    }

    /// Calls back what somebody at another control plane waits for.
    async fn listen(&self) {
        let store = &self.0.store;
        while store.is_shared() {
            tokio::time::sleep(LISTEN_EVERY).await;
            let present = self.present();
            // Whoever needs the database reports that it is away.
            self.recall(store.wanted_leases(&present).await.unwrap_or_default());
        }
    }

    fn present(&self) -> Vec<String> {
        lock(&self.0.present).keys().cloned().collect()
    }

    /// Calls back what rests, and frees what belongs to nobody who is there. Says how many it freed.
    pub(crate) async fn sweep(&self, now_ms: i64) -> Result<u64> {
        let freed = self.try_sweep(now_ms).await;
        if freed.is_err() {
            *lock(&self.0.steady_since) = None;
        }
        freed
    }

    async fn try_sweep(&self, now_ms: i64) -> Result<u64> {
        let store = &self.0.store;
        let due = ago(now_ms, GONE_AFTER / 4);
        store.renew_leases(&self.present(), now_ms, due).await?;
        let steady_since = *lock(&self.0.steady_since).get_or_insert(now_ms);
        let mut freed = 0;
        if steady_since <= ago(now_ms, SETTLE) {
            freed = store.free_leases(ago(now_ms, GONE_AFTER)).await?;
        }
        let zone = store.zone().await?;
        store
            .forget_days(day(&zone, ago(now_ms, KEPT_DAYS)))
            .await?;
        self.recall(store.idle_leases(ago(now_ms, IDLE)).await?);
        Ok(freed)
    }
}

impl Present {
    /// Of what is to be given back, what this holder has.
    pub(crate) fn own(&self, recalled: &[Held]) -> Vec<Lease> {
        let own = recalled.iter().filter(|held| held.holder == self.holder);
        own.map(|held| held.lease.clone()).collect()
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        let mut present = lock(&self.leases.0.present);
        if let Some(streams) = present.get_mut(&self.holder) {
            *streams -= 1;
            if *streams == 0 {
                present.remove(&self.holder);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ago(now_ms: i64, time: Duration) -> i64 {
    now_ms.saturating_sub(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
