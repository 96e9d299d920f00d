//! The audit log: a row before a change is tried, its outcome after.

use sqlx::any::AnyRow;

use super::bounded::Bounded;
use super::query::Conditions;
use super::row::{Columns, to_json};
use super::sql::sql;
use super::{Result, Store};
use crate::domain::{Audit, Listed, Page};

/// Which audit rows are wanted.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    pub user_id: Option<i64>,
    pub actor: Option<String>,
    pub ip: Option<String>,
    pub method: Option<String>,
    pub route: Option<String>,
    pub code: Option<i64>,
    /// At or after, in Unix milliseconds.
    pub start_ms: Option<i64>,
    /// At or before.
    pub end_ms: Option<i64>,
    /// A word in path, actor or fields.
    pub keyword: Option<String>,
}

const COLUMNS: &str = "SELECT id, created_at, user_id, actor, ip, method, route, path, targets, \
    fields, code FROM audit_logs";

const LIST: Bounded = Bounded {
    what: "an audit row",
    table: "audit_logs",
    id: "audit_logs.id",
    select: COLUMNS,
    order: &["created_at", "id"],
};

impl AuditQuery {
    /// All but the keyword.
    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.int("user_id = ?", self.user_id);
        conditions.text("actor = ?", self.actor.as_deref());
        conditions.text("ip = ?", self.ip.as_deref());
        conditions.text("method = ?", self.method.as_deref());
        conditions.text("route = ?", self.route.as_deref());
        conditions.int("code = ?", self.code);
        conditions.int("created_at >= ?", self.start_ms);
        conditions.int("created_at <= ?", self.end_ms);
        conditions
    }
}

impl Store {
    /// A page of audit rows in the order of their time, and how many there are, counted up to 10,001. Of
    /// a page's order only the direction counts. A keyword is looked for in the newest 10,000 rows that
    /// the other filters leave.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn audits(&self, query: &AuditQuery, page: Page) -> Result<Listed<Audit>> {
        let mut conditions = query.conditions();
        if let Some(word) = query.keyword.as_deref().filter(|word| !word.is_empty()) {
            LIST.within_newest(&mut conditions);
            conditions.keyword(
                "lower(path) LIKE lower(?) ESCAPE '\\' OR lower(actor) LIKE lower(?) ESCAPE '\\' \
                 OR lower(fields) LIKE lower(?) ESCAPE '\\'",
                Some(word),
            );
        }
        LIST.page(self.reader(), &conditions, page, audit).await
    }

    /// Writes down that a change is going to be tried; its id and outcome are not looked at.
    /// Answers the row's id.
    ///
    /// # Errors
    /// When the database is away; the change must not be made then.
    pub async fn begin_audit(&self, audit: &Audit) -> Result<i64> {
        let row = sql(
            "INSERT INTO audit_logs (created_at, user_id, actor, ip, method, route, path, \
             targets, fields, code) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0) RETURNING id",
        )
        .bind(audit.created_at_ms)
        .bind(audit.user_id)
        .bind(audit.actor.clone())
        .bind(audit.ip.clone())
        .bind(audit.method.clone())
        .bind(audit.route.clone())
        .bind(audit.path.clone())
        .bind(to_json(&audit.targets))
        .bind(to_json(&audit.fields))
        .fetch_one(self.writer())
        .await?;
        row.int("id")
    }

    /// Notes the HTTP status that the change was answered with.
    ///
    /// # Errors
    /// When the database is away; the row then says that the outcome is not known.
    pub async fn end_audit(&self, id: i64, code: i64) -> Result<()> {
        sql("UPDATE audit_logs SET code = $2 WHERE id = $1")
            .bind(id)
            .bind(code)
            .execute(self.writer())
            .await?;
        Ok(())
    }
}

fn audit(row: &AnyRow) -> Result<Audit> {
    Ok(Audit {
        id: row.int("id")?,
        created_at_ms: row.int("created_at")?,
        user_id: row.int("user_id")?,
        actor: row.text("actor")?,
        ip: row.text("ip")?,
        method: row.text("method")?,
        route: row.text("route")?,
        path: row.text("path")?,
        targets: row.json("targets")?,
        fields: row.json("fields")?,
        code: row.int("code")?,
    })
}

#[cfg(test)]
mod tests;
