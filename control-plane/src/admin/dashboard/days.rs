//! Sums by days and months that do not begin with those of UTC.
//!
//! A day of UTC that lies in one bucket is read as such. One in which a bucket ends is read, too, and
//! counts for the bucket that has most of its hours; its other hours are taken from that and given to
//! theirs. So a month of days takes the summaries of thirty days, and of their hours no more than half.

use std::collections::BTreeMap;

use super::time::Time;
use crate::admin::ApiError;
use crate::domain::{Span, Tally};
use crate::store::{DailyHours, Dimension, Of, Store, SummaryQuery, Summed};

/// So many different hours are asked for in one statement.
const PARTS_MAX: usize = 40;

/// Sums of each model, by the beginning of their bucket.
pub(super) type Buckets = BTreeMap<i64, BTreeMap<String, Tally>>;

/// Which summaries are read, and for which bucket they count.
#[derive(Debug, Default)]
struct Plan {
    /// By the beginnings of whole days.
    days: BTreeMap<i64, Counts>,
    /// The hours of whole days that belong to another bucket.
    hours: Vec<DailyHours>,
    /// From and to: what is no whole day, or lies in more than two buckets.
    rest: Vec<(i64, i64)>,
}

/// The bucket of a day, and that of some of its hours.
#[derive(Debug, Clone, Copy)]
struct Counts {
    most: i64,
    others: i64,
}

/// What was used of each model in each bucket; nothing of what was not used.
pub(super) async fn sums(
    store: &Store,
    time: &Time,
    of: &Of,
    model: Option<&String>,
) -> Result<Buckets, ApiError> {
    let plan = Plan::new(time.start_ms, time.end_ms, |at| time.bucket(at))?;
    let read = async |query: SummaryQuery| {
        let by = [Dimension::Time, Dimension::Model];
        store.summed(&query.with_model(model.cloned()), &by).await
    };
    let mut buckets = Buckets::default();
    for (from, to) in &plan.rest {
        let query = SummaryQuery::each(of.clone(), Span::Hour, *from, *to);
        for hour in read(query).await? {
            let bucket = time.bucket(hour.start_ms)?;
            at(&mut buckets, bucket, &hour).add(&hour.tally);
        }
    }
    let Some((first, last)) = plan.days.keys().next().zip(plan.days.keys().next_back()) else {
        return Ok(buckets);
    };
    for day in read(SummaryQuery::each(of.clone(), Span::Day, *first, *last + 1)).await? {
        if let Some(counts) = plan.days.get(&day.start_ms) {
            at(&mut buckets, counts.most, &day).add(&day.tally);
        }
    }
    for hours in plan.hours.chunks(PARTS_MAX) {
        for hours in read(SummaryQuery::daily(of.clone(), hours)).await? {
            if let Some(counts) = plan.days.get(&hours.start_ms) {
                at(&mut buckets, counts.most, &hours).subtract(&hours.tally);
                at(&mut buckets, counts.others, &hours).add(&hours.tally);
            }
        }
    }
    for models in buckets.values_mut() {
        models.retain(|_, tally| tally.request_count > 0);
    }
    buckets.retain(|_, models| !models.is_empty());
    Ok(buckets)
}

fn at<'b>(buckets: &'b mut Buckets, bucket: i64, of: &Summed) -> &'b mut Tally {
    let models = buckets.entry(bucket).or_default();
    models.entry(of.model.clone()).or_default()
}

impl Plan {
    /// For what is in the hours that begin from `start_ms`, or contain it, to before `end_ms`.
    fn new<E>(
        start_ms: i64,
        end_ms: i64,
        bucket: impl Fn(i64) -> Result<i64, E>,
    ) -> Result<Self, E> {
        let (hour, day) = (Span::Hour.millis(), Span::Day.millis());
        let start_ms = Span::Hour.start(start_ms);
        let mut plan = Self::default();
        let mut begins = Span::Day.start(start_ms);
        while begins < end_ms {
            let ends = begins.saturating_add(day);
            let (most, others) = (bucket(begins)?, bucket(ends - hour)?);
            if begins < start_ms || ends > end_ms {
                plan.rest.push((begins.max(start_ms), ends.min(end_ms)));
            } else if most == others {
                plan.days.insert(begins, Counts { most, others });
            } else {
                plan.divide(begins, (most, others), &bucket)?;
            }
            begins = ends;
        }
        Ok(plan)
    }

    /// A day that begins in the one bucket and ends in the other.
    fn divide<E>(
        &mut self,
        begins: i64,
        (first, last): (i64, i64),
        bucket: &impl Fn(i64) -> Result<i64, E>,
    ) -> Result<(), E> {
        let (hour, day) = (Span::Hour.millis(), Span::Day.millis());
        let mut of_first = 1;
        while bucket(begins + of_first * hour)? == first {
            of_first += 1;
        }
        let border = of_first * hour;
        if bucket(begins + border)? != last {
            // A day between them that has no 24 hours: clocks were set by as much.
            self.rest.push((begins, begins + day));
            return Ok(());
        }
        let (counts, (first_ms, end_ms)) = match border < day / 2 {
            true => ((last, first), (0, border)),
            false => ((first, last), (border, day)),
        };
        let (most, others) = counts;
        self.days.insert(begins, Counts { most, others });
        match self.hours.last_mut() {
            Some(hours)
                if hours.to_ms == begins
                    && (hours.first_ms, hours.end_ms) == (first_ms, end_ms) =>
            {
                hours.to_ms = begins + day;
            }
            _ => self.hours.push(DailyHours {
                from_ms: begins,
                to_ms: begins + day,
                first_ms,
                end_ms,
            }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn bucket(zone: &TimeZone, months: bool, at: i64) -> i64 {
        let at = Timestamp::from_millisecond(at).unwrap();
        let at = at.to_zoned(zone.clone());
        let at = match months {
            true => at.first_of_month().unwrap(),
            false => at,
        };
        at.start_of_day().unwrap().timestamp().as_millisecond()
    }

    /// What an hour holds: a number that no other sum of hours has by chance.
    fn held(hour: i64) -> i64 {
        (hour / HOUR).pow(2) % 1_000_003
    }

    #[test]
    fn whatever_the_zone_each_hour_counts_for_its_bucket() {
        let mut most_hours = 0;
        for (zone, start, end) in [
            ("UTC", "2026-01-01T05:00:00Z", "2026-01-09T00:00:00Z"),
            (
                "Asia/Shanghai",
                "2026-01-01T05:00:00Z",
                "2026-02-09T07:30:00Z",
            ),
            (
                "America/New_York",
                "2026-02-20T00:00:00Z",
                "2026-03-20T00:00:00Z",
            ),
            (
                "Europe/Berlin",
                "2026-10-01T13:00:00Z",
                "2026-11-01T13:00:00Z",
            ),
            (
                "Asia/Kolkata",
                "2026-01-01T00:00:00Z",
                "2026-01-31T00:00:00Z",
            ),
            (
                "Australia/Lord_Howe",
                "2026-03-20T00:00:00Z",
                "2026-04-20T00:00:00Z",
            ),
            (
                "Pacific/Kiritimati",
                "2026-03-20T00:00:00Z",
                "2026-03-21T00:00:00Z",
            ),
            // It went without a day.
            (
                "Pacific/Apia",
                "2011-12-20T00:00:00Z",
                "2012-01-10T00:00:00Z",
            ),
            ("Asia/Tokyo", "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"),
            ("Asia/Tokyo", "2026-01-01T01:00:00Z", "2026-01-01T01:00:00Z"),
        ] {
            let zone = TimeZone::get(zone).unwrap();
            let (start, end) = (ms(start), ms(end));
            for months in [false, true] {
                let plan =
                    Plan::new(start, end, |at| Ok::<_, ()>(bucket(&zone, months, at))).unwrap();
                let mut expected: BTreeMap<i64, i64> = BTreeMap::new();
                let mut found: BTreeMap<i64, i64> = BTreeMap::new();
                let add = |to: &mut BTreeMap<i64, i64>, at, value| {
                    *to.entry(at).or_default() += value;
                };
                let hours = |from: i64, to: i64| (from..to).step_by(HOUR as usize);
                for hour in hours(start, end) {
                    add(&mut expected, bucket(&zone, months, hour), held(hour));
                }
                for (from, to) in &plan.rest {
                    for hour in hours(*from, *to) {
                        add(&mut found, bucket(&zone, months, hour), held(hour));
                    }
                }
                for (day, counts) in &plan.days {
                    let sum = hours(*day, day + DAY).map(held).sum();
                    add(&mut found, counts.most, sum);
                    for run in &plan.hours {
                        if !(run.from_ms..run.to_ms).contains(day) {
                            continue;
                        }
                        assert!(run.end_ms - run.first_ms <= DAY / 2, "{run:?}");
                        most_hours = most_hours.max(run.end_ms - run.first_ms);
                        let sum: i64 = hours(day + run.first_ms, day + run.end_ms).map(held).sum();
                        add(&mut found, counts.most, -sum);
                        add(&mut found, counts.others, sum);
                    }
                }
                found.retain(|_, sum| *sum != 0);
                assert_eq!(found, expected, "{zone:?} {months}");
                // A zone's offset changes twice a year.
                assert!(plan.hours.len() <= 3, "{:?}", plan.hours);
            }
        }
        assert!(most_hours > 0);
    }
}
