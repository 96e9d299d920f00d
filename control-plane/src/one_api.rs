//! From one-api's database to a document that `apply` takes.
//!
//! | one-api | here |
//! |--|--|
//! | a channel | a channel `one-api <id>: <name>`; its groups are the sets it is in |
//! | a user | a group `one-api-<id>`, with a wallet that opens with the user's quota |
//! | a user's group | a set of channels, and what the group pays of every price |
//! | a token | a token; its key goes on working, and is kept as a hash |
//! | `ModelRatio`, `CompletionRatio` | prices of the models that channels serve |
//!
//! It decides nothing about what is there already: that is `apply`'s, as for a file that somebody
//! wrote. What has no place here is said in words.

mod channels;
mod customers;
mod prices;

use serde_json::{Value, json};

use crate::store::Tables;

/// What was found.
#[derive(Debug)]
pub struct Taken {
    /// As `POST /api/config/apply` takes it. It holds keys.
    pub document: Value,
    /// What could not be taken, and why: one sentence each.
    pub left_out: Vec<String>,
}

/// Everything that there is a place for.
#[must_use]
pub fn taken(tables: &Tables) -> Taken {
    let mut left_out = Vec::new();
    let channels = channels::channels(&tables.channels, &mut left_out);
    let models = prices::models(tables, &mut left_out);
    let groups = customers::groups(tables, &mut left_out);
    if tables.unused_codes > 0 {
        left_out.push(format!(
            "{} redemption codes that nobody has used: make new ones",
            tables.unused_codes
        ));
    }
    if !tables.users.is_empty() {
        left_out.push(
            "users' passwords and roles: a group was made for each; make users for those who sign in"
                .into(),
        );
    }
    Taken {
        document: json!({"model_configs": models, "channels": channels, "groups": groups}),
        left_out,
    }
}

/// The channels alone.
#[must_use]
pub fn taken_channels(tables: &Tables) -> Taken {
    let mut left_out = Vec::new();
    let channels = channels::channels(&tables.channels, &mut left_out);
    Taken {
        document: json!({ "channels": channels }),
        left_out,
    }
}

/// The parts of a list with commas, each once.
fn parts(list: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in list
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        if !parts.iter().any(|known| known == part) {
            parts.push(part.to_owned());
        }
    }
    parts
}

/// A name that nobody has had before; `id` tells two of the same name apart.
fn unique(
    taken: &mut std::collections::BTreeSet<String>,
    name: &str,
    id: i64,
    max: usize,
) -> String {
    let given = shortened(name, max);
    let mut name = given.clone();
    // Somebody may have called one "app (2)".
    let mut more = 1;
    while name.is_empty() || taken.contains(&name) {
        let suffix = match more {
            1 => format!(" ({id})"),
            _ => format!(" ({id}.{more})"),
        };
        let kept = shortened(&given, max.saturating_sub(suffix.len()));
        name = format!("{kept}{suffix}").trim().to_owned();
        more += 1;
    }
    taken.insert(name.clone());
    name
}

/// One line of at most so many bytes.
fn shortened(name: &str, max: usize) -> String {
    let mut kept = String::new();
    for letter in name.trim().chars() {
        let letter = if letter.is_control() { ' ' } else { letter };
        if kept.len() + letter.len_utf8() > max {
            break;
        }
        kept.push(letter);
    }
    kept.trim().to_owned()
}

#[cfg(test)]
mod tests;
