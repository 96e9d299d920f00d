//! OpenRouter's `reasoning_details`: an array of texts, summaries and sealed data, with what
//! signs them. Whoever gives it wants it back as it was, so it is carried whole, as the
//! signature of the thinking that it is about.
//!
//! In a stream each chunk brings fragments, which belong together by their `index`.

use crate::json::{Json, JsonWriter, Kind, Limits};

/// Members whose fragments are joined.
const JOINED: [&str; 4] = ["text", "summary", "data", "signature"];
/// Beyond this nothing is carried: it would be kept twice.
const MAX_BYTES: usize = 1 << 20;

/// What the entries say, one after the other.
pub(super) fn text_of(details: Json<'_>) -> String {
    let mut said = String::new();
    for entry in details.items() {
        let texts = entry.members(["text", "summary"]).into_iter().flatten();
        if let Some(text) = texts.filter_map(Json::as_str).next() {
            said.push_str(&text);
        }
    }
    said
}

/// Whether there is anything in it that only its provider can make.
pub(super) fn holds_proof(details: Json<'_>) -> bool {
    details.items().any(|entry| {
        let proofs = entry.members(["signature", "data"]);
        let proofs = proofs.into_iter().flatten();
        proofs
            .filter_map(Json::as_str)
            .any(|proof| !proof.is_empty())
    })
}

/// Writes the entries of what was carried; nothing of what is no array.
pub(super) fn write(carried: &str, w: &mut JsonWriter<'_>) {
    if let Ok(details) = Json::parse_text(carried, &Limits::response())
        && details.kind() == Kind::Array
    {
        for entry in details.items() {
            w.raw(entry.raw());
        }
    }
}

/// Fragments, as far as they have come.
#[derive(Default)]
pub(super) struct Details {
    entries: Vec<Entry>,
    bytes: usize,
}

struct Entry {
    index: Option<u64>,
    kind: String,
    members: Vec<(String, Value)>,
}

enum Value {
    Joined(String),
    /// JSON.
    Other(String),
}

// === impl Details ===

impl Details {
    pub(super) fn add(&mut self, fragments: Json<'_>) {
        for fragment in fragments.items() {
            self.bytes = self.bytes.saturating_add(fragment.raw().len());
            if self.bytes > MAX_BYTES {
                self.entries.clear();
                return;
            }
            let [index, kind] = fragment.members(["index", "type"]);
            let index = index.and_then(Json::as_u64);
            let kind = kind.and_then(Json::as_str).unwrap_or_default();
            let same =
                |entry: &&mut Entry| index.is_some() && entry.index == index && entry.kind == *kind;
            match self.entries.iter_mut().rev().find(same) {
                Some(entry) => entry.add(fragment),
                None => {
                    let mut entry = Entry {
                        index,
                        kind: kind.into_owned(),
                        members: Vec::new(),
                    };
                    entry.add(fragment);
                    self.entries.push(entry);
                }
            }
        }
    }

    /// The array, once there is proof in it, and only once.
    pub(super) fn take(&mut self) -> Option<String> {
        if self.entries.is_empty() {
            return None;
        }
        let mut array = Vec::new();
        JsonWriter::new(&mut array).array(|w| {
            for entry in &self.entries {
                w.object(|w| entry.write(w));
            }
        });
        let array = String::from_utf8(array).ok()?;
        let details = Json::parse_text(&array, &Limits::response()).ok()?;
        if !holds_proof(details) {
            return None;
        }
        self.entries.clear();
        Some(array)
    }
}

// === impl Entry ===

impl Entry {
    fn add(&mut self, fragment: Json<'_>) {
        for (key, value) in fragment.entries().filter(|(_, value)| !value.is_null()) {
            let joined = JOINED.contains(&&*key);
            let text = value.as_str().filter(|_| joined);
            let known = self.members.iter_mut().find(|(known, _)| *known == *key);
            match (known, text) {
                (Some((_, Value::Joined(known))), Some(text)) => known.push_str(&text),
                (Some(_), _) => {}
                (None, text) => {
                    let value = match text {
                        Some(text) => Value::Joined(text.into_owned()),
                        None => Value::Other(value.raw().to_owned()),
                    };
                    self.members.push((key.into_owned(), value));
                }
            }
        }
    }

    fn write(&self, w: &mut JsonWriter<'_>) {
        for (key, value) in &self.members {
            match value {
                Value::Joined(text) => w.field_str(key, text),
                Value::Other(json) => w.field_raw(key, json),
            }
        }
    }
}
