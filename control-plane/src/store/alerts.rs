//! Alerts: a row for each that is told, which is also the order to deliver it.

use sqlx::any::AnyRow;
use tollgate_policy::price::NanoUsd;

use super::bounded::Bounded;
use super::query::Conditions;
use super::row::{Columns, unexpected};
use super::sql::sql;
use super::write::Write;
use super::{Notice, Result, Store};
use crate::domain::{Alert, Delivery, Level, Listed, NewAlert, Page};

/// The duty of looking for balances that are low.
pub const LOW_BALANCES: &str = "low_balances";
/// The duty of asking providers for balances.
pub const CHANNEL_BALANCES: &str = "channel_balances";
/// The duty of looking for groups that spend much.
pub const USAGE_ALERTS: &str = "usage_alerts";

/// Which alerts are wanted.
#[derive(Debug, Clone, Default)]
pub struct AlertQuery {
    pub level: Option<Level>,
    pub kind: Option<String>,
    pub subject: Option<String>,
    /// At or after, in Unix milliseconds.
    pub start_ms: Option<i64>,
    /// At or before.
    pub end_ms: Option<i64>,
    /// A word in subject, title or text.
    pub keyword: Option<String>,
}

const COLUMNS: &str = "SELECT id, created_at, level, kind, subject, title, text, feishu, webhook, \
    tries, next_try_at FROM alerts";

pub(super) const LIST: Bounded = Bounded {
    what: "an alert",
    table: "alerts",
    id: "alerts.id",
    select: COLUMNS,
    order: &["created_at", "id"],
};

impl AlertQuery {
    /// All but the keyword.
    pub(super) fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.int("level = ?", self.level.map(Level::number));
        conditions.text("kind = ?", self.kind.as_deref());
        conditions.text("subject = ?", self.subject.as_deref());
        conditions.int("created_at >= ?", self.start_ms);
        conditions.int("created_at <= ?", self.end_ms);
        conditions
    }
}

impl Store {
    /// Writes an alert down, to be delivered in the ways that are wanted; not if its subject was told
    /// of within its quiet time, by this control plane or another. True when it was written.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn tell(
        &self,
        alert: NewAlert,
        feishu: Delivery,
        webhook: Delivery,
        now_ms: i64,
    ) -> Result<bool> {
        self.write(move |write| {
            Box::pin(async move {
                if !write.mark_told(&alert, now_ms).await? {
                    return Ok(false);
                }
                let waits = [feishu, webhook].contains(&Delivery::Waiting);
                sql(
                    "INSERT INTO alerts (created_at, level, kind, subject, title, text, feishu, \
                     webhook, tries, next_try_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)",
                )
                .bind(now_ms)
                .bind(alert.level.number())
                .bind(alert.kind)
                .bind(alert.subject)
                .bind(alert.title)
                .bind(alert.text)
                .bind(feishu.number())
                .bind(webhook.number())
                .bind(if waits { now_ms } else { 0 })
                .execute(&mut *write.transaction)
                .await?;
                Ok(true)
            })
        })
        .await
    }

    /// A page of alerts in the order of their time, and how many there are, counted up to 10,001. A
    /// keyword is looked for in the newest 10,000 that the other filters leave.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn alerts(&self, query: &AlertQuery, page: Page) -> Result<Listed<Alert>> {
        let mut conditions = query.conditions();
        if let Some(word) = query.keyword.as_deref().filter(|word| !word.is_empty()) {
            LIST.within_newest(&mut conditions);
            conditions.keyword(
                "lower(subject) LIKE lower(?) ESCAPE '\\' OR lower(title) LIKE lower(?) ESCAPE '\\' \
                 OR lower(text) LIKE lower(?) ESCAPE '\\'",
                Some(word),
            );
        }
        LIST.page(self.reader(), &conditions, page, alert).await
    }

    /// Alerts that are to be delivered now, the oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn due_alerts(&self, now_ms: i64) -> Result<Vec<Alert>> {
        let mut conditions = Conditions::default();
        conditions.fixed("next_try_at > 0");
        conditions.int("next_try_at <= ?", Some(now_ms));
        let rows = conditions
            .statement(COLUMNS, " ORDER BY next_try_at, id LIMIT 50")
            .fetch_all(self.reader())
            .await?;
        rows.iter().map(alert).collect()
    }

    /// Makes the next delivery of an alert ours; nobody else tries it before `until_ms`. False when
    /// somebody else was faster.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn take_alert(&self, alert: &Alert, until_ms: i64) -> Result<bool> {
        let done = sql("UPDATE alerts SET next_try_at = $3, tries = tries + 1 \
             WHERE id = $1 AND next_try_at = $2 AND tries = $4")
        .bind(alert.id)
        .bind(alert.next_try_at_ms)
        .bind(until_ms)
        .bind(alert.tries)
        .execute(self.writer())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// How a delivery went, and when the next is; 0: never.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn alert_tried(
        &self,
        id: i64,
        feishu: Delivery,
        webhook: Delivery,
        next_try_at_ms: i64,
    ) -> Result<()> {
        sql("UPDATE alerts SET feishu = $2, webhook = $3, next_try_at = $4 WHERE id = $1")
            .bind(id)
            .bind(feishu.number())
            .bind(webhook.number())
            .bind(next_try_at_ms)
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// Deletes alerts, and marks of what was told, that are older.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_alerts(&self, before_ms: i64) -> Result<()> {
        for statement in [
            "DELETE FROM alerts WHERE created_at < $1",
            "DELETE FROM alert_marks WHERE told_at < $1",
        ] {
            sql(statement)
                .bind(before_ms)
                .execute(self.writer())
                .await?;
        }
        Ok(())
    }

    /// Groups whose balance is below the threshold that was set for it, as notices.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn low_balances(&self) -> Result<Vec<Notice>> {
        // Of a service's money the sum is made here, where it cannot overflow.
        let rows = sql(
            "SELECT groups.id AS group_id, accounts.balance AS balance, \
             accounts.credit AS credit, groups.balance_alert_threshold AS threshold \
             FROM groups JOIN accounts ON accounts.group_id = groups.id \
             WHERE groups.balance_alert_enabled = 1 AND accounts.closed_at = 0 \
             AND ((accounts.service_id = 0 AND accounts.balance < groups.balance_alert_threshold) \
             OR (accounts.service_id <> 0 AND accounts.credit_at > 0)) ORDER BY groups.id",
        )
        .fetch_all(self.reader())
        .await?;
        let mut low = Vec::new();
        for row in &rows {
            let balance = row.int("balance")?.saturating_add(row.int("credit")?);
            let threshold = row.int("threshold")?;
            if balance < threshold {
                low.push(Notice::BalanceLow {
                    group: row.text("group_id")?,
                    balance: NanoUsd(balance),
                    threshold: NanoUsd(threshold),
                });
            }
        }
        Ok(low)
    }
}

impl Write {
    /// Whether the subject may be told of now. Of several who ask at once, one hears yes.
    async fn mark_told(&mut self, alert: &NewAlert, now_ms: i64) -> Result<bool> {
        // A clock that was set back must not silence anything.
        let done = sql(
            "UPDATE alert_marks SET told_at = $3 WHERE kind = $1 AND subject = $2 \
             AND (told_at <= $4 OR told_at > $3)",
        )
        .bind(alert.kind)
        .bind(alert.subject.clone())
        .bind(now_ms)
        .bind(now_ms.saturating_sub(alert.quiet_ms))
        .execute(&mut *self.transaction)
        .await?;
        if done.rows_affected() == 1 {
            return Ok(true);
        }
        let done = sql(
            "INSERT INTO alert_marks (kind, subject, told_at) VALUES ($1, $2, $3) \
             ON CONFLICT (kind, subject) DO NOTHING",
        )
        .bind(alert.kind)
        .bind(alert.subject.clone())
        .bind(now_ms)
        .execute(&mut *self.transaction)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

fn alert(row: &AnyRow) -> Result<Alert> {
    let level = Level::from_number(row.int("level")?);
    Ok(Alert {
        id: row.int("id")?,
        created_at_ms: row.int("created_at")?,
        level: level.ok_or_else(|| unexpected("level", "not a level"))?,
        kind: row.text("kind")?,
        subject: row.text("subject")?,
        title: row.text("title")?,
        text: row.text("text")?,
        feishu: delivery(row, "feishu")?,
        webhook: delivery(row, "webhook")?,
        tries: row.int("tries")?,
        next_try_at_ms: row.int("next_try_at")?,
    })
}

fn delivery(row: &AnyRow, column: &'static str) -> Result<Delivery> {
    let delivery = Delivery::from_number(row.int(column)?);
    delivery.ok_or_else(|| unexpected(column, "not a delivery"))
}

#[cfg(test)]
mod tests;
