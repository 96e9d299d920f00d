//! What a booking adds to the budgets that its calls drew on.

use std::collections::BTreeMap;

use sqlx::{Any, Transaction};

use crate::domain::Log;
use crate::store::Result;
use crate::store::rows::{pieces, places};
use crate::store::sql::sql;

/// Adds the rows to their tokens' days, and to what was drawn from leases: in the same transaction
/// what was outstanding becomes what is used.
///
/// It comes after the tokens' and groups' own rows, whose locks whoever grants leases takes first.
pub(super) async fn add(transaction: &mut Transaction<'_, Any>, logs: &[Log]) -> Result<()> {
    let mut days: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    let mut drawn: BTreeMap<i64, i64> = BTreeMap::new();
    let mut now_ms = 0;
    for log in logs {
        now_ms = log.created_at_ms.max(now_ms);
        if log.token_id != 0 && log.amount.0 > 0 {
            let day = days.entry((log.token_id, log.draw.day)).or_default();
            *day = day.saturating_add(log.amount.0);
        }
        for lease in &log.draw.leases {
            let lease = drawn.entry(*lease).or_default();
            *lease = lease.saturating_add(log.draw.amount.0);
        }
    }
    // Rows are written, and locked, in the order in which they stand here.
    let days: Vec<_> = days.into_iter().collect();
    for piece in pieces(&days) {
        let mut query = sql(format!(
            "INSERT INTO token_days (token_id, day, amount) VALUES {} \
             ON CONFLICT (token_id, day) DO UPDATE SET amount = CASE \
             WHEN token_days.amount > 9223372036854775807 - excluded.amount \
             THEN 9223372036854775807 ELSE token_days.amount + excluded.amount END",
            places(piece.len(), 3)
        ));
        for ((token, day), amount) in piece {
            query = query.bind(*token).bind(*day).bind(*amount);
        }
        query.execute(&mut **transaction).await?;
    }
    for (lease, amount) in drawn {
        // A lease that is gone meanwhile has nothing outstanding.
        sql("UPDATE leases SET drawn = drawn + $2, changed_at = $3 WHERE id = $1")
            .bind(lease)
            .bind(amount)
            .bind(now_ms)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}
