//! A price and others under conditions, and which of them a call gets.

use std::fmt;

use super::{CallFacts, Condition, Price};

/// What an administrator enters as the price of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tariff {
    pub base: Price,
    pub conditional: Vec<Conditional>,
}

/// A price for calls that meet a condition. What it leaves out, it inherits; what it says to be zero is
/// free.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditional {
    pub condition: Condition,
    pub price: Price,
}

/// The price that one call gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selected<'a> {
    /// With all that it inherits.
    pub price: Price,
    /// The condition under which it is that; none: it is the base.
    pub condition: Option<&'a Condition>,
}

/// Why a tariff was refused. The numbers count conditional prices from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidTariff {
    /// No call meets the condition, or every call does.
    Condition(usize, &'static str),
    /// A call could meet both conditions, and neither is more specific.
    Overlap(usize, usize),
    /// The units of one price have no common multiple up to [`Price::MAX_COMMON_UNIT`], so that a
    /// sum could not be exact.
    Units(Option<usize>),
}

impl Tariff {
    #[must_use]
    pub fn of(base: Price) -> Self {
        Self {
            base,
            conditional: Vec::new(),
        }
    }

    /// The price of a call: of the conditions that it meets, the most specific one; of several, the
    /// first that names the caller's own resolution, else the first. Where none is met, a size in
    /// pixels is taken for its class, if `fuzzy` allows it; then it is the base.
    #[must_use]
    pub fn select(&self, call: &CallFacts<'_>, fuzzy: bool) -> Selected<'_> {
        let found = self.closest(call, false);
        let found = found.or_else(|| self.closest(call, true).filter(|_| fuzzy));
        let base = self.base.without_zeros();
        Selected {
            price: match found {
                Some(found) => found.price.inherit(&base),
                None => base,
            },
            condition: found.map(|found| &found.condition),
        }
    }

    fn closest(&self, call: &CallFacts<'_>, fuzzy: bool) -> Option<&Conditional> {
        let mut best: Option<((usize, bool), &Conditional)> = None;
        for each in &self.conditional {
            if each.condition.is_met(call, fuzzy) {
                let rank = (
                    each.condition.specificity(),
                    each.condition.names_exactly(call),
                );
                if best.is_none_or(|(most, _)| rank > most) {
                    best = Some((rank, each));
                }
            }
        }
        best.map(|(_, each)| each)
    }

    /// No call costs anything.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.base.is_free() && self.conditional.iter().all(|each| each.price.is_free())
    }

    /// # Errors
    /// Names the conditional prices of which it cannot be said which one a call gets.
    pub fn check(&self) -> Result<(), InvalidTariff> {
        if self.base.common_unit().is_none() {
            return Err(InvalidTariff::Units(None));
        }
        for (at, each) in self.conditional.iter().enumerate() {
            if let Some(why) = each.condition.fault() {
                return Err(InvalidTariff::Condition(at, why));
            }
            if each.price.inherit(&self.base).common_unit().is_none() {
                return Err(InvalidTariff::Units(Some(at)));
            }
            let earlier = self.conditional.iter().take(at);
            let mut earlier = earlier.map(|other| other.condition.rivals(&each.condition));
            if let Some(other) = earlier.position(|rivals| rivals) {
                return Err(InvalidTariff::Overlap(other, at));
            }
        }
        Ok(())
    }
}

impl fmt::Display for InvalidTariff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Condition(at, why) => write!(f, "conditional_prices[{at}]: {why}"),
            Self::Overlap(one, other) => write!(
                f,
                "conditional_prices[{one}] and conditional_prices[{other}] overlap: a call can meet \
                 both, and neither is more specific"
            ),
            Self::Units(at) => {
                if let Some(at) = at {
                    write!(f, "conditional_prices[{at}]: ")?;
                }
                f.write_str(
                    "the units have no common multiple up to 10^18, so that sums could not be exact; \
                     use powers of ten",
                )
            }
        }
    }
}

impl std::error::Error for InvalidTariff {}
