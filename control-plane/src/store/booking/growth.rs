//! What a booking adds to tokens, groups and channels.

use std::collections::BTreeMap;

use sqlx::{Any, Transaction};
use tollgate_policy::price::NanoUsd;

use crate::domain::Log;
use crate::store::Result;
use crate::store::saturating::saturating;
use crate::store::sql::sql;

/// Adds the rows to what their tokens, groups and channels have used.
pub(super) async fn add(transaction: &mut Transaction<'_, Any>, logs: &[Log]) -> Result<()> {
    let mut growth = Growth::default();
    for log in logs {
        growth.add(log);
    }
    growth.apply(transaction).await
}

/// What a batch adds, so that each row is updated once. Ordered, so that two batches that share
/// rows take their locks in the same order.
#[derive(Default)]
struct Growth {
    channels: BTreeMap<i64, Counts>,
    groups: BTreeMap<String, Counts>,
    tokens: BTreeMap<i64, Counts>,
}

#[derive(Default)]
struct Counts {
    amount: i64,
    requests: i64,
    retries: i64,
    last_ms: i64,
}

impl Growth {
    fn add(&mut self, log: &Log) {
        for (at, attempt) in log.attempts.iter().enumerate() {
            let channel = self.channels.entry(attempt.channel_id).or_default();
            channel.requests += 1;
            channel.retries += i64::from(at > 0);
        }
        // What was used is the last channel's: the one that served.
        if let Some(last) = log.attempts.last() {
            self.channels
                .entry(last.channel_id)
                .or_default()
                .spend(log.amount);
        }
        if log.token_id != 0 {
            let token = self.tokens.entry(log.token_id).or_default();
            token.requests += 1;
            token.spend(log.amount);
            token.last_ms = token.last_ms.max(log.request_at_ms);
            let group = self.groups.entry(log.group.clone()).or_default();
            group.requests += 1;
            group.spend(log.amount);
        }
    }

    /// Rows that are gone meanwhile are not there to be updated, which is fine.
    async fn apply(&self, transaction: &mut Transaction<'_, Any>) -> Result<()> {
        for (id, counts) in &self.tokens {
            sql(concat!(
                "UPDATE tokens SET ",
                saturating!("used_amount", "$2"),
                ", ",
                saturating!("request_count", "$3"),
                ", accessed_at = CASE WHEN accessed_at > $4 THEN accessed_at ELSE $4 END \
                     WHERE id = $1"
            ))
            .bind(*id)
            .bind(counts.amount)
            .bind(counts.requests)
            .bind(counts.last_ms)
            .execute(&mut **transaction)
            .await?;
        }
        for (id, counts) in &self.groups {
            sql(concat!(
                "UPDATE groups SET ",
                saturating!("used_amount", "$2"),
                ", ",
                saturating!("request_count", "$3"),
                " WHERE id = $1"
            ))
            .bind(id.clone())
            .bind(counts.amount)
            .bind(counts.requests)
            .execute(&mut **transaction)
            .await?;
        }
        for (id, counts) in &self.channels {
            sql(concat!(
                "UPDATE channels SET ",
                saturating!("used_amount", "$2"),
                ", ",
                saturating!("request_count", "$3"),
                ", ",
                saturating!("retry_count", "$4"),
                " WHERE id = $1"
            ))
            .bind(*id)
            .bind(counts.amount)
            .bind(counts.requests)
            .bind(counts.retries)
            .execute(&mut **transaction)
            .await?;
        }
        Ok(())
    }
}

impl Counts {
    fn spend(&mut self, amount: NanoUsd) {
        self.amount = self.amount.saturating_add(amount.0.max(0));
    }
}
