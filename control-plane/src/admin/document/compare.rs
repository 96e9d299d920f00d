//! What differs between two views of one thing.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// A field before and after; `null` where it was not there.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "AppliedField")]
pub(super) struct Change {
    pub(super) from: Value,
    pub(super) to: Value,
}

/// Fields that the server writes, and that say nothing about what was asked for.
pub(super) const OWN: [&str; 20] = [
    "id",
    "group_id",
    "created_at",
    "updated_at",
    "accessed_at",
    "used_amount",
    "used_amount_nano_usd",
    "request_count",
    "retry_count",
    "type_name",
    "group",
    "period_last_update_time",
    "period_last_update_amount",
    "period_used_amount",
    "rotates_until",
    "channel_tests",
    "last_test_error_at",
    "balance",
    "balance_currency",
    "balance_updated_at",
];

/// The fields in which two views differ, but for those of the server's own.
pub(super) fn differences(before: &Value, after: &Value) -> BTreeMap<String, Change> {
    let none = Map::new();
    let (before, after) = (
        before.as_object().unwrap_or(&none),
        after.as_object().unwrap_or(&none),
    );
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |name: &String| {
        let side = |view: &Map<String, Value>| view.get(name).cloned().unwrap_or_default();
        let (from, to) = (side(before), side(after));
        (from != to).then(|| (name.clone(), Change { from, to }))
    };
    names
        .into_iter()
        .filter(|name| !OWN.contains(&name.as_str()))
        .filter_map(change)
        .collect()
}

impl Change {
    /// Of a secret, of which nothing can be shown.
    pub(super) fn hidden() -> Self {
        Self {
            from: Value::from("****"),
            to: Value::from("****"),
        }
    }
}
