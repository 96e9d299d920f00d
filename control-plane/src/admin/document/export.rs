//! What is there as a document that would make it so. Keys are left out: they never leave.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::compare::OWN;
use crate::admin::{ApiError, State, channels, groups, models, tokens};
use crate::domain::options::{self, Source};

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Configuration")]
pub(super) struct Document {
    options: BTreeMap<&'static str, String>,
    model_configs: Vec<Value>,
    channels: Vec<Value>,
    groups: Vec<Value>,
}

pub(super) async fn document(state: &State) -> Result<Document, ApiError> {
    let store = &state.store;
    let held = store.options().await?;
    let stored = options::ALL.iter().filter_map(|option| {
        let (value, source) = held.text(option);
        (source == Source::Stored).then(|| (option.name, value.to_owned()))
    });
    let models = store.model_configs().await?;
    let channels = store.all_channels().await?;
    let mut groups = Vec::new();
    for group in store.all_groups().await? {
        let tokens = store.tokens_of(&group.id).await?;
        let tokens: Vec<Value> = tokens
            .into_iter()
            .map(|token| settings(tokens::shown(token)))
            .collect();
        let id = Value::from(group.id.clone());
        let mut group = settings(groups::shown(group));
        if let Some(fields) = group.as_object_mut() {
            fields.insert("id".into(), id);
            fields.insert("tokens".into(), tokens.into());
        }
        groups.push(group);
    }
    Ok(Document {
        options: stored.collect(),
        model_configs: models
            .into_iter()
            .map(|config| settings(models::shown(config)))
            .collect(),
        channels: channels
            .into_iter()
            .map(|channel| settings(channels::shown(channel)))
            .collect(),
        groups,
    })
}

/// A view without what the server writes, and without its key.
fn settings(view: Value) -> Value {
    let Value::Object(fields) = view else {
        return view;
    };
    let kept: Map<String, Value> = fields
        .into_iter()
        .filter(|(name, _)| name != "key" && !OWN.contains(&name.as_str()))
        .collect();
    Value::Object(kept)
}
