//! Which channels fail, and what comes of it.
//!
//! What is booked here is counted here: attempts of the last two minutes, by channel and model. Of
//! ten or more, a share of errors that a channel's settings name is told to people, or bans the
//! model: gateways then ask the channel last. A ban is in the database, where all control planes
//! find it, and ends after about five minutes, or as soon as a test of the channel goes well.
//!
//! Each control plane counts what its own gateways did, and what is cleared counts for none.

mod heal;
mod ring;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

pub use heal::heal;

use self::ring::Ring;
use crate::domain::options::DEFAULT_WARN_NOTIFY_ERROR_RATE;
use crate::domain::{Channel, ChannelBan, Log, Verdict, now_unix_ms};
use crate::secrets::random;
use crate::store::{self, Error, Notice, Store};

/// A model of a channel.
type Key = (i64, String);

/// Between a failure and what comes of it.
const EVERY: Duration = Duration::from_millis(500);

/// Fewer attempts say nothing.
const LEAST: i64 = 10;

const BANNED_FOR_MS: i64 = 5 * 60_000;
/// So much shorter or longer, so that not everything comes back at once.
const SPREAD_MS: i64 = BANNED_FOR_MS / 10;

/// Nobody is warned of the same more often.
const QUIET_MS: i64 = 15 * 60_000;

/// Counts attempts. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    rings: HashMap<Key, Ring>,
    /// What failed since somebody looked, and the status with which the provider refused it.
    failed: BTreeMap<Key, Option<u32>>,
}

impl Health {
    /// Counts the attempts of calls that were booked now. What happened long ago, because its usage
    /// had to wait, says nothing about the present.
    pub fn count(&self, logs: &[Log], now_ms: i64) {
        if logs.is_empty() {
            return;
        }
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for log in logs {
            let at_ms = log
                .request_at_ms
                .saturating_add(log.duration_ms)
                .min(now_ms);
            if at_ms < now_ms.saturating_sub(ring::WINDOW_MS) {
                continue;
            }
            for (at, attempt) in log.attempts.iter().enumerate() {
                let verdict = log.verdict(at);
                if verdict == Verdict::Neither {
                    continue;
                }
                let key = (attempt.channel_id, log.model.clone());
                let bad = verdict == Verdict::Bad;
                counts.rings.entry(key.clone()).or_default().add(at_ms, bad);
                if bad {
                    let refused = counts.failed.entry(key).or_default();
                    let status = attempt.status;
                    *refused = Some(status).filter(|it| is_refusal(*it)).or(*refused);
                }
            }
        }
    }

    /// What failed since this was asked last. What nobody used for long is forgotten.
    fn take_failed(&self, now_ms: i64) -> BTreeMap<Key, Option<u32>> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = std::mem::take(&mut counts.failed);
        if !failed.is_empty() {
            counts.rings.retain(|_, ring| !ring.is_old(now_ms));
        }
        failed
    }

    /// Attempts and errors of the last two minutes, from `since_ms` on.
    fn sums(&self, key: &Key, now_ms: i64, since_ms: i64) -> (i64, i64) {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = counts.rings.get(key);
        ring.map_or((0, 0), |ring| ring.sums(now_ms, since_ms))
    }
}

fn is_refusal(status: u32) -> bool {
    matches!(status, 401..=404)
}

/// Looks at what failed.
#[derive(Debug)]
pub struct Watch {
    store: Store,
    health: Health,
    /// When somebody was warned, by what and of whom.
    told: HashMap<(&'static str, Key), i64>,
}

impl Watch {
    #[must_use]
    pub fn new(store: Store, health: Health) -> Self {
        Self {
            store,
            health,
            told: HashMap::new(),
        }
    }

    /// Until it is dropped.
    pub async fn run(mut self) {
        let mut interval = tokio::time::interval(EVERY);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            if let Err(error) = self.look(now_unix_ms()).await {
                tracing::error!(%error, "channels that fail are not looked at");
            }
        }
    }

    async fn look(&mut self, now_ms: i64) -> store::Result<()> {
        let failed = self.health.take_failed(now_ms);
        if failed.is_empty() {
            return Ok(());
        }
        self.told.retain(|_, at| *at > now_ms - QUIET_MS);
        let clears = self.store.clears().await?;
        let options = self.store.options().await?;
        let default = options.share(DEFAULT_WARN_NOTIFY_ERROR_RATE);
        let banned = self.store.channel_bans().await?;
        for (key, refused) in failed {
            let is = |ban: &ChannelBan| (ban.channel_id, &ban.model) == (key.0, &key.1);
            if banned.iter().any(is) {
                continue;
            }
            let channel = match self.store.channel(key.0).await {
                Err(Error::NotFound(_)) => continue,
                found => found?,
            };
            let care = channel.care;
            if let Some(status) = refused {
                if care.no_permission_ban {
                    let why = format!("Its provider answered with {status}");
                    self.ban(&channel, &key, now_ms, why).await?;
                    continue;
                }
                // 404 may be about something that the caller named.
                if status != 404 && self.is_news("refused", &key, now_ms) {
                    self.store.notice(Notice::NoPermission {
                        channel: channel.id,
                        name: channel.name.clone(),
                        model: key.1.clone(),
                        status,
                    });
                }
            }
            let since_ms = clears.of(key.0, &key.1);
            let (attempts, errors) = self.health.sums(&key, now_ms, since_ms);
            let reached = |share: Option<crate::domain::Share>| {
                attempts >= LEAST && share.is_some_and(|it| it.is_reached_by(errors, attempts))
            };
            if reached(care.max_error_rate.some()) {
                let why = format!("{errors} of its last {attempts} attempts failed");
                self.ban(&channel, &key, now_ms, why).await?;
            } else if reached(care.warn_error_rate.some().or(default.some()))
                && self.is_news("errors", &key, now_ms)
            {
                self.store.notice(Notice::ErrorsMany {
                    channel: channel.id,
                    name: channel.name,
                    model: key.1,
                    errors,
                    attempts,
                });
            }
        }
        Ok(())
    }

    async fn ban(
        &self,
        channel: &Channel,
        (id, model): &Key,
        now_ms: i64,
        why: String,
    ) -> store::Result<()> {
        let spread = i64::from(u16::from_le_bytes(random::<2>()));
        let spread = spread * 2 * SPREAD_MS / i64::from(u16::MAX) - SPREAD_MS;
        let ban = ChannelBan {
            channel_id: *id,
            model: model.clone(),
            banned_at_ms: now_ms,
            until_ms: now_ms + BANNED_FOR_MS + spread,
            reason: why.clone(),
        };
        let notice = Notice::ChannelBanned {
            channel: *id,
            name: channel.name.clone(),
            model: model.clone(),
            why,
        };
        match self.store.ban_channel(ban, notice).await {
            Err(Error::Conflict(_)) => Ok(()),
            done => done.map(|_| ()),
        }
    }

    fn is_news(&mut self, what: &'static str, key: &Key, now_ms: i64) -> bool {
        let news = !self.told.contains_key(&(what, key.clone()));
        if news {
            self.told.insert((what, key.clone()), now_ms);
        }
        news
    }
}

#[cfg(test)]
mod tests;
