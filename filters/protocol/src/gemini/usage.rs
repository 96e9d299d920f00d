//! `usageMetadata`. The prompt includes what came from the cache, but not what tools
//! of the provider added to it; candidates do not include the thinking. In streams
//! every report is cumulative and may leave out what is not known yet.

use crate::gemini::fields::{member, text};
use crate::json::{Json, JsonWriter};
use crate::neutral::{ServiceTier, Usage};

/// The counts as they are told, the last report of each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    prompt: Option<u64>,
    tool_prompt: Option<u64>,
    cached: Option<u64>,
    candidates: Option<u64>,
    thoughts: Option<u64>,
    /// Of the prompt, by [`MODALITIES`].
    input: [Option<u64>; 3],
    /// What of it came from the cache.
    cached_input: [Option<u64>; 3],
    /// Of the candidates.
    output: [Option<u64>; 3],
    searches: Option<u64>,
    tier: Option<ServiceTier>,
    seen: bool,
}

/// What else than text tokens are counted for.
const MODALITIES: [&str; 3] = ["IMAGE", "AUDIO", "VIDEO"];

pub(super) fn of_answer(answer: Json<'_>) -> Option<Usage> {
    let mut told = Told::default();
    told.update(answer);
    told.usage()
}

/// The members of `usageMetadata`.
pub(super) fn members(usage: &Usage, w: &mut JsonWriter<'_>) {
    let input = usage.input_tokens.unwrap_or(0);
    let output = usage.output_tokens.unwrap_or(0);
    let thoughts = usage.reasoning_tokens.unwrap_or(0).min(output);
    w.field_u64("promptTokenCount", input);
    w.field_u64("candidatesTokenCount", output - thoughts);
    w.field_u64("totalTokenCount", input.saturating_add(output));
    if let Some(cached) = usage.cache_read_tokens {
        w.field_u64("cachedContentTokenCount", cached);
    }
    if usage.reasoning_tokens.is_some() {
        w.field_u64("thoughtsTokenCount", thoughts);
    }
    let prompt = [
        ("IMAGE", usage.input_image_tokens),
        ("AUDIO", usage.input_audio_tokens),
        ("VIDEO", usage.input_video_tokens),
    ];
    details("promptTokensDetails", &prompt, w);
    let answered = [
        ("AUDIO", usage.output_audio_tokens),
        ("IMAGE", usage.output_image_tokens),
    ];
    details("candidatesTokensDetails", &answered, w);
}

fn details(key: &str, counts: &[(&str, Option<u64>)], w: &mut JsonWriter<'_>) {
    if counts.iter().all(|(_, count)| count.is_none()) {
        return;
    }
    w.field_array(key, |w| {
        for (modality, count) in counts {
            if let Some(count) = count {
                w.object(|w| {
                    w.field_str("modality", modality);
                    w.field_u64("tokenCount", *count);
                });
            }
        }
    });
}

// === impl Told ===

impl Told {
    /// Takes over what an answer, or a chunk of one, reports.
    pub(super) fn update(&mut self, answer: Json<'_>) {
        if let Some(searches) = searches(answer) {
            self.searches = Some(searches);
        }
        let Some(usage) = member(answer, "usageMetadata") else {
            return;
        };
        self.seen = true;
        let count = |key: &str| member(usage, key).and_then(Json::as_u64);
        let reports = [
            (&mut self.prompt, count("promptTokenCount")),
            (&mut self.tool_prompt, count("toolUsePromptTokenCount")),
            (&mut self.cached, count("cachedContentTokenCount")),
            (&mut self.candidates, count("candidatesTokenCount")),
            (&mut self.thoughts, count("thoughtsTokenCount")),
        ];
        for (told, later) in reports {
            *told = later.or(*told);
        }
        for (key, told) in [
            ("promptTokensDetails", &mut self.input),
            ("cacheTokensDetails", &mut self.cached_input),
            ("candidatesTokensDetails", &mut self.output),
        ] {
            let Some(details) = member(usage, key) else {
                continue;
            };
            for (told, modality) in told.iter_mut().zip(MODALITIES) {
                *told = of_modality(details, modality).or(*told);
            }
        }
        // The Gemini API's name of it, and Vertex's.
        let tier = ["serviceTier", "trafficType"]
            .into_iter()
            .find_map(|key| ServiceTier::of(member(usage, key)));
        self.tier = tier.or(self.tier);
    }

    /// Nothing as long as nothing was reported.
    pub(super) fn usage(&self) -> Option<Usage> {
        if !self.seen {
            return None;
        }
        let sum = |one: Option<u64>, other: Option<u64>| {
            one.unwrap_or(0).saturating_add(other.unwrap_or(0))
        };
        let mut input = self.input;
        for (told, cached) in input.iter_mut().zip(self.cached_input) {
            *told = told.map(|told| told.saturating_sub(cached.unwrap_or(0)));
        }
        let [input_image_tokens, input_audio_tokens, input_video_tokens] = input;
        let [output_image_tokens, output_audio_tokens, _] = self.output;
        Some(Usage {
            input_tokens: self.prompt.map(|_| sum(self.prompt, self.tool_prompt)),
            cache_read_tokens: self.cached,
            output_tokens: Some(sum(self.candidates, self.thoughts)),
            reasoning_tokens: self.thoughts,
            input_image_tokens,
            input_audio_tokens,
            input_video_tokens,
            output_audio_tokens,
            output_image_tokens,
            web_searches: self.searches,
            service_tier: self.tier,
            ..Usage::default()
        })
    }
}

fn of_modality(details: Json<'_>, wanted: &str) -> Option<u64> {
    let mut counts = details
        .items()
        .filter(|item| text(*item, "modality").as_deref() == Some(wanted));
    member(counts.next()?, "tokenCount")?.as_u64()
}

/// The queries of Google Search that the answer rests on.
fn searches(answer: Json<'_>) -> Option<u64> {
    let candidates = member(answer, "candidates")?.items();
    let queries = candidates.filter_map(|candidate| {
        let grounding = member(candidate, "groundingMetadata")?;
        member(grounding, "webSearchQueries")
    });
    let count: usize = queries.map(|queries| queries.items().count()).sum();
    (count > 0).then(|| u64::try_from(count).unwrap_or(u64::MAX))
}
