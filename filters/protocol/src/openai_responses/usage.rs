//! `usage` as the Responses API counts: input includes cached tokens, output includes
//! reasoning.

use crate::counts::{count, counts, inside};
use crate::json::{Json, JsonWriter};
use crate::neutral::{ServiceTier, Usage};

/// The usage of a response object.
pub(super) fn of_answer(answer: Json<'_>) -> Option<Usage> {
    let [usage, tools, tier] = answer.members(["usage", "tool_usage", "service_tier"]);
    let usage = usage.and_then(Json::non_null)?;
    let [input, output, of_input, of_output] = usage.members([
        "input_tokens",
        "output_tokens",
        "input_tokens_details",
        "output_tokens_details",
    ]);
    let [read, written, images, audio] = counts(
        of_input,
        [
            "cached_tokens",
            "cache_write_tokens",
            "image_tokens",
            "audio_tokens",
        ],
    );
    let [reasoning, output_audio, output_images] = counts(
        of_output,
        ["reasoning_tokens", "audio_tokens", "image_tokens"],
    );
    let [searches] = inside(tools, ["web_search"]);
    let [searches] = counts(searches, ["num_requests"]);
    Some(Usage {
        input_tokens: count(input),
        cache_read_tokens: read,
        cache_write_5m_tokens: written,
        cache_write_1h_tokens: None,
        output_tokens: count(output),
        reasoning_tokens: reasoning,
        input_image_tokens: images,
        input_audio_tokens: audio,
        output_audio_tokens: output_audio,
        output_image_tokens: output_images,
        web_searches: searches.or_else(|| calls(answer, "web_search_call")),
        code_runs: calls(answer, "code_interpreter_call"),
        file_searches: calls(answer, "file_search_call"),
        service_tier: ServiceTier::of(tier),
        ..Usage::default()
    })
}

/// How often a tool of the provider's was called; nothing if it never was. What looks at a page
/// that a search had found is no search.
fn calls(answer: Json<'_>, kind: &str) -> Option<u64> {
    let is = |json: Option<Json<'_>>, name: &str| {
        json.and_then(Json::as_str).is_some_and(|text| text == name)
    };
    let mut count = 0_u64;
    for item in answer.get("output")?.items() {
        let action = item.get("action").and_then(|action| action.get("type"));
        if is(item.get("type"), kind) && (action.is_none() || is(action, "search")) {
            count += 1;
        }
    }
    (count > 0).then_some(count)
}

/// The members of `usage`.
pub(super) fn members(usage: &Usage, w: &mut JsonWriter<'_>) {
    let input = usage.input_tokens.unwrap_or(0);
    let output = usage.output_tokens.unwrap_or(0);
    w.field_u64("input_tokens", input);
    w.field_object("input_tokens_details", |w| {
        w.field_u64("cached_tokens", usage.cache_read_tokens.unwrap_or(0));
        // Newer SDKs demand it.
        let written = usage.cache_write_tokens().unwrap_or(0);
        w.field_u64("cache_write_tokens", written);
    });
    w.field_u64("output_tokens", output);
    w.field_object("output_tokens_details", |w| {
        w.field_u64("reasoning_tokens", usage.reasoning_tokens.unwrap_or(0));
    });
    w.field_u64("total_tokens", input.saturating_add(output));
}
