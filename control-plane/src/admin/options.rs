//! `/api/option/…`: settings that hold at once.
//!
//! Values are texts, as in AI Proxy; a number, a flag or an object is taken for its JSON text.

use std::collections::BTreeMap;

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::{Reply, data, done};
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
    write(&state, [(path.text("name").to_owned(), value)]).await
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

/// All of them, or none and the reason.
async fn write(state: &State, values: impl IntoIterator<Item = (String, String)>) -> Reply {
    let current = state.store.options().await?;
    let mut kept = Vec::new();
    for (name, value) in values {
        let option = known(&name)?;
        if current.text(option).1 == Source::Environment {
            let env = option.env;
            return Err(ApiError::Conflict(format!(
                "{name} is set by the environment variable {env}; change it there"
            )));
        }
        kept.push((option, option.rule.read(&name, &value)?));
    }
    state.store.set_options(kept).await?;
    done()
}

/// An option of this name with this value, in its stored form.
pub(super) fn read(name: &str, raw: &RawValue) -> Result<(&'static Definition, String), ApiError> {
    let option = known(name)?;
    Ok((option, option.rule.read(name, &text(raw))?))
}

fn known(name: &str) -> Result<&'static Definition, ApiError> {
    options::definition(name).ok_or_else(|| {
        let names: Vec<_> = options::ALL.iter().map(|option| option.name).collect();
        ApiError::NotFound(format!(
            "there is no such option; known: {}",
            names.join(", ")
        ))
    })
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
