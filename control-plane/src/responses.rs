//! Responses and conversations that are kept for callers of OpenAI's Responses API: responses come
//! up on the meter streams, and both are asked for by gateways, one call each ([`Unary`](crate::unary::Unary)).
//!
//! Some are made [in the background](Background), by the control plane itself.
//!
//! A caller may continue a response milliseconds after it has read it, when it is still on its way
//! here, or went to another control plane on the same database. So what is not there and whose id is
//! young enough is waited for, a short while. An id of another tenant is not there either, and takes
//! as long: nobody learns of it.

mod background;
mod context;
mod conversations;
mod items;
mod service;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::Instant;
use tollgate_config::responses::{self, Answer, Call, Nothing, Origin, Stored, answer, call};

pub use background::Background;

use crate::domain::now_unix_ms;
use crate::store::{self, Conversation, Error, Store};

/// How long what is not there is waited for. A gateway waits a little longer for the whole call.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often another control plane's writes are looked for meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A response may be on its way for as long after its request began: the longest that answers
/// usually take.
const YOUNG_MS: i64 = 60 * 60 * 1_000;

/// Gateways' clocks may be that much ahead.
const AHEAD_MS: i64 = 60 * 1_000;

/// How often what is too old, or was deleted by its owner, is forgotten.
const PURGE_EVERY: Duration = Duration::from_secs(10 * 60);

/// Ids that a waiting call may be behind; past that it looks for itself.
const KEPT_IDS: usize = 1_024;

/// All that concerns kept responses. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Responses {
    store: Store,
    background: Background,
    retention_ms: i64,
    kept: broadcast::Sender<Arc<str>>,
}

impl Responses {
    /// With no retention, nothing is kept.
    #[must_use]
    pub fn new(store: Store, retention: Duration) -> Self {
        Self {
            background: Background::new(store.clone()),
            store,
            retention_ms: i64::try_from(retention.as_millis()).unwrap_or(i64::MAX),
            kept: broadcast::channel(KEPT_IDS).0,
        }
    }

    /// Those that are made in the background.
    #[must_use]
    pub fn background(&self) -> &Background {
        &self.background
    }

    /// Keeps responses that came from a gateway.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn keep(&self, all: &[Stored]) -> store::Result<()> {
        if self.retention_ms == 0 {
            return Ok(());
        }
        self.store.keep_responses(all, now_unix_ms()).await?;
        for stored in all {
            // It fails when nobody waits, which is no failure.
            let _ = self.kept.send(stored.id.as_str().into());
            if !stored.conversation.is_empty() {
                let _ = self.kept.send(stored.conversation.as_str().into());
            }
        }
        Ok(())
    }

    /// Forgets what is too old and what was deleted, for as long as the program runs.
    pub async fn purge(self) {
        let mut interval = tokio::time::interval(PURGE_EVERY);
        loop {
            interval.tick().await;
            match self.store.purge_responses(self.since()).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "old responses are forgotten"),
                Err(error) => tracing::error!(%error, "old responses are not forgotten"),
            }
            match self.store.purge_conversations(self.since()).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "old conversations are forgotten"),
                Err(error) => tracing::error!(%error, "old conversations are not forgotten"),
            }
            match self.store.purge_background(self.since()).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "old responses in the background are forgotten"),
                Err(error) => {
                    tracing::error!(%error, "old ones in the background are not forgotten")
                }
            }
            // By then, what continued one of them when it was deleted has come.
            if let Err(error) = self.store.forget_deleted(now_unix_ms() - YOUNG_MS).await {
                tracing::error!(%error, "deleted responses are not forgotten");
            }
        }
    }

    /// Answers a gateway.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn answer(&self, call: &Call) -> store::Result<Answer> {
        let until = Instant::now() + patience(call, now_unix_ms());
        let mut kept = self.kept.subscribe();
        loop {
            let answer = match self.look(call).await {
                Err(Error::NotFound(_)) => answer::Kind::NotFound(Nothing {}),
                other => other?,
            };
            let may_come = match answer {
                answer::Kind::NotFound(_) => true,
                // A conversation may become free.
                answer::Kind::Refused(_) => !matches!(
                    call.kind,
                    Some(call::Kind::Background(_) | call::Kind::Cancel(_))
                ),
                _ => false,
            };
            if !may_come
                || Instant::now() >= until
                || self
                    .store
                    .response_is_deleted(&call.group, &call.id)
                    .await?
            {
                return Ok(Answer { kind: Some(answer) });
            }
            let look_again = until.min(Instant::now() + LOOK_EVERY);
            let _ = tokio::time::timeout_at(look_again, is_kept(&mut kept, call)).await;
        }
    }

    async fn look(&self, call: &Call) -> store::Result<answer::Kind> {
        let Call { group, id, kind } = call;
        let (store, since) = (&self.store, self.since());
        let background = &self.background;
        let json = match kind {
            Some(call::Kind::Show(_)) => match background.show(group, id, since).await? {
                Some(response) => response,
                None => store.response(group, id, since).await?,
            },
            Some(call::Kind::Cancel(_)) => match background.cancel(group, id, since).await? {
                Some(response) => response,
                None => {
                    store.response(group, id, since).await?;
                    return Ok(background::is_synchronous());
                }
            },
            Some(call::Kind::Delete(_)) => {
                let deleted = background.delete(group, id).await?;
                let now = now_unix_ms();
                match store.delete_response(group, id, since, now).await {
                    Err(Error::NotFound(_)) if deleted => {}
                    other => other?,
                }
                items::deleted(id)
            }
            Some(call::Kind::Background(asked)) => {
                return match serde_json::from_str(asked) {
                    Ok(asked) => background.begin(group, &asked).await,
                    // From a newer gateway.
                    Err(_) => Err(Error::NotFound("this kind of call".into())),
                };
            }
            Some(call::Kind::History(history)) => {
                return context::answer(store, group, id, history, since).await;
            }
            Some(call::Kind::Conversations(asked)) => {
                return match serde_json::from_str(asked) {
                    Ok(asked) => conversations::answer(store, group, &asked, since).await,
                    // From a newer gateway.
                    Err(_) => Err(Error::NotFound("this kind of call".into())),
                };
            }
            Some(call::Kind::InputItems(page)) => {
                let conversation = store.conversation(group, id, since, items::LISTED_BYTES_MAX);
                match conversation.await? {
                    Conversation::Whole(turns) => match items::page(&turns, page) {
                        Some(json) => json,
                        None => return Ok(answer::Kind::NoSuchItem(Nothing {})),
                    },
                    Conversation::TooLong => return Ok(answer::Kind::TooLong(Nothing {})),
                }
            }
            // From a newer gateway.
            None => return Err(Error::NotFound("this kind of call".into())),
        };
        Ok(answer::Kind::Json(json))
    }

    /// What was kept before this is too old.
    fn since(&self) -> i64 {
        now_unix_ms().saturating_sub(self.retention_ms)
    }
}

/// How long what is not there may yet come: what is young, and a conversation that another response
/// is being added to.
fn patience(call: &Call, now_unix_ms: i64) -> Duration {
    let references = match &call.kind {
        Some(call::Kind::History(_)) if responses::is_our_conversation(&call.id) => {
            return PATIENCE;
        }
        Some(call::Kind::History(history)) => history.references.as_slice(),
        _ => &[],
    };
    let origins = references.iter().filter_map(|id| origin_response(id));
    let mut ids = origins.chain([call.id.clone()]);
    let is_young = ids.any(|id| {
        responses::began_unix_ms(&id)
            .is_some_and(|at| (-AHEAD_MS..YOUNG_MS).contains(&(now_unix_ms - at)))
    });
    if is_young { PATIENCE } else { Duration::ZERO }
}

fn origin_response(item: &str) -> Option<String> {
    match responses::origin(item)? {
        Origin::Response(id) => Some(id),
        Origin::Conversation(_) => None,
    }
}

/// Ends when something that the call is about, or something that cannot be told, is kept.
async fn is_kept(kept: &mut broadcast::Receiver<Arc<str>>, call: &Call) {
    let is_referred = |id: &str| match &call.kind {
        Some(call::Kind::History(history)) => {
            let mut origins = history
                .references
                .iter()
                .filter_map(|id| origin_response(id));
            origins.any(|origin| origin == id)
        }
        _ => false,
    };
    while let Ok(other) = kept.recv().await {
        if *other == *call.id || is_referred(&other) {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
