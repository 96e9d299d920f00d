//! The texts of an item, and which events and parts tell of which.

use std::borrow::Cow;

use crate::json::Json;

/// Which of the texts of an item a part belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    Text,
    Refusal,
    Summary,
    Reasoning,
    Arguments,
}

/// What an event tells the text of, and whether it tells the whole.
pub(super) fn text_event(kind: &str) -> Option<(Family, bool)> {
    Some(match kind {
        "response.output_text.delta" => (Family::Text, false),
        "response.output_text.done" => (Family::Text, true),
        "response.refusal.delta" => (Family::Refusal, false),
        "response.refusal.done" => (Family::Refusal, true),
        "response.reasoning_summary_text.delta" => (Family::Summary, false),
        "response.reasoning_summary_text.done" => (Family::Summary, true),
        "response.reasoning_text.delta" => (Family::Reasoning, false),
        "response.reasoning_text.done" => (Family::Reasoning, true),
        "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
            (Family::Arguments, false)
        }
        "response.function_call_arguments.done" | "response.custom_tool_call_input.done" => {
            (Family::Arguments, true)
        }
        _ => return None,
    })
}

/// What a part tells the text of, and the text.
pub(super) fn part_text(part: Json<'_>) -> Option<(Family, Cow<'_, str>)> {
    let (family, key) = match &*part.get("type")?.as_str()? {
        "output_text" | "text" => (Family::Text, "text"),
        "refusal" => (Family::Refusal, "refusal"),
        "summary_text" => (Family::Summary, "text"),
        "reasoning_text" => (Family::Reasoning, "text"),
        _ => return None,
    };
    Some((family, part.get(key)?.as_str()?))
}
