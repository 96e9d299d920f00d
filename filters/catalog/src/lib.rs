//! Providers and models as data.
//!
//! A provider that speaks a dialect we know at another address with another key header is one
//! entry in `providers.toml` and no code. The files are compiled in; this crate never reads a
//! file, never talks to a network and holds no secret.

mod mode;
mod model;
mod provider;
mod setting;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

pub use mode::Mode;
pub use model::{ListPrice, Model, When};
pub use provider::{Also, Auth, Cloud, Provider, Values};
pub use setting::{Kind, Setting, Unfilled};

/// Everything that is known of providers and models.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    providers: BTreeMap<i64, Provider>,
    models: Vec<Model>,
}

/// Why catalogue text was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidCatalog(String);

/// The catalogue that is compiled in.
///
/// It is empty, so that every channel type is unknown, if the data were broken; a test of this
/// crate keeps that from being released.
pub fn builtin() -> &'static Catalog {
    static BUILTIN: OnceLock<Catalog> = OnceLock::new();
    BUILTIN.get_or_init(|| {
        Catalog::parse(include_str!("providers.toml"), include_str!("models.toml"))
            .unwrap_or_default()
    })
}

// === impl Catalog ===

impl Catalog {
    /// Reads the two TOML texts whose fields are explained at their tops.
    ///
    /// # Errors
    /// Names the first entry that breaks a rule.
    pub fn parse(providers: &str, models: &str) -> Result<Self, InvalidCatalog> {
        let providers = provider::parse(providers)?;
        let models = model::parse(models, &providers)?;
        Ok(Self { providers, models })
    }

    /// The provider with this channel type.
    #[must_use]
    pub fn provider(&self, id: i64) -> Option<&Provider> {
        self.providers.get(&id)
    }

    /// All providers, by id.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.providers.values()
    }

    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.iter()
    }

    /// The models that a new channel of this type serves unless it says otherwise.
    pub fn models_of(&self, provider: i64) -> impl Iterator<Item = &Model> {
        self.models()
            .filter(move |model| model.provider == provider)
    }
}

// === impl InvalidCatalog ===

impl InvalidCatalog {
    fn entry(entry: &dyn fmt::Display, why: &str) -> Self {
        Self(format!("{entry}: {why}"))
    }
}

impl fmt::Display for InvalidCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidCatalog {}

#[cfg(test)]
mod tests;
