//! The first start: something to try at once, and a channel for each provider key that is at hand.

use sqlx::Row;
use tollgate_catalog::Model;
use tollgate_policy::price::{InvalidUsd, NanoUsd, Price, Rate};

use super::{Created, Error, Result, Store};
use crate::domain::{ChannelPatch, ModelConfigPatch, TokenPatch};
use crate::secrets::Secret;

/// Provider keys from the environment.
#[derive(Debug, Clone, Default)]
pub struct FirstKeys {
    /// `OPENAI_API_KEY`
    pub openai: Option<Secret>,
    /// `ANTHROPIC_API_KEY`
    pub anthropic: Option<Secret>,
    /// `GEMINI_API_KEY`
    pub gemini: Option<Secret>,
}

/// What the first start made.
#[derive(Debug)]
pub struct Seeded {
    /// The demo token's text, for the only time.
    pub demo_token: Secret,
    /// Names of the channels.
    pub channels: Vec<String>,
}

/// The provider id of the demo provider.
const DEMO: i64 = 53;
const NAME: &str = "demo";
const GROUP: &str = "default";

impl Store {
    /// Fills a new database; `None` when it is not new. What somebody deleted stays deleted.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn seed(&self, keys: FirstKeys) -> Result<Option<Seeded>> {
        // Of two control planes that start on one database, one finds the row missing.
        let first = sqlx::query(
            "INSERT INTO meta (name, value) VALUES ('seeded', $1) ON CONFLICT DO NOTHING \
             RETURNING name",
        )
        .bind(Vec::new())
        .fetch_optional(self.writer())
        .await?;
        if first.is_none() {
            return Ok(None);
        }
        match self.fill(keys).await {
            Ok(seeded) => Ok(Some(seeded)),
            Err(error) => {
                // So that the next start tries again.
                sqlx::query("DELETE FROM meta WHERE name = 'seeded'")
                    .execute(self.writer())
                    .await?;
                Err(error)
            }
        }
    }

    async fn fill(&self, keys: FirstKeys) -> Result<Seeded> {
        let wanted = [
            (DEMO, NAME, Some(Secret::default())),
            (1, "openai", keys.openai),
            (14, "anthropic", keys.anthropic),
            (12, "gemini", keys.gemini),
        ];
        let mut channels = Vec::new();
        let mut models = Vec::new();
        for (kind, name, key) in wanted {
            let Some(key) = key else { continue };
            let served: Vec<&Model> = tollgate_catalog::builtin().models_of(kind).collect();
            channels.push(ChannelPatch {
                name: Some(name.to_owned()),
                kind: Some(kind),
                key: Some(key),
                models: Some(served.iter().map(|model| model.id.clone()).collect()),
                ..ChannelPatch::default()
            });
            models.extend(served);
        }
        self.save_model_configs(models.into_iter().map(config).collect::<Result<_>>()?)
            .await?;
        // A start that was cut short may have made some of them.
        let existing: i64 = sqlx::query("SELECT count(*) FROM channels")
            .fetch_one(self.writer())
            .await?
            .try_get(0)?;
        let names = channels
            .iter()
            .filter_map(|channel| channel.name.clone())
            .collect();
        if existing == 0 {
            self.create_channels(channels).await?;
        }
        let token = TokenPatch {
            name: Some(NAME.to_owned()),
            ..TokenPatch::default()
        };
        match self.create_token(GROUP, token, true, false).await? {
            Created::New(_, demo_token) => Ok(Seeded {
                demo_token,
                channels: names,
            }),
            Created::Existing(_) => Err(Error::Conflict("there is a demo token already".into())),
        }
    }
}

fn config(model: &Model) -> Result<(String, ModelConfigPatch)> {
    let price = price(model).map_err(|why| Error::Row {
        column: format!("catalogue model {}", model.id),
        why: why.to_string(),
    })?;
    let limit = serde_json::Value::from(model.max_output_tokens);
    let patch = ModelConfigPatch {
        owner: Some(model.owner.clone()),
        price: Some(price),
        config: Some(
            [("max_output_tokens".to_owned(), limit)]
                .into_iter()
                .collect(),
        ),
        ..ModelConfigPatch::default()
    };
    Ok((model.id.clone(), patch))
}

fn price(model: &Model) -> std::result::Result<Price, InvalidUsd> {
    let rate = |text: Option<&String>| match text {
        Some(text) => Ok(Rate {
            price: text.parse()?,
            unit: 1_000_000,
        }),
        None => Ok(Rate::FREE),
    };
    Ok(Price {
        per_request: NanoUsd(0),
        input: rate(Some(&model.input))?,
        output: rate(Some(&model.output))?,
        cached: rate(model.cached.as_ref())?,
        cache_creation: rate(model.cache_creation.as_ref())?,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_catalogue_price_is_exact() {
        for model in tollgate_catalog::builtin().models() {
            assert!(!super::price(model).unwrap().is_free(), "{}", model.id);
        }
    }
}
