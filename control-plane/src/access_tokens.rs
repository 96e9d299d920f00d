//! Access tokens of Google Cloud, for channels whose key is a key file: fetched here, kept fresh,
//! and published like any other key.
//!
//! Each key has a task of its own, which fetches a token, waits until three quarters of its life
//! are over, and fetches the next. While the token endpoint is away it tries on, ever more slowly,
//! and the last token stays published: model calls go on with it.

mod fetch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::domain::GoogleKey;
use crate::secrets::Secret;
use fetch::{Endpoint, Minted};

/// The tokens that there are. Clones share them.
#[derive(Debug, Clone)]
pub struct AccessTokens {
    endpoint: Arc<Endpoint>,
    kept: Arc<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    keys: Mutex<BTreeMap<[u8; 32], Entry>>,
    /// Counts what has changed.
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct Entry {
    token: Option<Secret>,
    /// Of the last try, if it failed.
    problem: Option<String>,
    _task: AbortOnDropHandle<()>,
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How long the clock is trusted unseen: a machine that slept wakes with its tokens ended.
const CLOCK_CHECK: Duration = Duration::from_secs(30);

// === impl AccessTokens ===

impl AccessTokens {
    /// `endpoint` takes the place of what the keys say about where their tokens are made.
    #[must_use]
    pub fn new(endpoint: Option<Url>) -> Self {
        Self {
            endpoint: Arc::new(Endpoint(endpoint)),
            kept: Arc::default(),
        }
    }

    /// Fetches tokens for these keys from now on, and for no others.
    pub fn want(&self, keys: &[GoogleKey]) {
        let wanted: BTreeSet<_> = keys.iter().map(GoogleKey::fingerprint).collect();
        let mut kept = self.kept.keys();
        kept.retain(|fingerprint, _| wanted.contains(fingerprint));
        for key in keys {
            kept.entry(key.fingerprint()).or_insert_with(|| {
                let kept = Arc::downgrade(&self.kept);
                let keeping = keep(key.clone(), Arc::clone(&self.endpoint), kept);
                Entry {
                    token: None,
                    problem: None,
                    _task: AbortOnDropHandle::new(tokio::spawn(keeping)),
                }
            });
        }
    }

    /// # Errors
    /// Says why there is none yet.
    pub fn token(&self, key: &GoogleKey) -> Result<Secret, String> {
        let kept = self.kept.keys();
        let entry = kept.get(&key.fingerprint());
        if let Some(token) = entry.and_then(|entry| entry.token.clone()) {
            return Ok(token);
        }
        let problem = entry.and_then(|entry| entry.problem.as_deref());
        Err(match problem {
            Some(problem) => format!("it has no access token: {problem}"),
            None => "its access token is being fetched".into(),
        })
    }

    /// Changes with each token that is new.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.kept.changes.subscribe()
    }

    /// Waits until every key that is wanted has been tried, but not longer than this.
    pub async fn tried(&self, patience: Duration) {
        let mut changes = self.changes();
        let all_tried = changes.wait_for(|_| {
            let keys = self.kept.keys();
            let mut entries = keys.values();
            entries.all(|entry| entry.token.is_some() || entry.problem.is_some())
        });
        // A channel without its token is left out, and the log says why.
        let _ = tokio::time::timeout(patience, all_tried).await;
    }
}

// === impl Kept ===

impl Kept {
    fn keys(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], Entry>> {
        // Nothing is left half done by a panic while it is held.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, key: &GoogleKey, outcome: Result<Secret, String>) {
        if let Some(entry) = self.keys().get_mut(&key.fingerprint()) {
            match outcome {
                Ok(token) => (entry.token, entry.problem) = (Some(token), None),
                Err(problem) => entry.problem = Some(problem),
            }
        }
        self.changes.send_modify(|changes| *changes += 1);
    }
}

/// Ends with the tokens that it keeps, or when the key is no longer wanted.
async fn keep(key: GoogleKey, endpoint: Arc<Endpoint>, kept: Weak<Kept>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let minted = fetch::token(&key, &endpoint).await;
        let Some(kept) = kept.upgrade() else { return };
        match minted {
            Ok(Minted { token, lasts }) => {
                kept.note(&key, Ok(token));
                drop(kept);
                pause = FIRST_PAUSE;
                sleep_by_the_clock(lasts / 4 * 3).await;
            }
            Err(error) => {
                if pause == FIRST_PAUSE {
                    tracing::warn!(%error, "no new access token for a Google channel; trying on");
                }
                kept.note(&key, Err(error.to_string()));
                drop(kept);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn sleep_by_the_clock(duration: Duration) {
    let until = SystemTime::now() + duration;
    while let Ok(left) = until.duration_since(SystemTime::now()) {
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(CLOCK_CHECK)).await;
    }
}

#[cfg(test)]
mod tests;
