//! Model configs.

use serde_json::{Map, Value};
use sqlx::any::AnyRow;
use tollgate_config::RETRIES_MAX;
use tollgate_policy::price::Tariff;

use super::limits::limits;
use super::query::Conditions;
use super::row::{Columns, readable, to_json, unexpected};
use super::sql::sql;
use super::write::Write;
use super::{Change, Error, Result, Store};
use crate::domain::{
    Listed, ModelConfig, ModelConfigPatch, Page, PriceValue, now_unix_ms, tariff_from_json,
    tariff_to_json,
};

/// Which model configs are wanted.
#[derive(Debug, Clone, Default)]
pub struct ModelQuery {
    pub model: Option<String>,
    pub owner: Option<String>,
    /// A word in model or owner.
    pub keyword: Option<String>,
}

pub(super) const COLUMNS: &str = "SELECT model, created_at, updated_at, owner, type, price, retry_times, \
    rpm, tpm, max_concurrency, config, settings FROM model_configs";

/// Who changed a price where no administrator did.
pub(super) const NOBODY: &str = "tollgate";

impl Store {
    /// All model configs, by name.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn model_configs(&self) -> Result<Vec<ModelConfig>> {
        let every = Conditions::default();
        let rows = every
            .statement(COLUMNS, " ORDER BY model")
            .fetch_all(self.reader())
            .await?;
        Ok(readable(&rows, "a model config", "model", model_config))
    }

    /// # Errors
    /// When the database is away.
    pub async fn model_config_page(
        &self,
        query: &ModelQuery,
        page: Page,
    ) -> Result<Listed<ModelConfig>> {
        let mut conditions = Conditions::default();
        conditions.text("model = ?", query.model.as_deref());
        conditions.text("owner = ?", query.owner.as_deref());
        conditions.keyword(
            "lower(model) LIKE lower(?) ESCAPE '\\' OR lower(owner) LIKE lower(?) ESCAPE '\\'",
            query.keyword.as_deref(),
        );
        let count = "SELECT count(*) FROM model_configs";
        conditions
            .page(
                self.reader(),
                ("a model config", COLUMNS, count),
                page,
                "model",
                model_config,
            )
            .await
    }

    /// The configs of these models, as far as they have one.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn model_configs_of(&self, models: &[String]) -> Result<Vec<ModelConfig>> {
        let mut conditions = Conditions::default();
        conditions.names("model", models);
        let rows = conditions
            .statement(COLUMNS, " ORDER BY model")
            .fetch_all(self.reader())
            .await?;
        Ok(readable(&rows, "a model config", "model", model_config))
    }

    /// The configs that these names mean, which may differ from theirs in case.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn model_configs_meant(&self, models: &[String]) -> Result<Vec<ModelConfig>> {
        let mut found = self.model_configs_of(models).await?;
        let is_found = |model: &&String| found.iter().any(|config| config.model == **model);
        let others: Vec<String> = models.iter().filter(|it| !is_found(it)).cloned().collect();
        if !others.is_empty() {
            let mut conditions = Conditions::default();
            conditions.names_in_any_case("lower(model)", &others);
            let rows = conditions
                .statement(COLUMNS, " ORDER BY model")
                .fetch_all(self.reader())
                .await?;
            let others = readable(&rows, "a model config", "model", model_config);
            found.extend(others);
        }
        Ok(found)
    }

    /// # Errors
    /// `NotFound` when there is none.
    pub async fn model_config(&self, model: &str) -> Result<ModelConfig> {
        let mut conditions = Conditions::default();
        conditions.text("model = ?", Some(model));
        let row = conditions
            .statement(COLUMNS, "")
            .fetch_optional(self.reader())
            .await?;
        model_config(&row.ok_or_else(|| Error::missing("the config of model", model))?)
    }

    /// [`Store::save_model_configs_as`] by nobody: what the first start brings.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn save_model_configs(&self, configs: Vec<(String, ModelConfigPatch)>) -> Result<()> {
        self.save_model_configs_as(NOBODY, configs).await
    }

    /// Makes model configs, or changes what the patches name in those that exist; all or none. The
    /// price history says that `by` did it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn save_model_configs_as(
        &self,
        by: &str,
        configs: Vec<(String, ModelConfigPatch)>,
    ) -> Result<()> {
        let by = by.to_owned();
        self.write(|write| Box::pin(write.save_model_configs(by, configs)))
            .await
    }

    /// [`Store::delete_model_configs_as`] by nobody.
    ///
    /// # Errors
    /// `NotFound` names the first that is not there; nothing is removed then.
    pub async fn delete_model_configs(&self, models: &[String]) -> Result<()> {
        self.delete_model_configs_as(NOBODY, models).await
    }

    /// Removes model configs, all or none.
    ///
    /// # Errors
    /// `NotFound` names the first that is not there; nothing is removed then.
    pub async fn delete_model_configs_as(&self, by: &str, models: &[String]) -> Result<()> {
        let (by, models) = (by.to_owned(), models.to_owned());
        self.write(|write| Box::pin(write.delete_model_configs(by, models)))
            .await
    }
}

impl Write {
    pub(super) async fn save_model_configs(
        &mut self,
        by: String,
        configs: Vec<(String, ModelConfigPatch)>,
    ) -> Result<()> {
        let now = now_unix_ms();
        for (model, patch) in configs {
            let old = self.lock_model(&model).await?;
            if old.is_none()
                && let Some(twin) = self.model_twin(&model).await?
            {
                return Err(Error::Conflict(format!(
                    "the config of model {twin} exists, and {model} is the same model in another \
                     case: change that one, or remove it first"
                )));
            }
            let (old_price, mut settings) = old.unwrap_or_default();
            let settings = (!patch.settings.is_empty()).then(|| {
                settings.extend(patch.settings);
                to_json(&settings)
            });
            if let Some(price) = &patch.price {
                let new = (!price.is_free()).then(|| PriceValue::of(price.clone()));
                let change = (old_price, new);
                self.price_changed(&by, "", &model, change, now).await?;
            }
            let keeps_retries = patch.retry_times.is_none();
            // The values to insert stand in $1..$9; those to keep an old value by are NULL there,
            // and the insert gives them their defaults.
            sql(
                "INSERT INTO model_configs \
                 (model, created_at, updated_at, owner, type, price, retry_times, config, settings) \
                 VALUES ($1, $2, $2, coalesce($3, ''), coalesce($4, 0), coalesce($5, '{}'), $6, \
                 coalesce($7, '{}'), coalesce($9, '{}')) \
                 ON CONFLICT (model) DO UPDATE SET updated_at = $2, \
                 owner = coalesce($3, model_configs.owner), \
                 type = coalesce($4, model_configs.type), \
                 price = coalesce($5, model_configs.price), \
                 retry_times = CASE WHEN $8 = 1 THEN model_configs.retry_times ELSE $6 END, \
                 config = coalesce($7, model_configs.config), \
                 settings = coalesce($9, model_configs.settings)",
            )
            .bind(model.clone())
            .bind(now)
            .bind(patch.owner)
            .bind(patch.kind)
            .bind(patch.price.as_ref().map(tariff_to_json))
            .bind(patch.retry_times.flatten().map(i64::from))
            .bind(patch.config.as_ref().map(to_json))
            .bind(i64::from(keeps_retries))
            .bind(settings)
            .execute(&mut *self.transaction)
            .await?;
            self.limit_model(&model, patch.limits).await?;
        }
        self.changed(Change::Topology);
        Ok(())
    }

    /// A model with a config whose name differs in case alone.
    pub(super) async fn model_twin(&mut self, model: &str) -> Result<Option<String>> {
        let row = sql("SELECT model FROM model_configs WHERE lower(model) = $1 AND model <> $2")
            .bind(model.to_ascii_lowercase())
            .bind(model.to_owned())
            .fetch_optional(&mut *self.transaction)
            .await?;
        row.map(|row| row.text("model")).transpose()
    }

    /// The price and the settings of a model that has a config; nobody else changes it until the
    /// end of this transaction.
    async fn lock_model(
        &mut self,
        model: &str,
    ) -> Result<Option<(Option<PriceValue>, Map<String, Value>)>> {
        let row = sql(
            "UPDATE model_configs SET model = model WHERE model = $1 RETURNING price, settings",
        )
        .bind(model.to_owned())
        .fetch_optional(&mut *self.transaction)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let price = price(&row)?;
        let old = (!price.is_free()).then_some(PriceValue::of(price));
        Ok(Some((old, row.json("settings")?)))
    }

    pub(super) async fn delete_model_configs(
        &mut self,
        by: String,
        models: Vec<String>,
    ) -> Result<()> {
        let now = now_unix_ms();
        for model in models {
            let (old_price, _) = self.lock_model(&model).await?.unwrap_or_default();
            let change = (old_price, None);
            self.price_changed(&by, "", &model, change, now).await?;
            let done = sql("DELETE FROM model_configs WHERE model = $1")
                .bind(model.clone())
                .execute(&mut *self.transaction)
                .await?;
            if done.rows_affected() == 0 {
                return Err(Error::missing("the config of model", model));
            }
        }
        self.changed(Change::Topology);
        Ok(())
    }
}

pub(super) fn model_config(row: &AnyRow) -> Result<ModelConfig> {
    let retry_times = row
        .optional_int("retry_times")?
        .map(u32::try_from)
        .transpose();
    let retry_times = retry_times.map_err(|_| unexpected("retry_times", "out of range"))?;
    Ok(ModelConfig {
        model: row.text("model")?,
        created_at_ms: row.int("created_at")?,
        updated_at_ms: row.int("updated_at")?,
        owner: row.text("owner")?,
        kind: row.int("type")?,
        price: price(row)?,
        // An earlier version took more, and made as many.
        retry_times: retry_times.map(|times| times.min(RETRIES_MAX)),
        limits: limits(row)?,
        config: row.json("config")?,
        settings: row.json("settings")?,
    })
}

pub(super) fn price(row: &AnyRow) -> Result<Tariff> {
    tariff_from_json(&row.text("price")?).map_err(|error| unexpected("price", error))
}
