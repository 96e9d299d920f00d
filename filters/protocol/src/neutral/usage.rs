//! Tokens, counted one way for all dialects.

use crate::neutral::ServiceTier;

/// What a call used, in tokens. Nothing means that the provider did not say.
///
/// **Input is gross**: `input_tokens` includes what was read from and written to
/// the prompt cache. OpenAI counts so too; Anthropic's `input_tokens` does not,
/// which is where bills go wrong. **Output is gross** too: it includes reasoning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub input_tokens: Option<u64>,
    pub cache_read_tokens: Option<u64>,
    /// Written to the cache for five minutes (also where no lifetime is told).
    pub cache_write_5m_tokens: Option<u64>,
    /// Written to the cache for an hour.
    pub cache_write_1h_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    pub reasoning_tokens: Option<u64>,
    /// Part of the input, without what came from the cache where the provider tells it
    /// apart. The same of audio and video.
    pub input_image_tokens: Option<u64>,
    pub input_audio_tokens: Option<u64>,
    pub input_video_tokens: Option<u64>,
    pub output_audio_tokens: Option<u64>,
    pub output_image_tokens: Option<u64>,
    /// Searches that the provider ran and charges for.
    pub web_searches: Option<u64>,
    /// Other calls of the provider's own tools: pages fetched, code run, files searched.
    pub web_fetches: Option<u64>,
    pub code_runs: Option<u64>,
    pub file_searches: Option<u64>,
    /// As what the provider says it served the call.
    pub service_tier: Option<ServiceTier>,
}

impl Usage {
    /// Takes over what `later` knows. Usage in streams is cumulative: the last
    /// value counts, and adding would bill twice.
    pub fn update(&mut self, later: &Self) {
        let pairs = [
            (&mut self.input_tokens, later.input_tokens),
            (&mut self.cache_read_tokens, later.cache_read_tokens),
            (&mut self.cache_write_5m_tokens, later.cache_write_5m_tokens),
            (&mut self.cache_write_1h_tokens, later.cache_write_1h_tokens),
            (&mut self.output_tokens, later.output_tokens),
            (&mut self.reasoning_tokens, later.reasoning_tokens),
            (&mut self.input_image_tokens, later.input_image_tokens),
            (&mut self.input_audio_tokens, later.input_audio_tokens),
            (&mut self.input_video_tokens, later.input_video_tokens),
            (&mut self.output_audio_tokens, later.output_audio_tokens),
            (&mut self.output_image_tokens, later.output_image_tokens),
            (&mut self.web_searches, later.web_searches),
            (&mut self.web_fetches, later.web_fetches),
            (&mut self.code_runs, later.code_runs),
            (&mut self.file_searches, later.file_searches),
        ];
        for (known, later) in pairs {
            *known = later.or(*known);
        }
        self.service_tier = later.service_tier.or(self.service_tier);
    }

    /// Cache writes of either lifetime.
    pub fn cache_write_tokens(&self) -> Option<u64> {
        match (self.cache_write_5m_tokens, self.cache_write_1h_tokens) {
            (None, None) => None,
            (short, long) => Some(short.unwrap_or(0).saturating_add(long.unwrap_or(0))),
        }
    }

    /// Input that neither came from the cache nor went into it; never negative.
    pub fn uncached_input_tokens(&self) -> Option<u64> {
        let cached = self.cache_read_tokens.unwrap_or(0);
        let written = self.cache_write_tokens().unwrap_or(0);
        Some(
            self.input_tokens?
                .saturating_sub(cached)
                .saturating_sub(written),
        )
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
