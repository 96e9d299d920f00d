//! `[demo key=value key="a text" key={"json":true} flag]` in a message.

use serde_json::{Map, Value};

const OPEN: &str = "[demo";

/// The first directive of a text, and the text without it.
///
/// A value is a JSON value or a bare word; a key without one is `true`.
pub(super) fn take(text: &str) -> (Map<String, Value>, String) {
    let found = text.find(OPEN).and_then(|start| {
        let inside = text.get(start + OPEN.len()..)?;
        // "[demonstration]" is a text.
        if !inside.starts_with([' ', ']']) {
            return None;
        }
        let (directive, rest) = read(inside)?;
        Some((
            directive,
            [text.get(..start)?.trim_end(), rest.trim_start()].join(" "),
        ))
    });
    let (directive, rest) = found.unwrap_or_else(|| (Map::new(), text.to_owned()));
    (directive, rest.trim().to_owned())
}

/// Up to the closing bracket; `None` when there is none.
fn read(mut text: &str) -> Option<(Map<String, Value>, &str)> {
    let mut directive = Map::new();
    loop {
        text = text.trim_start();
        if let Some(rest) = text.strip_prefix(']') {
            return Some((directive, rest));
        }
        let end = text.find(|c: char| c == '=' || c == ']' || c.is_whitespace())?;
        let (key, rest) = (text.get(..end)?, text.get(end..)?);
        let (value, rest) = match rest.strip_prefix('=') {
            Some(rest) => value(rest)?,
            None => (Value::Bool(true), rest),
        };
        directive.insert(key.to_owned(), value);
        text = rest;
    }
}

fn value(text: &str) -> Option<(Value, &str)> {
    let mut json = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    if let Some(Ok(value)) = json.next() {
        let rest = text.get(json.byte_offset()..)?;
        if rest.starts_with(|c: char| c == ']' || c.is_whitespace()) {
            return Some((value, rest));
        }
    }
    let end = text.find(|c: char| c == ']' || c.is_whitespace())?;
    Some((Value::String(text.get(..end)?.to_owned()), text.get(end..)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn directives_are_found_and_taken_out() {
        let check = |text: &str, directive: Value, rest: &str| {
            let (seen, left) = take(text);
            assert_eq!(
                (Value::Object(seen), left.as_str()),
                (directive, rest),
                "{text}"
            );
        };
        check("hello", json!({}), "hello");
        check("[demonstration] x", json!({}), "[demonstration] x");
        check("[demo", json!({}), "[demo");
        check("[demo a=", json!({}), "[demo a=");
        check("[demo]", json!({}), "");
        check(
            "[demo chunks=3 tool=get_weather] hi",
            json!({"chunks": 3, "tool": "get_weather"}),
            "hi",
        );
        check(
            "hi [demo text=\"a ] b\"] you",
            json!({"text": "a ] b"}),
            "hi you",
        );
        check(
            "[demo args={\"a\":[1]} x]",
            json!({"args": {"a": [1]}, "x": true}),
            "",
        );
        check("[demo tool=7up]", json!({"tool": "7up"}), "");
    }
}
