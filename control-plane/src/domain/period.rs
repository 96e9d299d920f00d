//! Windows of quotas: calendar days, ISO weeks (from Monday) and calendar months of a time zone.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

/// How often a period quota begins anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Period {
    Daily,
    Weekly,
    /// Also what AI Proxy takes when none is named.
    #[default]
    Monthly,
}

/// One window. Its days are numbers like 20260131, which compare like the days that they name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub first_day: i64,
    /// The first day of the next window.
    pub end_day: i64,
    pub start_ms: i64,
    /// The first instant of the next window.
    pub end_ms: i64,
}

// === impl Period ===

impl Period {
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Daily, Self::Weekly, Self::Monthly]
            .into_iter()
            .find(|period| period.name() == name)
    }

    /// As AI Proxy names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }

    /// The window in which an instant lies.
    #[must_use]
    pub fn window(self, zone: &TimeZone, at_ms: i64) -> Window {
        let today = date(zone, at_ms);
        let (first, length): (Date, Span) = match self {
            Self::Daily => (today, 1.day()),
            Self::Weekly => {
                let since_monday = i64::from(today.weekday().to_monday_zero_offset());
                let monday = today.checked_sub(since_monday.days());
                (monday.unwrap_or(today), 7.days())
            }
            Self::Monthly => (today.first_of_month(), 1.month()),
        };
        // Only past the year 9999 there is no next one.
        let end = first.checked_add(length).unwrap_or(Date::MAX);
        Window {
            first_day: number(first),
            end_day: number(end),
            start_ms: start_ms(zone, first),
            end_ms: start_ms(zone, end),
        }
    }
}

/// The day on which an instant lies.
#[must_use]
pub fn day(zone: &TimeZone, at_ms: i64) -> i64 {
    number(date(zone, at_ms))
}

/// An instant for people, with its offset: `2026-02-01T00:00:00+01:00`.
#[must_use]
pub fn shown(zone: &TimeZone, at_ms: i64) -> String {
    let zoned = timestamp(at_ms).to_zoned(zone.clone());
    zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn date(zone: &TimeZone, at_ms: i64) -> Date {
    timestamp(at_ms).to_zoned(zone.clone()).date()
}

/// Stopped at the ends of the calendar, which no clock shows.
fn timestamp(at_ms: i64) -> Timestamp {
    let end = if at_ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_millisecond(at_ms).unwrap_or(end)
}

fn number(date: Date) -> i64 {
    i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day())
}

/// Midnight, or what is first after it on a day that has none because clocks go forward.
fn start_ms(zone: &TimeZone, date: Date) -> i64 {
    date.to_zoned(zone.clone())
        .map_or(i64::MAX, |zoned| zoned.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(instant: &str) -> i64 {
        instant.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn windows_begin_and_end_at_the_right_instants() {
        use Period::{Daily, Monthly, Weekly};
        for (zone, period, at, first_day, start, end) in [
            // Month ends, leap days, ends of years.
            (
                "UTC",
                Monthly,
                "2026-01-31T23:59:59.999Z",
                20_260_101,
                "2026-01-01T00:00:00Z",
                "2026-02-01T00:00:00Z",
            ),
            (
                "UTC",
                Monthly,
                "2026-02-01T00:00:00Z",
                20_260_201,
                "2026-02-01T00:00:00Z",
                "2026-03-01T00:00:00Z",
            ),
            (
                "UTC",
                Monthly,
                "2028-02-29T12:00:00Z",
                20_280_201,
                "2028-02-01T00:00:00Z",
                "2028-03-01T00:00:00Z",
            ),
            (
                "UTC",
                Daily,
                "2028-02-29T12:00:00Z",
                20_280_229,
                "2028-02-29T00:00:00Z",
                "2028-03-01T00:00:00Z",
            ),
            (
                "UTC",
                Monthly,
                "2026-12-31T23:00:00Z",
                20_261_201,
                "2026-12-01T00:00:00Z",
                "2027-01-01T00:00:00Z",
            ),
            // ISO weeks begin on Monday, across months and years.
            (
                "UTC",
                Weekly,
                "2027-01-03T23:59:59Z",
                20_261_228,
                "2026-12-28T00:00:00Z",
                "2027-01-04T00:00:00Z",
            ),
            (
                "UTC",
                Weekly,
                "2027-01-04T00:00:00Z",
                20_270_104,
                "2027-01-04T00:00:00Z",
                "2027-01-11T00:00:00Z",
            ),
            // Days of other places.
            (
                "Asia/Shanghai",
                Daily,
                "2026-03-31T16:00:00Z",
                20_260_401,
                "2026-03-31T16:00:00Z",
                "2026-04-01T16:00:00Z",
            ),
            (
                "Asia/Shanghai",
                Monthly,
                "2026-03-31T15:59:59Z",
                20_260_301,
                "2026-02-28T16:00:00Z",
                "2026-03-31T16:00:00Z",
            ),
            (
                "Asia/Kathmandu",
                Daily,
                "2026-03-31T18:15:00Z",
                20_260_401,
                "2026-03-31T18:15:00Z",
                "2026-04-01T18:15:00Z",
            ),
            // Clocks go forward: 23 hours, 167 hours; back: 25 hours.
            (
                "Europe/Paris",
                Daily,
                "2026-03-29T10:00:00Z",
                20_260_329,
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                "Europe/Paris",
                Weekly,
                "2026-03-29T10:00:00Z",
                20_260_323,
                "2026-03-22T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                "Europe/Paris",
                Daily,
                "2026-10-25T10:00:00Z",
                20_261_025,
                "2026-10-24T22:00:00Z",
                "2026-10-25T23:00:00Z",
            ),
            (
                "America/New_York",
                Monthly,
                "2026-11-15T00:00:00Z",
                20_261_101,
                "2026-11-01T04:00:00Z",
                "2026-12-01T05:00:00Z",
            ),
            // There was no midnight: the day began at 01:00.
            (
                "America/Sao_Paulo",
                Daily,
                "2018-11-04T12:00:00Z",
                20_181_104,
                "2018-11-04T03:00:00Z",
                "2018-11-05T02:00:00Z",
            ),
            // Midnight came twice: the day began with the first.
            (
                "America/Havana",
                Daily,
                "2026-11-01T12:00:00Z",
                20_261_101,
                "2026-11-01T04:00:00Z",
                "2026-11-02T05:00:00Z",
            ),
        ] {
            let window = period.window(&TimeZone::get(zone).unwrap(), ms(at));
            let found = (window.first_day, window.start_ms, window.end_ms);
            assert_eq!(
                found,
                (first_day, ms(start), ms(end)),
                "{zone} {period:?} {at}"
            );
        }
    }

    #[test]
    fn windows_lie_side_by_side_for_years() {
        for zone in [
            "UTC",
            "Europe/Paris",
            "America/Havana",
            "Pacific/Apia",
            "Asia/Tehran",
        ] {
            let zone = TimeZone::get(zone).unwrap();
            for period in [Period::Daily, Period::Weekly, Period::Monthly] {
                let mut window = period.window(&zone, ms("2010-01-01T00:00:00Z"));
                while window.start_ms < ms("2030-01-01T00:00:00Z") {
                    let last = period.window(&zone, window.end_ms - 1);
                    let next = period.window(&zone, window.end_ms);
                    assert_eq!(last, window, "{period:?} {zone:?}");
                    assert_eq!(day(&zone, next.start_ms), next.first_day);
                    assert_eq!(next.start_ms, window.end_ms, "{period:?} {zone:?}");
                    window = next;
                }
            }
        }
    }

    #[test]
    fn instants_beyond_the_calendar_are_no_panic() {
        for at in [i64::MIN, i64::MAX, 253_402_207_200_000] {
            for period in [Period::Daily, Period::Weekly, Period::Monthly] {
                let window = period.window(&TimeZone::UTC, at);
                assert!(window.first_day <= window.end_day, "{at}");
                assert!(!shown(&TimeZone::UTC, at).is_empty());
            }
        }
    }

    #[test]
    fn people_read_instants_with_their_offset() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        let at = ms("2026-01-31T23:00:00Z");
        assert_eq!(shown(&zone, at), "2026-02-01T00:00:00+01:00");
    }
}
