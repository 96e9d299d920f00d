//! Looks for addresses that use the keys of many groups, with AI Proxy's two thresholds: from the
//! first on somebody is told, from the second on the address is black-listed and the groups are
//! disabled, because their keys are in foreign hands.
//!
//! What counts are the calls that began within the last hour, or since the address, or a block with it,
//! was last taken off the black-list. Where all callers come through one proxy, they have one
//! address, and neither threshold should be set.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::{is_within, now_unix_ms, options};
use crate::store::{self, SHARED_ADDRESSES, Store};

const EVERY: Duration = Duration::from_secs(60);
/// A threshold that is set counts after so long.
const TRY_EVERY: Duration = Duration::from_secs(5);
const HOUR_MS: i64 = 60 * 60 * 1000;
const BANNED_FOR_MS: i64 = 48 * HOUR_MS;
/// Nobody is told of the same address more often.
const QUIET_MS: i64 = 3 * HOUR_MS;
/// Looks every minute, on one of all control planes.
#[derive(Debug)]
pub struct Watch {
    store: Store,
    /// When somebody was told of an address, in Unix milliseconds.
    told: HashMap<String, i64>,
}

impl Watch {
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            told: HashMap::new(),
        }
    }

    pub async fn run(mut self) {
        let mut interval = tokio::time::interval(TRY_EVERY);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let every = i64::try_from(EVERY.as_millis()).unwrap_or(HOUR_MS);
            let done = match self.store.take_duty(SHARED_ADDRESSES, every).await {
                Ok(true) => self.look(now_unix_ms()).await,
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                tracing::error!(%error, "addresses that share keys are not looked for");
            }
        }
    }

    async fn look(&mut self, now: i64) -> store::Result<()> {
        let options = self.store.options().await?;
        let threshold = |option| Some(options.whole(option)).filter(|number| *number > 0);
        let warn = threshold(options::IP_GROUPS_THRESHOLD);
        let ban = threshold(options::IP_GROUPS_BAN_THRESHOLD);
        let Some(lowest) = warn.into_iter().chain(ban).min() else {
            return Ok(());
        };
        self.told.retain(|_, at| *at > now - QUIET_MS);
        let found = self.store.ip_groups(lowest, now - HOUR_MS, now).await?;
        let pardons = self.store.pardons(now - HOUR_MS).await?;
        for address in found.into_keys() {
            // What is found was booked within the hour, and may have waited for that. It may have been
            // in a block that was listed, too.
            let own = pardons.iter().filter(|(it, _)| is_within(&address, it));
            let since = own.map(|(_, at)| *at).fold(now - HOUR_MS, i64::max);
            let groups = self.store.groups_of_address(&address, since, now).await?;
            let reaches = |threshold: Option<i64>| {
                threshold.is_some_and(|it| i64::try_from(groups.len()).is_ok_and(|n| n >= it))
            };
            if reaches(ban) {
                let until = now.saturating_add(BANNED_FOR_MS);
                self.store.ban_shared(address, groups, until).await?;
            } else if reaches(warn) && !self.told.contains_key(&address) {
                self.told.insert(address.clone(), now);
                self.store.warn_of_shared(address, groups);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
