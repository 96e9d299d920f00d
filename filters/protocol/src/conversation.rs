//! Conversations that continue by id: `previous_response_id`, `conversation` and references to items
//! of OpenAI Responses.
//!
//! <https://platform.openai.com/docs/guides/conversation-state>
//!
//! A response that is kept is its request's own items and its output. To continue it is to put
//! the items of all that came before in front of the new request's own, each verbatim, so that
//! the provider finds in its cache what it read the last time. Instructions are not items: they
//! hold for one response only, as OpenAI has it.

use std::borrow::Cow;
use std::sync::Arc;

use crate::body::Body;
use crate::json::{Json, JsonWriter, Kind, Limits, object_bytes};
use crate::openai_responses::echo;
use crate::problem::InvalidRequest;

pub use crate::openai_responses::echo::BYTES_MAX as ECHO_BYTES_MAX;

/// What a Responses request says of what is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Continuation {
    /// The response that the request continues.
    pub previous_response_id: Option<String>,
    /// The conversation that it continues, and that gets its items. Never both.
    pub conversation: Option<String>,
    /// Whether the answer is to be kept; the default is that it is.
    pub store: bool,
    /// Whether the caller does not wait for the answer, and asks for it later.
    pub background: bool,
}

/// Reads it. The keys that decide about it must not stand twice, as in
/// [`peek`](crate::peek()): each reader would take another one.
pub fn continuation(body: &Body) -> Result<Continuation, InvalidRequest> {
    const KEYS: [&str; 5] = [
        "previous_response_id",
        "store",
        "input",
        "conversation",
        "background",
    ];
    let mut values = [None; KEYS.len()];
    for (key, value) in body.json().entries() {
        let slot = KEYS.iter().zip(&mut values).find(|(name, _)| **name == key);
        if let Some((name, slot)) = slot
            && slot.replace(value).is_some()
        {
            let message = format!("'{name}' must not appear twice.");
            return Err(InvalidRequest::new(*name, message));
        }
    }
    let [previous, store, _, conversation, background] =
        values.map(|value: Option<Json<'_>>| value.and_then(Json::non_null));
    let text = |value: Option<Json<'_>>, key: &str, what: &str| match value.map(Json::as_str) {
        None => Ok(None),
        Some(Some(id)) => Ok(Some(id.into_owned())),
        Some(None) => Err(InvalidRequest::must_be(key, what)),
    };
    let previous_response_id = text(previous, "previous_response_id", "a string")?;
    let conversation = conversation.map(|value| match value.kind() {
        Kind::Object => value.get("id").unwrap_or(value),
        _ => value,
    });
    let conversation = text(
        conversation,
        "conversation",
        "an id, or an object with an 'id'",
    )?;
    if previous_response_id.is_some() && conversation.is_some() {
        let message = "'previous_response_id' and 'conversation' exclude each other.";
        return Err(InvalidRequest::new("conversation", message));
    }
    let flag = |value: Option<Json<'_>>, key: &str, unset| match value {
        None => Ok(unset),
        Some(flag) => flag
            .as_bool()
            .ok_or_else(|| InvalidRequest::must_be(key, "a boolean")),
    };
    Ok(Continuation {
        previous_response_id,
        conversation,
        store: flag(store, "store", true)?,
        background: flag(background, "background", false)?,
    })
}

/// The same request as a stream that its caller waits for.
pub fn foreground(body: &Body) -> Vec<u8> {
    object_bytes(|w| {
        for (key, value) in body.json().entries() {
            if !matches!(&*key, "background" | "stream") {
                w.field_raw(&key, value.raw());
            }
        }
        w.field_bool("stream", true);
    })
}

/// What the response to this request repeats of it, for [`Reply`](crate::Reply).
pub fn echo(body: &Body) -> Option<Arc<str>> {
    echo::of_request(body.json())
}

/// The request's own items as a JSON array: verbatim, and a text as the message that it means.
pub fn own_items(body: &Body) -> String {
    let mut out = Vec::new();
    let mut writer = JsonWriter::new(&mut out);
    match body.json().get("input") {
        Some(input) if input.kind() == Kind::Array => return input.raw().to_owned(),
        Some(text) if text.kind() == Kind::String => writer.array(|w| {
            w.object(|w| {
                w.field_str("type", "message");
                w.field_str("role", "user");
                w.field_raw("content", text.raw());
            });
        }),
        _ => writer.array(|_| {}),
    }
    String::from_utf8(out).unwrap_or_default()
}

/// Ids of items to which the request refers instead of repeating them.
pub fn references(body: &Body) -> Vec<String> {
    let items = body.json().get("input").into_iter().flat_map(Json::items);
    let ids = items.filter_map(|item| Some(reference(item)?.into_owned()));
    ids.collect()
}

/// The id in `{"type": "item_reference", "id": …}`, where the type may be left out.
fn reference(item: Json<'_>) -> Option<Cow<'_, str>> {
    let [kind, id, role, content] = item.members(["type", "id", "role", "content"]);
    let is_reference = match kind.and_then(Json::non_null) {
        Some(kind) => kind.as_str()? == "item_reference",
        None => role.is_none() && content.is_none(),
    };
    id.filter(|_| is_reference)?.as_str()
}

/// Items with others in the places of the references to them; all else is as it was. `found` says
/// what an id stands for.
pub fn dereferenced<'f>(items: &str, found: &dyn Fn(&str) -> Option<&'f str>) -> String {
    let mut out = Vec::new();
    JsonWriter::new(&mut out).array(|w| {
        for item in Json::trusted(items).items() {
            match reference(item).and_then(|id| found(&id)) {
                Some(found) => w.raw(found),
                None => w.raw(item.raw()),
            }
        }
    });
    String::from_utf8(out).unwrap_or_default()
}

/// The request with its history, if it has one, in front of its own items, both JSON arrays, and then
/// without the id that stood for it. All else is as the caller wrote it.
///
/// Nothing where one of them is no array.
pub fn continued(body: &Body, history: Option<&str>, own: &str) -> Option<Vec<u8>> {
    let (before, own) = (inside(history.unwrap_or("[]"))?, inside(own)?);
    let joint = if before.is_empty() || own.is_empty() {
        ""
    } else {
        ","
    };
    let input = format!("[{before}{joint}{own}]");
    let mut written = false;
    let bytes = object_bytes(|w| {
        for (key, value) in body.json().entries() {
            match &*key {
                "previous_response_id" | "conversation" if history.is_some() => {}
                "input" => {
                    w.field_raw("input", &input);
                    written = true;
                }
                key => w.field_raw(key, value.raw()),
            }
        }
        if !written {
            w.field_raw("input", &input);
        }
    });
    Some(bytes)
}

/// A request that passes to a provider of its own dialect, without the reasoning in it whose id begins
/// with `prefix`: another provider's, which this one could neither read nor find in its own store,
/// and would refuse. What holds none of it stays as it is.
pub fn without_reasoning(request: Vec<u8>, prefix: &str) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&request) else {
        return request;
    };
    let request_json = Json::trusted(text);
    let is_foreign = |item: &Json<'_>| {
        let [kind, id] = item.members(["type", "id"]);
        let text = |value: Option<Json<'_>>, is: &dyn Fn(&str) -> bool| {
            value.and_then(Json::as_str).is_some_and(|text| is(&text))
        };
        text(kind, &|kind| kind == "reasoning") && text(id, &|id| id.starts_with(prefix))
    };
    let mut items = request_json.get("input").into_iter().flat_map(Json::items);
    if !items.any(|item| is_foreign(&item)) {
        return request;
    }
    object_bytes(|w| {
        for (key, value) in request_json.entries() {
            if key != "input" {
                w.field_raw(&key, value.raw());
                continue;
            }
            w.field_array("input", |w| {
                for item in value.items().filter(|item| !is_foreign(item)) {
                    w.raw(item.raw());
                }
            });
        }
    })
}

/// What stands between the brackets of an array.
fn inside(array: &str) -> Option<&str> {
    let inside = array.trim().strip_prefix('[')?.strip_suffix(']')?;
    Some(inside.trim())
}

/// The response object in the last event of a Responses stream, if it is one line of data (this crate
/// writes it so, and OpenAI does), which says that the response is completed or incomplete.
pub fn final_response(events: &[u8]) -> Option<&str> {
    let events = std::str::from_utf8(events).ok()?.trim_end();
    let last = events.rsplit('\n').next()?;
    let event = Json::parse_text(last.strip_prefix("data:")?, &Limits::response()).ok()?;
    let [kind, response] = event.members(["type", "response"]);
    match kind?.as_str()?.as_ref() {
        "response.completed" | "response.incomplete" => Some(response?.raw()),
        _ => None,
    }
}
