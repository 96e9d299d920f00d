//! Ends what was to end, at the moment at which it was to: overlaps of rotated tokens, stays of
//! addresses on the black-list, and bans of channels.
//!
//! One task sleeps until the next of these moments, and looks again when something changes that
//! could bring another one. Gateways know the moments too and keep to them while this program is
//! away; here the rows are removed, and the gateways' copies with them.

use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use crate::domain::now_unix_ms;
use crate::store::{self, Change, Store};

/// The clock that the moments are on may be set meanwhile.
const LONGEST: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_secs(1);

/// Ends with the store.
pub async fn keep(store: Store) {
    let mut changes = store.changes();
    let mut failed = false;
    loop {
        let wait = match pass(&store).await {
            Ok(wait) => {
                failed = false;
                wait
            }
            Err(error) => {
                if !failed {
                    tracing::error!(%error, "what is to end now does not yet; trying on");
                }
                failed = true;
                RETRY
            }
        };
        let until = Instant::now() + wait;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => break,
                change = changes.recv() => match change {
                    Ok(Change::Tokens(_) | Change::AllTokens | Change::Topology)
                    | Err(RecvError::Lagged(_)) => break,
                    Ok(_) => {}
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }
}

/// Ends what is due; how long there is nothing to do then.
async fn pass(store: &Store) -> store::Result<Duration> {
    let wait = |next: i64| Duration::from_millis(u64::try_from(next - now_unix_ms()).unwrap_or(0));
    match store.next_deadline().await?.map(wait) {
        None => Ok(LONGEST),
        Some(Duration::ZERO) => {
            store.end_what_is_due(now_unix_ms()).await?;
            let next = store.next_deadline().await?.map_or(LONGEST, wait);
            Ok(next.min(LONGEST))
        }
        Some(wait) => Ok(wait.min(LONGEST)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TokenPatch;
    use crate::store::Created;
    use crate::store::testing::with_store;

    #[tokio::test]
    async fn what_is_due_ends_and_what_comes_later_is_waited_for() {
        with_store(async |store| {
            let patch = TokenPatch {
                name: Some("t".into()),
                ..TokenPatch::default()
            };
            let made = store.create_token("g", patch, true, false).await.unwrap();
            let Created::New(token, _) = made else {
                panic!("it is new")
            };
            assert_eq!(pass(&store).await.unwrap(), LONGEST);
            let keeping = tokio::spawn(keep(store.clone()));
            store.rotate_token(token.id, None, 3_600_000).await.unwrap();
            let later = store.next_deadline().await.unwrap().unwrap();
            let mut changes = store.changes();
            // The keeper sleeps for long, and hears of a nearer end.
            store.rotate_token(token.id, None, 300).await.unwrap();
            loop {
                if let Change::Revoked(hashes) = changes.recv().await.unwrap() {
                    assert_eq!(hashes.len(), 1);
                    break;
                }
            }
            assert_eq!(store.next_deadline().await.unwrap(), Some(later));
            assert_eq!(store.all_token_updates().await.unwrap().len(), 2);
            keeping.abort();
        })
        .await;
    }
}
