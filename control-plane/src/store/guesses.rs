//! Attempts at passwords, counted where all control planes see them.

use super::query::Conditions;
use super::row::Columns;
use super::sql::sql;
use super::write::Write;
use super::{Result, Store};

/// How many failed attempts a scope may have, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Attempts before the first wait.
    pub free: i64,
    /// The first wait; each further failure doubles it.
    pub first_wait_ms: i64,
    pub longest_wait_ms: i64,
    /// A scope that was quiet for so long starts anew.
    pub forget_ms: i64,
}

impl Store {
    /// Counts an attempt as failed before it is made, so that many at once do not all pass, for
    /// each of some scopes. Answers until when (Unix ms) no attempt is taken if it is refused; it
    /// is not counted then, and nothing is written: who asks on and on costs no more than reading.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn begin_attempt(
        &self,
        scopes: Vec<(String, Limits)>,
        now_ms: i64,
    ) -> Result<Option<i64>> {
        let names: Vec<_> = scopes.iter().map(|(scope, _)| scope.clone()).collect();
        let locked_until = self.locked_until(&names, now_ms).await?;
        if locked_until.is_some() {
            return Ok(locked_until);
        }
        self.write(move |write| Box::pin(write.begin_attempt(scopes, now_ms)))
            .await
    }

    /// Until when (Unix ms) one of these scopes takes no attempt; `None`: all do.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn locked_until(&self, scopes: &[String], now_ms: i64) -> Result<Option<i64>> {
        let mut conditions = Conditions::default();
        conditions.names("scope", scopes);
        conditions.int("locked_until > ?", Some(now_ms));
        let select = "SELECT max(locked_until) AS locked_until FROM login_attempts";
        let row = conditions.statement(select, "");
        let row = row.fetch_one(self.reader()).await?;
        row.optional_int("locked_until")
    }

    /// The attempt succeeded: some scopes start anew, and others lose what it added.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn attempt_succeeded(&self, cleared: Vec<String>, less: Vec<String>) -> Result<()> {
        self.write(move |write| {
            Box::pin(async move {
                for scope in cleared {
                    sql("DELETE FROM login_attempts WHERE scope = $1")
                        .bind(scope)
                        .execute(&mut *write.transaction)
                        .await?;
                }
                for scope in less {
                    sql("UPDATE login_attempts SET failures = failures - 1 \
                         WHERE scope = $1 AND failures > 0")
                    .bind(scope)
                    .execute(&mut *write.transaction)
                    .await?;
                }
                Ok(())
            })
        })
        .await
    }
}

/// Rows older than this mean nothing to any limit.
const KEEP_MS: i64 = 2 * 24 * 60 * 60 * 1000;

impl Write {
    async fn begin_attempt(
        &mut self,
        scopes: Vec<(String, Limits)>,
        now: i64,
    ) -> Result<Option<i64>> {
        sql("DELETE FROM login_attempts WHERE last_at < $1")
            .bind(now.saturating_sub(KEEP_MS))
            .execute(&mut *self.transaction)
            .await?;
        let mut locked_until = None;
        let mut counted = Vec::with_capacity(scopes.len());
        for (scope, limits) in &scopes {
            // It holds the row until the end of the transaction, so that two see each other.
            let row = sql(
                "INSERT INTO login_attempts (scope, failures, last_at, locked_until) \
                 VALUES ($1, 0, $2, 0) \
                 ON CONFLICT (scope) DO UPDATE SET failures = CASE \
                 WHEN login_attempts.last_at < $3 THEN 0 ELSE login_attempts.failures END \
                 RETURNING failures, locked_until",
            )
            .bind(scope.clone())
            .bind(now)
            .bind(now.saturating_sub(limits.forget_ms))
            .fetch_one(&mut *self.transaction)
            .await?;
            let until = row.int("locked_until")?;
            if until > now {
                locked_until = locked_until.max(Some(until));
            }
            counted.push(row.int("failures")?.saturating_add(1));
        }
        if locked_until.is_some() {
            // Others were faster than this one's look.
            self.undo();
            return Ok(locked_until);
        }
        for ((scope, limits), failures) in scopes.into_iter().zip(counted) {
            sql(
                "UPDATE login_attempts SET failures = $2, last_at = $3, locked_until = $4 \
                 WHERE scope = $1",
            )
            .bind(scope)
            .bind(failures)
            .bind(now)
            .bind(now.saturating_add(limits.wait_ms(failures)))
            .execute(&mut *self.transaction)
            .await?;
        }
        Ok(None)
    }
}

impl Limits {
    /// How long nothing is taken after so many failures.
    #[must_use]
    pub fn wait_ms(&self, failures: i64) -> i64 {
        let over = failures.saturating_sub(self.free);
        if over < 0 {
            return 0;
        }
        let doublings = u32::try_from(over.min(40)).unwrap_or(40);
        self.first_wait_ms
            .saturating_mul(1_i64 << doublings)
            .min(self.longest_wait_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::with_store;

    const LIMITS: Limits = Limits {
        free: 3,
        first_wait_ms: 1000,
        longest_wait_ms: 60_000,
        forget_ms: 3_600_000,
    };

    #[test]
    fn waits_grow_to_the_longest() {
        for (failures, wait) in [
            (0, 0),
            (2, 0),
            (3, 1000),
            (4, 2000),
            (8, 32_000),
            (9, 60_000),
            (1000, 60_000),
            (i64::MAX, 60_000),
        ] {
            assert_eq!(LIMITS.wait_ms(failures), wait, "{failures}");
        }
    }

    #[tokio::test]
    async fn attempts_are_counted_until_one_succeeds() {
        with_store(async |store| {
            let attempt = async |now: i64| {
                let scopes = vec![("a".to_owned(), LIMITS), ("b".to_owned(), LIMITS)];
                store.begin_attempt(scopes, now).await.unwrap()
            };
            for _ in 0..3 {
                assert_eq!(attempt(1000).await, None);
            }
            assert_eq!(attempt(1999).await, Some(2000), "refused, and not counted");
            assert_eq!(attempt(2000).await, None);
            assert_eq!(attempt(2001).await, Some(4000), "the wait has doubled");

            let clear = vec!["a".to_owned()];
            store
                .attempt_succeeded(clear, vec!["b".to_owned()])
                .await
                .unwrap();
            assert_eq!(attempt(2001).await, Some(4000), "b has its wait still");
            assert_eq!(
                attempt(4000).await,
                None,
                "b has 3 failures, and gets its 4th"
            );
            assert_eq!(attempt(5999).await, Some(6000));
            assert_eq!(attempt(6000 + LIMITS.forget_ms).await, None);
            assert_eq!(attempt(6000 + LIMITS.forget_ms).await, None, "anew");
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_refused_is_not_written() {
        with_store(async |store| {
            let scopes = |name: &str| vec![(name.to_owned(), LIMITS), ("all".to_owned(), LIMITS)];
            for name in ["a", "b", "c"] {
                assert_eq!(store.begin_attempt(scopes(name), 1000).await.unwrap(), None);
            }
            let refused = store.begin_attempt(scopes("d"), 1000).await.unwrap();
            assert_eq!(refused, Some(2000));
            // Nor if the lock was seen no earlier than in the transaction.
            let late = store.write(move |write| Box::pin(write.begin_attempt(scopes("e"), 1000)));
            assert_eq!(late.await.unwrap(), Some(2000));
            let rows = sql("SELECT scope FROM login_attempts ORDER BY scope");
            let rows = rows.fetch_all(store.reader()).await.unwrap();
            let rows: Vec<_> = rows.iter().map(|row| row.text("scope").unwrap()).collect();
            assert_eq!(rows, ["a", "all", "b", "c"]);
        })
        .await;
    }

    #[tokio::test]
    async fn who_is_refused_does_not_hold_up_writes() {
        with_store(async |store| {
            let scopes = vec![("a".to_owned(), LIMITS)];
            for _ in 0..3 {
                store.begin_attempt(scopes.clone(), 1000).await.unwrap();
            }
            let guesser = store.clone();
            // SQLite has one writer, and this is it: a guess that wanted to write would never end.
            let refused = store
                .write(move |_| Box::pin(async move { guesser.begin_attempt(scopes, 1000).await }));
            assert_eq!(refused.await.unwrap(), Some(2000));
        })
        .await;
    }

    #[tokio::test]
    async fn many_at_once_do_not_all_pass() {
        with_store(async |store| {
            let attempts: Vec<_> = (0..20)
                .map(|_| {
                    let store = store.clone();
                    let scopes = vec![("a".to_owned(), LIMITS)];
                    tokio::spawn(async move { store.begin_attempt(scopes, 1000).await.unwrap() })
                })
                .collect();
            let mut passed = 0;
            for attempt in attempts {
                passed += i32::from(attempt.await.unwrap().is_none());
            }
            assert_eq!(passed, 3);
        })
        .await;
    }
}
