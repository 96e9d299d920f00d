//! Group model configs: what is different for one group with one model.

use sqlx::any::AnyRow;
use tollgate_config::RETRIES_MAX;

use super::query::Conditions;
use super::row::{Columns, readable, to_json, unexpected};
use super::sql::sql;
use super::write::Write;
use super::{Change, Error, Result, Store};
use crate::domain::{
    GroupModelConfig, NewGroupModel, Overrides, PriceValue, now_unix_ms, tariff_from_json,
    tariff_to_json,
};

/// Which group model configs are wanted.
#[derive(Debug, Clone, Default)]
pub struct GroupModelQuery {
    pub group: Option<String>,
    pub model: Option<String>,
}

const COLUMNS: &str = "SELECT group_id, model, created_at, updated_at, price, settings \
    FROM group_model_configs";

impl Store {
    /// By group and model.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn group_models(&self, query: &GroupModelQuery) -> Result<Vec<GroupModelConfig>> {
        let mut conditions = Conditions::default();
        conditions.text("group_id = ?", query.group.as_deref());
        conditions.text("model = ?", query.model.as_deref());
        let rows = conditions
            .statement(COLUMNS, " ORDER BY group_id, model")
            .fetch_all(self.reader())
            .await?;
        Ok(readable(
            &rows,
            "a group model config",
            "model",
            group_model,
        ))
    }

    /// # Errors
    /// `NotFound` when there is none.
    pub async fn group_model(&self, group: &str, model: &str) -> Result<GroupModelConfig> {
        let query = GroupModelQuery {
            group: Some(group.to_owned()),
            model: Some(model.to_owned()),
        };
        let found = self.group_models(&query).await?.pop();
        found.ok_or_else(|| missing(group, model))
    }

    /// Makes group model configs, or puts them in the place of those that exist; all or none. The
    /// price history says that `by` did it.
    ///
    /// # Errors
    /// `NotFound` when there is no such group, or `must_exist` and one of the configs is not there.
    pub async fn save_group_models(
        &self,
        by: &str,
        group: &str,
        configs: Vec<NewGroupModel>,
        must_exist: bool,
    ) -> Result<()> {
        let (by, group) = (by.to_owned(), group.to_owned());
        self.write(move |write| Box::pin(write.save_group_models(by, group, configs, must_exist)))
            .await
    }

    /// Removes group model configs, all or none.
    ///
    /// # Errors
    /// `NotFound` names the first that is not there; nothing is removed then.
    pub async fn delete_group_models(
        &self,
        by: &str,
        group: &str,
        models: &[String],
    ) -> Result<()> {
        let (by, group, models) = (by.to_owned(), group.to_owned(), models.to_owned());
        self.write(|write| Box::pin(write.delete_group_models(by, group, models)))
            .await
    }
}

impl Write {
    /// One that is there.
    pub(super) async fn group_model(
        &mut self,
        group: &str,
        model: &str,
    ) -> Result<GroupModelConfig> {
        let mut conditions = Conditions::default();
        conditions.text("group_id = ?", Some(group));
        conditions.text("model = ?", Some(model));
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_one(&mut *self.transaction)
            .await?;
        group_model(&row)
    }

    pub(super) async fn save_group_models(
        &mut self,
        by: String,
        group: String,
        configs: Vec<NewGroupModel>,
        must_exist: bool,
    ) -> Result<()> {
        // Also keeps the group from going away meanwhile.
        let found = sql("UPDATE groups SET id = id WHERE id = $1")
            .bind(group.clone())
            .execute(&mut *self.transaction)
            .await?;
        if found.rows_affected() == 0 {
            return Err(Error::missing("group", group));
        }
        let now = now_unix_ms();
        for config in configs {
            let NewGroupModel {
                model,
                price,
                overrides,
            } = config;
            let old = self.lock_group_model(&group, &model).await?;
            if must_exist && old.is_none() {
                return Err(missing(&group, &model));
            }
            if old.is_none()
                && let Some(twin) = self.group_model_twin(&group, &model).await?
            {
                return Err(Error::Conflict(format!(
                    "the config of the group for model {twin} exists, and {model} is the same model \
                     in another case: change that one, or remove it first"
                )));
            }
            let new = price.clone().map(PriceValue::of);
            let change = (old.flatten(), new);
            self.price_changed(&by, &group, &model, change, now).await?;
            sql("INSERT INTO group_model_configs \
                 (group_id, model, created_at, updated_at, price, settings) \
                 VALUES ($1, $2, $3, $3, $4, $5) \
                 ON CONFLICT (group_id, model) DO UPDATE SET updated_at = $3, price = $4, \
                 settings = $5")
            .bind(group.clone())
            .bind(model)
            .bind(now)
            .bind(price.as_ref().map(tariff_to_json))
            .bind(to_json(&overrides))
            .execute(&mut *self.transaction)
            .await?;
        }
        self.changed(Change::GroupTokens(group));
        // Which bodies the log wants of it.
        self.changed(Change::Topology);
        Ok(())
    }

    pub(super) async fn delete_group_models(
        &mut self,
        by: String,
        group: String,
        models: Vec<String>,
    ) -> Result<()> {
        let now = now_unix_ms();
        for model in models {
            let old = self.lock_group_model(&group, &model).await?;
            let Some(old) = old else {
                return Err(missing(&group, &model));
            };
            self.price_changed(&by, &group, &model, (old, None), now)
                .await?;
            sql("DELETE FROM group_model_configs WHERE group_id = $1 AND model = $2")
                .bind(group.clone())
                .bind(model)
                .execute(&mut *self.transaction)
                .await?;
        }
        self.changed(Change::GroupTokens(group));
        // Which bodies the log wants of it.
        self.changed(Change::Topology);
        Ok(())
    }

    /// A model that the group has something of its own for, and whose name differs in case alone.
    async fn group_model_twin(&mut self, group: &str, model: &str) -> Result<Option<String>> {
        let row = sql("SELECT model FROM group_model_configs \
             WHERE group_id = $1 AND lower(model) = $2 AND model <> $3")
        .bind(group.to_owned())
        .bind(model.to_ascii_lowercase())
        .bind(model.to_owned())
        .fetch_optional(&mut *self.transaction)
        .await?;
        row.map(|row| row.text("model")).transpose()
    }

    /// The price of one that is there; nobody else changes it until the end of this transaction.
    async fn lock_group_model(
        &mut self,
        group: &str,
        model: &str,
    ) -> Result<Option<Option<PriceValue>>> {
        let row = sql(
            "UPDATE group_model_configs SET model = model WHERE group_id = $1 AND model = $2 \
             RETURNING price",
        )
        .bind(group.to_owned())
        .bind(model.to_owned())
        .fetch_optional(&mut *self.transaction)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let price = row.optional_text("price")?;
        let price = price.map(|text| PriceValue::from_json(&text)).transpose();
        price.map(Some).map_err(|error| unexpected("price", error))
    }
}

fn missing(group: &str, model: &str) -> Error {
    Error::missing(
        "the config of the group for model",
        format!("{model} in {group}"),
    )
}

fn group_model(row: &AnyRow) -> Result<GroupModelConfig> {
    let price = row.optional_text("price")?;
    let price = price.map(|text| tariff_from_json(&text)).transpose();
    let mut overrides: Overrides = row.json("settings")?;
    // An earlier version took more, and made as many.
    let retry_times = overrides.retry_times;
    overrides.retry_times = retry_times.map(|times| times.min(i64::from(RETRIES_MAX)));
    Ok(GroupModelConfig {
        group: row.text("group_id")?,
        model: row.text("model")?,
        created_at_ms: row.int("created_at")?,
        updated_at_ms: row.int("updated_at")?,
        price: price.map_err(|error| unexpected("price", error))?,
        overrides,
    })
}
