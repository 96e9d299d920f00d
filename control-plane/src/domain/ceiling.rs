//! The most that a call of a model can cost, for what budgets are held for it.

use tollgate_config::Ceiling;
use tollgate_policy::price::{Multiplier, Part, Price, Rate, Tariff};

/// Above this a million tokens are dearer than any budget: a million US dollars.
const MAX: i128 = 1_000_000_000_000_000;

/// What a group pays of it, in millionths, rounded up; `None`: all of it.
#[must_use]
pub fn millionths(multiplier: Multiplier) -> Option<u64> {
    let nano = multiplier.nano().unsigned_abs();
    (multiplier != Multiplier::ONE).then_some(nano.div_ceil(1_000))
}

const INPUT: [Part; 8] = [
    Part::Input,
    Part::ImageInput,
    Part::AudioInput,
    Part::VideoInput,
    Part::Cached,
    Part::CacheCreation,
    Part::CacheCreation5m,
    Part::CacheCreation1h,
];

const OUTPUT: [Part; 4] = [
    Part::Output,
    Part::ImageOutput,
    Part::AudioOutput,
    Part::Reasoning,
];

/// Of a tariff, whatever condition is met and whatever part applies.
#[must_use]
pub fn ceiling(tariff: &Tariff) -> Ceiling {
    let conditional = tariff.conditional.iter();
    let conditional = conditional.map(|each| each.price.inherit(&tariff.base));
    conditional.fold(of_price(&tariff.base), |most, price| {
        let other = of_price(&price);
        Ceiling {
            request: most.request.max(other.request),
            input: most.input.max(other.input),
            output: most.output.max(other.output),
            search: most.search.max(other.search),
        }
    })
}

fn of_price(price: &Price) -> Ceiling {
    if let Some(amount) = price.per_request.filter(|amount| amount.0 > 0) {
        // Then tokens cost nothing.
        return Ceiling {
            request: amount.0.unsigned_abs(),
            ..Ceiling::default()
        };
    }
    let dearest = |parts: &[Part]| {
        let rates = parts.iter().map(|part| times(1_000_000, price.rate(*part)));
        rates.max().unwrap_or(0)
    };
    Ceiling {
        request: 0,
        input: dearest(&INPUT),
        output: dearest(&OUTPUT),
        search: times(1, price.rate(Part::WebSearch)),
    }
}

/// Rounded up.
fn times(count: i128, rate: Rate) -> u64 {
    let unit = i128::from(rate.unit.max(1));
    let price = i128::from(rate.price.0.max(0)) * count;
    let price = (price + unit - 1) / unit;
    u64::try_from(price.min(MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use tollgate_config::meter::Usage;
    use tollgate_policy::lease::most;
    use tollgate_policy::price::{Conditional, NanoUsd, cost};

    use super::*;

    fn rate(nano_usd: i64, unit: u32) -> Rate {
        Rate {
            price: NanoUsd(nano_usd),
            unit,
        }
    }

    #[test]
    fn no_call_costs_more_than_its_ceiling() {
        let fixed = Price::for_request(NanoUsd(7)).with(Part::Input, rate(9, 1));
        let odd = Price::FREE
            .with(Part::Input, rate(1, 3))
            .with(Part::Output, rate(2, 7))
            .with(Part::Cached, rate(5, 11))
            .with(Part::CacheCreation, rate(13, 17));
        let searching = odd.with(Part::WebSearch, rate(10_000_001, 1_000));
        let dear = Price::FREE.with(Part::Input, rate(1_000_000_000_000, 1_000_000));
        for price in [Price::FREE, fixed, odd, searching, dear] {
            for input in [0, 1, 999, 1_000_003] {
                for written in [0, input / 2, input] {
                    let usage = Usage {
                        input_tokens: input,
                        output_tokens: input / 3,
                        cache_read_tokens: input - written,
                        cache_write_5m_tokens: written,
                        web_searches: written % 3,
                        ..Usage::default()
                    };
                    let all = ceiling(&Tariff::of(price));
                    for multiplier in ["1", "0.333333333", "1000", "0.000000001", "0"] {
                        let multiplier: Multiplier = multiplier.parse().unwrap();
                        let cost = cost(&price, &usage, 200, multiplier).0;
                        let ceiling = all.times(millionths(multiplier).unwrap_or(1_000_000));
                        let most = most(&ceiling, input, input / 3, usage.web_searches);
                        assert!(cost <= most, "{cost} > {most}: {price:?} {usage:?}");
                    }
                }
            }
        }
        assert_eq!(ceiling(&Tariff::default()), Ceiling::default());
    }

    #[test]
    fn the_dearest_condition_counts_with_all_that_it_inherits() {
        let tariff = Tariff {
            base: Price::FREE
                .with(Part::Input, rate(2, 1))
                .with(Part::Output, rate(i64::MAX, 1)),
            conditional: vec![Conditional {
                price: Price::FREE.with(Part::VideoInput, rate(5, 1)),
                ..Conditional::default()
            }],
        };
        let most = ceiling(&tariff);
        assert_eq!((most.request, most.input), (0, 5_000_000));
        assert_eq!(most.output, 1_000_000_000_000_000, "dearer than any budget");
    }
}
