//! What is there as a document that would make it so. Keys are left out: they never leave.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::compare::OWN;
use crate::admin::{ApiError, State, channels, group_models, groups, models, tokens};
use crate::domain::options::{self, Source};
use crate::store::GroupModelQuery;

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
    let mut overrides: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for config in store.group_models(&GroupModelQuery::default()).await? {
        let group = overrides.entry(config.group.clone()).or_default();
        group.push(overridden(settings(group_models::shown(config))));
    }
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
            if let Some(models) = id.as_str().and_then(|id| overrides.remove(id)) {
                fields.insert("model_configs".into(), models.into());
            }
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

/// What is different for a group, without all that is not. What is left out of one has no effect, or
/// its smallest value.
fn overridden(config: Value) -> Value {
    let Value::Object(fields) = config else {
        return config;
    };
    let is_set = |flag: &str| fields.get(flag) == Some(&Value::Bool(true));
    let (has_price, has_limit) = (is_set("override_price"), is_set("override_limit"));
    let kept = |name: &str| match name {
        "model" => true,
        "price" => has_price,
        "rpm" | "tpm" => has_limit,
        flag if flag.starts_with("override_") => is_set(flag),
        name => is_set(&format!("override_{name}")),
    };
    let kept: Map<String, Value> = fields
        .iter()
        .filter(|(name, _)| kept(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Value::Object(kept)
}

/// A view without what the server writes, and without its key.
fn settings(view: Value) -> Value {
    let Value::Object(fields) = view else {
        return view;
    };
    let mut kept: Map<String, Value> = fields
        .into_iter()
        .filter(|(name, _)| name != "key" && !OWN.contains(&name.as_str()))
        .collect();
    if let Some(Value::Object(price)) = kept.get_mut("price") {
        without_what_is_free(price);
    }
    Value::Object(kept)
}

/// A price is read as a whole: what it does not name is free.
fn without_what_is_free(price: &mut Map<String, Value>) {
    const UNIT: &str = "_unit";
    let is = |price: &Map<String, Value>, name: &str, number: f64| {
        price.get(name).and_then(Value::as_f64) == Some(number)
    };
    let names: Vec<String> = price.keys().cloned().collect();
    for name in names.iter().filter(|name| !name.ends_with(UNIT)) {
        let unit = format!("{name}{UNIT}");
        if is(price, name, 0.0) && (is(price, &unit, 1000.0) || !price.contains_key(&unit)) {
            price.remove(name);
            price.remove(&unit);
        }
    }
    if price.get("conditional_prices") == Some(&Value::Array(Vec::new())) {
        price.remove("conditional_prices");
    }
}
