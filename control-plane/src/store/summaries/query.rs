//! What is asked of summaries: of whom, of which time, and what the sums are told apart by.

use crate::domain::{Span, Tally};
use crate::store::query::Bound;

/// What of the summaries is to be summed.
#[derive(Debug, Clone)]
pub struct SummaryQuery {
    pub of: Of,
    pub model: Option<String>,
    pub(super) parts: Vec<Part>,
    /// No others than these.
    pub(super) only: Option<(Dimension, Vec<Bound>)>,
}

/// Whose they are.
#[derive(Debug, Clone)]
pub enum Of {
    /// Attempts: of one channel, or of all.
    Channels(Option<i64>),
    /// Requests: of some groups (none: of all), and of one token name or any.
    Groups {
        groups: Vec<String>,
        token_name: Option<String>,
    },
}

/// A time in summaries of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) span: Span,
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    /// Only those that begin in this piece of a day, as if they began with the day.
    pub(super) of_each_day: Option<(i64, i64)>,
}

/// The same hours of several days, all in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyHours {
    /// Beginning of the first day.
    pub from_ms: i64,
    /// End of the last one.
    pub to_ms: i64,
    /// From this time of the day …
    pub first_ms: i64,
    /// … to before this one.
    pub end_ms: i64,
}

/// What sums are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    Time,
    /// [`Of::Channels`] only.
    Channel,
    /// [`Of::Groups`] only.
    Group,
    /// [`Of::Groups`] only.
    TokenName,
    Model,
}

/// A sum. What it was not told apart by is 0 or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summed {
    /// Beginning of the summaries in it, in Unix milliseconds.
    pub start_ms: i64,
    pub channel: i64,
    pub group: String,
    pub token_name: String,
    pub model: String,
    pub tally: Tally,
}

/// The largest sums first, and which of them.
#[derive(Debug, Clone, Copy)]
pub struct Top {
    /// A field of [`Tally`].
    pub field: &'static str,
    pub descending: bool,
    pub limit: i64,
    pub offset: i64,
}

impl Part {
    pub(super) fn nothing() -> Self {
        Self::whole(Span::Hour, 0, 0)
    }

    fn whole(span: Span, from_ms: i64, to_ms: i64) -> Self {
        Self {
            span,
            from_ms,
            to_ms,
            of_each_day: None,
        }
    }
}

impl SummaryQuery {
    /// A whole time, from `start_ms` to before `end_ms`, both widened to whole hours: days are read
    /// from the summaries of days, what is left from those of hours.
    #[must_use]
    pub fn whole(of: Of, start_ms: i64, end_ms: i64) -> Self {
        let parts = Span::parts(start_ms, end_ms).into_iter();
        let parts = parts.map(|(span, from_ms, to_ms)| Part::whole(span, from_ms, to_ms));
        Self {
            of,
            model: None,
            parts: parts.collect(),
            only: None,
        }
    }

    /// The summaries of one length that begin from `start_ms` to before `end_ms`.
    #[must_use]
    pub fn each(of: Of, span: Span, start_ms: i64, end_ms: i64) -> Self {
        Self {
            of,
            model: None,
            parts: vec![Part::whole(span, span.start(start_ms), end_ms)],
            only: None,
        }
    }

    /// The summaries of some hours of days. They count as if they began with their day.
    #[must_use]
    pub fn daily(of: Of, hours: &[DailyHours]) -> Self {
        let part = |hours: &DailyHours| Part {
            of_each_day: Some((hours.first_ms, hours.end_ms)),
            ..Part::whole(Span::Hour, hours.from_ms, hours.to_ms)
        };
        Self {
            of,
            model: None,
            parts: hours.iter().map(part).collect(),
            only: None,
        }
    }

    /// The first and the second half of a long time that is read in one piece.
    pub(super) fn halves(&self) -> Option<(Self, Self)> {
        const LONG: i64 = 240;
        let [
            part @ Part {
                of_each_day: None, ..
            },
        ] = self.parts.as_slice()
        else {
            return None;
        };
        let length = part.to_ms.saturating_sub(part.from_ms);
        if length <= part.span.millis().saturating_mul(LONG) {
            return None;
        }
        let middle_ms = part.span.start(part.from_ms.saturating_add(length / 2));
        let half = |from_ms, to_ms| Self {
            parts: vec![Part::whole(part.span, from_ms, to_ms)],
            ..self.clone()
        };
        Some((half(part.from_ms, middle_ms), half(middle_ms, part.to_ms)))
    }

    #[must_use]
    pub fn with_model(mut self, model: Option<String>) -> Self {
        self.model = model;
        self
    }

    /// No others than those that were found.
    #[must_use]
    pub fn only(mut self, by: Dimension, found: &[Summed]) -> Self {
        let values = found.iter().map(|sum| by.value(sum));
        self.only = Some((by, values.collect()));
        self
    }
}

impl Dimension {
    pub(super) fn column(self) -> &'static str {
        match self {
            Self::Time => "start_at",
            Self::Channel => "channel_id",
            Self::Group => "group_id",
            Self::TokenName => "token_name",
            Self::Model => "model",
        }
    }

    fn value(self, of: &Summed) -> Bound {
        match self {
            Self::Time => of.start_ms.into(),
            Self::Channel => of.channel.into(),
            Self::Group => of.group.as_str().into(),
            Self::TokenName => of.token_name.as_str().into(),
            Self::Model => of.model.as_str().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_time_has_two_halves() {
        let hour = 3_600_000;
        let hours = |from: i64, to: i64| {
            let query = SummaryQuery::each(Of::Channels(Some(7)), Span::Hour, from, to);
            let (first, second) = query.halves()?;
            let [first, second] = [first, second].map(|half| {
                assert!(matches!(half.of, Of::Channels(Some(7))));
                let [part] = half.parts.as_slice() else {
                    panic!("{:?}", half.parts)
                };
                (part.span, part.from_ms, part.to_ms)
            });
            Some([first, second])
        };
        assert_eq!(hours(0, 240 * hour), None);
        let odd = 301 * hour;
        assert_eq!(
            hours(0, odd),
            Some([(Span::Hour, 0, 150 * hour), (Span::Hour, 150 * hour, odd)])
        );
        assert!(hours(i64::MIN, i64::MAX).is_some(), "and nothing overflows");
        let whole = SummaryQuery::whole(Of::Channels(None), hour, 900 * 24 * hour);
        assert!(whole.halves().is_none(), "that has pieces");
    }

    #[test]
    fn a_time_is_read_in_days_and_what_is_left_in_hours() {
        let (hour, day) = (3_600_000, 86_400_000);
        let parts = |start, end| {
            let query = SummaryQuery::whole(Of::Channels(None), start, end);
            let parts = query.parts.into_iter();
            parts
                .map(|part| (part.span, part.from_ms, part.to_ms))
                .collect::<Vec<_>>()
        };
        for (start, end, expected) in [
            (0, 0, vec![]),
            (1, 2, vec![(Span::Hour, 0, hour)]),
            (0, 2 * day, vec![(Span::Day, 0, 2 * day)]),
            (
                day - 1,
                3 * day + 1,
                vec![
                    (Span::Hour, day - hour, day),
                    (Span::Day, day, 3 * day),
                    (Span::Hour, 3 * day, 3 * day + hour),
                ],
            ),
            (hour, day - hour, vec![(Span::Hour, hour, day - hour)]),
        ] {
            assert_eq!(parts(start, end), expected, "{start} {end}");
        }
    }
}
