//! Sums as they are shown, and how much is going on at the moment.

use schemars::JsonSchema;
use serde::Serialize;
use tollgate_policy::price::NanoUsd;

use super::ApiError;
use super::answer::Usd;
use super::params::Params;
use crate::domain::{Span, Tally, now_unix_ms};
use crate::store::{self, Dimension, Of, Store, SummaryQuery, Summed};

/// Which sums are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    count: bool,
    usage: bool,
    amount: bool,
    time: bool,
}

/// Sums, side by side in one object.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Sums")]
pub(super) struct TallyView {
    #[serde(flatten)]
    count: Option<Counts>,
    #[serde(flatten)]
    usage: Option<Usage>,
    #[serde(flatten)]
    amount: Option<Amount>,
    #[serde(flatten)]
    time: Option<Times>,
}

#[derive(Serialize, JsonSchema)]
struct Counts {
    request_count: i64,
    retry_count: i64,
    exception_count: i64,
    /// Those of them that were their caller's doing.
    caller_error_count: i64,
    status_2xx_count: i64,
    status_4xx_count: i64,
    status_5xx_count: i64,
    status_other_count: i64,
    status_400_count: i64,
    status_429_count: i64,
    status_500_count: i64,
    cache_hit_count: i64,
    cache_creation_count: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UsageSums")]
struct Usage {
    input_tokens: i64,
    output_tokens: i64,
    cached_tokens: i64,
    cache_creation_tokens: i64,
    reasoning_tokens: i64,
    image_input_tokens: i64,
    audio_input_tokens: i64,
    video_input_tokens: i64,
    image_output_tokens: i64,
    audio_output_tokens: i64,
    web_search_count: i64,
    total_tokens: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AmountSums")]
struct Amount {
    used_amount: Usd,
    /// The parts beside it, which are those of log rows, add up to it. Of what was booked before they
    /// were kept, they are not known.
    used_amount_nano_usd: i64,
    per_request_amount: Usd,
    input_amount: Usd,
    image_input_amount: Usd,
    audio_input_amount: Usd,
    video_input_amount: Usd,
    cached_amount: Usd,
    cache_creation_amount: Usd,
    output_amount: Usd,
    image_output_amount: Usd,
    audio_output_amount: Usd,
    reasoning_amount: Usd,
    web_search_amount: Usd,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TimeSums")]
struct Times {
    total_time_milliseconds: i64,
    total_ttfb_milliseconds: i64,
}

/// What goes on in a minute.
#[derive(Debug, Clone, Default)]
pub(super) struct Rate {
    pub(super) of: Summed,
    pub(super) rpm: i64,
    pub(super) tpm: i64,
}

/// Requests and tokens of the last 60 seconds: the present minute, and of the one before it the
/// share that the 60 seconds reach back into, as if it had been even.
pub(super) async fn rates(
    store: &Store,
    of: Of,
    model: Option<String>,
    by: &[Dimension],
) -> store::Result<Vec<Rate>> {
    let now = now_unix_ms();
    let (minute, present) = (Span::Minute.millis(), Span::Minute.start(now));
    let earlier = minute - (now - present);
    let query = SummaryQuery::each(of, Span::Minute, present - minute, present + minute);
    let query = query.with_model(model);
    let by_time = [by, &[Dimension::Time]].concat();
    let mut rates: Vec<Rate> = Vec::new();
    for mut sum in store.summed(&query, &by_time).await? {
        let share = if sum.start_ms < present {
            earlier
        } else {
            minute
        };
        let part = |count: i64| count.saturating_mul(share) / minute;
        let (rpm, tpm) = (
            part(sum.tally.request_count),
            part(sum.tally.total_tokens()),
        );
        (sum.start_ms, sum.tally) = (0, Tally::default());
        // The last of the order is the time, so the two minutes of one stand side by side.
        match rates.last_mut().filter(|last| last.of == sum) {
            Some(last) => {
                last.rpm = last.rpm.saturating_add(rpm);
                last.tpm = last.tpm.saturating_add(tpm);
            }
            None => rates.push(Rate { of: sum, rpm, tpm }),
        }
    }
    Ok(rates)
}

// === impl Shown ===

impl Shown {
    pub(super) const ALL: Self = Self {
        count: true,
        usage: true,
        amount: true,
        time: true,
    };

    /// `fields`, with commas between: `count`, `usage`, `amount`, `time`, `all`.
    pub(super) fn read(params: &Params) -> Result<Self, ApiError> {
        let Some(text) = params.text("fields") else {
            return Ok(Self::ALL);
        };
        let mut shown = Self {
            count: false,
            usage: false,
            amount: false,
            time: false,
        };
        for name in text.split(',').map(str::trim) {
            match name {
                "count" => shown.count = true,
                "usage" => shown.usage = true,
                "amount" => shown.amount = true,
                "time" => shown.time = true,
                "all" => shown = Self::ALL,
                _ => {
                    let rule = "must be some of count, usage, amount, time, or all";
                    return Err(ApiError::field("fields", rule));
                }
            }
        }
        Ok(shown)
    }
}

// === impl TallyView ===

impl TallyView {
    pub(super) fn new(tally: &Tally, shown: Shown) -> Self {
        let usd = |nano: i64| Usd(NanoUsd(nano));
        Self {
            count: shown.count.then_some(Counts {
                request_count: tally.request_count,
                retry_count: tally.retry_count,
                exception_count: tally.exception_count,
                caller_error_count: tally.caller_error_count,
                status_2xx_count: tally.status_2xx_count,
                status_4xx_count: tally.status_4xx_count,
                status_5xx_count: tally.status_5xx_count,
                status_other_count: tally.status_other_count,
                status_400_count: tally.status_400_count,
                status_429_count: tally.status_429_count,
                status_500_count: tally.status_500_count,
                cache_hit_count: tally.cache_hit_count,
                cache_creation_count: tally.cache_creation_count,
            }),
            usage: shown.usage.then(|| Usage {
                input_tokens: tally.input_tokens,
                output_tokens: tally.output_tokens,
                cached_tokens: tally.cached_tokens,
                cache_creation_tokens: tally.cache_creation_tokens,
                reasoning_tokens: tally.reasoning_tokens,
                image_input_tokens: tally.image_input_tokens,
                audio_input_tokens: tally.audio_input_tokens,
                video_input_tokens: tally.video_input_tokens,
                image_output_tokens: tally.image_output_tokens,
                audio_output_tokens: tally.audio_output_tokens,
                web_search_count: tally.web_search_count,
                total_tokens: tally.total_tokens(),
            }),
            amount: shown.amount.then(|| Amount {
                used_amount: Usd(tally.amount()),
                used_amount_nano_usd: tally.used_amount,
                per_request_amount: usd(tally.per_request_amount),
                input_amount: usd(tally.input_amount),
                image_input_amount: usd(tally.image_input_amount),
                audio_input_amount: usd(tally.audio_input_amount),
                video_input_amount: usd(tally.video_input_amount),
                cached_amount: usd(tally.cached_amount),
                cache_creation_amount: usd(tally.cache_creation_amount),
                output_amount: usd(tally.output_amount),
                image_output_amount: usd(tally.image_output_amount),
                audio_output_amount: usd(tally.audio_output_amount),
                reasoning_amount: usd(tally.reasoning_amount),
                web_search_amount: usd(tally.web_search_amount),
            }),
            time: shown.time.then_some(Times {
                total_time_milliseconds: tally.total_time_milliseconds,
                total_ttfb_milliseconds: tally.total_ttfb_milliseconds,
            }),
        }
    }
}
