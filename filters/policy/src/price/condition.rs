//! When a conditional price applies, with AI Proxy's rules.

use tollgate_config::meter::UsageEvent;

use super::resolution;

/// Every field that is set must hold. An empty text or list, and a bound of 0, sets nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// Gross: cache reads and writes are part of it.
    pub input_tokens: Range,
    pub output_tokens: Range,
    /// When the call began, in Unix seconds.
    pub time: Range,
    /// Any of these, whatever their case: `1024x1024`, `720p`.
    pub resolution: Vec<String>,
    /// Any of these, whatever their case.
    pub quality: Vec<String>,
    /// A tier's name; `auto` is met where nobody told one.
    pub service_tier: String,
    /// Whether there were images, sound or films in the input.
    pub input_media: Option<bool>,
    /// Whether there was a film.
    pub input_video: Option<bool>,
    /// Whether the answer speaks.
    pub output_audio: Option<bool>,
}

/// From `min` to `max`, both included; 0 leaves an end open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Range {
    pub min: u64,
    pub max: u64,
}

/// What is known of a call that conditions ask about. A flag that nobody knows meets neither of its
/// two conditions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallFacts<'a> {
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub started_unix_s: u64,
    pub service_tier: &'a str,
    pub resolution: &'a str,
    pub native_resolution: &'a str,
    pub quality: &'a str,
    pub input_media: Option<bool>,
    pub input_video: Option<bool>,
    pub output_audio: Option<bool>,
}

/// The tier of a condition that is met where nobody told a tier.
const UNTOLD: &str = "auto";

// === impl CallFacts ===

impl<'a> CallFacts<'a> {
    /// Tokens of sound or films say that there were some, even where nothing else does. An answer speaks
    /// where usage says so.
    #[must_use]
    pub fn of(event: &'a UsageEvent) -> Self {
        let usage = event.usage.unwrap_or_default();
        let seen = |told: Option<bool>, tokens: u64| (tokens > 0).then_some(true).or(told);
        let media = usage
            .image_input_tokens
            .saturating_add(usage.audio_input_tokens)
            .saturating_add(usage.video_input_tokens);
        Self {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            started_unix_s: u64::try_from(event.started_unix_ms / 1000).unwrap_or(0),
            service_tier: &event.service_tier,
            resolution: &event.resolution,
            native_resolution: &event.native_resolution,
            quality: &event.quality,
            input_media: seen(event.input_media, media),
            input_video: seen(event.input_video, usage.video_input_tokens),
            output_audio: seen(
                event.output_audio.or(event.usage.map(|_| false)),
                usage.audio_output_tokens,
            ),
        }
    }

    /// The provider's word for a resolution goes before the caller's.
    fn resolutions(&self) -> impl Iterator<Item = &'a str> {
        let native = Some(self.native_resolution).filter(|native| !native.is_empty());
        native.into_iter().chain([self.resolution])
    }
}

// === impl Condition ===

impl Condition {
    /// Whether a call meets it; `fuzzy` also takes a size in pixels for its class.
    pub(super) fn is_met(&self, call: &CallFacts<'_>, fuzzy: bool) -> bool {
        let tier = match call.service_tier {
            "" => UNTOLD,
            told => told,
        };
        let holds =
            |wanted: Option<bool>, known: Option<bool>| wanted.is_none_or(|_| wanted == known);
        self.input_tokens.holds(call.input_tokens)
            && self.output_tokens.holds(call.output_tokens)
            && self.time.holds(call.started_unix_s)
            && (self.service_tier.is_empty() || same(&self.service_tier, tier))
            && (self.quality.is_empty()
                || self.quality.iter().any(|wanted| same(wanted, call.quality)))
            && holds(self.input_media, call.input_media)
            && holds(self.input_video, call.input_video)
            && holds(self.output_audio, call.output_audio)
            && (self.resolution.is_empty()
                || call.resolutions().any(|known| self.names(known, fuzzy)))
    }

    /// Whether it names the resolution that the caller asked for, in the caller's words.
    pub(super) fn names_exactly(&self, call: &CallFacts<'_>) -> bool {
        !call.resolution.is_empty() && self.names(call.resolution, false)
    }

    fn names(&self, known: &str, fuzzy: bool) -> bool {
        let is_it = |wanted: &String| match fuzzy {
            true => resolution::alike(wanted, known),
            false => resolution::same(wanted, known),
        };
        self.resolution.iter().any(is_it)
    }

    /// How many fields are set: the more, the closer it fits what it fits.
    #[must_use]
    pub fn specificity(&self) -> usize {
        let ranges = [self.input_tokens, self.output_tokens, self.time];
        let bounds = ranges
            .iter()
            .flat_map(|range| [range.min > 0, range.max > 0]);
        let others = [
            !self.service_tier.is_empty(),
            !self.resolution.is_empty(),
            !self.quality.is_empty(),
            self.input_media.is_some(),
            self.input_video.is_some(),
            self.output_audio.is_some(),
        ];
        bounds.chain(others).filter(|is_set| *is_set).count()
    }

    /// Why no call can meet it, or every call does.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let Self {
            input_tokens,
            output_tokens,
            time,
            ..
        } = self;
        if self.specificity() == 0 {
            return Some("the condition is empty; what always applies is the price itself");
        }
        if input_tokens.is_empty() {
            return Some("input_token_min is above input_token_max");
        }
        if output_tokens.is_empty() {
            return Some("output_token_min is above output_token_max");
        }
        if time.is_empty() || (time.max > 0 && time.min == time.max) {
            return Some("start_time is not before end_time");
        }
        if self.input_video == Some(true) && self.input_media == Some(false) {
            return Some("input_video without input_media: a film is media");
        }
        None
    }

    /// Whether one call could meet both, and neither fits it closer.
    pub(super) fn rivals(&self, other: &Self) -> bool {
        let flags = |one: Option<bool>, other: Option<bool>| {
            one.is_none() || other.is_none() || one == other
        };
        let texts = |one: &[String], other: &[String], same: fn(&str, &str) -> bool| {
            let mut pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
            one.is_empty() || other.is_empty() || pairs.any(|(a, b)| same(a, b))
        };
        self.specificity() == other.specificity()
            && (self.service_tier.is_empty()
                || other.service_tier.is_empty()
                || same(&self.service_tier, &other.service_tier))
            && texts(&self.resolution, &other.resolution, resolution::same)
            && texts(&self.quality, &other.quality, same)
            && flags(self.input_media, other.input_media)
            && flags(self.input_video, other.input_video)
            && flags(self.output_audio, other.output_audio)
            && self.input_tokens.meets(other.input_tokens)
            && self.output_tokens.meets(other.output_tokens)
            // One may end at the instant at which the next begins.
            && self.time.end() > other.time.min
            && other.time.end() > self.time.min
    }
}

/// Equal but for case and spaces.
fn same(one: &str, other: &str) -> bool {
    let letters = |text: &str| -> Vec<char> {
        let text = text.chars().filter(|letter| !letter.is_whitespace());
        text.flat_map(char::to_lowercase).collect()
    };
    letters(one) == letters(other)
}

// === impl Range ===

impl Range {
    fn end(self) -> u64 {
        if self.max == 0 { u64::MAX } else { self.max }
    }

    fn holds(self, number: u64) -> bool {
        (self.min..=self.end()).contains(&number)
    }

    fn is_empty(self) -> bool {
        self.min > self.end()
    }

    fn meets(self, other: Self) -> bool {
        self.end() >= other.min && other.end() >= self.min
    }
}
