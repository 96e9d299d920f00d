//! `usage` as Cohere counts: twice. `tokens` is what went through the model, its own
//! template included; `billed_units` is what it charges for, and so what counts here.
//! `cached_tokens` is a part of the former and says nothing about the bill.

use crate::json::Json;
use crate::neutral::Usage;

/// Of whatever holds a member `usage`: an answer, the `delta` of `message-end`.
pub(super) fn of_holder(holder: Json<'_>) -> Option<Usage> {
    let usage = holder.get("usage").and_then(Json::non_null)?;
    let count = |key: &str| {
        ["billed_units", "tokens"]
            .into_iter()
            .find_map(|way| usage.get(way)?.get(key)?.as_u64())
    };
    Some(Usage {
        input_tokens: count("input_tokens"),
        output_tokens: count("output_tokens"),
        ..Usage::default()
    })
}
