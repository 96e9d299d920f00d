//! What the value of an option may be. Values are stored as text, in one form each.

use std::collections::BTreeMap;

use serde_json::Number;
use tollgate_policy::price::NanoUsd;

use crate::domain::Share;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// `true` or `false`.
    Flag,
    Whole {
        min: i64,
        max: i64,
    },
    /// An amount in USD of at most nine decimals.
    Amount,
    /// A JSON list of names of groups.
    Groups,
    /// A share from 0 to 1, in at most six decimals.
    Share,
    /// One line of text; it may be empty.
    Line {
        /// Bytes.
        max: usize,
    },
    /// A JSON object of amounts in USD and ratios, such as `{"100": 1.5}`; `{}` is none.
    Ratios,
    /// The IANA name of a time zone.
    Zone,
    /// A JSON object of types of channels with lists of models.
    ModelsByType,
    /// A JSON object of types of channels with objects of models.
    MappingsByType,
}

/// From this amount in USD on, this ratio holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    pub from: NanoUsd,
    pub ratio: f64,
}

/// Which option, and the rule that its value breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} {rule}")]
pub struct InvalidOption {
    pub name: String,
    pub rule: String,
}

/// By type of channel.
pub type Models = BTreeMap<i64, Vec<String>>;
pub type Mappings = BTreeMap<i64, BTreeMap<String, String>>;

/// Bytes.
const MAX_BY_TYPE: usize = 256 * 1024;
const MAX_MODEL: usize = 256;

const MAX_RATIOS: usize = 100;
const RATIO_MAX: f64 = 1000.0;

impl Rule {
    /// The value in its stored form.
    ///
    /// # Errors
    /// When it breaks the rule.
    pub fn read(self, name: &str, value: &str) -> Result<String, InvalidOption> {
        let value = value.trim();
        let read = match self {
            Self::Flag => flag(value).map(|flag| flag.to_string()),
            Self::Whole { min, max } => value
                .parse::<i64>()
                .ok()
                .filter(|number| (min..=max).contains(number))
                .map(|number| number.to_string()),
            Self::Amount => amount(value).map(|amount| amount.to_string()),
            Self::Groups => names(value).map(|_| value.to_owned()),
            Self::Share => share(value).map(|share| share.number().to_string()),
            Self::Line { max } => (value.len() <= max && !value.chars().any(char::is_control))
                .then(|| value.to_owned()),
            Self::Ratios => ratios(value).map(|_| value.to_owned()),
            Self::ModelsByType => models(value).map(|_| value.to_owned()),
            Self::MappingsByType => mappings(value).map(|_| value.to_owned()),
            // POSIX lets `TZ` begin with a colon.
            Self::Zone => jiff::tz::TimeZone::get(value.strip_prefix(':').unwrap_or(value))
                .ok()
                .and_then(|zone| zone.iana_name().map(str::to_owned)),
        };
        read.ok_or_else(|| InvalidOption {
            name: name.to_owned(),
            rule: self.text(),
        })
    }

    /// The rule in words, as they follow the option's name.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Flag => "must be true or false".into(),
            Self::Amount => {
                format!(
                    "must be an amount in USD from 0 to {}, such as 0.5",
                    NanoUsd::MAX
                )
            }
            Self::Groups => "must be a list of names of groups, such as [\"g\"]".into(),
            Self::Share => "must be a number from 0 to 1".into(),
            Self::Line { max } => format!("must be one line of at most {max} bytes"),
            Self::Whole { min, max } => format!("must be a whole number from {min} to {max}"),
            Self::Ratios => format!(
                "must be an object of at most {MAX_RATIOS} amounts in USD and ratios from 0 to \
                 {RATIO_MAX}, such as {{\"100\": 1.5}}"
            ),
            Self::ModelsByType => {
                "must be an object of types of channels with lists of models, such as \
                 {\"1\": [\"gpt-5\"]}"
                    .into()
            }
            Self::MappingsByType => {
                "must be an object of types of channels with objects of models, such as \
                 {\"1\": {\"gpt\": \"gpt-5\"}}"
                    .into()
            }
            Self::Zone => "must be the IANA name of a time zone, such as Europe/Paris".into(),
        }
    }
}

fn flag(value: &str) -> Option<bool> {
    match value {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

pub(super) fn amount(value: &str) -> Option<NanoUsd> {
    value.parse().ok()
}

pub(super) fn names(value: &str) -> Option<Vec<String>> {
    let names: Vec<String> = serde_json::from_str(value).ok()?;
    (value.len() <= MAX_BY_TYPE && names.iter().all(|name| is_model(name))).then_some(names)
}

pub(super) fn share(value: &str) -> Option<Share> {
    let number: f64 = value.parse().ok()?;
    number.is_finite().then(|| Share::from_number(number))?
}

fn models(value: &str) -> Option<Models> {
    let by_type: Models = serde_json::from_str(value).ok()?;
    let fit = by_type
        .values()
        .all(|models| models.iter().all(|name| is_model(name)));
    (value.len() <= MAX_BY_TYPE && fit).then_some(by_type)
}

fn mappings(value: &str) -> Option<Mappings> {
    let by_type: Mappings = serde_json::from_str(value).ok()?;
    let mut names = by_type.values().flatten();
    let fit = names.all(|(from, to)| is_model(from) && is_model(to));
    (value.len() <= MAX_BY_TYPE && fit).then_some(by_type)
}

fn is_model(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_MODEL && !name.chars().any(char::is_control)
}

pub(super) fn ratios(value: &str) -> Option<Vec<Ratio>> {
    let object: BTreeMap<String, Number> = serde_json::from_str(value).ok()?;
    if object.len() > MAX_RATIOS {
        return None;
    }
    let entry = |(amount, ratio): (&String, &Number)| {
        let from: NanoUsd = amount.parse().ok()?;
        let ratio = ratio
            .as_f64()
            .filter(|ratio| (0.0..=RATIO_MAX).contains(ratio))?;
        Some(Ratio { from, ratio })
    };
    let mut ratios: Vec<Ratio> = object.iter().map(entry).collect::<Option<_>>()?;
    ratios.sort_by_key(|ratio| ratio.from);
    Some(ratios)
}
