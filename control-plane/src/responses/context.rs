//! What a request is to be read with: the history of what it continues, and the items that it refers
//! to.

use std::collections::{HashMap, HashSet};

use tollgate_config::responses::{History, Nothing, Refused, answer, is_our_conversation};

use super::items::{self, LISTED_BYTES_MAX};
use super::origin_response;
use crate::domain::now_unix_ms;
use crate::store::{self, Conversation, KnownItem, Store};

/// A response is waited for that long, at the most, before somebody else may continue its
/// conversation: its gateway may be gone.
const HELD_MS: i64 = 15 * 60 * 1_000;

/// Responses whose items are looked up at once.
const AT_ONCE: usize = 100;

pub(super) async fn answer(
    store: &Store,
    group: &str,
    id: &str,
    asked: &History,
    since: i64,
) -> store::Result<answer::Kind> {
    // First, for what is refused must not hold a conversation.
    let references = match resolved(store, group, asked, since).await? {
        Resolved::Items(references) => references,
        Resolved::Missing(id) => return Ok(no_item(&id)),
        Resolved::TooLong => return Ok(answer::Kind::TooLong(Nothing {})),
    };
    let bytes: usize = references.iter().map(String::len).sum();
    let left = asked
        .max_bytes
        .saturating_sub(u64::try_from(bytes).unwrap_or(u64::MAX));
    let history = if id.is_empty() {
        String::from("[]")
    } else if is_our_conversation(id) {
        let now = now_unix_ms();
        let until = now.saturating_add(HELD_MS);
        if !asked.writer.is_empty()
            && !store
                .hold_conversation(group, id, &asked.writer, now, until)
                .await?
        {
            return Ok(locked());
        }
        match store.conversation_items(group, id, since, left).await? {
            Some(items) => format!("[{}]", items.join(",")),
            None => return Ok(answer::Kind::TooLong(Nothing {})),
        }
    } else {
        match store.conversation(group, id, since, left).await? {
            Conversation::Whole(turns) => items::history(&turns),
            Conversation::TooLong => return Ok(answer::Kind::TooLong(Nothing {})),
        }
    };
    Ok(match references.is_empty() {
        true => answer::Kind::Json(history),
        false => answer::Kind::Context(format!("[{history},[{}]]", references.join(","))),
    })
}

enum Resolved {
    /// In the order in which they were referred to.
    Items(Vec<String>),
    /// The first id that the group has no item of.
    Missing(String),
    TooLong,
}

/// The items that a request refers to. What is too long is not read.
async fn resolved(
    store: &Store,
    group: &str,
    asked: &History,
    since: i64,
) -> store::Result<Resolved> {
    let ids = &asked.references;
    let mut texts = HashMap::new();
    let mut left = asked.max_bytes;
    let mut origins: Vec<String> = ids.iter().filter_map(|id| origin_response(id)).collect();
    origins.sort_unstable();
    origins.dedup();
    let wanted: HashSet<&String> = ids.iter().collect();
    for origins in origins.chunks(AT_ONCE) {
        let sizes = store.turn_sizes(group, origins, since).await?;
        for turns in within(&sizes, LISTED_BYTES_MAX) {
            for turn in store.known_turns(group, &turns, since).await? {
                for (id, item) in items::of_turn(turn) {
                    if wanted.contains(&id) {
                        let item = item.get().to_owned();
                        left = match left.checked_sub(length(&item)) {
                            Some(left) => left,
                            None => return Ok(Resolved::TooLong),
                        };
                        texts.insert(id, item);
                    }
                }
            }
        }
    }
    let rest: Vec<String> = wanted
        .into_iter()
        .filter(|id| !texts.contains_key(*id))
        .cloned()
        .collect();
    let mut known: HashMap<String, KnownItem> = HashMap::new();
    for rest in rest.chunks(AT_ONCE) {
        for item in store.known_items(group, rest).await? {
            known.entry(item.id.clone()).or_insert(item);
        }
    }
    let known: Vec<KnownItem> = known.into_values().collect();
    if known.iter().map(|item| item.bytes).sum::<u64>() > left {
        return Ok(Resolved::TooLong);
    }
    texts.extend(store.items_known(&known).await?);
    let all = ids
        .iter()
        .map(|id| texts.get(id).cloned().ok_or_else(|| id.clone()));
    Ok(match all.collect() {
        Ok(items) => Resolved::Items(items),
        Err(missing) => Resolved::Missing(missing),
    })
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// Ids in pieces of which each has this much at the most, unless one alone has more.
fn within(sizes: &[(String, u64)], max_bytes: u64) -> Vec<Vec<String>> {
    let mut pieces: Vec<Vec<String>> = Vec::new();
    let mut left = 0;
    for (id, bytes) in sizes {
        match pieces.last_mut() {
            Some(piece) if *bytes <= left => piece.push(id.clone()),
            _ => {
                pieces.push(vec![id.clone()]);
                left = max_bytes;
            }
        }
        left = left.saturating_sub(*bytes);
    }
    pieces
}

pub(super) fn refused(refused: &Refused) -> answer::Kind {
    // Texts and a number always have a JSON form.
    answer::Kind::Refused(serde_json::to_string(refused).unwrap_or_default())
}

fn no_item(id: &str) -> answer::Kind {
    let id: String = id.chars().take(100).collect();
    refused(&Refused {
        status: 404,
        message: format!(
            "Item with id '{id}' not found. Items are kept where 'store' is not false."
        ),
        param: "input".into(),
        code: String::new(),
    })
}

fn locked() -> answer::Kind {
    refused(&Refused {
        status: 400,
        message:
            "Another response is being added to this conversation; try again in a few seconds."
                .into(),
        param: "conversation".into(),
        code: "conversation_locked".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_piece_is_larger_than_it_may_be_unless_it_is_one() {
        let sizes = |sizes: &[u64]| -> Vec<(String, u64)> {
            sizes.iter().map(|it| (it.to_string(), *it)).collect()
        };
        for (all, expected) in [
            (&[][..], &[][..]),
            (&[5, 5, 1], &[&["5", "5"][..], &["1"]]),
            (&[4, 20, 4], &[&["4"], &["20"], &["4"]]),
        ] {
            assert_eq!(within(&sizes(all), 10), expected);
        }
    }
}
