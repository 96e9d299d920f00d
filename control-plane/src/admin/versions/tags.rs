//! The tag of a thing: a few bits of the hash of each field.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Fields that change by themselves, or that nobody can set.
const NOT_SET_BY_ANYBODY: [&str; 14] = [
    "id",
    "created_at",
    "updated_at",
    "accessed_at",
    "last_login_at",
    "last_test_error_at",
    "channel_tests",
    "balance",
    "balance_currency",
    "balance_updated_at",
    "rotates_until",
    "period_last_update_time",
    "period_last_update_amount",
    // Of a redemption code.
    "used",
];

/// Hexadecimal digits of each field's hash.
const DIGITS: usize = 4;

/// The fields that people set, each with a part of its hash, in the order of their names.
fn hashes(fields: &Map<String, Value>) -> impl Iterator<Item = (&str, String)> {
    let is_set = |name: &str| {
        let counts = name.starts_with("used_") || name.ends_with("_count");
        !counts && !name.starts_with("period_used_") && !NOT_SET_BY_ANYBODY.contains(&name)
    };
    fields.iter().filter_map(move |(name, value)| {
        let hash = hex::encode(Sha256::digest(format!("{name}={value}")));
        is_set(name).then(|| (name.as_str(), hash.chars().take(DIGITS).collect()))
    })
}

pub(super) fn tag(fields: &Map<String, Value>) -> String {
    hashes(fields).map(|(_, hash)| hash).collect()
}

/// The fields that are others than when the tag was given.
pub(super) fn changed(tag: &str, now: &Map<String, Value>) -> Vec<String> {
    let now: Vec<_> = hashes(now).collect();
    if tag.len() != now.len() * DIGITS {
        return vec!["this is not its ETag, or the gateway was updated; read it again".into()];
    }
    let before = |at: usize| tag.get(at * DIGITS..(at + 1) * DIGITS);
    let fields = now.iter().enumerate();
    fields
        .filter(|(at, (_, hash))| before(*at) != Some(hash))
        .map(|(_, (name, _))| (*name).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tag_tells_which_fields_changed_and_counters_are_none() {
        let fields = |value: Value| value.as_object().unwrap().clone();
        let before =
            fields(json!({"name": "a", "models": ["m"], "used_amount": 1, "request_count": 2}));
        let tag = tag(&before);
        assert_eq!(tag.len(), 2 * DIGITS);
        for (now, expected) in [
            (
                json!({"name": "a", "models": ["m"], "used_amount": 9, "request_count": 9}),
                &[][..],
            ),
            (json!({"name": "b", "models": ["m"]}), &["name"]),
            (json!({"name": "b", "models": []}), &["models", "name"]),
        ] {
            assert_eq!(changed(&tag, &fields(now)), expected);
        }
        assert_eq!(changed("é", &before).len(), 1);
    }
}
