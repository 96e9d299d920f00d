//! Responses that are made in the background: a caller asks, goes, and comes back for the answer.
//!
//! A gateway hands every such request over. The control plane keeps a queued response at once, and then
//! makes the very same call through a gateway, for the caller's own token ([`call`]): money, limits and
//! the log see a call like any other. So that another control plane knows of one that is gone, each says
//! again and again that it is there.
//!
//! ```text
//! queued ──► in_progress ──► completed, incomplete, failed
//!    └────────────┴──cancel──► cancelled
//! ```
//!
//! <https://platform.openai.com/docs/guides/background>

mod call;
mod object;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tollgate_config::names::token_key;
use tollgate_config::responses::{self, Refused, answer};
use tollgate_protocol::{Body, Limits};
use url::Url;

use super::context::refused;
use crate::domain::now_unix_ms;
use crate::secrets::{Secret, random};
use crate::store::{self, Error, Queued, Store};

/// Of one group, on all control planes together.
const OF_A_GROUP: i64 = 32;

/// On this control plane: calls, and bytes of their requests.
const AT_ONCE: usize = 256;
const BYTES_AT_ONCE: usize = 128 << 20;

/// The longest that an answer may take.
const LIFE: Duration = Duration::from_secs(60 * 60);

/// A control plane that has not said for so long that it is there is gone.
const ALIVE_MS: i64 = 15_000;
const SAY_EVERY: Duration = Duration::from_secs(2);

/// Between two tries to write how a call ended.
const WRITE_EVERY: Duration = Duration::from_secs(1);

const GONE: &str = "The control plane that made the call was stopped before the answer came.";

/// All that concerns them. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Background(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    gateway: OnceLock<Gateway>,
    /// Who this control plane is, among those that share the database.
    owner: String,
    running: Mutex<HashMap<String, Running>>,
}

/// Where calls are made.
#[derive(Debug)]
struct Gateway {
    url: Url,
    /// The control plane's own token.
    token: Secret,
}

#[derive(Debug)]
struct Running {
    bytes: usize,
    /// Ends the call; nobody waits for what it brings.
    stop: CancellationToken,
}

impl Background {
    pub(super) fn new(store: Store) -> Self {
        Self(Arc::new(Shared {
            store,
            gateway: OnceLock::new(),
            owner: hex::encode(random::<16>()),
            running: Mutex::default(),
        }))
    }

    /// Calls go to this gateway, which knows this token as the control plane's own. Until it is
    /// told, there are none.
    pub fn call_through(&self, gateway: Url, token: Secret) {
        let _ = self.0.gateway.set(Gateway {
            url: gateway,
            token,
        });
    }

    /// Keeps a queued response, and makes the call.
    pub(super) async fn begin(
        &self,
        group: &str,
        asked: &responses::Background,
    ) -> store::Result<answer::Kind> {
        let body = asked.body.get();
        let parsed = Body::parse(body.as_bytes().to_vec(), &Limits::request(usize::MAX));
        let (Ok(parsed), Some(_)) = (parsed, self.0.gateway.get()) else {
            return Ok(no_room("Nothing is answered in the background here."));
        };
        let hash = match self.0.store.token_hash(group, asked.token_id).await {
            Err(Error::NotFound(_)) => return Ok(no_room("The key is not known yet.")),
            hash => hash?,
        };
        let now = now_unix_ms();
        let request_id = format!("{now:012x}{}", hex::encode(random::<10>()));
        let id = responses::id(&request_id);
        let Some(stop) = self.admit(&id, body.len()) else {
            return Ok(no_room(
                "Too many responses are made in the background; try again later.",
            ));
        };
        let response = object::queued(&request_id, now, &parsed);
        let queued = Queued {
            id: &id,
            group,
            owner: &self.0.owner,
            response: &response,
            now_ms: now,
            alive_until_ms: now + ALIVE_MS,
        };
        match self.0.store.queue_background(queued, OF_A_GROUP).await {
            Ok(true) => {}
            Ok(false) => {
                self.forget(&id);
                return Ok(too_many());
            }
            Err(error) => {
                self.forget(&id);
                return Err(error);
            }
        }
        let call = call::Call {
            body: tollgate_protocol::conversation::foreground(&parsed),
            caller: format!("{} {request_id} {}", token_key(&hash), asked.address),
            response: response.clone(),
            id,
        };
        tokio::spawn(self.clone().make(call, stop));
        Ok(answer::Kind::Json(response))
    }

    /// A group's response; `None` where it is none of these.
    pub(super) async fn show(
        &self,
        group: &str,
        id: &str,
        since_ms: i64,
    ) -> store::Result<Option<String>> {
        let found = self.0.store.background(group, id, since_ms).await?;
        Ok(found.map(|found| {
            let is_lost = found.is_running && found.alive_until_ms < now_unix_ms();
            match is_lost {
                true => object::failed(&found.response, "server_error", GONE),
                false => found.response,
            }
        }))
    }

    /// Ends the call of a group's response. What has ended stays as it is; `None` where it is none
    /// of these.
    pub(super) async fn cancel(
        &self,
        group: &str,
        id: &str,
        since_ms: i64,
    ) -> store::Result<Option<String>> {
        let Some(found) = self.0.store.background(group, id, since_ms).await? else {
            return Ok(None);
        };
        let now = now_unix_ms();
        if found.is_running && found.alive_until_ms >= now {
            let cancelled = object::cancelled(&found.response);
            let is_first = self.0.store.set_background(id, &cancelled, Some(now));
            if is_first.await? {
                self.stop(id);
                return Ok(Some(cancelled));
            }
        }
        self.show(group, id, since_ms).await
    }

    /// Deletes a group's response, and ends its call. False: it is none of these.
    pub(super) async fn delete(&self, group: &str, id: &str) -> store::Result<bool> {
        let deleted = self.0.store.delete_background(group, id, now_unix_ms());
        let deleted = deleted.await?;
        if deleted {
            self.stop(id);
        }
        Ok(deleted)
    }

    /// Says that this control plane is there, and looks after those of others that are not, until
    /// it is told to end. Then no call goes on.
    pub async fn run(self, ending: CancellationToken) {
        let mut interval = tokio::time::interval(SAY_EVERY);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while ending.run_until_cancelled(interval.tick()).await.is_some() {
            if let Err(error) = self.look_after().await {
                tracing::error!(%error, "responses in the background are not looked after");
            }
        }
        let left: Vec<String> = self.running().keys().cloned().collect();
        for id in left {
            self.stop(&id);
        }
        // From now on nobody is there.
        let store = &self.0.store;
        let left = store.background_goes_on(&self.0.owner, now_unix_ms() - 1);
        let ended = match left.await {
            Ok(_) => self.end_lost().await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            tracing::error!(%error, "responses in the background are not ended");
        }
    }

    async fn look_after(&self) -> store::Result<()> {
        let store = &self.0.store;
        let mine: Vec<String> = self.running().keys().cloned().collect();
        if !mine.is_empty() {
            let until = now_unix_ms() + ALIVE_MS;
            let go_on = store.background_goes_on(&self.0.owner, until).await?;
            // Cancelled or deleted, perhaps by way of another control plane.
            for id in mine.iter().filter(|id| !go_on.contains(id)) {
                self.stop(id);
            }
        }
        self.end_lost().await?;
        store.delete_late_background(now_unix_ms()).await
    }

    async fn end_lost(&self) -> store::Result<()> {
        let now = now_unix_ms();
        for (id, response) in self.0.store.lost_background(now).await? {
            let failed = object::failed(&response, "server_error", GONE);
            self.0.store.set_background(&id, &failed, Some(now)).await?;
        }
        Ok(())
    }

    /// Makes the call, and keeps what came of it.
    async fn make(self, call: call::Call, stop: CancellationToken) {
        if let Some(gateway) = self.0.gateway.get() {
            let begun = object::in_progress(&call.response);
            let progress = async {
                let written = self.0.store.set_background(&call.id, &begun, None).await;
                if let Err(error) = written {
                    tracing::warn!(id = call.id, %error, "that a response is in progress is not kept");
                }
            };
            let made =
                tokio::time::timeout(LIFE, call.make(&gateway.url, &gateway.token, progress));
            if let Some(made) = stop.run_until_cancelled(made).await {
                let response = made.unwrap_or_else(|_| {
                    let message = "The answer took longer than an hour.";
                    object::failed(&call.response, "server_error", message)
                });
                let keeping = self.keep(&call.id, &response);
                let _ = stop.run_until_cancelled(keeping).await;
            }
        }
        self.forget(&call.id);
    }

    /// What the database does not take now, it gets later.
    async fn keep(&self, id: &str, response: &str) {
        loop {
            let ended = self
                .0
                .store
                .set_background(id, response, Some(now_unix_ms()));
            match ended.await {
                Ok(_) => return,
                Err(error) => tracing::error!(id, %error, "a response is not kept yet"),
            }
            tokio::time::sleep(WRITE_EVERY).await;
        }
    }

    /// Takes a place, if there is one.
    fn admit(&self, id: &str, bytes: usize) -> Option<CancellationToken> {
        let mut running = self.running();
        let held: usize = running.values().map(|running| running.bytes).sum();
        if running.len() >= AT_ONCE || held + bytes > BYTES_AT_ONCE {
            return None;
        }
        let stop = CancellationToken::new();
        let place = Running {
            bytes,
            stop: stop.clone(),
        };
        running.insert(id.to_owned(), place);
        Some(stop)
    }

    fn stop(&self, id: &str) {
        if let Some(running) = self.running().get(id) {
            running.stop.cancel();
        }
    }

    fn forget(&self, id: &str) {
        self.running().remove(id);
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        let running = self.0.running.lock();
        // Nothing that panics is done under this lock, and every change is whole.
        running.unwrap_or_else(PoisonError::into_inner)
    }
}

/// It has not been made in the background.
pub(super) fn is_synchronous() -> answer::Kind {
    refused(&Refused {
        status: 400,
        message: "Cannot cancel a synchronous response.".into(),
        ..Refused::default()
    })
}

fn no_room(message: &str) -> answer::Kind {
    refused(&Refused {
        status: 503,
        message: message.into(),
        ..Refused::default()
    })
}

fn too_many() -> answer::Kind {
    refused(&Refused {
        status: 429,
        message: format!(
            "{OF_A_GROUP} responses are made in the background already; try again when one has ended."
        ),
        param: "background".into(),
        code: "rate_limit_exceeded".into(),
    })
}

#[cfg(test)]
mod tests;
