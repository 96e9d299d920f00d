//! Items of conversations as JSON. Pure.

use std::collections::HashSet;

use serde_json::json;
use serde_json::value::RawValue;
use tollgate_config::responses::InputItems;

use crate::domain::named_item;
use crate::store::Turn;

/// Items are not listed of a chain of responses that is larger; of a conversation, no more at once.
pub(super) const LISTED_BYTES_MAX: u64 = 32 << 20;

/// The answer to a deletion.
pub(super) fn deleted(id: &str) -> String {
    json!({ "id": id, "object": "response", "deleted": true }).to_string()
}

/// All items, verbatim, as one array.
pub(super) fn history(turns: &[Turn]) -> String {
    let arrays = turns.iter().flat_map(|turn| [&turn.input, &turn.output]);
    let inside = arrays
        .map(|array| inside(array))
        .filter(|it| !it.is_empty());
    format!("[{}]", inside.collect::<Vec<_>>().join(","))
}

/// A page of what the last response was made from: all items but its own output. `None`: no item has
/// the id after which the page is to begin.
pub(super) fn page(turns: &[Turn], page: &InputItems) -> Option<String> {
    let mut items = listed(turns);
    if page.descending {
        items.reverse();
    }
    let start = match page.after.as_str() {
        "" => 0,
        after => 1 + items.iter().position(|(id, _)| id == after)?,
    };
    let end = items.len().min(start.saturating_add(page.limit as usize));
    let shown = items.get(start..end).unwrap_or_default();
    let id = |item: Option<&(String, Box<RawValue>)>| item.map(|(id, _)| id.clone());
    let list = List {
        object: "list",
        data: shown.iter().map(|(_, item)| &**item).collect(),
        first_id: id(shown.first()),
        last_id: id(shown.last()),
        has_more: end < items.len(),
    };
    serde_json::to_string(&list).ok()
}

#[derive(serde::Serialize)]
struct List<'i> {
    object: &'static str,
    data: Vec<&'i RawValue>,
    first_id: Option<String>,
    last_id: Option<String>,
    has_more: bool,
}

/// Items of a response by their ids, wherever they stand in it.
pub(super) fn of_turn(turn: Turn) -> Vec<(String, Box<RawValue>)> {
    // Only of the last turn is its own output left out.
    let after = Turn {
        id: String::new(),
        input: "[]".into(),
        output: "[]".into(),
    };
    listed(&[turn, after])
}

/// The items with their ids, each only once.
fn listed(turns: &[Turn]) -> Vec<(String, Box<RawValue>)> {
    let mut seen = HashSet::new();
    let mut items = Vec::new();
    for (index, turn) in turns.iter().enumerate() {
        let is_last = index + 1 == turns.len();
        let output = if is_last { "[]" } else { &turn.output };
        for (array, place) in [(turn.input.as_str(), "in"), (output, "out")] {
            let raw: Vec<&RawValue> = serde_json::from_str(array).unwrap_or_default();
            for (number, raw) in raw.into_iter().enumerate() {
                let name = turn.id.strip_prefix("resp_").unwrap_or(&turn.id);
                let own = format!("{name}_{place}{number}");
                let (id, item) = named_item(raw, &own, &|id| seen.contains(id));
                seen.insert(id.clone());
                items.push((id, item));
            }
        }
    }
    items
}

/// What stands between the brackets of an array.
fn inside(array: &str) -> &str {
    let array = array.trim();
    let inside = array.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    inside.unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn turn(id: &str, input: &str, output: &str) -> Turn {
        Turn {
            id: id.into(),
            input: input.into(),
            output: output.into(),
        }
    }

    fn conversation() -> [Turn; 2] {
        [
            turn(
                "resp_tg1",
                r#"[ {"role":"user",  "content":"a"} ]"#,
                r#"[{"id":"rs_1","type":"reasoning","summary":[]},{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[]}]"#,
            ),
            turn(
                "resp_tg2",
                r#"[{"type":"function_call_output","call_id":"c","output":"x"},{"id":"msg_1","type":"message","role":"assistant","content":"b"}]"#,
                r#"[{"id":"last"}]"#,
            ),
        ]
    }

    #[test]
    fn history_is_verbatim() {
        let empty = turn("e", "[ ]", "[]");
        assert_eq!(history(std::slice::from_ref(&empty)), "[]");
        let [one, two] = conversation();
        let all = history(&[one, empty, two]);
        assert!(
            all.starts_with(r#"[{"role":"user",  "content":"a"},{"id":"rs_1","#),
            "{all}"
        );
        let items: Vec<Value> = serde_json::from_str(&all).unwrap();
        assert_eq!(items.len(), 6);
    }

    #[test]
    fn items_are_listed_with_ids_of_their_own() {
        let page = |after: &str, limit, descending| {
            let page = InputItems {
                after: after.into(),
                limit,
                descending,
            };
            let list = super::page(&conversation(), &page)?;
            serde_json::from_str::<Value>(&list).ok()
        };
        let ids = |list: &Value| -> Vec<String> {
            let items = list["data"].as_array().unwrap();
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned())
                .collect()
        };
        let all = page("", 100, false).unwrap();
        let expected = ["msg_tg1_in0", "rs_1", "msg_1", "fco_tg2_in0", "msg_tg2_in1"];
        assert_eq!(ids(&all), expected);
        assert_eq!(all["has_more"], false);
        assert_eq!(
            all["data"][0],
            json!({"id": "msg_tg1_in0", "type": "message", "role": "user", "status": "completed",
                "content": [{"type": "input_text", "text": "a"}]})
        );
        assert_eq!(
            all["data"][4]["content"],
            json!([{"type": "output_text", "text": "b", "annotations": []}])
        );

        for descending in [false, true] {
            let (mut after, mut got) = (String::new(), Vec::new());
            loop {
                let list = page(&after, 2, descending).unwrap();
                got.extend(ids(&list));
                assert_eq!(list["first_id"], ids(&list)[0]);
                after = list["last_id"].as_str().unwrap().to_owned();
                if list["has_more"] == false {
                    break;
                }
            }
            if descending {
                got.reverse();
            }
            assert_eq!(got, expected);
        }
        let past = page("msg_tg2_in1", 2, false).unwrap();
        assert_eq!(past["data"], json!([]));
        assert_eq!(past["first_id"], Value::Null);
        assert_eq!(page("last", 2, false), None, "its own output is not input");
    }
}
