//! A change of a price: who changed what, and when.

use tollgate_policy::price::{Multiplier, Tariff};

use super::{tariff_from_json, tariff_to_json};

#[derive(Debug, Clone, PartialEq)]
pub struct PriceChange {
    pub id: i64,
    pub changed_at_ms: i64,
    /// The administrator's name.
    pub changed_by: String,
    /// Empty: for everybody.
    pub group: String,
    /// Empty: it is the group's multiplier that changed.
    pub model: String,
    /// Nothing: there was none.
    pub old: Option<PriceValue>,
    pub new: Option<PriceValue>,
}

/// What can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriceValue {
    Tariff(Box<Tariff>),
    Multiplier(Multiplier),
}

impl PriceValue {
    #[must_use]
    pub fn of(tariff: Tariff) -> Self {
        Self::Tariff(Box::new(tariff))
    }

    #[must_use]
    pub fn tariff(&self) -> Option<&Tariff> {
        match self {
            Self::Tariff(tariff) => Some(&**tariff),
            Self::Multiplier(_) => None,
        }
    }

    #[must_use]
    pub fn multiplier(&self) -> Option<Multiplier> {
        match self {
            Self::Multiplier(multiplier) => Some(*multiplier),
            Self::Tariff(_) => None,
        }
    }

    /// As it is stored: a tariff's JSON, or a multiplier's thousand-millionths.
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            Self::Tariff(tariff) => tariff_to_json(tariff),
            Self::Multiplier(multiplier) => multiplier.nano().to_string(),
        }
    }

    /// # Errors
    /// When the text is not what [`PriceValue::to_json`] writes.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        match text.starts_with('{') {
            true => tariff_from_json(text).map(Self::of),
            false => {
                let nano: i64 = serde_json::from_str(text)?;
                Ok(Self::Multiplier(Multiplier::from_nano(nano)))
            }
        }
    }
}
