//! Imports from the catalogue, which never undo what an administrator changed.

use super::models::price;
use super::row::{Columns, to_json};
use super::sql::sql;
use super::write::Write;
use super::{Change, Result, Store};
use crate::domain::{ImportedModels, ModelConfigPatch, tariff_to_json};

impl Store {
    /// Makes configs of models that have none, and brings those up to date that are as an earlier
    /// import left them. One that somebody changed since is left alone, as are fields that the
    /// catalogue does not know, such as limits. The price history says that `by` did it.
    ///
    /// # Errors
    /// When the database is away; nothing is imported then.
    pub async fn import_models(
        &self,
        by: &str,
        models: Vec<(String, ModelConfigPatch)>,
    ) -> Result<ImportedModels> {
        let by = by.to_owned();
        self.write(|write| Box::pin(write.import_models(by, models)))
            .await
    }
}

impl Write {
    pub(super) async fn import_models(
        &mut self,
        by: String,
        models: Vec<(String, ModelConfigPatch)>,
    ) -> Result<ImportedModels> {
        let mut done = ImportedModels::default();
        for (model, patch) in models {
            let new = snapshot(&patch);
            let Some((now, imported)) = self.imported(&model).await? else {
                if self.model_twin(&model).await?.is_some() {
                    // An administrator has it under another spelling.
                    done.kept.push(model);
                    continue;
                }
                self.import(&by, &model, patch, new).await?;
                done.added.push(model);
                continue;
            };
            if now == new {
                self.note_import(&model, new).await?;
                done.unchanged.push(model);
            } else if now == imported {
                self.import(&by, &model, patch, new).await?;
                done.updated.push(model);
            } else {
                done.kept.push(model);
            }
        }
        self.changed(Change::Topology);
        Ok(done)
    }

    async fn import(
        &mut self,
        by: &str,
        model: &str,
        patch: ModelConfigPatch,
        new: String,
    ) -> Result<()> {
        // What the catalogue no longer has is taken away too.
        let patch = ModelConfigPatch {
            price: Some(patch.price.unwrap_or_default()),
            ..patch
        };
        let configs = vec![(model.to_owned(), patch)];
        self.save_model_configs(by.to_owned(), configs).await?;
        self.note_import(model, new).await
    }

    async fn note_import(&mut self, model: &str, new: String) -> Result<()> {
        sql("UPDATE model_configs SET imported = $2 WHERE model = $1")
            .bind(model.to_owned())
            .bind(new)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// What a model's config is now, and what an import left; nobody else changes it until the end
    /// of this transaction.
    async fn imported(&mut self, model: &str) -> Result<Option<(String, String)>> {
        let row = sql("UPDATE model_configs SET model = model WHERE model = $1 \
             RETURNING owner, type, price, config, imported")
        .bind(model.to_owned())
        .fetch_optional(&mut *self.transaction)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let now = ModelConfigPatch {
            owner: Some(row.text("owner")?),
            kind: Some(row.int("type")?),
            price: Some(price(&row)?),
            config: Some(row.json("config")?),
            ..ModelConfigPatch::default()
        };
        Ok(Some((snapshot(&now), row.text("imported")?)))
    }
}

/// All that the catalogue says of a model, the same text for the same facts.
fn snapshot(patch: &ModelConfigPatch) -> String {
    let price = patch.price.clone().unwrap_or_default();
    let config = to_json(&patch.config.clone().unwrap_or_default());
    let owner = patch.owner.clone().unwrap_or_default();
    to_json(&(
        owner,
        patch.kind.unwrap_or_default(),
        tariff_to_json(&price),
        config,
    ))
}
