//! `/api/config/apply` and `/api/config/export`: the whole configuration as one document, for those
//! who keep it in files.
//!
//! ```json
//! {
//!   "options": {"RetryTimes": 2},
//!   "model_configs": [{"model": "gpt-5", "price": {}}],
//!   "channels": [{"name": "main", "type": "openai", "key": "sk-…", "models": ["gpt-5"]}],
//!   "groups": [{
//!     "id": "team",
//!     "tokens": [{"name": "app", "models": []}],
//!     "model_configs": [{"model": "gpt-5", "override_limit": true, "rpm": 60}]
//!   }]
//! }
//! ```
//!
//! Entries have the fields of their own routes. They are found again by name: an option by its key,
//! a model config by its model, a channel by its name, a group by its id, a token by its name within
//! its group; what is different for a group with a model, by that, and as a whole. A token that exists elsewhere brings its `key`, and is found by that first; a group
//! without a wallet gets one with its `opening_balance`. What the document leaves out stays as it
//! is, except that `prune=true` removes the entries of those lists that it has. All of it happens,
//! or nothing; applying a document twice changes nothing the second time.

mod compare;
mod export;
mod plan;
mod read;

use std::collections::BTreeMap;

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::actor::Actor;
use super::answer::{Reply, data};
use super::body::Body;
use super::fields::Fields;
use super::params::Params;
use super::routes::{Routes, get, post};
use super::{ApiError, State, channels, group_models, groups, models, tokens, wallets};
use crate::store::{Left, Then};
use compare::{Change, differences};
use plan::{Planned, Verb};

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/config/apply", post(apply))
        .read("/config/export", get(export))
}

/// What an apply did.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Applied")]
pub(super) struct View {
    changes: Vec<ChangeView>,
    /// Entries of the document that are there already, just so.
    unchanged: usize,
    /// Nothing was kept.
    dry_run: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AppliedChange")]
struct ChangeView {
    /// `create`, `update` or `delete`.
    action: &'static str,
    /// `option`, `model_config`, `channel`, `group`, `group_model_config`, `wallet` or `token`.
    kind: &'static str,
    name: String,
    /// What it was and will be, field by field; secrets are masked.
    fields: BTreeMap<String, Change>,
    /// The text of a token that was made. It is shown this once only.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// The configuration as a document that would make it so, without keys.
async fn export(Extract(state): Extract<State>) -> Reply<export::Document> {
    data(export::document(&state).await?)
}

/// Makes everything as a document says, all or nothing. What it leaves out stays, unless `prune` is
/// set; with `dry_run` only what would change is told.
async fn apply(
    Extract(state): Extract<State>,
    by: Actor,
    params: Params,
    body: Body,
) -> Reply<View> {
    let (prune, dry_run) = (params.flag("prune")?, params.flag("dry_run")?);
    data(applied(&state, &by, body.object()?, prune, dry_run).await?)
}

/// Others wrote so often that a document never got between them.
const TRIES: usize = 10;

/// What a document says is to be so whatever was there before: when somebody else is faster, it is
/// planned again.
pub(super) async fn applied(
    state: &State,
    by: &Actor,
    document: Fields,
    prune: bool,
    dry_run: bool,
) -> Result<View, ApiError> {
    let wanted = read::document(document)?;
    for _ in 0..TRIES {
        match applied_once(state, by, wanted.clone(), prune, dry_run).await {
            Err(ApiError::WrittenSince) => {}
            applied => return applied,
        }
    }
    Err(ApiError::Conflict(
        "others are changing too much meanwhile; try again".into(),
    ))
}

/// First all of it is done and undone, to see what it would change; then what changes something is
/// done and kept, unless somebody else was faster.
async fn applied_once(
    state: &State,
    by: &Actor,
    wanted: read::Wanted,
    prune: bool,
    dry_run: bool,
) -> Result<View, ApiError> {
    let revision = state.store.revision().await?;
    let planned = plan::plan(state, wanted, prune).await?;
    let steps = planned.iter().map(|planned| planned.step.clone());
    let left = state
        .store
        .apply(by.name(), steps.collect(), revision, Then::Undo)
        .await?;

    let mut unchanged = 0;
    let mut effective = Vec::new();
    for (planned, left) in planned.into_iter().zip(left) {
        let fields = planned.differences(shown(left).0);
        if fields.is_empty() && planned.verb == Verb::Update {
            unchanged += 1;
        } else {
            effective.push((planned, fields));
        }
    }
    let mut keys = Vec::new();
    if !dry_run && !effective.is_empty() {
        let steps = effective.iter().map(|(planned, _)| planned.step.clone());
        let left = state
            .store
            .apply(by.name(), steps.collect(), revision, Then::Keep)
            .await?;
        keys = left.into_iter().map(|left| shown(left).1).collect();
    }
    let mut keys = keys.into_iter();
    let changes = effective.into_iter().map(|(planned, fields)| ChangeView {
        action: planned.verb.as_str(),
        kind: planned.kind,
        name: planned.name,
        fields,
        key: keys.next().flatten(),
    });
    Ok(View {
        changes: changes.collect(),
        unchanged,
        dry_run,
    })
}

/// What a step left as its own route shows it, and the text of a token that was made.
fn shown(left: Left) -> (Value, Option<String>) {
    let none = None;
    match left {
        Left::Nothing => (Value::Null, none),
        Left::Option(value) => (plan::option(&value), none),
        Left::Model(config) => (models::shown(*config), none),
        Left::Channel(channel) => (channels::shown(*channel), none),
        Left::Group(group) => (groups::shown(group), none),
        Left::GroupModel(config) => (group_models::shown(*config), none),
        Left::Wallet(wallet) => (wallets::shown(wallet), none),
        Left::Token(token, secret) => (
            tokens::shown(token),
            secret.map(|secret| secret.expose().to_owned()),
        ),
    }
}

impl Planned {
    /// What the step changed, or for a removal what was there.
    fn differences(&self, after: Value) -> BTreeMap<String, Change> {
        let mut fields = differences(&self.before, &after);
        if self.new_key {
            // The last four characters may be the same.
            fields.entry("key".into()).or_insert_with(Change::hidden);
        }
        if self.new_proxy {
            fields
                .entry("proxy_url".into())
                .or_insert_with(Change::hidden);
        }
        fields
    }
}
