//! Reading a JSON object field by field, so that every error names its field and rule.

mod common;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tollgate_policy::price::NanoUsd;

use super::heard::Heard;
use super::{ApiError, rules};

/// The fields that have not been read yet. Values are kept as JSON text, because prices need
/// every digit of it.
#[derive(Default)]
pub(super) struct Fields {
    left: BTreeMap<String, Box<RawValue>>,
    heard: Heard,
}

impl Fields {
    pub(super) fn parse(json: &[u8]) -> Result<Self, ApiError> {
        // The parser's own text may repeat what it read, and that may be a key.
        let mut left: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(json).map_err(|error| {
                let what = if error.is_data() {
                    "a JSON object"
                } else {
                    "valid JSON"
                };
                let (line, column) = (error.line(), error.column());
                ApiError::Invalid(format!(
                    "the body must be {what} (line {line}, column {column})"
                ))
            })?;
        left.retain(|_, value| value.get() != "null");
        Ok(Self {
            left,
            heard: Heard::default(),
        })
    }

    /// The same, and what is asked of it is heard.
    pub(super) fn heard(self, heard: Heard) -> Self {
        heard.fields(false);
        Self { heard, ..self }
    }

    /// What is heard of a field, for readers that take it raw.
    pub(super) fn hears(&self, name: &str) -> Heard {
        self.heard.field(name)
    }

    /// JSON text of a field.
    pub(super) fn raw(&mut self, name: &str) -> Option<Box<RawValue>> {
        self.heard.field(name);
        self.left.remove(name)
    }

    /// One line of text.
    pub(super) fn line(&mut self, name: &str, max: usize) -> Result<Option<String>, ApiError> {
        self.hears(name)
            .is(|| json!({ "type": "string", "maxLength": max }));
        let text: Option<String> = self.typed(name, "must be text")?;
        if let Some(text) = &text {
            rules::line(name, text, max)?;
        }
        Ok(text)
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        self.hears(name).is(|| json!({ "type": "string" }));
        self.typed(name, "must be text")
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        self.hears(name).is(|| json!({ "type": "boolean" }));
        self.typed(name, "must be true or false")
    }

    /// A whole number from `min` to `max`.
    pub(super) fn int(&mut self, name: &str, min: i64, max: i64) -> Result<Option<i64>, ApiError> {
        self.hears(name)
            .is(|| json!({ "type": "integer", "minimum": min, "maximum": max }));
        let rule = format!("must be a whole number from {min} to {max}");
        let number: Option<i64> = self.typed(name, &rule)?;
        match number {
            Some(number) if !(min..=max).contains(&number) => Err(ApiError::field(name, rule)),
            number => Ok(number),
        }
    }

    pub(super) fn ints(&mut self, name: &str) -> Result<Option<Vec<i64>>, ApiError> {
        self.hears(name)
            .is(|| json!({ "type": "array", "items": { "type": "integer" } }));
        self.typed(name, "must be a list of whole numbers")
    }

    /// An amount in USD: a number, or a text with one, read from its digits. As a float, 0.1 would be
    /// something else.
    pub(super) fn usd(&mut self, name: &str) -> Result<Option<NanoUsd>, ApiError> {
        self.hears(name).is(decimal);
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        let text = serde_json::from_str::<String>(raw.get()).ok();
        let amount = text.as_deref().unwrap_or(raw.get()).parse();
        amount.map(Some).map_err(|rule| ApiError::field(name, rule))
    }

    /// Names, each once.
    pub(super) fn names(
        &mut self,
        name: &str,
        max: usize,
    ) -> Result<Option<Vec<String>>, ApiError> {
        self.hears(name).is(|| {
            let entry = json!({ "type": "string", "minLength": 1, "maxLength": max });
            json!({ "type": "array", "items": entry, "maxItems": rules::MAX_NAMES })
        });
        let Some(names) = self.typed::<Vec<String>>(name, "must be a list of texts")? else {
            return Ok(None);
        };
        if names.len() > rules::MAX_NAMES {
            return Err(ApiError::field(
                name,
                format!("has more than {} entries", rules::MAX_NAMES),
            ));
        }
        let mut unique = Vec::with_capacity(names.len());
        for entry in names {
            let entry = entry.trim();
            rules::name(name, entry, max)?;
            if !unique.iter().any(|known| known == entry) {
                unique.push(entry.to_owned());
            }
        }
        Ok(Some(unique))
    }

    pub(super) fn map(&mut self, name: &str) -> Result<Option<BTreeMap<String, String>>, ApiError> {
        self.hears(name)
            .is(|| json!({ "type": "object", "additionalProperties": { "type": "string" } }));
        self.typed(name, "must be an object of texts")
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Option<Map<String, Value>>, ApiError> {
        self.hears(name)
            .is(|| json!({ "type": "object", "additionalProperties": true }));
        self.typed(name, "must be an object")
    }

    pub(super) fn nested(&mut self, name: &str) -> Result<Option<Self>, ApiError> {
        let heard = self.hears(name);
        heard.fields(false);
        let Some(value) = self.raw(name) else {
            return Ok(None);
        };
        let fields = Self::parse(value.get().as_bytes());
        fields
            .map(|fields| Some(fields.heard(heard)))
            .map_err(|_| ApiError::field(name, "must be an object"))
    }

    /// A list of objects.
    pub(super) fn list(&mut self, name: &str, max: usize) -> Result<Option<Vec<Self>>, ApiError> {
        const RULE: &str = "must be a list of objects";
        let heard = self.hears(name).list(max);
        let Some(items) = self.typed::<Vec<Box<RawValue>>>(name, RULE)? else {
            return Ok(None);
        };
        if items.len() > max {
            return Err(ApiError::field(
                name,
                format!("has more than {max} entries"),
            ));
        }
        let items = items.iter().map(|item| {
            let fields = Self::parse(item.get().as_bytes());
            fields.map(|fields| fields.heard(heard.clone()))
        });
        let items: Result<_, _> = items.collect();
        items.map(Some).map_err(|_| ApiError::field(name, RULE))
    }

    /// Fields of AI Proxy without an effect here: only their neutral values are taken.
    pub(super) fn not_yet(&mut self, names: &[&str]) -> Result<(), ApiError> {
        for name in names {
            self.hears(name).is(|| {
                json!({ "description": "Without an effect yet: only its neutral value is taken." })
            });
        }
        self.check_not_yet(names)?;
        self.ignore(names);
        Ok(())
    }

    /// The same, and the fields can still be read.
    pub(super) fn check_not_yet(&self, names: &[&str]) -> Result<(), ApiError> {
        for name in names {
            let Some(raw) = self.left.get(*name) else {
                continue;
            };
            let neutral = serde_json::from_str(raw.get()).is_ok_and(|value| is_neutral(&value));
            if !neutral {
                let rule = "is not available yet; leave it out, or send its neutral value";
                return Err(ApiError::field(name, rule));
            }
        }
        Ok(())
    }

    /// Fields that answers show and nobody can set.
    pub(super) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.hears(name)
                .is(|| json!({ "description": "Shown in answers; ignored here." }));
            self.left.remove(*name);
        }
    }

    /// Gives a field back, perhaps in other words.
    pub(super) fn put(&mut self, name: &str, value: Box<RawValue>) {
        self.left.insert(name.to_owned(), value);
    }

    /// All that is left, by name.
    pub(super) fn rest(self) -> BTreeMap<String, Box<RawValue>> {
        self.heard.fields(true);
        self.left
    }

    /// Refuses what is left.
    pub(super) fn finish(self) -> Result<(), ApiError> {
        match self.left.into_keys().next() {
            // Bounded, because it comes from outside.
            Some(name) => {
                let name: String = name.chars().take(64).collect();
                Err(ApiError::field(&name, "is not a field that is known here"))
            }
            None => Ok(()),
        }
    }

    fn typed<T: DeserializeOwned>(
        &mut self,
        name: &str,
        rule: &str,
    ) -> Result<Option<T>, ApiError> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        serde_json::from_str(raw.get())
            .map(Some)
            .map_err(|_| ApiError::field(name, rule))
    }
}

/// A decimal number, or a text with one, as [`Fields::usd`] takes it.
pub(super) fn decimal() -> Value {
    json!({ "type": ["number", "string"], "minimum": 0, "pattern": r"^\d*\.?\d*$" })
}

/// Nothing is asked for: zero, empty, off, or an object of such.
fn is_neutral(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_neutral),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_neutral_values_of_later_fields_are_taken() {
        let check = |json: &str, good: bool| {
            let mut fields = Fields::parse(format!(r#"{{"quota":{json}}}"#).as_bytes()).unwrap();
            assert_eq!(fields.not_yet(&["quota"]).is_ok(), good, "{json}");
        };
        for neutral in [
            "0",
            "0.0",
            "-0",
            "null",
            "\"\"",
            "false",
            "[]",
            "{}",
            r#"{"a":0}"#,
        ] {
            check(neutral, true);
        }
        for other in [
            "1",
            "0.001",
            "\"x\"",
            "true",
            "[0]",
            r#"{"a":1}"#,
            &"9".repeat(100_000),
        ] {
            check(other, false);
        }
    }

    #[test]
    fn what_is_no_object_is_refused_without_repeating_it() {
        let deep = format!("{}\"canary\"{}", "[".repeat(10_000), "]".repeat(10_000));
        for body in [
            "",
            "\"canary\"",
            "{\"canary\"",
            "[1]",
            "{\"a\":canary}",
            &deep,
            "{}canary",
        ] {
            let ApiError::Invalid(text) = Fields::parse(body.as_bytes()).err().unwrap() else {
                panic!("{body}")
            };
            assert!(
                text.starts_with("the body must be") && !text.contains("canary"),
                "{text}"
            );
        }
        let mut deep = Fields::parse(format!("{{\"models\":{deep}}}").as_bytes()).unwrap();
        assert!(deep.names("models", 10).is_err());
        let mut lone = Fields::parse(br#"{"name":"\ud800"}"#).unwrap();
        assert!(lone.line("name", 10).is_err());
    }
}
