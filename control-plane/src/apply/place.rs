//! Where in the file that is which a refusal speaks of.
//!
//! The control plane names it by its way there, `groups[0]: tokens[1]: subnets must be …`, or by its
//! name, `channel "main": key is required`. Both are looked for here as far as they are there.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

/// A file's shape. Of what is no mapping and no list, only texts count.
enum Node {
    Mapping(BTreeMap<String, Spanned<Node>>),
    List(Vec<Spanned<Node>>),
    Text(String),
    Other,
}

/// The line in which the thing stands that a message begins with; `None` if it names nothing here.
pub(super) fn line(text: &str, message: &str) -> Option<u64> {
    let root: Node = serde_saphyr::from_str(text).ok()?;
    let (mut node, mut rest, mut found) = (&root, message, None);
    if let Some((entry, after)) = by_name(&root, message) {
        (node, rest, found) = (&entry.value, after, Some(entry));
    }
    loop {
        let end = rest.find(|it: char| !(it.is_alphanumeric() || it == '_'));
        let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
        let Node::Mapping(fields) = node else { break };
        let Some(field) = fields.get(name) else { break };
        (node, rest, found) = (&field.value, after, Some(field));
        while let Some((entry, after)) = entry(node, rest) {
            (node, rest, found) = (&entry.value, after, Some(entry));
        }
        match rest.strip_prefix(": ").or_else(|| rest.strip_prefix('.')) {
            Some(inside) => rest = inside,
            None => break,
        }
    }
    found.map(|found| found.referenced.line())
}

/// `[3]` and what comes after it.
fn entry<'n, 't>(node: &'n Node, rest: &'t str) -> Option<(&'n Spanned<Node>, &'t str)> {
    let Node::List(entries) = node else {
        return None;
    };
    let (number, after) = rest.strip_prefix('[')?.split_once(']')?;
    Some((entries.get(number.parse::<usize>().ok()?)?, after))
}

/// `channel "main": ` and what comes after it.
fn by_name<'n, 't>(root: &'n Node, message: &'t str) -> Option<(&'n Spanned<Node>, &'t str)> {
    let (name, after) = message.strip_prefix("channel \"")?.split_once("\": ")?;
    let Node::Mapping(fields) = root else {
        return None;
    };
    let Node::List(channels) = &fields.get("channels")?.value else {
        return None;
    };
    let is_it = |channel: &&Spanned<Node>| match &channel.value {
        Node::Mapping(fields) => fields
            .get("name")
            .is_some_and(|it| matches!(&it.value, Node::Text(text) if text == name)),
        _ => false,
    };
    Some((channels.iter().find(is_it)?, after))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Nodes)
    }
}

struct Nodes;

impl<'de> Visitor<'de> for Nodes {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = map.next_entry()? {
            fields.insert(name, value);
        }
        Ok(Node::Mapping(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element()? {
            entries.push(entry);
        }
        Ok(Node::List(entries))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inside: D) -> Result<Node, D::Error> {
        inside.deserialize_any(self)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_enum<A: serde::de::EnumAccess<'de>>(self, data: A) -> Result<Node, A::Error> {
        let _ = data.variant::<IgnoredAny>()?;
        Ok(Node::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_what_is_refused_is_found() {
        let text = "\
options:
  RetryTimes: -1
channels:
  - name: main
    type: 1
    price: {a: 1}
  - name: other
    modles: []
groups:
  - id: team
    tokens:
      - {name: a}
      - name: b
        subnets: [x]
";
        for (message, expected) in [
            ("RetryTimes must be", None),
            ("options.RetryTimes must be", Some(2)),
            ("channels[1]: modles is not a field", Some(8)),
            ("channels[1]: key is required", Some(7)),
            ("channel \"main\": type must be", Some(5)),
            ("channel \"other\": key is required", Some(7)),
            ("channel \"nobody\": key is required", None),
            ("channels[9]: key is required", Some(4)),
            ("groups[0]: tokens[1]: subnets[0] must be", Some(14)),
            ("groups must be a list", Some(10)),
            ("more is not a field", None),
            ("the database is not available", None),
        ] {
            assert_eq!(line(text, message), expected, "{message}");
        }
        assert_eq!(line("a: [", "a is wrong"), None);
    }
}
