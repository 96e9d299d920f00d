//! What log rows add up to.

use jiff::tz::TimeZone;
use tollgate_policy::price::{Amounts, NanoUsd, Part};

use super::{Log, Verdict};

/// How long a summary is: minutes, hours and days begin at whole ones of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    Minute,
    Hour,
    Day,
}

impl Span {
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// Its length in milliseconds.
    #[must_use]
    pub fn millis(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    /// A time, widened to whole hours, in days and what is left of it in hours: from and to before
    /// when, in Unix milliseconds.
    #[must_use]
    pub fn parts(start_ms: i64, end_ms: i64) -> Vec<(Self, i64, i64)> {
        let end = end_ms.saturating_add(Self::Hour.millis() - 1);
        let (start, end) = (Self::Hour.start(start_ms), Self::Hour.start(end));
        let day = Self::Day.millis();
        let first_day = Self::Day.start(start.saturating_add(day - 1));
        let last_day = Self::Day.start(end);
        let mut parts = if first_day < last_day {
            vec![
                (Self::Hour, start, first_day),
                (Self::Day, first_day, last_day),
                (Self::Hour, last_day, end),
            ]
        } else {
            vec![(Self::Hour, start, end)]
        };
        parts.retain(|(_, from_ms, to_ms)| from_ms < to_ms);
        parts
    }

    /// Beginning of the one in which a moment lies, in Unix milliseconds.
    #[must_use]
    pub fn start(self, at_ms: i64) -> i64 {
        at_ms.saturating_sub(at_ms.rem_euclid(self.millis()))
    }

    /// Beginning of the first that begins at a moment or after it.
    #[must_use]
    pub fn first_from(self, at_ms: i64) -> i64 {
        self.start(at_ms.saturating_add(self.millis() - 1))
    }

    /// Summaries of this length are what days of a zone are made of. Where they begin at another minute
    /// than hours of UTC do, an hour counts to the day in which it begins.
    #[must_use]
    pub fn of_days_in(zone: &TimeZone) -> Self {
        match *zone == TimeZone::UTC {
            true => Self::Day,
            false => Self::Hour,
        }
    }
}

/// Numbers that only grow. Every field is a column of the summaries; names are AI Proxy's.
macro_rules! tally {
    ($($(#[$about:meta])* $field:ident,)*) => {
        /// Sums over requests or attempts.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Tally {
            $($(#[$about])* pub $field: i64,)*
        }

        impl Tally {
            /// Names of the fields, in their order.
            pub const FIELDS: &[&str] = &[$(stringify!($field),)*];

            /// The fields' values, in their order.
            #[must_use]
            pub fn values(&self) -> Vec<i64> {
                vec![$(self.$field,)*]
            }

            /// Reads each field by its name.
            ///
            /// # Errors
            /// The first of `read`.
            pub fn read<E>(mut read: impl FnMut(&'static str) -> Result<i64, E>) -> Result<Self, E> {
                Ok(Self { $($field: read(stringify!($field))?,)* })
            }

            /// Adds another one; sums stop at the largest number.
            pub fn add(&mut self, other: &Self) {
                $(self.$field = self.$field.saturating_add(other.$field);)*
            }

            /// Takes away what was added.
            pub fn subtract(&mut self, other: &Self) {
                $(self.$field = self.$field.saturating_sub(other.$field);)*
            }
        }
    };
}

tally! {
    /// Attempts, or requests.
    request_count,
    /// Attempts after the first of their request.
    retry_count,
    /// What did not end well.
    exception_count,
    /// Those of them that were the caller's doing.
    caller_error_count,
    status_2xx_count,
    status_4xx_count,
    status_5xx_count,
    /// Without an answer too.
    status_other_count,
    status_400_count,
    status_429_count,
    status_500_count,
    /// With tokens that were read from a cache.
    cache_hit_count,
    /// With tokens that were written to one.
    cache_creation_count,
    input_tokens,
    output_tokens,
    cached_tokens,
    cache_creation_tokens,
    reasoning_tokens,
    image_input_tokens,
    audio_input_tokens,
    video_input_tokens,
    image_output_tokens,
    audio_output_tokens,
    web_search_count,
    /// Nano-USD.
    used_amount,
    /// Its parts, in nano-USD. Of what was booked before there were any, there are none.
    per_request_amount,
    input_amount,
    image_input_amount,
    audio_input_amount,
    video_input_amount,
    cached_amount,
    cache_creation_amount,
    output_amount,
    image_output_amount,
    audio_output_amount,
    reasoning_amount,
    web_search_amount,
    total_time_milliseconds,
    /// Of those that sent a first byte.
    total_ttfb_milliseconds,
}

impl Tally {
    /// The share of errors among the attempts that say something of the channel.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
    pub fn error_rate(&self) -> f64 {
        let attempts = self.request_count.saturating_sub(self.caller_error_count);
        if attempts <= 0 {
            return 0.0;
        }
        self.errors() as f64 / attempts as f64
    }

    /// What did not end well, and was not the caller's doing.
    #[must_use]
    pub fn errors(&self) -> i64 {
        self.exception_count.saturating_sub(self.caller_error_count)
    }

    /// Nano-USD.
    #[must_use]
    pub fn amount(&self) -> NanoUsd {
        NanoUsd(self.used_amount)
    }

    #[must_use]
    pub fn total_tokens(&self) -> i64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// What a request comes to for who called.
    #[must_use]
    pub fn of_request(log: &Log) -> Self {
        let mut tally = Self::of_status(log.code, log.outcome == "success");
        let retries = log.attempts.len().saturating_sub(1);
        tally.retry_count = i64::try_from(retries).unwrap_or(i64::MAX);
        let by_caller = retries < log.attempts.len() && log.verdict(retries) == Verdict::Neither;
        tally.caller_error_count = i64::from(by_caller);
        tally.total_time_milliseconds = log.duration_ms.max(0);
        tally.total_ttfb_milliseconds = log.ttfb_ms.unwrap_or(0).max(0);
        tally.use_of(log);
        tally
    }

    /// What each of its attempts comes to for the channel: the last one is who was used. A request
    /// without an attempt is one for channel 0.
    pub fn of_attempts(log: &Log) -> impl Iterator<Item = (i64, Self)> {
        let count = log.attempts.len();
        let none = (count == 0).then(|| (0, Self::of_request(log)));
        let attempts = log.attempts.iter().enumerate().map(move |(at, attempt)| {
            let next = log.attempts.get(at + 1);
            let served = next.is_none() && log.outcome == "success";
            let mut tally = Self::of_status(i64::from(attempt.status), served);
            tally.retry_count = i64::from(at > 0);
            tally.caller_error_count = i64::from(log.verdict(at) == Verdict::Neither);
            let end = next.map_or(log.duration_ms, |next| next.started_ms);
            tally.total_time_milliseconds = end.saturating_sub(attempt.started_ms).max(0);
            if next.is_none() {
                let first = log.ttfb_ms.unwrap_or(attempt.started_ms);
                tally.total_ttfb_milliseconds = first.saturating_sub(attempt.started_ms).max(0);
                tally.use_of(log);
            }
            (attempt.channel_id, tally)
        });
        none.into_iter().chain(attempts)
    }

    fn of_status(status: i64, is_good: bool) -> Self {
        let one = |yes: bool| i64::from(yes);
        Self {
            request_count: 1,
            exception_count: one(!is_good),
            status_2xx_count: one((200..300).contains(&status)),
            status_4xx_count: one((400..500).contains(&status)),
            status_5xx_count: one((500..600).contains(&status)),
            status_other_count: one(!matches!(status, 200..300 | 400..600)),
            status_400_count: one(status == 400),
            status_429_count: one(status == 429),
            status_500_count: one(status == 500),
            ..Self::default()
        }
    }

    fn use_of(&mut self, log: &Log) {
        let tokens = &log.tokens;
        self.cache_hit_count = i64::from(tokens.cached > 0);
        self.cache_creation_count = i64::from(tokens.cache_creation > 0);
        self.input_tokens = tokens.input;
        self.output_tokens = tokens.output;
        self.cached_tokens = tokens.cached;
        self.cache_creation_tokens = tokens.cache_creation;
        self.reasoning_tokens = tokens.reasoning;
        self.image_input_tokens = tokens.image_input;
        self.audio_input_tokens = tokens.audio_input;
        self.video_input_tokens = tokens.video_input;
        self.image_output_tokens = tokens.image_output;
        self.audio_output_tokens = tokens.audio_output;
        self.web_search_count = tokens.web_searches;
        self.used_amount = log.amount.0;
        if let Some(amounts) = log.amounts() {
            self.cost_of(&amounts);
        }
    }

    /// Named as in log rows.
    fn cost_of(&mut self, amounts: &Amounts) {
        let part = |part: Part| amounts.part(part).0;
        let (short, long) = (part(Part::CacheCreation5m), part(Part::CacheCreation1h));
        self.per_request_amount = amounts.per_request.0;
        self.input_amount = part(Part::Input);
        self.image_input_amount = part(Part::ImageInput);
        self.audio_input_amount = part(Part::AudioInput);
        self.video_input_amount = part(Part::VideoInput);
        self.cached_amount = part(Part::Cached);
        self.cache_creation_amount = short.saturating_add(long);
        self.output_amount = part(Part::Output);
        self.image_output_amount = part(Part::ImageOutput);
        self.audio_output_amount = part(Part::AudioOutput);
        self.reasoning_amount = part(Part::Reasoning);
        self.web_search_amount = part(Part::WebSearch);
    }
}
