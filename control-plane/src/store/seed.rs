//! The first start: something to try at once, and a channel for each provider key that is at hand.

use std::io;

use tollgate_catalog::Model;

use super::models::NOBODY;
use super::sql::sql;
use super::write::Write;
use super::{Created, Error, Result, Store};
use crate::domain::{ChannelPatch, ModelConfigPatch, TokenPatch, catalogued};
use crate::secrets::{NewToken, Secret};

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
    /// `keep` gets the demo token's text before anything is committed: a start that is cut short
    /// anywhere leaves a new database, which the next one fills.
    ///
    /// # Errors
    /// When the database is away, or the token cannot be kept.
    pub async fn seed(
        &self,
        keys: FirstKeys,
        keep: impl FnOnce(&Secret) -> io::Result<()> + Send + 'static,
    ) -> Result<Option<Seeded>> {
        self.write(|write| {
            Box::pin(async move {
                let seeded = write.seed(keys).await?;
                if let Some(seeded) = &seeded {
                    keep(&seeded.demo_token).map_err(Error::DemoToken)?;
                }
                Ok(seeded)
            })
        })
        .await
    }
}

impl Write {
    async fn seed(&mut self, keys: FirstKeys) -> Result<Option<Seeded>> {
        // Of two control planes that start on one database, the second waits here for the first,
        // and finds the row.
        let first =
            sql("INSERT INTO meta (name, value) VALUES ('seeded', $1) ON CONFLICT DO NOTHING")
                .bind(Vec::new())
                .execute(&mut *self.transaction)
                .await?;
        match first.rows_affected() {
            0 => Ok(None),
            _ => self.fill(keys).await.map(Some),
        }
    }

    async fn fill(&mut self, keys: FirstKeys) -> Result<Seeded> {
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
        let models = models.into_iter().map(config).collect::<Result<_>>()?;
        self.import_models(NOBODY.to_owned(), models).await?;
        let names = channels
            .iter()
            .filter_map(|channel| channel.name.clone())
            .collect();
        self.create_channels(channels).await?;
        let token = TokenPatch {
            name: Some(NAME.to_owned()),
            ..TokenPatch::default()
        };
        match self
            .create_token(GROUP.to_owned(), token, NewToken::random(), true, false)
            .await?
        {
            Created::New(_, demo_token) => Ok(Seeded {
                demo_token,
                channels: names,
            }),
            Created::Existing(_) => Err(Error::Conflict("there is a demo token already".into())),
        }
    }
}

fn config(model: &Model) -> Result<(String, ModelConfigPatch)> {
    let patch = catalogued(model).map_err(|why| Error::Row {
        column: format!("catalogue model {}", model.id),
        why: why.to_string(),
    })?;
    Ok((model.id.clone(), patch))
}
