//! `usage` as OpenAI counts: input includes cached tokens, output includes
//! reasoning. Compatible providers put details in various places.

use crate::json::{Json, JsonWriter};
use crate::neutral::{ServiceTier, Usage};

/// The usage of an answer or of a stream's chunk.
pub(crate) fn of_answer(answer: Json<'_>) -> Option<Usage> {
    of_members(answer.members(["usage", "x_groq", "service_tier"]))
}

/// As [`of_answer`], where the members are at hand. `x_groq` is Groq's place for
/// usage in streams.
pub(super) fn of_members([usage, groq, tier]: [Option<Json<'_>>; 3]) -> Option<Usage> {
    let usage = usage.and_then(Json::non_null);
    let usage = usage.or_else(|| groq?.get("usage")?.non_null());
    Some(Usage {
        service_tier: ServiceTier::of(tier),
        ..read(usage?)
    })
}

fn read(usage: Json<'_>) -> Usage {
    let count = |path: &[&str]| {
        let found = path.iter().try_fold(usage, |json, key| json.get(key));
        found.and_then(Json::as_u64)
    };
    let written = |lifetime| {
        count(&["prompt_tokens_details", "cache_creation", lifetime])
            .or_else(|| count(&["cache_creation", lifetime]))
    };
    let long = written("ephemeral_1h_input_tokens");
    let written_total = count(&["prompt_tokens_details", "cache_write_tokens"])
        .or_else(|| count(&["prompt_tokens_details", "cache_creation_tokens"]))
        .or_else(|| count(&["cache_creation_input_tokens"]));
    let input = count(&["prompt_tokens"]);
    let reasoning = count(&["completion_tokens_details", "reasoning_tokens"]);
    let gross = output(
        input,
        count(&["completion_tokens"]),
        reasoning,
        count(&["total_tokens"]),
    );
    Usage {
        input_tokens: input,
        cache_read_tokens: count(&["prompt_tokens_details", "cached_tokens"])
            // DeepSeek, Moonshot, and Mistral in turn.
            .or_else(|| count(&["prompt_cache_hit_tokens"]))
            .or_else(|| count(&["cached_tokens"]))
            .or_else(|| count(&["num_cached_tokens"])),
        cache_write_5m_tokens: written_total
            .map(|total| total.saturating_sub(long.unwrap_or(0)))
            .or_else(|| written("ephemeral_5m_input_tokens")),
        cache_write_1h_tokens: long,
        output_tokens: gross,
        reasoning_tokens: reasoning,
        input_image_tokens: count(&["prompt_tokens_details", "image_tokens"]),
        input_audio_tokens: count(&["prompt_tokens_details", "audio_tokens"]),
        input_video_tokens: count(&["prompt_tokens_details", "video_tokens"]),
        output_audio_tokens: count(&["completion_tokens_details", "audio_tokens"]),
        output_image_tokens: count(&["completion_tokens_details", "image_tokens"]),
        // OpenRouter, which has two names for it, and Perplexity.
        web_searches: count(&["server_tool_use_details", "web_search_requests"])
            .or_else(|| count(&["server_tool_use", "web_search_requests"]))
            .or_else(|| count(&["num_search_queries"])),
        ..Usage::default()
    }
}

/// The output with its reasoning. xAI tells it without, which only the total shows.
fn output(
    input: Option<u64>,
    output: Option<u64>,
    reasoning: Option<u64>,
    total: Option<u64>,
) -> Option<u64> {
    let with_reasoning = output?.saturating_add(reasoning.unwrap_or(0));
    let told_without = total == Some(with_reasoning.saturating_add(input.unwrap_or(0)));
    output.map(|output| if told_without { with_reasoning } else { output })
}

/// The members of `usage`.
pub(crate) fn members(usage: &Usage, w: &mut JsonWriter<'_>) {
    let input = usage.input_tokens.unwrap_or(0);
    let output = usage.output_tokens.unwrap_or(0);
    w.field_u64("prompt_tokens", input);
    w.field_u64("completion_tokens", output);
    w.field_u64("total_tokens", input.saturating_add(output));
    w.field_object("prompt_tokens_details", |w| {
        w.field_u64("cached_tokens", usage.cache_read_tokens.unwrap_or(0));
        optional("cache_write_tokens", usage.cache_write_tokens(), w);
        optional("audio_tokens", usage.input_audio_tokens, w);
        optional("image_tokens", usage.input_image_tokens, w);
        optional("video_tokens", usage.input_video_tokens, w);
        if let Some(long) = usage.cache_write_1h_tokens {
            // Both lifetimes, because they have two prices.
            w.field_object("cache_creation", |w| {
                let short = usage.cache_write_5m_tokens.unwrap_or(0);
                w.field_u64("ephemeral_5m_input_tokens", short);
                w.field_u64("ephemeral_1h_input_tokens", long);
            });
        }
    });
    w.field_object("completion_tokens_details", |w| {
        w.field_u64("reasoning_tokens", usage.reasoning_tokens.unwrap_or(0));
        optional("audio_tokens", usage.output_audio_tokens, w);
        optional("image_tokens", usage.output_image_tokens, w);
    });
}

fn optional(key: &str, tokens: Option<u64>, w: &mut JsonWriter<'_>) {
    if let Some(tokens) = tokens {
        w.field_u64(key, tokens);
    }
}
