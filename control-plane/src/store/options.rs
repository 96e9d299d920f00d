//! Options, and who hears of a change.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;

use super::row::Columns;
use super::sql::sql;
use super::write::Write;
use super::{Change, Result, SHARED_ADDRESSES, Store};
use crate::domain::now_unix_ms;
use crate::domain::options::{Definition, Options, Reach};

const SELECT: &str = "SELECT name, value FROM options";

impl Store {
    /// Options that the environment sets, from now on. The first call counts.
    pub fn fix_options(&self, environment: BTreeMap<&'static str, String>) {
        // A second call would be this program's mistake, and changes nothing.
        let _ = self.0.environment.set(environment);
    }

    /// What holds now.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn options(&self) -> Result<Options> {
        let rows = sql(SELECT).fetch_all(self.reader()).await?;
        self.read_options(&rows)
    }

    pub(super) fn read_options(&self, rows: &[AnyRow]) -> Result<Options> {
        let mut stored = BTreeMap::new();
        for row in rows {
            stored.insert(row.text("name")?, row.text("value")?);
        }
        let none = BTreeMap::new();
        Ok(Options::new(
            self.0.environment.get().unwrap_or(&none),
            &stored,
        ))
    }

    /// Sets options, all or none. Values are in their stored form.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn set_options(&self, values: Vec<(&'static Definition, String)>) -> Result<()> {
        self.write(|write| Box::pin(write.set_options(values)))
            .await
    }
}

impl Write {
    /// The same inside a write, which must not wait for a second connection.
    pub(super) async fn options(&mut self) -> Result<Options> {
        let rows = sql(SELECT).fetch_all(&mut *self.transaction).await?;
        self.store.read_options(&rows)
    }

    pub(super) async fn set_options(
        &mut self,
        values: Vec<(&'static Definition, String)>,
    ) -> Result<()> {
        for (option, value) in values {
            sql(
                "INSERT INTO options (name, value, updated_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value, \
                 updated_at = excluded.updated_at",
            )
            .bind(option.name)
            .bind(value)
            .bind(now_unix_ms())
            .execute(&mut *self.transaction)
            .await?;
            if option.name.starts_with("IPGroups") {
                self.make_due(SHARED_ADDRESSES).await?;
            }
            match option.reach {
                Reach::ControlPlane => self.changed(Change::Settings),
                Reach::Gateways => self.changed(Change::Topology),
                Reach::Tokens => self.changed(Change::AllTokens),
            }
        }
        Ok(())
    }
}
