//! What a call cost, by part.

use tollgate_config::meter::Usage;

use super::cost::{Sum, count};
use super::{Multiplier, NanoUsd, Part, Price};

/// The parts of a call's [`cost`](super::cost()): together they are exactly that, and none is below
/// zero.
///
/// The cost is rounded once, so its parts cannot be rounded each for itself. They are told in a fixed
/// order (the request; cached, cache writes of 5 minutes and 1 hour, image, audio, video, other input;
/// reasoning, image, audio, other output; searches), and each is what the rounded sum grows by when it
/// is added: the fraction of a nano-dollar that one leaves goes to the next, and each is less than a
/// nano-dollar away from its exact amount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    /// The fixed price of the request, beside which nothing else is counted.
    pub per_request: NanoUsd,
    parts: [NanoUsd; Part::ALL.len()],
    total: NanoUsd,
}

impl Amounts {
    /// Of a call as [`cost`](super::cost()) counts it; the sum stops at `most`.
    #[must_use]
    pub fn of(
        price: &Price,
        usage: &Usage,
        status: u32,
        multiplier: Multiplier,
        most: NanoUsd,
    ) -> Self {
        let (mut amounts, mut sum) = (Self::default(), Sum::default());
        count(price, usage, status, |part, count, rate| {
            sum.add(count, rate);
            let total = sum.times(multiplier).min(most);
            let grown = NanoUsd(total.0.saturating_sub(amounts.total.0));
            amounts.total = total;
            let place = match part {
                None => Some(&mut amounts.per_request),
                Some(part) => amounts.parts.get_mut(part as usize),
            };
            if let Some(place) = place {
                *place = grown;
            }
        });
        amounts
    }

    /// Cache writes are told by how long they live; [`Part::CacheCreation`] is nothing.
    #[must_use]
    pub fn part(&self, part: Part) -> NanoUsd {
        self.parts.get(part as usize).copied().unwrap_or_default()
    }

    /// All parts together: what the call cost.
    #[must_use]
    pub fn total(&self) -> NanoUsd {
        self.total
    }
}
