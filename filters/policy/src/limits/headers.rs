//! What answers say of limits, as OpenAI and Anthropic say it.

use super::{Rate, Standing};

/// A header.
pub type Shown = (&'static str, String);

/// Limit, remaining and reset of requests, then of tokens.
const OPENAI: [[&str; 3]; 2] = [
    [
        "x-ratelimit-limit-requests",
        "x-ratelimit-remaining-requests",
        "x-ratelimit-reset-requests",
    ],
    [
        "x-ratelimit-limit-tokens",
        "x-ratelimit-remaining-tokens",
        "x-ratelimit-reset-tokens",
    ],
];

/// Anthropic tells input and output apart, and both together beside them. Here they have one limit:
/// as much as is left of it may be either.
const ANTHROPIC: [[&str; 3]; 4] = [
    [
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ],
    [
        "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-reset",
    ],
    [
        "anthropic-ratelimit-input-tokens-limit",
        "anthropic-ratelimit-input-tokens-remaining",
        "anthropic-ratelimit-input-tokens-reset",
    ],
    [
        "anthropic-ratelimit-output-tokens-limit",
        "anthropic-ratelimit-output-tokens-remaining",
        "anthropic-ratelimit-output-tokens-reset",
    ],
];

/// The headers of an answer; none of what is not limited.
///
/// OpenAI tells the reset as a duration, `6m0s`, Anthropic as a time, RFC 3339 in whole seconds.
#[must_use]
pub fn headers(standing: &Standing, anthropic: bool, now_ms: i64) -> Vec<Shown> {
    let names: &[_] = if anthropic { &ANTHROPIC } else { &OPENAI };
    let tokens = standing.tokens;
    let rates = [standing.requests, tokens, tokens, tokens];
    let mut shown = Vec::new();
    for (&[limit, remaining, reset], rate) in names.iter().zip(rates) {
        let Some(rate) = rate else { continue };
        let Rate { reset_ms, .. } = rate;
        let until = if anthropic {
            timestamp(now_ms.saturating_add_unsigned(reset_ms))
        } else {
            duration(reset_ms)
        };
        shown.push((limit, rate.limit.to_string()));
        shown.push((remaining, rate.remaining.to_string()));
        shown.push((reset, until));
    }
    shown
}

/// As Go writes a duration: `0s`, `20ms`, `1.5s`, `6m0s`, `1h0m0s`.
fn duration(ms: u64) -> String {
    let (seconds, ms) = (ms / 1_000, ms % 1_000);
    if seconds == 0 && ms > 0 {
        return format!("{ms}ms");
    }
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let mut text = String::new();
    if hours > 0 {
        text.push_str(&format!("{hours}h"));
    }
    if hours > 0 || minutes > 0 {
        text.push_str(&format!("{minutes}m"));
    }
    text.push_str(&seconds.to_string());
    if ms > 0 {
        let fraction = format!(".{ms:03}");
        text.push_str(fraction.trim_end_matches('0'));
    }
    text.push('s');
    text
}

/// RFC 3339 in UTC, rounded up to whole seconds; what is before 1970 is 1970.
fn timestamp(unix_ms: i64) -> String {
    let seconds = u64::try_from(unix_ms).unwrap_or(0).div_ceil(1_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years from March on, in eras of 400 years (Hinnant, "chrono-compatible low-level date
    // algorithms"): then a leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let day = day - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_openai_does() {
        for (ms, text) in [
            (0, "0s"),
            (1, "1ms"),
            (20, "20ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (1_500, "1.5s"),
            (8_640, "8.64s"),
            (59_999, "59.999s"),
            (60_000, "1m0s"),
            (60_010, "1m0.01s"),
            (360_000, "6m0s"),
            (3_600_000, "1h0m0s"),
            (7_384_005, "2h3m4.005s"),
        ] {
            assert_eq!(duration(ms), text, "{ms}");
        }
    }

    #[test]
    fn times_are_rfc_3339_and_never_too_early() {
        for (ms, text) in [
            (-1, "1970-01-01T00:00:00Z"),
            (0, "1970-01-01T00:00:00Z"),
            (1, "1970-01-01T00:00:01Z"),
            (951_782_399_000, "2000-02-28T23:59:59Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (951_868_800_000, "2000-03-01T00:00:00Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00Z"),
            (1_735_689_599_999, "2025-01-01T00:00:00Z"),
            (1_795_224_143_001, "2026-11-21T01:22:24Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(timestamp(ms), text, "{ms}");
        }
    }

    #[test]
    fn only_what_is_limited_is_shown() {
        let rate = |limit, remaining, reset_ms| {
            Some(Rate {
                limit,
                remaining,
                reset_ms,
            })
        };
        let standing = Standing {
            requests: rate(60, 59, 1_000),
            tokens: rate(1_000, 0, 360_000),
        };
        let shown = |standing: &Standing, anthropic| {
            let headers = headers(standing, anthropic, 951_782_400_000);
            headers
                .into_iter()
                .map(|(name, value)| format!("{name}: {value}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            shown(&standing, false),
            [
                "x-ratelimit-limit-requests: 60",
                "x-ratelimit-remaining-requests: 59",
                "x-ratelimit-reset-requests: 1s",
                "x-ratelimit-limit-tokens: 1000",
                "x-ratelimit-remaining-tokens: 0",
                "x-ratelimit-reset-tokens: 6m0s",
            ]
        );
        assert_eq!(
            shown(&standing, true)[3..],
            [
                "anthropic-ratelimit-tokens-limit: 1000",
                "anthropic-ratelimit-tokens-remaining: 0",
                "anthropic-ratelimit-tokens-reset: 2000-02-29T00:06:00Z",
                "anthropic-ratelimit-input-tokens-limit: 1000",
                "anthropic-ratelimit-input-tokens-remaining: 0",
                "anthropic-ratelimit-input-tokens-reset: 2000-02-29T00:06:00Z",
                "anthropic-ratelimit-output-tokens-limit: 1000",
                "anthropic-ratelimit-output-tokens-remaining: 0",
                "anthropic-ratelimit-output-tokens-reset: 2000-02-29T00:06:00Z",
            ]
        );
        let requests_only = Standing {
            tokens: None,
            ..standing
        };
        assert_eq!(shown(&requests_only, true).len(), 3);
        assert!(shown(&Standing::default(), false).is_empty());
    }
}
