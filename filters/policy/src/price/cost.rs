//! The sum of what a call used, at one price.

use tollgate_config::meter::Usage;

use super::{Multiplier, NanoUsd, Part, Price, Rate};

/// What a call with this usage costs, whose caller got HTTP `status` (0: none was sent), for a
/// group that pays `multiplier` of the price.
///
/// Tokens are charged whatever the status, because the provider charges them too; the fixed price
/// per request is charged for a 2xx only. The sum is exact and rounded once, half up. Sub-counts
/// above their total count as the total, so the cost is never negative; an amount beyond `i64`
/// stops at its end.
#[must_use]
pub fn cost(price: &Price, usage: &Usage, status: u32, multiplier: Multiplier) -> NanoUsd {
    let mut sum = Sum::default();
    count(price, usage, status, |_, count, rate| sum.add(count, rate));
    sum.times(multiplier)
}

/// What `used` counts, each time with its part (`None`: the request itself) and rate, in the order in
/// which parts are told.
pub(super) fn count(
    price: &Price,
    usage: &Usage,
    status: u32,
    mut used: impl FnMut(Option<Part>, u64, Rate),
) {
    match price.per_request.filter(|amount| amount.0 > 0) {
        Some(price) => {
            let calls = u64::from((200..300).contains(&status));
            used(None, calls, Rate { price, unit: 1 });
        }
        None => {
            let mut used = |part, count, rate| used(Some(part), count, rate);
            input(price, usage, &mut used);
            output(price, usage, &mut used);
            let searches = Part::WebSearch;
            used(searches, usage.web_searches, price.rate(searches));
        }
    }
}

fn input(price: &Price, usage: &Usage, used: &mut impl FnMut(Part, u64, Rate)) {
    let written = |part| price.own(part).or(price.own(Part::CacheCreation));
    let (short, long) = (Part::CacheCreation5m, Part::CacheCreation1h);
    let own = |part| price.own(part);
    let mut rest = usage.input_tokens;
    for (part, tokens, rate) in [
        (Part::Cached, usage.cache_read_tokens, own(Part::Cached)),
        (short, usage.cache_write_5m_tokens, written(short)),
        (long, usage.cache_write_1h_tokens, written(long)),
        (
            Part::ImageInput,
            usage.image_input_tokens,
            own(Part::ImageInput),
        ),
        (
            Part::AudioInput,
            usage.audio_input_tokens,
            own(Part::AudioInput),
        ),
        (
            Part::VideoInput,
            usage.video_input_tokens,
            own(Part::VideoInput),
        ),
    ] {
        own_tokens(part, &mut rest, tokens, rate, used);
    }
    used(Part::Input, rest, price.rate(Part::Input));
}

fn output(price: &Price, usage: &Usage, used: &mut impl FnMut(Part, u64, Rate)) {
    let mut rest = usage.output_tokens;
    for (part, tokens) in [
        (Part::Reasoning, usage.reasoning_tokens),
        (Part::ImageOutput, usage.image_output_tokens),
        (Part::AudioOutput, usage.audio_output_tokens),
    ] {
        own_tokens(part, &mut rest, tokens, price.own(part), used);
    }
    used(Part::Output, rest, price.rate(Part::Output));
}

/// Takes `tokens` from what is left of a total, if they have a price of their own, which may be none.
fn own_tokens(
    part: Part,
    rest: &mut u64,
    tokens: u64,
    rate: Option<Rate>,
    used: &mut impl FnMut(Part, u64, Rate),
) {
    if let Some(rate) = rate {
        let tokens = tokens.min(*rest);
        *rest -= tokens;
        used(part, tokens, rate);
    }
}

/// Σ count × price ÷ unit, exact: whole nano-USD, and a proper fraction of one beside it for each
/// division that left a rest.
#[derive(Clone, Copy)]
pub(super) struct Sum {
    whole: u128,
    /// Over `denominator`; below one for each part, so below 16 in all.
    numerator: u128,
    /// At most [`Price::MAX_COMMON_UNIT`].
    denominator: u64,
}

/// Units of a multiplier, as one.
const NANO: u128 = 1_000_000_000;

impl Default for Sum {
    fn default() -> Self {
        Self {
            whole: 0,
            numerator: 0,
            denominator: 1,
        }
    }
}

impl Sum {
    pub(super) fn add(&mut self, count: u64, rate: Rate) {
        if count == 0 || rate.is_free() {
            return;
        }
        let unit = rate.unit.clamp(1, Rate::MAX_UNIT);
        let price = u128::try_from(rate.price.0).unwrap_or(0);
        // At most 2⁶⁴ × 2⁶³.
        let product = u128::from(count) * price;
        self.whole = self.whole.saturating_add(product / u128::from(unit));
        let rest = product % u128::from(unit);
        if rest == 0 {
            return;
        }
        let Some(common) = common_multiple(self.denominator, unit) else {
            // Such units are refused where prices are entered.
            self.whole = self
                .whole
                .saturating_add(u128::from(rest * 2 >= u128::from(unit)));
            return;
        };
        self.numerator *= u128::from(common / self.denominator);
        self.numerator += rest * u128::from(common / u64::from(unit));
        self.denominator = common;
    }

    /// The product, rounded half up.
    ///
    /// Whole parts are split off before they are multiplied: what is left is below 2⁶⁴ parts of
    /// 2⁶⁰ and 2³⁰, times at most 2⁴⁰, so that no fraction comes near the end of a `u128`.
    pub(super) fn times(self, multiplier: Multiplier) -> NanoUsd {
        let times = u128::try_from(multiplier.nano()).unwrap_or(0);
        let denominator = u128::from(self.denominator);
        let whole = (self.whole / NANO).saturating_mul(times);
        let carried = (self.whole % NANO) * times;
        let whole = whole.saturating_add(carried / NANO);
        // In parts of `denominator` × 10⁹.
        let fraction = (carried % NANO) * denominator + self.numerator * times;
        let one = denominator * NANO;
        let rounded = (fraction + one / 2) / one;
        NanoUsd(i64::try_from(whole.saturating_add(rounded)).unwrap_or(i64::MAX))
    }
}

/// The least common multiple, unless it is above [`Price::MAX_COMMON_UNIT`].
pub(super) fn common_multiple(one: u64, unit: u32) -> Option<u64> {
    let (one, unit) = (one.max(1), u64::from(unit.max(1)));
    let (mut divisor, mut rest) = (one, unit);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    let common = (one / divisor).checked_mul(unit)?;
    (common <= Price::MAX_COMMON_UNIT).then_some(common)
}
