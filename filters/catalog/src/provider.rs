//! What is known of a provider, and the rules its entry must keep.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use tollgate_protocol::embeddings::Shape;
use tollgate_protocol::{Dialect, Quirk};

use crate::setting::{self, Kind, Setting, Unfilled};
use crate::{InvalidCatalog, Mode};

/// Somebody who answers model calls.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The channel type, as stored in channels.
    pub id: i64,
    pub name: String,
    /// Where its API begins, with the version part of the path; a template of settings. `None`
    /// for demo providers, and where every channel has its own.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Name of a `tollgate_protocol::Dialect`.
    pub dialect: String,
    /// What it speaks besides, at the same host.
    #[serde(default)]
    pub also: Vec<Also>,
    /// Name of a `tollgate_protocol::embeddings::Shape`, where the dialect does not tell it.
    #[serde(default)]
    pub embeddings: Option<String>,
    #[serde(default)]
    pub auth: Auth,
    /// Whose credentials it takes besides a key of one word.
    #[serde(default)]
    pub cloud: Option<Cloud>,
    /// Request headers that it needs and that a caller may override; templates. Never a secret.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Path below the base URL instead of the dialect's own; `{model}` stays in it.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Query of every request; a template.
    #[serde(default)]
    pub query: String,
    /// In what it differs from its dialect.
    #[serde(default, deserialize_with = "quirks")]
    pub quirks: Vec<Quirk>,
    /// What its API offers.
    pub modes: Vec<Mode>,
    pub key_help: String,
    /// Where its documentation is. Empty only for demo providers.
    #[serde(default)]
    pub docs: String,
    /// What its channels may say in their configs.
    #[serde(default)]
    pub config: Vec<Setting>,
    /// Answered by Tollgate itself: no address and no key are needed.
    #[serde(default)]
    pub demo: bool,
}

/// A further dialect.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Also {
    pub dialect: String,
    /// Takes the place of the base URL's path.
    pub base_path: String,
    /// Only at the provider's own host: others copy its first dialect, but not this one.
    #[serde(default)]
    pub at_home: bool,
}

/// A cloud whose credentials are more than one word, and say where the channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// Access keys, with which every request is signed; `region` is a setting.
    Aws,
    /// Accounts for which access tokens are fetched; `location` and `project_id` are settings.
    Google,
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

/// Values of a channel's settings, by name.
pub type Values = BTreeMap<String, String>;

pub(crate) fn parse(text: &str) -> Result<BTreeMap<i64, Provider>, InvalidCatalog> {
    let mut providers = BTreeMap::new();
    for provider in read(text)? {
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

/// The entries as they stand, not checked yet.
fn read(text: &str) -> Result<Vec<Provider>, InvalidCatalog> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        provider: Vec<Provider>,
    }

    let file: File = toml::from_str(text).map_err(|error| InvalidCatalog(error.to_string()))?;
    Ok(file.provider)
}

fn quirks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Quirk>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let quirk = |name: &String| {
        let unknown = |_| serde::de::Error::custom(format_args!("unknown quirk {name:?}"));
        name.parse().map_err(unknown)
    };
    names.iter().map(quirk).collect()
}

// === impl Provider ===

impl Provider {
    /// Where its API begins for a channel with these settings; `None` where it has no address.
    ///
    /// # Errors
    /// Names a setting that is missing or that does not fit.
    pub fn base_url(&self, values: &Values) -> Option<Result<String, Unfilled<'_>>> {
        let template = self.base_url.as_deref()?;
        Some(setting::fill(template, &self.config, values))
    }

    /// The path of its base URL, empty or beginning with '/'; `None` where a setting is missing.
    #[must_use]
    pub fn base_path(&self, values: &Values) -> Option<String> {
        let (_, path) = self.host_and_path()?;
        setting::fill(path, &self.config, values).ok()
    }

    /// Whether this is the provider's own host, whatever its settings are.
    #[must_use]
    pub fn is_at(&self, host: &str) -> bool {
        let Some((own, _)) = self.host_and_path() else {
            return false;
        };
        match own.split_once('}') {
            Some((_, rest)) => rest.contains('.') && host.ends_with(rest),
            None => own == host,
        }
    }

    fn host_and_path(&self) -> Option<(&str, &str)> {
        let (_, rest) = self.base_url.as_deref()?.split_once("://")?;
        let slash = rest.find('/').unwrap_or(rest.len());
        rest.split_at_checked(slash)
    }

    /// What a channel says about one of its settings, or what is assumed.
    ///
    /// # Errors
    /// As [`Provider::base_url`].
    pub fn setting(&self, name: &str, values: &Values) -> Result<String, Unfilled<'_>> {
        setting::fill(&format!("{{{name}}}"), &self.config, values)
    }

    /// # Errors
    /// As [`Provider::base_url`].
    pub fn query(&self, values: &Values) -> Result<String, Unfilled<'_>> {
        setting::fill(&self.query, &self.config, values)
    }

    /// Without those that no setting fills.
    ///
    /// # Errors
    /// Names a setting that does not fit.
    pub fn headers(&self, values: &Values) -> Result<BTreeMap<String, String>, Unfilled<'_>> {
        let mut headers = BTreeMap::new();
        for (name, template) in &self.headers {
            match setting::fill(template, &self.config, values) {
                Ok(value) => headers.insert(name.clone(), value),
                Err(Unfilled::Missing(_)) => continue,
                Err(unfit) => return Err(unfit),
            };
        }
        Ok(headers)
    }

    fn check(&self) -> Result<(), &'static str> {
        let speaks = |dialect: &String| dialect.parse::<Dialect>().is_ok();
        let mut also = self.also.iter().map(|also| &also.dialect);
        if !speaks(&self.dialect) || !also.all(speaks) {
            return Err("unknown dialect");
        }
        self.check_facts()
    }

    /// All but whether its dialect exists.
    fn check_facts(&self) -> Result<(), &'static str> {
        if self.id <= 0 {
            return Err("id must be positive");
        }
        if self.name.is_empty() || self.key_help.is_empty() || self.modes.is_empty() {
            return Err("name, key_help and modes must not be empty");
        }
        if !self.demo && !self.docs.starts_with("https://") {
            return Err("docs must say where the facts are from");
        }
        let shape = self.embeddings.as_ref();
        if shape.is_some_and(|shape| shape.parse::<Shape>().is_err()) {
            return Err("unknown shape of embeddings");
        }
        match &self.base_url {
            Some(_) if self.demo => return Err("a demo provider has no base_url"),
            Some(url) if !url.starts_with("https://") && !url.starts_with("http://localhost") => {
                return Err("base_url must be https");
            }
            Some(url) if url.ends_with('/') => return Err("base_url must not end with '/'"),
            _ => {}
        }
        let bad_path = |path: &str| !path.starts_with('/') || path.ends_with('/');
        if self.also.iter().any(|also| bad_path(&also.base_path)) {
            return Err("the base_path of a further dialect begins and does not end with '/'");
        }
        if self.also.iter().any(|also| also.dialect == self.dialect) {
            return Err("a further dialect is not the first one");
        }
        if self.endpoint.as_deref().is_some_and(bad_path) {
            return Err("endpoint begins and does not end with '/'");
        }
        let names = self.headers.keys().chain([&self.auth.header]);
        if !names.into_iter().all(|name| is_header_name(name)) {
            return Err("header names are lower-case letters, digits and '-'");
        }
        let has = |name: &&str| self.config.iter().any(|setting| setting.name == **name);
        let told = self.cloud.map(Cloud::settings).unwrap_or_default();
        if !told.iter().all(has) {
            return Err("a setting that its cloud's keys tell is missing");
        }
        self.check_settings()
    }

    /// Every place has a setting, and every setting a place.
    fn check_settings(&self) -> Result<(), &'static str> {
        let mut templates = vec![self.query.as_str()];
        templates.extend(self.base_url.as_deref());
        templates.extend(self.headers.values().map(String::as_str));
        let value = |setting: &Setting| (setting.name.clone(), "x".to_owned());
        let values: Values = self.config.iter().map(value).collect();
        for template in &templates {
            let filled = setting::fill(template, &self.config, &values);
            if filled.is_ok_and(|text| text.contains(['{', '}'])) {
                return Err("a place in a template has no setting");
            }
        }
        for setting in &self.config {
            let place = format!("{{{}}}", setting.name);
            let has_place = templates.iter().any(|template| template.contains(&place));
            let is_used = has_place && setting.kind == Kind::Text;
            if !is_used && !self.demo {
                return Err("a setting is text and has a place in a template");
            }
            if setting.name.is_empty() || setting.help.is_empty() {
                return Err("a setting has a name and help");
            }
        }
        Ok(())
    }
}

// === impl Cloud ===

impl Cloud {
    /// The settings that its keys may tell.
    #[must_use]
    pub fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Aws => &["region"],
            Self::Google => &["location", "project_id"],
        }
    }
}

fn is_header_name(name: &str) -> bool {
    let ok = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.bytes().all(ok)
}
