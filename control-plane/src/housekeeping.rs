//! Forgets what is older than the options say, in the background and a little at a time, so that
//! bookings go on between.

use std::time::Duration;

use crate::domain::now_unix_ms;
use crate::domain::options::{
    AUDIT_LOG_STORAGE_HOURS, CLEAN_LOG_BATCH_SIZE, LOG_DETAIL_STORAGE_HOURS, LOG_STORAGE_HOURS,
    Options, SUMMARY_MINUTE_STORAGE_HOURS,
};
use crate::store::{Result, Store};

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(10 * 60);

/// Before the first one. A gateway that was cut off sends its usage again, and the log rows are what
/// it is recognised by.
const FIRST: Duration = Duration::from_secs(5 * 60);

/// Between two batches.
const PAUSE: Duration = Duration::from_millis(100);

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Log rows are kept for this long at least, for the same reason.
pub const LOG_HOURS_MIN: i64 = 24;

/// So long can be seen at least who changed what: whoever may set options is seen doing it.
const AUDIT_HOURS_MIN: i64 = 24;

/// Alerts are looked up when something went wrong, not years later.
const ALERTS_KEPT_MS: i64 = 90 * 24 * HOUR_MS;

/// Until it is dropped.
pub async fn run(store: Store) {
    tokio::time::sleep(FIRST).await;
    loop {
        if let Err(error) = tidy(&store, now_unix_ms()).await {
            tracing::error!(%error, "old log rows are not forgotten yet");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// One round.
async fn tidy(store: &Store, now_ms: i64) -> Result<()> {
    let options = store.options().await?;
    let batch = options.whole(CLEAN_LOG_BATCH_SIZE).max(1);
    until_none(|| store.delete_booking_marks(now_ms, batch), batch).await?;
    store
        .delete_alerts(now_ms.saturating_sub(ALERTS_KEPT_MS))
        .await?;
    let logs = before(&options, LOG_STORAGE_HOURS, LOG_HOURS_MIN, now_ms);
    let details = before(&options, LOG_DETAIL_STORAGE_HOURS, 1, now_ms);
    // No body stays longer than its row.
    if let Some(before) = details.max(logs) {
        let delete = || store.delete_details(before, batch);
        until_none(delete, batch).await?;
    }
    if let Some(before) = logs {
        let delete = || store.delete_logs(before, batch);
        until_none(delete, batch).await?;
        until_none(|| store.delete_oldest_addresses(before), 1).await?;
    }
    if let Some(before) = before(&options, AUDIT_LOG_STORAGE_HOURS, AUDIT_HOURS_MIN, now_ms) {
        let delete = || store.delete_audits(before, batch);
        until_none(delete, batch).await?;
    }
    if let Some(before) = before(&options, SUMMARY_MINUTE_STORAGE_HOURS, 1, now_ms) {
        until_none(|| store.delete_oldest_minute(before), 1).await?;
    }
    Ok(())
}

/// What is older than this goes; `None`: everything stays.
fn before(
    options: &Options,
    hours: &crate::domain::options::Definition,
    least: i64,
    now_ms: i64,
) -> Option<i64> {
    match options.whole(hours) {
        0 => None,
        hours => Some(now_ms.saturating_sub(hours.max(least).saturating_mul(HOUR_MS))),
    }
}

/// Batches, until one was not full.
async fn until_none<F: Future<Output = Result<u64>>>(
    mut delete: impl FnMut() -> F,
    full: i64,
) -> Result<()> {
    while delete().await? >= full.unsigned_abs() {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tollgate_config::meter::UsageEvent;

    use super::*;
    use crate::domain::{Audit, Detail, Order, Page, Span};
    use crate::ledger::Ledger;
    use crate::store::testing::with_store;
    use crate::store::{AuditQuery, Dimension, LogQuery, Of, SummaryQuery};

    #[tokio::test]
    async fn what_is_old_goes_and_what_was_used_stays() {
        with_store(async |store| {
            let events = (0..40).map(|id| UsageEvent {
                id: format!("e{id:02}"),
                token_id: 1,
                group: "g".into(),
                ip: "192.0.2.1".into(),
                ..UsageEvent::default()
            });
            let ledger = Ledger::new(store.clone());
            ledger.book("n", events.collect()).await.unwrap();
            let now = now_unix_ms();
            let detail = |id: &str, age_hours: i64| Detail {
                request_id: id.into(),
                group: "g".into(),
                created_at_ms: now - age_hours * HOUR_MS,
                request_body: "{}".into(),
                response_body: String::new(),
                request_body_truncated: false,
                response_body_truncated: false,
            };
            let details = [detail("e00", 73), detail("e01", 71)];
            store.keep_details(&details).await.unwrap();
            let old = format!(
                "UPDATE logs SET created_at = created_at - {} WHERE request_id < 'e30'",
                25 * HOUR_MS
            );
            store.execute_for_tests(old).await;
            let old = format!(
                "UPDATE group_summaries SET start_at = start_at - {}",
                169 * HOUR_MS
            );
            store.execute_for_tests(old).await;

            let days = 24 * HOUR_MS;
            let old = format!(
                "UPDATE address_groups SET start_at = start_at - {}",
                10 * days
            );
            store.execute_for_tests(old).await;
            let addresses = async || {
                let found = store.ip_groups(1, now - 12 * days, now - 8 * days).await;
                found.unwrap().len()
            };

            let page = Page {
                number: 1,
                size: 1,
                order: Order {
                    column: "id",
                    descending: true,
                },
            };
            let total = async || store.logs(&LogQuery::default(), page).await.unwrap().total;
            let minutes = async || {
                let of = Of::Groups {
                    groups: vec![],
                    token_name: None,
                };
                let of = SummaryQuery::each(of, Span::Minute, 0, i64::MAX);
                store.summed(&of, &[Dimension::Time]).await.unwrap().len()
            };
            assert_eq!((total().await, minutes().await), (40, 1));
            // By default log rows stay for ever.
            tidy(&store, now).await.unwrap();
            assert_eq!((total().await, minutes().await), (40, 0));
            assert_eq!(addresses().await, 1);
            let ids = ["e00".to_owned(), "e01".to_owned()];
            let kept = store.details_of(&ids).await.unwrap();
            assert_eq!(kept.len(), 1);
            assert_eq!(kept[0].request_id, "e01");

            let hours = (LOG_STORAGE_HOURS, "1".to_owned());
            let batch = (CLEAN_LOG_BATCH_SIZE, "7".to_owned());
            store.set_options(vec![hours, batch]).await.unwrap();
            tidy(&store, now).await.unwrap();
            assert_eq!(total().await, 10, "of the last day all stay");
            assert_eq!(addresses().await, 0, "they go with the rows");
            let all = SummaryQuery::each(Of::Channels(None), Span::Day, 0, i64::MAX);
            let summed = store.summed(&all, &[]).await.unwrap();
            assert_eq!(summed[0].tally.request_count, 40);
        })
        .await;
    }

    #[tokio::test]
    async fn bodies_go_with_their_rows_and_what_was_audited_stays_until_it_is_told() {
        with_store(async |store| {
            let now = now_unix_ms();
            let detail = |id: &str, age_hours: i64| Detail {
                request_id: id.into(),
                group: "g".into(),
                created_at_ms: now - age_hours * HOUR_MS,
                request_body: "{}".into(),
                response_body: String::new(),
                request_body_truncated: false,
                response_body_truncated: false,
            };
            let details = [detail("old", 49), detail("new", 47)];
            store.keep_details(&details).await.unwrap();
            for age_hours in [49, 47, 0] {
                let audit = Audit {
                    created_at_ms: now - age_hours * HOUR_MS,
                    ..Audit::default()
                };
                store.begin_audit(&audit).await.unwrap();
            }
            let left = async || {
                let ids = ["old".to_owned(), "new".to_owned()];
                let page = Page {
                    number: 1,
                    size: 10,
                    order: Order {
                        column: "id",
                        descending: true,
                    },
                };
                let audits = store.audits(&AuditQuery::default(), page).await.unwrap();
                (store.details_of(&ids).await.unwrap().len(), audits.total)
            };
            let set = async |option, hours: &str| {
                let value = vec![(option, hours.to_owned())];
                store.set_options(value).await.unwrap();
                tidy(&store, now).await.unwrap();
            };
            set(LOG_DETAIL_STORAGE_HOURS, "0").await;
            assert_eq!(left().await, (2, 3), "all stays");
            set(LOG_STORAGE_HOURS, "48").await;
            assert_eq!(left().await, (1, 3));
            set(AUDIT_LOG_STORAGE_HOURS, "48").await;
            assert_eq!(left().await, (1, 2));
            set(AUDIT_LOG_STORAGE_HOURS, "1").await;
            assert_eq!(left().await, (1, 1), "a day stays");
        })
        .await;
    }
}
