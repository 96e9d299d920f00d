//! What a channel's configs say, as far as its provider knows them: values for the places in the
//! provider's entry, and corrections of what the entry says about the provider's manners.

use std::fmt;

use serde_json::{Map, Value, json};
use tollgate_catalog::{Kind, Provider, Setting, Values};
use tollgate_protocol::Quirk;

/// A channel's configs, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelConfigs {
    /// Text for the places in the provider's entry.
    pub values: Values,
    /// Besides the provider's own.
    quirks: Vec<Quirk>,
    /// Of the provider's own, those that this channel does not have.
    without_quirks: Vec<Quirk>,
    /// Callers who speak another dialect of the provider are not translated.
    pub native_dialects: bool,
}

/// Names the field and the rule that it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConfigs(pub String);

const QUIRKS: &str = "quirks";
const WITHOUT_QUIRKS: &str = "without_quirks";
const NATIVE_DIALECTS: &str = "native_dialects";

impl ChannelConfigs {
    /// # Errors
    /// For a field that the provider does not have, or a value of the wrong kind.
    pub fn read(provider: &Provider, configs: &Map<String, Value>) -> Result<Self, InvalidConfigs> {
        let mut read = Self {
            native_dialects: true,
            ..Self::default()
        };
        for (name, value) in configs {
            let must = |rule: &str| InvalidConfigs(format!("configs.{name} must be {rule}"));
            let setting = provider.config.iter().find(|setting| setting.name == *name);
            match (name.as_str(), setting) {
                (_, Some(setting)) => {
                    let fits = fits(setting.kind, value);
                    let text = fits.ok_or_else(|| must(kind_name(setting.kind)))?;
                    // An empty form field says nothing.
                    if !text.is_empty() {
                        read.values.insert(name.clone(), text);
                    }
                }
                (QUIRKS, _) => read.quirks = quirks(value).ok_or_else(|| must(LIST))?,
                (WITHOUT_QUIRKS, _) => {
                    read.without_quirks = quirks(value).ok_or_else(|| must(LIST))?;
                }
                (NATIVE_DIALECTS, _) => {
                    let flag = value.as_bool();
                    read.native_dialects = flag.ok_or_else(|| must("true or false"))?;
                }
                _ => return Err(unknown(provider, name)),
            }
        }
        Ok(read)
    }

    /// In what the channel differs from its dialect.
    #[must_use]
    pub fn quirks(&self, provider: &Provider) -> Vec<Quirk> {
        let own = provider.quirks.iter();
        let mut quirks: Vec<Quirk> = own
            .filter(|quirk| !self.without_quirks.contains(quirk))
            .copied()
            .collect();
        let new = self.quirks.iter().copied();
        quirks.extend(new.filter(|quirk| !provider.quirks.contains(quirk)));
        quirks
    }
}

/// JSON Schema (2020-12) of the configs that a provider's channels may have.
#[must_use]
pub fn config_schema(provider: &Provider) -> Value {
    json!({
        "type": "object",
        "properties": properties(provider),
        "additionalProperties": false,
    })
}

fn properties(provider: &Provider) -> Map<String, Value> {
    let mut properties = Map::new();
    for setting in &provider.config {
        properties.insert(setting.name.clone(), setting_schema(setting));
    }
    if !provider.demo {
        let names = Quirk::ALL.map(Quirk::as_str);
        let list = |description: &str| {
            json!({
                "type": "array",
                "items": {"type": "string", "enum": names},
                "uniqueItems": true,
                "description": description,
            })
        };
        let all = Quirk::ALL.map(|quirk| format!("{quirk}: {}", quirk.help()));
        let more = format!("what this upstream needs besides. {}", all.join("; "));
        properties.insert(QUIRKS.into(), list(&more));
        let fewer = "what this upstream does not need of what its type has by default";
        properties.insert(WITHOUT_QUIRKS.into(), list(fewer));
        if !provider.also.is_empty() {
            properties.insert(
                NATIVE_DIALECTS.into(),
                json!({
                    "type": "boolean",
                    "default": true,
                    "description": "hand callers who speak another of this provider's dialects \
                                    to its endpoint for that, untranslated",
                }),
            );
        }
    }
    properties
}

fn setting_schema(setting: &Setting) -> Value {
    let kind = match setting.kind {
        Kind::Text => "string",
        Kind::Integer => "integer",
        Kind::Object => "object",
    };
    match &setting.default {
        None => json!({"type": kind, "description": setting.help}),
        Some(default) => json!({"type": kind, "description": setting.help, "default": default}),
    }
}

/// The value as text, if it is of this kind.
fn fits(kind: Kind, value: &Value) -> Option<String> {
    match kind {
        Kind::Text => value.as_str().map(str::to_owned),
        Kind::Integer => value.as_i64().map(|number| number.to_string()),
        Kind::Object => value.as_object().map(|_| value.to_string()),
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Integer => "a whole number",
        Kind::Object => "an object",
    }
}

const LIST: &str = "a list of quirks that are known";

fn quirks(value: &Value) -> Option<Vec<Quirk>> {
    let names = value.as_array()?.iter();
    names.map(|name| name.as_str()?.parse().ok()).collect()
}

fn unknown(provider: &Provider, name: &str) -> InvalidConfigs {
    // Bounded, because it comes from outside.
    let name: String = name.chars().take(64).collect();
    let properties = properties(provider);
    let known: Vec<&str> = properties.keys().map(String::as_str).collect();
    let known = known.join(", ");
    InvalidConfigs(format!(
        "configs.{name} is not known; this type has {known}"
    ))
}

// === impl InvalidConfigs ===

impl fmt::Display for InvalidConfigs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidConfigs {}

#[cfg(test)]
mod tests {
    use tollgate_catalog::builtin;

    use super::*;

    fn read(kind: i64, configs: Value) -> Result<ChannelConfigs, String> {
        let configs = configs.as_object().unwrap();
        ChannelConfigs::read(builtin().provider(kind).unwrap(), configs).map_err(|e| e.0)
    }

    #[test]
    fn quirks_are_added_and_taken_away() {
        let mistral = builtin().provider(28).unwrap();
        let configs = json!({
            "quirks": ["string-content", "no-developer-role"],
            "without_quirks": ["no-stream-options", "no-reasoning-effort"],
        });
        let names: Vec<_> = read(28, configs).unwrap().quirks(mistral);
        let names: Vec<_> = names.into_iter().map(Quirk::as_str).collect();
        assert_eq!(
            names,
            [
                "legacy-max-tokens",
                "no-developer-role",
                "nine-char-call-ids",
                "no-earlier-thinking",
                "string-content"
            ]
        );
    }

    #[test]
    fn what_a_type_does_not_know_is_refused_by_name() {
        for (kind, configs, words) in [
            (
                1,
                json!({"region": "x"}),
                "configs.region is not known; this type has",
            ),
            (
                4,
                json!({"resource_name": 7}),
                "configs.resource_name must be text",
            ),
            (1, json!({"quirks": "x"}), "configs.quirks must be a list"),
            (
                1,
                json!({"quirks": ["odd"]}),
                "configs.quirks must be a list",
            ),
            (
                36,
                json!({"native_dialects": 1}),
                "configs.native_dialects must be true",
            ),
        ] {
            let error = read(kind, configs).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let empty = read(4, json!({"resource_name": ""})).unwrap();
        assert!(empty.values.is_empty() && empty.native_dialects);
    }
}
