//! What is different in a field, as far in as that takes.

use serde_json::{Map, Value};

/// Adds a line for each value that differs: inside objects by its path, of lists what comes and goes.
pub(super) fn lines(text: &mut String, path: &str, from: &Value, to: &Value) {
    match (from, to) {
        _ if from == to => {}
        (Value::Object(before), Value::Object(after)) => {
            let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let side = |of: &Map<String, Value>| of.get(name).cloned().unwrap_or_default();
                lines(text, &format!("{path}.{name}"), &side(before), &side(after));
            }
        }
        (Value::Array(before), Value::Array(after)) => match come_and_go(before, after) {
            Some(changes) => text.push_str(&format!("    {path}: {changes}\n")),
            None => text.push_str(&format!("    {path}: {from} -> {to}\n")),
        },
        _ => text.push_str(&format!("    {path}: {from} -> {to}\n")),
    }
}

/// Entries of long lists; `None` when the lists are short, or have the same entries in another order.
fn come_and_go(before: &[Value], after: &[Value]) -> Option<String> {
    const SHORT: usize = 3;
    if before.len().max(after.len()) <= SHORT {
        return None;
    }
    let less = before.iter().filter(|entry| !after.contains(entry));
    let more = after.iter().filter(|entry| !before.contains(entry));
    let less = less.map(|entry| format!("- {entry}"));
    let changes: Vec<String> = less.chain(more.map(|entry| format!("+ {entry}"))).collect();
    (!changes.is_empty()).then(|| changes.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_the_same_is_not_repeated() {
        for (from, to, expected) in [
            (json!(1), json!(2), "    f: 1 -> 2\n"),
            (
                json!({"a": 1, "b": {"c": 1, "d": 2}}),
                json!({"a": 1, "b": {"c": 3}, "e": null}),
                "    f.b.c: 1 -> 3\n    f.b.d: 2 -> null\n",
            ),
            (json!(null), json!({"a": 1}), "    f: null -> {\"a\":1}\n"),
            (json!(["a"]), json!(["b"]), "    f: [\"a\"] -> [\"b\"]\n"),
            (
                json!(["a", "b", "c", "d"]),
                json!(["a", "c", "d", "e"]),
                "    f: - \"b\", + \"e\"\n",
            ),
            (
                json!([1, 2, 3, 4]),
                json!([2, 1, 3, 4]),
                "    f: [1,2,3,4] -> [2,1,3,4]\n",
            ),
        ] {
            let mut text = String::new();
            lines(&mut text, "f", &from, &to);
            assert_eq!(text, expected);
        }
    }
}
