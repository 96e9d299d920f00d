//! Which time a dashboard shows, and in which pieces.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use crate::admin::ApiError;
use crate::admin::params::Params;
use crate::domain::options::TIME_ZONE;
use crate::domain::{Span, now_unix_ms};
use crate::store::Store;

/// From `start_ms` to before `end_ms`, in buckets.
#[derive(Debug, Clone)]
pub(super) struct Time {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    bucket: Bucket,
    zone: TimeZone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bucket {
    Minute,
    Hour,
    Day,
    Month,
}

const DAY_MS: i64 = 86_400_000;

/// More points than this are no picture.
const BUCKETS_MAX: i64 = 3_000;

impl Time {
    /// `type` (`day`, `week`, `two_week`, `month`: up to now) or `start_timestamp` and
    /// `end_timestamp`, in Unix milliseconds; `timespan`, one of `spans`; `timezone`, an IANA name,
    /// by default the option's.
    pub(super) async fn read(
        store: &Store,
        params: &Params,
        spans: &[&str],
    ) -> Result<Self, ApiError> {
        let zone = match params.text("timezone") {
            Some(name) => zone(&name)?,
            None => store.options().await?.zone(TIME_ZONE),
        };
        Self::new(params, spans, zone, now_unix_ms())
    }

    fn new(params: &Params, spans: &[&str], zone: TimeZone, now_ms: i64) -> Result<Self, ApiError> {
        let days = match params.one_of("type", &["day", "week", "two_week", "month"])? {
            Some("day") => 1,
            Some("two_week") => 14,
            Some("month") => 30,
            _ => 7,
        };
        let end_ms = params.nonzero("end_timestamp")?.unwrap_or(now_ms);
        let start_ms = params
            .nonzero("start_timestamp")?
            .unwrap_or(end_ms.saturating_sub(days * DAY_MS));
        if start_ms < 0 || start_ms > end_ms || Timestamp::from_millisecond(end_ms).is_err() {
            let rule = "must not be before start_timestamp; both are Unix milliseconds";
            return Err(ApiError::field("end_timestamp", rule));
        }
        let length = end_ms - start_ms;
        let bucket = match params.one_of("timespan", spans)? {
            None if length <= 2 * DAY_MS => Bucket::Hour,
            None => Bucket::Day,
            Some("minute") => Bucket::Minute,
            Some("hour") => Bucket::Hour,
            Some("day") => Bucket::Day,
            Some(_) => Bucket::Month,
        };
        let shortest = match bucket {
            Bucket::Minute => Span::Minute.millis(),
            Bucket::Hour => Span::Hour.millis(),
            Bucket::Day => Span::Day.millis(),
            Bucket::Month => 28 * Span::Day.millis(),
        };
        if length / shortest > BUCKETS_MAX {
            let rule =
                format!("is too short for this time: it would be more than {BUCKETS_MAX} points");
            return Err(ApiError::field("timespan", rule));
        }
        Ok(Self {
            start_ms,
            end_ms,
            bucket,
            zone,
        })
    }

    /// The length of the summaries that buckets are made of.
    pub(super) fn source(&self) -> Span {
        match self.bucket {
            Bucket::Minute => Span::Minute,
            Bucket::Hour => Span::Hour,
            Bucket::Day | Bucket::Month if self.zone == TimeZone::UTC => Span::Day,
            Bucket::Day | Bucket::Month => Span::Hour,
        }
    }

    /// Whether its buckets are days or months that do not begin with those of UTC.
    pub(super) fn has_days_of_its_own(&self) -> bool {
        matches!(self.bucket, Bucket::Day | Bucket::Month) && self.source() != Span::Day
    }

    /// Whether there are few minutes in it.
    pub(super) fn is_short(&self) -> bool {
        self.end_ms - self.start_ms <= DAY_MS + Span::Hour.millis()
    }

    /// Where the bucket begins in which a moment lies.
    pub(super) fn bucket(&self, at_ms: i64) -> Result<i64, ApiError> {
        Ok(self.begin(at_ms)?.timestamp().as_millisecond())
    }

    /// Where all buckets begin.
    pub(super) fn buckets(&self) -> Result<Vec<i64>, ApiError> {
        let mut all = Vec::new();
        let mut next = self.begin(self.source().start(self.start_ms))?;
        while next.timestamp().as_millisecond() < self.end_ms {
            all.push(next.timestamp().as_millisecond());
            let step = match self.bucket {
                Bucket::Minute => 1.minute(),
                Bucket::Hour => 1.hour(),
                Bucket::Day => 1.day(),
                Bucket::Month => 1.month(),
            };
            next = next.checked_add(step).map_err(out_of_range)?;
        }
        Ok(all)
    }

    fn begin(&self, at_ms: i64) -> Result<Zoned, ApiError> {
        // Minutes and hours are UTC's: what is shorter than a day has no zone in the summaries.
        let at_ms = match self.bucket {
            Bucket::Minute => Span::Minute.start(at_ms),
            Bucket::Hour => Span::Hour.start(at_ms),
            Bucket::Day | Bucket::Month => at_ms,
        };
        let at = Timestamp::from_millisecond(at_ms).map_err(out_of_range)?;
        let at = at.to_zoned(self.zone.clone());
        match self.bucket {
            Bucket::Minute | Bucket::Hour => Ok(at),
            Bucket::Day => at.start_of_day().map_err(out_of_range),
            Bucket::Month => {
                let first = at.first_of_month().map_err(out_of_range)?;
                first.start_of_day().map_err(out_of_range)
            }
        }
    }
}

/// A time zone by its IANA name.
pub(in crate::admin) fn zone(name: &str) -> Result<TimeZone, ApiError> {
    TimeZone::get(name)
        .map_err(|_| ApiError::field("timezone", "must be an IANA name, such as Europe/Berlin"))
}

fn out_of_range(_: jiff::Error) -> ApiError {
    ApiError::field("start_timestamp", "or end_timestamp is out of range")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn time(zone: &str, span: &str, start: &str, end: &str) -> Time {
        let query = format!(
            "timespan={span}&start_timestamp={}&end_timestamp={}",
            ms(start),
            ms(end)
        );
        let zone = TimeZone::get(zone).unwrap();
        Time::new(
            &Params::of(&query).unwrap(),
            &["hour", "day", "month"],
            zone,
            0,
        )
        .unwrap()
    }

    #[test]
    fn days_begin_where_they_begin_in_their_zone() {
        for (zone, span, start, end, expected) in [
            (
                "UTC",
                "day",
                "2026-03-01T12:00:00Z",
                "2026-03-03T00:00:00Z",
                vec!["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"],
            ),
            // Clocks go forward in the night to the 29th.
            (
                "Europe/Berlin",
                "day",
                "2026-03-28T12:00:00Z",
                "2026-03-30T12:00:00Z",
                vec![
                    "2026-03-27T23:00:00Z",
                    "2026-03-28T23:00:00Z",
                    "2026-03-29T22:00:00Z",
                ],
            ),
            (
                "America/New_York",
                "month",
                "2026-01-15T00:00:00Z",
                "2026-03-02T00:00:00Z",
                vec![
                    "2026-01-01T05:00:00Z",
                    "2026-02-01T05:00:00Z",
                    "2026-03-01T05:00:00Z",
                ],
            ),
        ] {
            let time = time(zone, span, start, end);
            let expected: Vec<_> = expected.into_iter().map(ms).collect();
            assert_eq!(time.buckets().unwrap(), expected, "{zone} {span}");
            let mut hour = Span::Hour.start(time.start_ms);
            while hour < time.end_ms {
                assert!(expected.contains(&time.bucket(hour).unwrap()), "{zone}");
                hour += HOUR;
            }
        }
    }

    #[test]
    fn days_of_utc_are_read_as_days() {
        let of = |zone| time(zone, "day", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        assert_eq!(of("UTC").source(), Span::Day);
        assert_eq!(of("Asia/Tokyo").source(), Span::Hour);
    }

    #[test]
    fn what_makes_no_time_is_refused_by_name() {
        for (query, words) in [
            ("type=year", "type must be"),
            ("timespan=second", "timespan must be one of"),
            (
                "start_timestamp=5&end_timestamp=4",
                "end_timestamp must not",
            ),
            (
                "start_timestamp=x",
                "start_timestamp must be a whole number",
            ),
            ("end_timestamp=9223372036854775807", "end_timestamp"),
            ("timespan=hour&start_timestamp=1", "timespan is too short"),
        ] {
            let now = ms("2026-01-01T00:00:00Z");
            let made = Time::new(&Params::of(query).unwrap(), &["hour"], TimeZone::UTC, now);
            let error = format!("{:?}", made.unwrap_err());
            assert!(error.contains(words), "{query}: {error}");
        }
    }
}
