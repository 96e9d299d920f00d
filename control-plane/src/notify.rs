//! Operators are told what they should know of: in the alert history, and at their webhooks.
//!
//! Three tasks, so that nothing that is told waits for anybody who is told. One writes what it hears
//! of into the database, where subjects are told of only so often, whichever control plane it is that
//! hears. Another delivers what stands there, again and later if it has to, also after a restart.
//! The third tells what cannot be written down: that the database is away. None is in the way of
//! what it hears from: who does not listen in time misses something, and balances are looked at
//! again by themselves.

mod away;
mod message;
mod sinks;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;

pub use sinks::Sinks;

use crate::domain::{Alert, Delivery, NewAlert, now_unix_ms, options};
use crate::store::{self, LOW_BALANCES, Notice, Store};

/// Looks at all balances this often, on one of all control planes: a threshold that was just set,
/// and money that is kept elsewhere, move no balance that would be heard of.
const LOOK_EVERY_MS: i64 = 60_000;
/// How often one tries to be who looks.
const LOOK: Duration = Duration::from_secs(5);

/// Who stays below a threshold is told of again after so long.
const REMIND_MS: i64 = 24 * 60 * 60 * 1000;

/// Until what waits in the database is looked at again.
const DELIVER: Duration = Duration::from_secs(2);

/// While a delivery is ours. Longer than both ways take together.
const OURS_MS: i64 = 60_000;

/// After a delivery that failed; twice as long each time.
const AGAIN_MS: i64 = 5_000;
const AGAIN_MAX_MS: i64 = 10 * 60_000;
/// The tenth is about half an hour after the first.
const TRIES: i64 = 10;

/// Hears what happens and tells it.
#[derive(Debug)]
pub struct Notifier {
    store: Store,
    notices: Receiver<Notice>,
    sinks: Arc<Sinks>,
    /// Something was written down that is to be delivered.
    told: Arc<Notify>,
}

impl Notifier {
    /// Hears from now on; [`Notifier::run`] does the rest.
    #[must_use]
    pub fn new(store: Store, sinks: Sinks) -> Self {
        Self {
            notices: store.notices(),
            store,
            sinks: Arc::new(sinks),
            told: Arc::new(Notify::new()),
        }
    }

    /// Ends with the store.
    pub async fn run(self) {
        let Self {
            store,
            notices,
            sinks,
            told,
        } = self;
        let writer = Writer {
            store: store.clone(),
            sinks: Arc::clone(&sinks),
            told: Arc::clone(&told),
        };
        let away = away::Watch::new(store.clone(), Arc::clone(&sinks));
        let deliverer = Deliverer { store, sinks };
        tokio::select! {
            () = writer.run(notices) => {}
            () = deliverer.run(&told) => {}
            () = away.run() => {}
        }
    }
}

/// Writes down what is to be told.
struct Writer {
    store: Store,
    sinks: Arc<Sinks>,
    told: Arc<Notify>,
}

impl Writer {
    async fn run(self, mut notices: Receiver<Notice>) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                notice = notices.recv() => match notice {
                    Ok(notice) => self.tell(message::of(notice)).await,
                    Err(RecvError::Lagged(count)) => {
                        tracing::error!(count, "so much happened that not all of it is told");
                        Ok(())
                    }
                    Err(RecvError::Closed) => return,
                },
                _ = looks.tick() => self.look().await,
            };
            if let Err(error) = done {
                tracing::error!(%error, "an alert is not written down");
            }
        }
    }

    async fn tell(&self, alert: NewAlert) -> store::Result<()> {
        let (feishu, webhook) = self.sinks.wanted();
        let told = self.store.tell(alert, feishu, webhook, now_unix_ms());
        if told.await? {
            self.told.notify_one();
        }
        Ok(())
    }

    /// Tells of every balance that is low and of which nobody was told for long.
    async fn look(&self) -> store::Result<()> {
        if !self.store.take_duty(LOW_BALANCES, LOOK_EVERY_MS).await? {
            return Ok(());
        }
        for notice in self.store.low_balances().await? {
            let quiet_ms = REMIND_MS;
            self.tell(NewAlert {
                quiet_ms,
                ..message::of(notice)
            })
            .await?;
        }
        Ok(())
    }
}

/// Delivers what was written down.
struct Deliverer {
    store: Store,
    sinks: Arc<Sinks>,
}

impl Deliverer {
    async fn run(self, told: &Notify) {
        if self.sinks.is_empty() {
            return std::future::pending().await;
        }
        let mut failed = false;
        loop {
            match self.round(now_unix_ms()).await {
                Ok(()) => failed = false,
                Err(error) => {
                    if !failed {
                        tracing::error!(%error, "alerts are not delivered yet; trying on");
                    }
                    failed = true;
                }
            }
            // What is tried again later is seen in time.
            let _ = tokio::time::timeout(DELIVER, told.notified()).await;
        }
    }

    /// Everything that is due, one after the other.
    async fn round(&self, now_ms: i64) -> store::Result<()> {
        for alert in self.store.due_alerts(now_ms).await? {
            // Others may have the address that this control plane lacks.
            let ours = self.sinks.has_any_of(&alert);
            if ours && self.store.take_alert(&alert, now_ms + OURS_MS).await? {
                self.deliver(alert).await?;
            }
        }
        Ok(())
    }

    async fn deliver(&self, alert: Alert) -> store::Result<()> {
        let options = self.store.options().await?;
        let note = match options.text(options::NOTIFY_NOTE).0 {
            "" => "Tollgate",
            note => note,
        };
        let is_last = alert.tries + 1 >= TRIES;
        let outcome = |before: Delivery, sent: Result<(), sinks::Failure>, way: &str| match sent {
            Ok(()) => Delivery::Delivered,
            Err(error) => {
                let id = alert.id;
                tracing::warn!(id, way, %error, is_last, "an alert is not delivered");
                if is_last { Delivery::GivenUp } else { before }
            }
        };
        let (mut feishu, mut webhook) = (alert.feishu, alert.webhook);
        if feishu == Delivery::Waiting {
            let sent = self.sinks.to_feishu(&alert, note).await;
            feishu = outcome(feishu, sent, "feishu");
        }
        if webhook == Delivery::Waiting {
            let sent = self.sinks.to_webhook(&alert, note).await;
            webhook = outcome(webhook, sent, "webhook");
        }
        let waits = [feishu, webhook].contains(&Delivery::Waiting);
        let next = if waits {
            now_unix_ms() + pause_ms(alert.tries)
        } else {
            0
        };
        self.store
            .alert_tried(alert.id, feishu, webhook, next)
            .await
    }
}

/// After a delivery before which there were so many.
fn pause_ms(tries: i64) -> i64 {
    let doubled = u32::try_from(tries)
        .ok()
        .and_then(|tries| 2_i64.checked_pow(tries));
    doubled
        .and_then(|times| AGAIN_MS.checked_mul(times))
        .map_or(AGAIN_MAX_MS, |pause| pause.min(AGAIN_MAX_MS))
}

#[cfg(test)]
mod tests;
