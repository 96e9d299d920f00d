//! What a channel says about itself besides its key, and where that goes.

use std::collections::BTreeMap;

use serde::Deserialize;

/// One entry of a channel's configs that its provider knows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    pub name: String,
    #[serde(default)]
    pub kind: Kind,
    /// One line for whoever fills in the form.
    pub help: String,
    /// What is used when a channel says nothing.
    #[serde(default)]
    pub default: Option<String>,
}

/// What a setting holds. Only text can go into addresses and headers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    #[default]
    Text,
    Integer,
    Object,
}

/// A template cannot be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfilled<'a> {
    /// No channel said it, and there is no default.
    Missing(&'a str),
    /// Its value would change more than its place in the template.
    Unfit(&'a str),
}

/// Puts the values of settings into the places `{name}` of a template. Other braces stay.
///
/// # Errors
/// Names the first setting that has no value, or one that is not made of letters, digits, `.`, `_`
/// and `-`.
pub(crate) fn fill<'a>(
    template: &str,
    settings: &'a [Setting],
    values: &BTreeMap<String, String>,
) -> Result<String, Unfilled<'a>> {
    let mut filled = template.to_owned();
    for setting in settings {
        let place = format!("{{{}}}", setting.name);
        if !filled.contains(&place) {
            continue;
        }
        let value = values
            .get(&setting.name)
            .or(setting.default.as_ref())
            .ok_or(Unfilled::Missing(&setting.name))?;
        if !is_plain(value) {
            return Err(Unfilled::Unfit(&setting.name));
        }
        filled = filled.replace(&place, value);
    }
    Ok(filled)
}

/// Nothing that could end a host name, a path segment or a query.
fn is_plain(value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    edge(value.bytes().next()) && edge(value.bytes().next_back()) && value.bytes().all(plain)
}
