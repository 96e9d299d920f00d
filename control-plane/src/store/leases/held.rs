//! Who holds what, and what of it others want.

use sqlx::any::AnyRow;
use tollgate_config::leases::Lease;

use super::Held;
use crate::store::budgets::Subject;
use crate::store::query::Conditions;
use crate::store::row::Columns;
use crate::store::rows::pieces;
use crate::store::sql::sql;
use crate::store::{Result, Store};

const COLUMNS: &str = "SELECT id, budget, holder FROM leases";

impl Store {
    /// Leases that rested since then.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn idle_leases(&self, idle_before_ms: i64) -> Result<Vec<Held>> {
        let rows = sql(format!(
            "{COLUMNS} WHERE changed_at < $1 ORDER BY id LIMIT 1000"
        ))
        .bind(idle_before_ms)
        .fetch_all(self.reader())
        .await?;
        rows.iter().map(held).collect()
    }

    /// All that a holder has.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn leases_of(&self, holder: &str) -> Result<Vec<Held>> {
        let mut conditions = Conditions::default();
        conditions.text("holder = ?", Some(holder));
        self.held_where(&conditions).await
    }

    /// All that a holder has of these tokens' budgets and of a group's balance.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn leases_of_budgets(
        &self,
        holder: &str,
        tokens: &[i64],
        group: Option<&str>,
    ) -> Result<Vec<Held>> {
        let token = |id: &i64| [Subject::Total(*id).name(), Subject::Period(*id).name()];
        let group = group.map(|id| Subject::Group(id.to_owned()).name());
        let budgets: Vec<String> = tokens.iter().flat_map(token).chain(group).collect();
        let mut all = Vec::new();
        // A group may have very many tokens, and a statement takes only so many values.
        for piece in pieces(&budgets) {
            let mut conditions = Conditions::default();
            conditions.names("budget", piece);
            conditions.text("holder = ?", Some(holder));
            all.extend(self.held_where(&conditions).await?);
        }
        Ok(all)
    }

    /// Others want these leases: whichever control plane has their holders hears of it in
    /// [`Store::wanted_leases`].
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn want_leases(&self, ids: &[i64]) -> Result<()> {
        for piece in pieces(ids) {
            let mut conditions = Conditions::default();
            conditions.ids("id", piece);
            conditions.fixed("wanted = 0");
            // Those who wait ask again and again: mostly it is known by now.
            for held in self.held_where(&conditions).await? {
                sql("UPDATE leases SET wanted = 1 WHERE id = $1")
                    .bind(held.lease.id)
                    .execute(self.writer())
                    .await?;
            }
        }
        Ok(())
    }

    /// What these holders have and others want. It stays wanted until they have reported.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn wanted_leases(&self, holders: &[String]) -> Result<Vec<Held>> {
        let mut all = Vec::new();
        for piece in pieces(holders) {
            let mut conditions = Conditions::default();
            conditions.fixed("wanted = 1");
            conditions.names("holder", piece);
            all.extend(self.held_where(&conditions).await?);
        }
        Ok(all)
    }

    async fn held_where(&self, conditions: &Conditions) -> Result<Vec<Held>> {
        let rows = conditions.statement(COLUMNS, " ORDER BY id");
        let rows = rows.fetch_all(self.reader()).await?;
        rows.iter().map(held).collect()
    }
}

fn held(row: &AnyRow) -> Result<Held> {
    Ok(Held {
        holder: row.text("holder")?,
        lease: Lease {
            budget: row.text("budget")?,
            id: row.int("id")?,
            ..Lease::default()
        },
    })
}
