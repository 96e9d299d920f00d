use std::collections::BTreeMap;

use tollgate_config::meter::{Usage, UsageEvent};

use super::*;

fn rate(nano: i64, unit: u32) -> Rate {
    Rate {
        price: NanoUsd(nano),
        unit,
    }
}

fn price<const N: usize>(rates: [(Part, Rate); N]) -> Price {
    let mut price = Price::FREE;
    for (part, rate) in rates {
        price.set(part, Some(rate));
    }
    price
}

/// USD 3 / 15 / 0.30 / 3.75 per million.
fn sonnet() -> Price {
    price([
        (Part::Input, rate(3_000_000, 1000)),
        (Part::Output, rate(15_000_000, 1000)),
        (Part::Cached, rate(300_000, 1000)),
        (Part::CacheCreation, rate(3_750_000, 1000)),
    ])
}

fn usage(input: u64, output: u64, read: u64, written: u64) -> Usage {
    Usage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: read,
        cache_write_5m_tokens: written,
        ..Usage::default()
    }
}

#[track_caller]
fn costs(price: &Price, usage: &Usage, expected: i64) {
    let found = cost(price, usage, 200, Multiplier::ONE);
    assert_eq!(found, NanoUsd(expected), "{usage:?}");
}

#[test]
fn the_cost_of_tokens() {
    let check = |price: Price, usage: Usage, expected: i64| costs(&price, &usage, expected);
    check(sonnet(), usage(0, 0, 0, 0), 0);
    check(sonnet(), usage(1, 0, 0, 0), 3_000);
    check(sonnet(), usage(1000, 1000, 0, 0), 18_000_000);
    // Cache reads and writes are part of the input, at their own rates.
    check(
        sonnet(),
        usage(1000, 0, 600, 300),
        100 * 3_000 + 600 * 300 + 300 * 3_750,
    );
    // Sub-counts beyond the total count as the total.
    check(sonnet(), usage(10, 0, 600, 300), 10 * 300);
    check(sonnet(), usage(10, 0, 4, 300), 4 * 300 + 6 * 3_750);
    // A part without a rate of its own is ordinary input, one with a rate of zero is free.
    let zeros = sonnet()
        .with(Part::Cached, Rate::FREE)
        .with(Part::CacheCreation, Rate::FREE);
    check(zeros.without_zeros(), usage(1000, 0, 600, 300), 3_000_000);
    check(zeros, usage(1000, 0, 600, 300), 100 * 3_000);
    check(Price::FREE, usage(u64::MAX, u64::MAX, 1, 1), 0);
}

#[test]
fn each_part_has_its_own_rate() {
    let all = Usage {
        input_tokens: 1000,
        output_tokens: 100,
        cache_read_tokens: 10,
        cache_write_5m_tokens: 20,
        cache_write_1h_tokens: 30,
        reasoning_tokens: 40,
        image_input_tokens: 50,
        audio_input_tokens: 60,
        video_input_tokens: 70,
        image_output_tokens: 5,
        audio_output_tokens: 6,
        web_searches: 7,
        ..Usage::default()
    };
    let one = |nano| rate(nano, 1);
    let base = price([(Part::Input, one(1)), (Part::Output, one(1))]);
    // What a part costs more than ordinary tokens, by hand: its count × (rate − 1).
    for (part, tokens) in [
        (Part::ImageInput, 50),
        (Part::AudioInput, 60),
        (Part::VideoInput, 70),
        (Part::Cached, 10),
        (Part::CacheCreation, 50),
        (Part::CacheCreation5m, 20),
        (Part::CacheCreation1h, 30),
        (Part::ImageOutput, 5),
        (Part::AudioOutput, 6),
        (Part::Reasoning, 40),
    ] {
        costs(&base.with(part, one(11)), &all, 1100 + 10 * tokens);
    }
    costs(
        &base.with(Part::WebSearch, rate(10_000, 1000)),
        &all,
        1100 + 70,
    );
    // A lifetime's own rate goes before that of any.
    let both = base
        .with(Part::CacheCreation, one(11))
        .with(Part::CacheCreation1h, one(101));
    costs(&both, &all, 1100 + 20 * 10 + 30 * 100);
    // All at once: nothing is counted twice.
    let mut every = base;
    for part in Part::ALL {
        every.set(part, Some(one(2)));
    }
    costs(&every, &all, 2 * 1100 + 2 * 7);
    // Thinking is charged for what was thought, not for what was said.
    let thinking = Usage {
        reasoning_tokens: 60,
        ..usage(0, 100, 0, 0)
    };
    let dear = price([(Part::Output, one(10)), (Part::Reasoning, one(30))]);
    costs(&dear, &thinking, 40 * 10 + 60 * 30);
}

#[test]
fn both_kinds_of_cache_writes_count() {
    let both = Usage {
        cache_write_1h_tokens: 20,
        ..usage(30, 0, 0, 10)
    };
    costs(&sonnet(), &both, 30 * 3_750);
}

#[test]
fn it_rounds_once_and_half_up() {
    let check = |input: Rate, output: Rate, tokens: (u64, u64), expected: i64| {
        let price = price([(Part::Input, input), (Part::Output, output)]);
        costs(&price, &usage(tokens.0, tokens.1, 0, 0), expected);
    };
    check(rate(1, 1000), Rate::FREE, (499, 0), 0);
    check(rate(1, 1000), Rate::FREE, (500, 0), 1);
    check(rate(1, 3), Rate::FREE, (1, 0), 0);
    check(rate(1, 3), Rate::FREE, (2, 0), 1);
    // Two parts that would each vanish if they were rounded apart.
    check(rate(1, 1000), rate(1, 1000), (300, 300), 1);
    // Just below and just above a half, with units that have no common factor.
    let (one, other) = (rate(1, 1_000_000_000), rate(1, 999_999_937));
    check(one, other, (499_999_998, 1), 0);
    check(one, other, (499_999_999, 1), 1);
    check(one, other, (500_000_000, 0), 1);
}

#[test]
fn a_multiplier_is_part_of_the_one_sum() {
    for (tokens, multiplier, expected) in [
        (1000, "0.85", 2_550_000),
        (1000, "1", 3_000_000),
        (1000, "0", 0),
        (1000, "1000", 3_000_000_000),
        // 3000 × 0.000166667 = 0.500001; and just below a half.
        (1, "0.000166667", 1),
        (1, "0.000166666", 0),
        (1, "0.333333333", 1000),
    ] {
        let multiplier: Multiplier = multiplier.parse().unwrap();
        let found = cost(&sonnet(), &usage(tokens, 0, 0, 0), 200, multiplier);
        assert_eq!(found, NanoUsd(expected), "{multiplier}");
    }
    // Rounded before it is multiplied, this would be nothing.
    let tiny = price([(Part::Input, rate(1, 1000))]);
    let found = cost(&tiny, &usage(499, 0, 0, 0), 200, "2".parse().unwrap());
    assert_eq!(found, NanoUsd(1));
}

#[test]
fn multipliers_are_exact_decimals() {
    for (text, expected) in [
        ("0.85", Ok(850_000_000)),
        ("1e-9", Ok(1)),
        ("1000", Ok(1_000_000_000_000)),
        ("1000.000000001", Err(InvalidMultiplier::TooLarge)),
        ("0.0000000001", Err(InvalidMultiplier::TooPrecise)),
        ("-1", Err(InvalidMultiplier::Negative)),
        ("x", Err(InvalidMultiplier::Malformed)),
    ] {
        let read = text.parse::<Multiplier>();
        assert_eq!(read.map(Multiplier::nano), expected, "{text}");
    }
    let shown: Multiplier = "0.850".parse().unwrap();
    assert_eq!(shown.to_string(), "0.85");
    assert_eq!(Multiplier::from_nano(-1).nano(), 0);
    assert_eq!(Multiplier::from_nano(i64::MAX), Multiplier::MAX);
}

#[test]
fn a_price_per_request_is_for_success_and_replaces_tokens() {
    let price = Price {
        per_request: Some(NanoUsd(7)),
        ..sonnet()
    };
    for (status, expected) in [(200, 7), (201, 7), (0, 0), (404, 0), (500, 0)] {
        let found = cost(&price, &usage(1000, 0, 0, 0), status, Multiplier::ONE);
        assert_eq!(found, NanoUsd(expected), "{status}");
    }
    let half = cost(&price, &usage(1, 0, 0, 0), 200, "0.5".parse().unwrap());
    assert_eq!(half, NanoUsd(4), "half up");
    let most = NanoUsd(i64::MAX);
    let used = usage(1000, 5, 0, 0);
    let amounts = Amounts::of(&price, &used, 200, Multiplier::ONE, most);
    assert_eq!(
        (amounts.per_request, amounts.total()),
        (NanoUsd(7), NanoUsd(7))
    );
    assert!(
        Part::ALL
            .iter()
            .all(|part| amounts.part(*part) == NanoUsd(0))
    );
    // Without one, tokens that were used are charged whatever the caller saw.
    let found = cost(&sonnet(), &usage(1, 0, 0, 0), 502, Multiplier::ONE);
    assert_eq!(found, NanoUsd(3_000));
}

#[test]
fn nothing_overflows_and_nothing_is_negative() {
    let extremes = [
        0,
        1,
        2,
        999,
        1_000_000,
        u64::from(u32::MAX),
        u64::MAX - 1,
        u64::MAX,
    ];
    let rates = [
        rate(i64::MAX, 1),
        rate(i64::MAX, 999_999_937),
        rate(1, u32::MAX),
        rate(-5, 0),
        rate(1, Rate::MAX_UNIT),
    ];
    let multipliers = [Multiplier::ONE, Multiplier::MAX, Multiplier::from_nano(1)];
    for input in extremes {
        for part in extremes {
            for (at, rate) in rates.into_iter().enumerate() {
                let mut price = Price::FREE;
                for (turn, part) in Part::ALL.into_iter().enumerate() {
                    let other = rates[(at * turn) % rates.len()];
                    price.set(part, Some(if turn % 2 == 0 { rate } else { other }));
                }
                let usage = Usage {
                    cache_write_1h_tokens: part,
                    reasoning_tokens: part,
                    image_input_tokens: part,
                    audio_output_tokens: part,
                    web_searches: part,
                    ..usage(input, part, part, part)
                };
                for multiplier in multipliers {
                    let whole = cost(&price, &usage, 200, multiplier);
                    assert!(whole >= NanoUsd(0));
                    for most in [NanoUsd(i64::MAX), NanoUsd(1_000_000)] {
                        let amounts = Amounts::of(&price, &usage, 200, multiplier, most);
                        let parts = Part::ALL.map(|part| amounts.part(part).0);
                        assert!(parts.iter().all(|part| *part >= 0), "{parts:?}");
                        let sum: i128 = parts.into_iter().map(i128::from).sum();
                        assert_eq!(sum, i128::from(whole.min(most).0));
                    }
                }
            }
        }
    }
    let dear = price([(Part::Input, rate(i64::MAX, 1))]);
    costs(&dear, &usage(u64::MAX, 0, 0, 0), i64::MAX);
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[test]
fn i16_any_sum_is_the_exact_one_rounded_once() {
    const UNITS: [u32; 7] = [1, 3, 7, 1000, 1024, 1_000_000, 64_000];
    let common: i128 = 3 * 7 * 1_000_000 * 1024;
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for turn in 0..20_000 {
        let mut price = Price::FREE;
        for part in Part::ALL {
            if dice.below(3) > 0 {
                let unit = UNITS[usize::try_from(dice.below(7)).unwrap()];
                let nano = i64::try_from(dice.below(1 << 26)).unwrap();
                // Some are free, which is not the same as none.
                let nano = if dice.below(5) == 0 { 0 } else { nano };
                price.set(part, Some(rate(nano, unit)));
            }
        }
        let mut tokens = || dice.below(1 << 18);
        let usage = Usage {
            input_tokens: tokens() * 8,
            output_tokens: tokens() * 4,
            cache_read_tokens: tokens(),
            cache_write_5m_tokens: tokens(),
            cache_write_1h_tokens: tokens(),
            reasoning_tokens: tokens(),
            image_input_tokens: tokens(),
            audio_input_tokens: tokens(),
            video_input_tokens: tokens(),
            image_output_tokens: tokens(),
            audio_output_tokens: tokens(),
            web_searches: tokens(),
            ..Usage::default()
        };
        let nano = i64::try_from(dice.below(2_000_000_000)).unwrap();
        let multiplier = Multiplier::from_nano(nano);

        // Plainly: every token gets the rate of its part, all over one denominator.
        let mut exact = BTreeMap::new();
        let mut add = |part: Part, count: u64, rate: Rate| {
            let unit = common / i128::from(rate.unit);
            let amount = i128::from(count) * i128::from(rate.price.0) * unit;
            exact.insert(part, amount);
        };
        let or = |part, other| match price.own(part) {
            None => price.own(other),
            own => own,
        };
        let mut share = |rest: &mut u64, part: Part, count: u64, rate: Option<Rate>| {
            if let Some(rate) = rate {
                let count = count.min(*rest);
                *rest -= count;
                add(part, count, rate);
            }
        };
        let mut rest = usage.input_tokens;
        let (short, long) = (Part::CacheCreation5m, Part::CacheCreation1h);
        for (part, tokens, rate) in [
            (
                Part::Cached,
                usage.cache_read_tokens,
                price.own(Part::Cached),
            ),
            (
                short,
                usage.cache_write_5m_tokens,
                or(short, Part::CacheCreation),
            ),
            (
                long,
                usage.cache_write_1h_tokens,
                or(long, Part::CacheCreation),
            ),
            (
                Part::ImageInput,
                usage.image_input_tokens,
                price.own(Part::ImageInput),
            ),
            (
                Part::AudioInput,
                usage.audio_input_tokens,
                price.own(Part::AudioInput),
            ),
            (
                Part::VideoInput,
                usage.video_input_tokens,
                price.own(Part::VideoInput),
            ),
        ] {
            share(&mut rest, part, tokens, rate);
        }
        share(&mut rest.clone(), Part::Input, rest, price.own(Part::Input));
        let mut rest = usage.output_tokens;
        for (part, tokens) in [
            (Part::Reasoning, usage.reasoning_tokens),
            (Part::ImageOutput, usage.image_output_tokens),
            (Part::AudioOutput, usage.audio_output_tokens),
        ] {
            share(&mut rest, part, tokens, price.own(part));
        }
        share(
            &mut rest.clone(),
            Part::Output,
            rest,
            price.own(Part::Output),
        );
        add(
            Part::WebSearch,
            usage.web_searches,
            price.rate(Part::WebSearch),
        );
        let sum: i128 = exact.values().sum();

        let over = common * 1_000_000_000;
        let expected = (sum * i128::from(nano) + over / 2) / over;
        let found = cost(&price, &usage, 200, multiplier);
        assert_eq!(
            i128::from(found.0),
            expected,
            "turn {turn}: {price:?} {usage:?} {nano}"
        );

        // By part: nothing is lost, and each is less than one away from its exact amount.
        let most = NanoUsd(i64::MAX);
        let amounts = Amounts::of(&price, &usage, 200, multiplier, most);
        assert_eq!(amounts.total(), found, "turn {turn}");
        let told = Part::ALL.map(|part| amounts.part(part).0);
        assert_eq!(told.iter().sum::<i64>(), found.0, "turn {turn}: {told:?}");
        for (part, told) in Part::ALL.into_iter().zip(told) {
            let exact = exact.get(&part).copied().unwrap_or(0) * i128::from(nano);
            let away = i128::from(told) * over - exact;
            assert!(told >= 0, "turn {turn}: {part:?} {amounts:?}");
            assert!(away.abs() < over, "turn {turn}: {part:?} {amounts:?}");
        }
    }
}

#[test]
fn amounts_are_read_exactly() {
    let check = |text: &str, expected: Result<i64, InvalidUsd>| {
        assert_eq!(text.parse::<NanoUsd>(), expected.map(NanoUsd), "{text}");
    };
    check("0", Ok(0));
    check("-0", Ok(0));
    check("0.0", Ok(0));
    check("0e999999999999", Ok(0));
    check("3", Ok(3_000_000_000));
    check("0.0025", Ok(2_500_000));
    check("2.5e-3", Ok(2_500_000));
    check("25E-4", Ok(2_500_000));
    check("1e+3", Ok(1_000_000_000_000));
    check("0.000000001", Ok(1));
    check("0.0000000010", Ok(1));
    check("10000000000e-10", Ok(1_000_000_000));
    check("1000000000", Ok(NanoUsd::MAX.0));
    check("0.0000000001", Err(InvalidUsd::TooPrecise));
    check("0.1234567891", Err(InvalidUsd::TooPrecise));
    check("1e-999999999999", Err(InvalidUsd::TooPrecise));
    check(
        &format!("0.{}", "3".repeat(100_000)),
        Err(InvalidUsd::TooPrecise),
    );
    check("1000000000.000000001", Err(InvalidUsd::TooLarge));
    check("1e400", Err(InvalidUsd::TooLarge));
    check(&"9".repeat(100_000), Err(InvalidUsd::TooLarge));
    check("-0.1", Err(InvalidUsd::Negative));
    for text in [
        "", "-", ".", ".5", "5.", "1,5", "1e", "1e+", "0x10", "NaN", "1 ", "--1",
    ] {
        check(text, Err(InvalidUsd::Malformed));
    }
}

#[test]
fn amounts_are_written_exactly() {
    for text in ["0", "3", "0.0025", "0.000000001", "123456789.987654321"] {
        assert_eq!(text.parse::<NanoUsd>().unwrap().to_string(), text);
    }
    assert_eq!(NanoUsd(-2_500_000).to_string(), "-0.0025");
    assert_eq!(NanoUsd(i64::MIN).to_string(), "-9223372036.854775808");
}

// === tariffs ===

fn tariff(conditions: Vec<Condition>) -> Tariff {
    let priced = |(at, condition)| Conditional {
        condition,
        price: price([(Part::Input, rate(at, 1))]),
    };
    Tariff {
        base: price([(Part::Input, rate(1000, 1)), (Part::Output, rate(2000, 1))]),
        conditional: (0..).zip(conditions).map(priced).collect(),
    }
}

fn input_tokens(min: u64, max: u64) -> Condition {
    Condition {
        input_tokens: Range { min, max },
        ..Condition::default()
    }
}

fn tier(name: &str) -> Condition {
    Condition {
        service_tier: name.into(),
        ..Condition::default()
    }
}

fn sized(names: &[&str]) -> Condition {
    Condition {
        resolution: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Condition::default()
    }
}

#[test]
fn the_most_specific_condition_that_is_met_gives_the_price() {
    let film = Condition {
        input_video: Some(true),
        ..Condition::default()
    };
    let conditions = vec![
        /* 0 */ input_tokens(200_001, 0),
        /* 1 */ tier("flex"),
        /* 2 */
        Condition {
            service_tier: "Flex".into(),
            ..input_tokens(200_001, 0)
        },
        /* 3 */
        Condition {
            time: Range {
                min: 1000,
                max: 2000,
            },
            output_tokens: Range { min: 5, max: 10 },
            ..Condition::default()
        },
        /* 4 */ film,
        /* 5 */
        Condition {
            output_audio: Some(false),
            input_media: Some(true),
            quality: vec!["HD".into(), "high".into()],
            ..Condition::default()
        },
        /* 6 */ tier("auto"),
    ];
    let tariff = tariff(conditions);
    let told = CallFacts {
        service_tier: "default",
        ..CallFacts::default()
    };
    for (call, expected) in [
        (told, None),
        (
            CallFacts {
                input_tokens: 200_000,
                ..told
            },
            None,
        ),
        (
            CallFacts {
                input_tokens: 200_001,
                ..told
            },
            Some(0),
        ),
        (
            CallFacts {
                service_tier: "flex",
                ..told
            },
            Some(1),
        ),
        (
            CallFacts {
                service_tier: "flex",
                input_tokens: 300_000,
                ..told
            },
            Some(2),
        ),
        // Both bounds are included, of time and of tokens.
        (
            CallFacts {
                started_unix_s: 1000,
                output_tokens: 5,
                ..told
            },
            Some(3),
        ),
        (
            CallFacts {
                started_unix_s: 2000,
                output_tokens: 10,
                ..told
            },
            Some(3),
        ),
        (
            CallFacts {
                started_unix_s: 2001,
                output_tokens: 10,
                ..told
            },
            None,
        ),
        (
            CallFacts {
                started_unix_s: 1999,
                output_tokens: 11,
                ..told
            },
            None,
        ),
        (
            CallFacts {
                input_video: Some(true),
                ..told
            },
            Some(4),
        ),
        // What nobody knows is neither yes nor no.
        (
            CallFacts {
                quality: " h d",
                input_media: Some(true),
                ..told
            },
            None,
        ),
        (
            CallFacts {
                quality: " h d",
                input_media: Some(true),
                output_audio: Some(false),
                ..told
            },
            Some(5),
        ),
        (CallFacts::default(), Some(6)),
    ] {
        let selected = tariff.select(&call, true);
        let at = expected.map(|at: usize| &tariff.conditional[at].condition);
        assert_eq!(selected.condition, at, "{call:?}");
    }
}

#[test]
fn of_equals_the_first_and_before_it_the_callers_own_resolution() {
    let big = sized(&["1080p", "4k"]);
    let exact = sized(&["1920x1080"]);
    let both = tariff(vec![big, exact]);
    for (resolution, native, fuzzy, expected) in [
        ("1080p", "", true, Some(0)),
        ("1920 × 1080", "", true, Some(1)),
        // The provider's word matches the first, the caller's the second, which goes before it.
        ("1920x1080", "1080P", true, Some(1)),
        ("", "1080P", true, Some(0)),
        // No exact match: the class decides, and the first of equals.
        ("1600x1200", "", true, Some(0)),
        ("1600x1200", "", false, None),
        ("3840x2160", "", true, Some(0)),
        ("640x480", "", true, None),
        ("", "", true, None),
    ] {
        let call = CallFacts {
            resolution,
            native_resolution: native,
            ..CallFacts::default()
        };
        let selected = both.select(&call, fuzzy);
        let at = expected.map(|at: usize| &both.conditional[at].condition);
        assert_eq!(selected.condition, at, "{resolution} {native} {fuzzy}");
    }
}

#[test]
fn a_conditional_price_inherits_what_it_leaves_out() {
    let night = |price: Price| Tariff {
        base: Price {
            per_request: None,
            ..sonnet()
        },
        conditional: vec![Conditional {
            condition: tier("flex"),
            price,
        }],
    };
    let call = CallFacts {
        service_tier: "flex",
        ..CallFacts::default()
    };
    let used = usage(1000, 100, 0, 0);
    for (price, expected) in [
        // The output's price stays.
        (
            price([(Part::Input, rate(1_000_000, 1000))]),
            1_000_000 + 1_500_000,
        ),
        // Zero is said, not left out.
        (price([(Part::Input, Rate::FREE)]), 1_500_000),
        (Price::FREE, 4_500_000),
        (
            Price {
                per_request: Some(NanoUsd(5)),
                ..Price::FREE
            },
            5,
        ),
    ] {
        let tariff = night(price);
        costs(&tariff.select(&call, true).price, &used, expected);
        let other = CallFacts::default();
        costs(&tariff.select(&other, true).price, &used, 4_500_000);
    }
    // A price per request is inherited like any other, and a zero ends it.
    let mut per_request = night(Price {
        per_request: Some(NanoUsd(0)),
        ..Price::FREE
    });
    per_request.base.per_request = Some(NanoUsd(9));
    costs(&per_request.select(&call, true).price, &used, 4_500_000);
    costs(
        &per_request.select(&CallFacts::default(), true).price,
        &used,
        9,
    );
}

#[test]
fn a_zero_in_a_conditional_price_makes_its_part_free() {
    let one = |nano| rate(nano, 1);
    // 100 of each part, and 100 of input and of output that are none of them.
    let used = Usage {
        input_tokens: 700,
        output_tokens: 400,
        cache_read_tokens: 100,
        cache_write_5m_tokens: 100,
        cache_write_1h_tokens: 100,
        image_input_tokens: 100,
        audio_input_tokens: 100,
        video_input_tokens: 100,
        reasoning_tokens: 100,
        image_output_tokens: 100,
        audio_output_tokens: 100,
        web_searches: 100,
        ..Usage::default()
    };
    // All at 1, and where the base says zero, at the price of what the part is part of.
    let plain = price([
        (Part::Input, one(1)),
        (Part::Output, one(1)),
        (Part::WebSearch, one(1)),
    ]);
    let zeros = plain
        .with(Part::Cached, one(0))
        .with(Part::Reasoning, Rate::FREE);
    let mut every = plain;
    for part in Part::ALL {
        every.set(part, Some(one(1)));
    }
    let call = CallFacts {
        service_tier: "flex",
        ..CallFacts::default()
    };
    let all = 700 + 400 + 100;
    for (part, freed) in [
        (Part::Input, 100),
        (Part::Cached, 100),
        (Part::CacheCreation5m, 100),
        (Part::CacheCreation1h, 100),
        (Part::ImageInput, 100),
        (Part::AudioInput, 100),
        (Part::VideoInput, 100),
        (Part::Output, 100),
        (Part::Reasoning, 100),
        (Part::ImageOutput, 100),
        (Part::AudioOutput, 100),
        (Part::WebSearch, 100),
    ] {
        let tariff = |base| Tariff {
            base,
            conditional: vec![Conditional {
                condition: tier("flex"),
                price: price([(part, Rate::FREE)]),
            }],
        };
        costs(&tariff(every).select(&call, true).price, &used, all - freed);
        let other = CallFacts::default();
        for base in [plain, zeros, every] {
            costs(&tariff(base).select(&other, true).price, &used, all);
        }
        // Of parts that have no price of their own, more is charged at that of the whole.
        let freed = match part {
            Part::Input => 700,
            Part::Output => 400,
            _ => freed,
        };
        for base in [plain, zeros] {
            costs(&tariff(base).select(&call, true).price, &used, all - freed);
        }
    }
    // Of cache writes, the lifetime that has a price of its own keeps it.
    let tariff = Tariff {
        base: plain.with(Part::CacheCreation1h, one(5)),
        conditional: vec![Conditional {
            condition: tier("flex"),
            price: price([(Part::CacheCreation, Rate::FREE)]),
        }],
    };
    costs(&tariff.select(&call, true).price, &used, all - 200 + 500);
}

#[test]
fn conditions_that_are_impossible_or_overlap_are_named() {
    let check = |conditions: Vec<Condition>, expected: &str| {
        let told = tariff(conditions).check();
        let told = told
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        match expected {
            "" => assert_eq!(told, ""),
            words => assert!(told.contains(words), "{told} should say: {words}"),
        }
    };
    let time = |min, max| Condition {
        time: Range { min, max },
        ..Condition::default()
    };
    check(vec![], "");
    check(
        vec![Condition::default()],
        "conditional_prices[0]: the condition is empty",
    );
    check(
        vec![tier("x"), input_tokens(5, 4)],
        "conditional_prices[1]: input_token_min is above",
    );
    check(
        vec![Condition {
            output_tokens: Range { min: 2, max: 1 },
            ..Condition::default()
        }],
        "output_token_min",
    );
    check(vec![time(7, 7)], "start_time is not before end_time");
    check(vec![time(8, 7)], "start_time is not before end_time");
    check(
        vec![Condition {
            input_video: Some(true),
            input_media: Some(false),
            ..Condition::default()
        }],
        "a film is media",
    );
    // Neither is more specific.
    let overlap = "conditional_prices[0] and conditional_prices[1] overlap";
    check(vec![input_tokens(1, 100), input_tokens(100, 200)], overlap);
    check(vec![input_tokens(1, 99), input_tokens(100, 200)], "");
    check(vec![input_tokens(0, 100), input_tokens(100, 0)], overlap);
    check(vec![input_tokens(0, 99), input_tokens(100, 0)], "");
    check(vec![tier("flex"), tier("FLEX")], overlap);
    check(vec![tier("flex"), tier("priority")], "");
    check(vec![tier("flex"), input_tokens(1, 0)], overlap);
    check(
        vec![sized(&["720p", "1024X1024"]), sized(&["1024x1024"])],
        overlap,
    );
    check(vec![sized(&["720p"]), sized(&["1080p"])], "");
    // One ends when the other begins.
    check(vec![time(1, 10), time(10, 20)], "");
    check(vec![time(1, 11), time(10, 20)], overlap);
    check(vec![time(0, 10), time(9, 0)], overlap);
    let flag = |value| Condition {
        output_audio: Some(value),
        ..Condition::default()
    };
    check(vec![flag(true), flag(false)], "");
    check(
        vec![tier("a"), tier("b"), tier("a")],
        "conditional_prices[0] and conditional_prices[2] overlap",
    );
    // The more specific one decides.
    check(
        vec![
            tier("flex"),
            Condition {
                service_tier: "flex".into(),
                ..input_tokens(1, 0)
            },
        ],
        "",
    );
}

#[test]
fn units_that_allow_no_exact_sum_are_refused() {
    let primes = [999_999_937, 999_999_929, 999_999_893];
    let [one, two, three] = primes.map(|unit| rate(1, unit));
    let two_of_them = price([(Part::Input, one), (Part::Output, two)]);
    let mut tariff = Tariff::of(two_of_them);
    assert_eq!(tariff.check(), Ok(()));
    tariff.conditional.push(Conditional {
        condition: tier("flex"),
        price: price([(Part::Cached, three)]),
    });
    assert_eq!(tariff.check(), Err(InvalidTariff::Units(Some(0))));
    tariff.base.set(Part::Cached, Some(three));
    assert_eq!(tariff.check(), Err(InvalidTariff::Units(None)));
}

#[test]
fn what_was_counted_says_what_kind_of_call_it_was() {
    let event = UsageEvent {
        started_unix_ms: 5_999,
        output_audio: Some(false),
        usage: Some(Usage {
            video_input_tokens: 1,
            audio_output_tokens: 1,
            ..usage(7, 8, 0, 0)
        }),
        ..UsageEvent::default()
    };
    let facts = CallFacts::of(&event);
    assert_eq!(
        (
            facts.input_tokens,
            facts.output_tokens,
            facts.started_unix_s
        ),
        (7, 8, 5)
    );
    assert_eq!(
        (facts.input_media, facts.input_video),
        (Some(true), Some(true))
    );
    assert_eq!(
        facts.output_audio,
        Some(true),
        "what was counted goes before"
    );
    let written = UsageEvent {
        input_media: Some(false),
        usage: Some(usage(7, 8, 0, 0)),
        ..UsageEvent::default()
    };
    let facts = CallFacts::of(&written);
    assert_eq!(
        (facts.input_media, facts.input_video, facts.output_audio),
        (Some(false), None, Some(false))
    );
    let silent = UsageEvent::default();
    assert_eq!(CallFacts::of(&silent), CallFacts::default());
}
