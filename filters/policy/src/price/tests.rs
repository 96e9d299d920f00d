use super::*;

fn rate(nano: i64, unit: u32) -> Rate {
    Rate {
        price: NanoUsd(nano),
        unit,
    }
}

/// USD 3 / 15 / 0.30 / 3.75 per million.
fn sonnet() -> Price {
    Price {
        input: rate(3_000_000, 1000),
        output: rate(15_000_000, 1000),
        cached: rate(300_000, 1000),
        cache_creation: rate(3_750_000, 1000),
        per_request: NanoUsd(0),
    }
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

#[test]
fn the_cost_of_tokens() {
    let check = |price: Price, usage: Usage, expected: i64| {
        assert_eq!(cost(&price, &usage, 200), NanoUsd(expected), "{usage:?}");
    };
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
    // A part without a rate of its own is ordinary input.
    let plain = Price {
        cached: Rate::FREE,
        cache_creation: Rate::FREE,
        ..sonnet()
    };
    check(plain, usage(1000, 0, 600, 300), 3_000_000);
    check(Price::FREE, usage(u64::MAX, u64::MAX, 1, 1), 0);
}

#[test]
fn both_kinds_of_cache_writes_count() {
    let both = Usage {
        cache_write_1h_tokens: 20,
        ..usage(30, 0, 0, 10)
    };
    assert_eq!(cost(&sonnet(), &both, 200), NanoUsd(30 * 3_750));
}

#[test]
fn it_rounds_once_and_half_up() {
    let check = |input: Rate, output: Rate, tokens: (u64, u64), expected: i64| {
        let price = Price {
            input,
            output,
            ..Price::FREE
        };
        assert_eq!(
            cost(&price, &usage(tokens.0, tokens.1, 0, 0), 200),
            NanoUsd(expected)
        );
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
fn a_price_per_request_is_for_success_and_replaces_tokens() {
    let price = Price {
        per_request: NanoUsd(7),
        ..sonnet()
    };
    for (status, expected) in [(200, 7), (201, 7), (0, 0), (404, 0), (500, 0)] {
        assert_eq!(
            cost(&price, &usage(1000, 0, 0, 0), status),
            NanoUsd(expected),
            "{status}"
        );
    }
    // Without one, tokens that were used are charged whatever the caller saw.
    assert_eq!(cost(&sonnet(), &usage(1, 0, 0, 0), 502), NanoUsd(3_000));
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
        rate(1, u32::MAX),
        rate(-5, 0),
        rate(1, Rate::MAX_UNIT),
    ];
    for input in extremes {
        for part in extremes {
            for rate in rates {
                let price = Price {
                    input: rate,
                    output: rate,
                    cached: rate,
                    cache_creation: rate,
                    per_request: NanoUsd(0),
                };
                let usage = Usage {
                    cache_write_1h_tokens: part,
                    ..usage(input, part, part, part)
                };
                assert!(cost(&price, &usage, 200) >= NanoUsd(0));
            }
        }
    }
    let dear = Price {
        input: rate(i64::MAX, 1),
        ..Price::FREE
    };
    assert_eq!(
        cost(&dear, &usage(u64::MAX, 0, 0, 0), 200),
        NanoUsd(i64::MAX)
    );
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
