//! `/api/option/…`: settings that hold at once.
//!
//! Values are texts, as in AI Proxy; a number, a flag or an object is taken for its JSON text. Options that
//! it has and that mean nothing here are taken, and the answer says what does their work.

use std::collections::BTreeMap;

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::{Reply, data, done_with_note};
use super::body::Body;
use super::fields::Fields;
use super::params::Segments;
use super::routes::{Routes, get, post};
use super::{ApiError, State};
use crate::domain::options::{self, Definition, InvalidOption, Options, Source};

pub(super) fn routes() -> Routes {
    let several = get(all).post(set).put(set);
    Routes::new()
        .read("/option", several.clone())
        .read("/option/", several)
        .route("/option/batch", post(set_many))
        .read("/option/definitions", get(definitions))
        .read("/option/{name}", get(show).put(set_named))
}

/// An option with all that a form needs.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Option")]
struct View {
    key: &'static str,
    value: String,
    default: &'static str,
    /// `default`, `stored` or `environment`; the last cannot be changed here.
    source: &'static str,
    env: &'static str,
    rule: String,
    description: &'static str,
}

/// The values of all options.
async fn all(Extract(state): Extract<State>) -> Reply<BTreeMap<&'static str, String>> {
    let options = state.store.options().await?;
    data(
        options::ALL
            .iter()
            .map(|option| (option.name, options.text(option).0.to_owned()))
            .collect::<BTreeMap<_, _>>(),
    )
}

/// All options with what a form needs to know of them.
async fn definitions(Extract(state): Extract<State>) -> Reply<Vec<View>> {
    let options = state.store.options().await?;
    data(
        options::ALL
            .iter()
            .map(|option| view(&options, option))
            .collect::<Vec<_>>(),
    )
}

/// An option.
async fn show(Extract(state): Extract<State>, path: Segments) -> Reply<View> {
    let option = known(path.text("name"))?;
    data(view(&state.store.options().await?, option))
}

/// Sets an option.
async fn set(Extract(state): Extract<State>, body: Body) -> Reply {
    let mut fields = body.object()?;
    let name = fields
        .text("key")?
        .ok_or_else(|| ApiError::field("key", "is required"))?;
    let value = value(&mut fields)?;
    fields.finish()?;
    write(&state, [(name, value)]).await
}

/// Sets one option.
async fn set_named(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply {
    let mut fields = body.object()?;
    let value = value(&mut fields)?;
    fields.finish()?;
    let name = path.text("name");
    if !WITHOUT_EFFECT.iter().any(|(there, _)| *there == name) {
        known(name)?;
    }
    write(&state, [(name.to_owned(), value)]).await
}

/// Sets options, all or none.
async fn set_many(Extract(state): Extract<State>, body: Body) -> Reply {
    let values = body.object()?.rest();
    write(
        &state,
        values.into_iter().map(|(name, raw)| (name, text(&raw))),
    )
    .await
}

/// Options of AI Proxy that have no effect here, each with what does its work, so that who moves over
/// can send all that they had.
const WITHOUT_EFFECT: [(&str, &str); 6] = [
    (
        "RetryLogStorageHours",
        "LogStorageHours, because retries are part of a log row",
    ),
    (
        "FuzzyTokenThreshold",
        "nothing, because texts of every length are counted",
    ),
    ("DefaultHost", "nothing, because every host is answered"),
    ("DefaultMCPHost", "nothing, because there is no MCP"),
    ("PublicMCPHost", "nothing, because there is no MCP"),
    ("GroupMCPHost", "nothing, because there is no MCP"),
];

/// All of them, or none and the reason.
async fn write(state: &State, values: impl IntoIterator<Item = (String, String)>) -> Reply {
    let current = state.store.options().await?;
    let (mut kept, mut notes) = (Vec::new(), Vec::new());
    for (name, value) in values {
        if let Some((_, instead)) = WITHOUT_EFFECT.iter().find(|(known, _)| *known == name) {
            notes.push(format!("{name} has no effect here; instead: {instead}"));
            continue;
        }
        let option = named(&name)?;
        if current.text(option).1 == Source::Environment {
            let env = option.env;
            return Err(ApiError::Conflict(format!(
                "{name} is set by the environment variable {env}; change it there"
            )));
        }
        kept.push((option, option.rule.read(&name, &value)?));
    }
    state.store.set_options(kept).await?;
    done_with_note(notes.join("; "))
}

/// An option of this name with this value, in its stored form.
pub(super) fn read(name: &str, raw: &RawValue) -> Result<(&'static Definition, String), ApiError> {
    let option = known(name)?;
    Ok((option, option.rule.read(name, &text(raw))?))
}

/// The option of a path.
fn known(name: &str) -> Result<&'static Definition, ApiError> {
    options::definition(name).ok_or_else(|| {
        let known = names();
        ApiError::NotFound(format!("there is no such option; known: {known}"))
    })
}

/// The option that a body names.
fn named(name: &str) -> Result<&'static Definition, ApiError> {
    options::definition(name).ok_or_else(|| {
        let name: String = name.chars().take(100).collect();
        let known = names();
        ApiError::Invalid(format!("{name:?} is no option; known: {known}"))
    })
}

fn names() -> String {
    let names: Vec<_> = options::ALL.iter().map(|option| option.name).collect();
    names.join(", ")
}

fn value(fields: &mut Fields) -> Result<String, ApiError> {
    let raw = fields.raw("value");
    raw.map(|raw| text(&raw))
        .ok_or_else(|| ApiError::field("value", "is required"))
}

/// A JSON text is what it says; anything else is its own text.
fn text(raw: &RawValue) -> String {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().to_owned())
}

fn view(options: &Options, option: &'static Definition) -> View {
    let (value, source) = options.text(option);
    View {
        key: option.name,
        value: value.to_owned(),
        default: option.default,
        source: match source {
            Source::Default => "default",
            Source::Stored => "stored",
            Source::Environment => "environment",
        },
        env: option.env,
        rule: option.rule.text(),
        description: option.about,
    }
}

impl From<InvalidOption> for ApiError {
    fn from(error: InvalidOption) -> Self {
        Self::Invalid(error.to_string())
    }
}
