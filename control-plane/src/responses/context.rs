//! What a request is to be read with: the history of what it continues, and the items that it refers
//! to.

use std::collections::HashMap;

use tollgate_config::responses::{History, Nothing, Refused, answer, is_our_conversation};

use super::{items, origin_response};
use crate::domain::now_unix_ms;
use crate::store::{self, Conversation, Store};

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
    let references = match resolved(store, group, &asked.references, since).await? {
        Ok(references) => references,
        Err(missing) => return Ok(no_item(&missing)),
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

/// The items of these ids, in this order; the first id that the group has none of, otherwise.
async fn resolved(
    store: &Store,
    group: &str,
    ids: &[String],
    since: i64,
) -> store::Result<Result<Vec<String>, String>> {
    if ids.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let mut origins: Vec<String> = ids.iter().filter_map(|id| origin_response(id)).collect();
    origins.sort_unstable();
    origins.dedup();
    let mut found = HashMap::new();
    for origins in origins.chunks(AT_ONCE) {
        for turn in store.known_turns(group, origins, since).await? {
            let items = items::of_turn(turn).into_iter();
            found.extend(items.map(|(id, item)| (id, item.get().to_owned())));
        }
    }
    let rest: Vec<String> = ids
        .iter()
        .filter(|id| !found.contains_key(*id))
        .cloned()
        .collect();
    for rest in rest.chunks(AT_ONCE) {
        found.extend(store.known_items(group, rest).await?);
    }
    let all = ids
        .iter()
        .map(|id| found.get(id).cloned().ok_or_else(|| id.clone()));
    Ok(all.collect())
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
