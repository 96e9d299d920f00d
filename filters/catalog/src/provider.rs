//! What is known of a provider, and the rules its entry must keep.

use std::collections::BTreeMap;

use serde::Deserialize;
use tollgate_protocol::Dialect;
use tollgate_protocol::embeddings::Shape;

use crate::InvalidCatalog;

/// Somebody who answers model calls.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The channel type, as stored in channels.
    pub id: i64,
    pub name: String,
    /// Where its API begins, with the version part of the path. `None` only for demo providers.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Name of a `tollgate_protocol::Dialect`.
    pub dialect: String,
    /// Name of a `tollgate_protocol::embeddings::Shape`, where the dialect does not tell it.
    #[serde(default)]
    pub embeddings: Option<String>,
    #[serde(default)]
    pub auth: Auth,
    /// Request headers that it needs and that a caller may override. Never a secret.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub key_help: String,
    /// Answered by Tollgate itself: no address and no key are needed.
    #[serde(default)]
    pub demo: bool,
}

/// How a key travels: header name, and what stands before the key in its value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    pub header: String,
    pub prefix: String,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            header: "authorization".into(),
            prefix: "Bearer ".into(),
        }
    }
}

pub(crate) fn parse(text: &str) -> Result<BTreeMap<i64, Provider>, InvalidCatalog> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        provider: Vec<Provider>,
    }

    let file: File = toml::from_str(text).map_err(|error| InvalidCatalog(error.to_string()))?;
    let mut providers = BTreeMap::new();
    for provider in file.provider {
        provider
            .check()
            .map_err(|why| InvalidCatalog::entry(&format_args!("provider {}", provider.id), why))?;
        if let Some(earlier) = providers.insert(provider.id, provider) {
            let entry = format_args!("provider {}", earlier.id);
            return Err(InvalidCatalog::entry(&entry, "the id stands twice"));
        }
    }
    Ok(providers)
}

impl Provider {
    fn check(&self) -> Result<(), &'static str> {
        if self.id <= 0 {
            return Err("id must be positive");
        }
        if self.name.is_empty() || self.key_help.is_empty() {
            return Err("name and key_help must not be empty");
        }
        if self.dialect.parse::<Dialect>().is_err() {
            return Err("unknown dialect");
        }
        let shape = self.embeddings.as_ref();
        if shape.is_some_and(|shape| shape.parse::<Shape>().is_err()) {
            return Err("unknown shape of embeddings");
        }
        match &self.base_url {
            None if !self.demo => return Err("base_url is missing"),
            Some(_) if self.demo => return Err("a demo provider has no base_url"),
            Some(url) if !url.starts_with("https://") => return Err("base_url must be https"),
            Some(url) if url.ends_with('/') => return Err("base_url must not end with '/'"),
            _ => {}
        }
        let names = self.headers.keys().chain([&self.auth.header]);
        if !names.into_iter().all(|name| is_header_name(name)) {
            return Err("header names are lower-case letters, digits and '-'");
        }
        Ok(())
    }
}

fn is_header_name(name: &str) -> bool {
    let ok = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.bytes().all(ok)
}
