//! `usage` as OpenAI counts: input includes cached tokens, output includes
//! reasoning. Compatible providers put details in various places.

use crate::counts::{count, counts, inside};
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
    let [
        input,
        output,
        total,
        of_input,
        of_output,
        lifetimes,
        created,
        // DeepSeek, Moonshot, and Mistral in turn.
        hit,
        cached,
        num_cached,
        // OpenRouter, which has two names for it, and Perplexity.
        tools_details,
        tools,
        queries,
    ] = usage.members([
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "cache_creation",
        "cache_creation_input_tokens",
        "prompt_cache_hit_tokens",
        "cached_tokens",
        "num_cached_tokens",
        "server_tool_use_details",
        "server_tool_use",
        "num_search_queries",
    ]);
    let [
        of_input_lifetimes,
        read,
        written,
        created_inside,
        images,
        audio,
        video,
    ] = inside(
        of_input,
        [
            "cache_creation",
            "cached_tokens",
            "cache_write_tokens",
            "cache_creation_tokens",
            "image_tokens",
            "audio_tokens",
            "video_tokens",
        ],
    );
    let [reasoning, output_audio, output_images] = counts(
        of_output,
        ["reasoning_tokens", "audio_tokens", "image_tokens"],
    );
    const LIFETIMES: [&str; 2] = ["ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"];
    let [short_inside, long_inside] = counts(of_input_lifetimes, LIFETIMES);
    let [short, long] = counts(lifetimes, LIFETIMES);
    let (short, long) = (short_inside.or(short), long_inside.or(long));
    let written = count(written).or(count(created_inside)).or(count(created));
    let input = count(input);
    let [searches] = counts(tools_details, ["web_search_requests"]);
    let [searches_too] = counts(tools, ["web_search_requests"]);
    Usage {
        input_tokens: input,
        cache_read_tokens: count(read)
            .or(count(hit))
            .or(count(cached))
            .or(count(num_cached)),
        cache_write_5m_tokens: written
            .map(|total| total.saturating_sub(long.unwrap_or(0)))
            .or(short),
        cache_write_1h_tokens: long,
        output_tokens: gross(input, count(output), reasoning, count(total)),
        reasoning_tokens: reasoning,
        input_image_tokens: count(images),
        input_audio_tokens: count(audio),
        input_video_tokens: count(video),
        output_audio_tokens: output_audio,
        output_image_tokens: output_images,
        web_searches: searches.or(searches_too).or(count(queries)),
        ..Usage::default()
    }
}

/// The output with its reasoning. xAI tells it without, which only the total shows.
fn gross(
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
