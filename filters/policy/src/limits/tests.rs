use tollgate_config::meter::Limits;

use super::*;

const NOW: i64 = 1_795_224_143_000;

/// Different every time, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// The same as a bucket in the simplest words: every millisecond some of it runs out.
struct Model {
    limit: u64,
    level: u64,
}

impl Model {
    fn pass(&mut self, ms: u64) {
        for _ in 0..ms {
            self.level = self.level.saturating_sub(self.limit);
        }
    }

    fn fits(&self, cost: u64) -> bool {
        self.level + cost * 60_000 <= self.limit * 60_000
    }
}

fn scope(rpm: u64, tpm: u64, max_concurrency: u64) -> Scope {
    Scope {
        whose: Whose::Token,
        key: Key::of(Whose::Token, &[b"5"]),
        limits: Limits {
            rpm,
            tpm,
            max_concurrency,
        },
    }
}

#[test]
fn a_bucket_lets_through_what_the_model_lets_through() {
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let limit = [1, 7, 60, 61, 999, 100_000][usize::try_from(dice.below(6)).unwrap()];
        let (mut bucket, mut model) = (Bucket::default(), Model { limit, level: 0 });
        let mut now = NOW;
        for step in 0..50 {
            let passed = [0, 1, 17, 900, 4_000][usize::try_from(dice.below(5)).unwrap()];
            let passed = dice.below(passed + 1);
            now += i64::try_from(passed).unwrap();
            model.pass(passed);
            let cost = 1 + dice.below(limit);
            let what = format!("seed {seed}, step {step}: {cost} of {limit}");

            let rate = bucket.rate(limit, now);
            assert!(model.fits(rate.remaining), "{what}");
            assert!(!model.fits(rate.remaining + 1), "{what}");
            let before = bucket;
            match bucket.pour(limit, cost, now) {
                Ok(()) => {
                    assert!(model.fits(cost), "{what}");
                    model.level += cost * 60_000;
                }
                Err(wait) => {
                    assert!(!model.fits(cost), "{what}");
                    assert_eq!(bucket, before, "{what}: a refusal changes nothing");
                    let at = |ms: u64| now + i64::try_from(ms).unwrap();
                    assert!(before.clone().pour(limit, cost, at(wait)).is_ok(), "{what}");
                    let earlier = before.clone().pour(limit, cost, at(wait - 1));
                    assert_eq!(earlier, Err(1), "{what}");
                }
            }
            let rate = bucket.rate(limit, now);
            let at = |ms: u64| bucket.rate(limit, now + i64::try_from(ms).unwrap());
            assert_eq!(at(rate.reset_ms).remaining, limit, "{what}");
            if rate.reset_ms > 0 {
                assert!(at(rate.reset_ms - 1).remaining < limit, "{what}");
            }
        }
    }
}

#[test]
fn over_any_span_no_more_passes_than_the_limit_and_what_runs_out_meanwhile() {
    for seed in 0..20 {
        let mut dice = Dice(seed);
        let limit = 1 + dice.below(40);
        let (mut bucket, mut now) = (Bucket::default(), NOW);
        let mut passed: Vec<i64> = Vec::new();
        for _ in 0..600 {
            now += i64::try_from(dice.below(400)).unwrap();
            if bucket.pour(limit, 1, now).is_ok() {
                passed.push(now);
            }
        }
        for (at, first) in passed.iter().enumerate() {
            for (to, last) in passed.iter().enumerate().skip(at) {
                let span = u64::try_from(last - first).unwrap();
                let count = u64::try_from(to - at + 1).unwrap();
                assert!(count <= limit + limit * span / PERIOD_MS, "seed {seed}");
            }
        }
        assert!(passed.len() as u64 > limit, "seed {seed}: it goes on");
    }
}

#[test]
fn exactly_the_limit_passes_at_once() {
    for limit in [1, 7, 9_999, 60_001] {
        let mut bucket = Bucket::default();
        let passed = (0..limit + 10).filter(|_| bucket.pour(limit, 1, NOW).is_ok());
        assert_eq!(passed.count() as u64, limit);
        assert_eq!(bucket.rate(limit, NOW).reset_ms, PERIOD_MS);
    }
}

#[test]
fn what_costs_more_than_the_limit_needs_all_of_it() {
    let mut bucket = Bucket::default();
    assert_eq!(bucket.pour(100, 5_000, NOW), Ok(()));
    assert_eq!(bucket.rate(100, NOW).remaining, 0);
    assert_eq!(bucket.pour(100, 5_000, NOW + 1), Err(PERIOD_MS - 1));
    assert_eq!(bucket.pour(100, 5_000, NOW + 60_000), Ok(()));
}

#[test]
fn a_correction_makes_it_as_if_the_use_had_been_known() {
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let limit = 1_000;
        let (reserved, used) = (1 + dice.below(limit), dice.below(3_000));
        let later = NOW + i64::try_from(dice.below(20_000)).unwrap();
        // Something else keeps the bucket from running out meanwhile.
        let mut corrected = Bucket {
            level: 400 * PERIOD_MS,
            at_ms: NOW,
            empty_ms: NOW - 1,
        };
        let mut known = corrected;
        if corrected.pour(limit, reserved, NOW).is_err() {
            continue;
        }
        corrected.correct(limit, (reserved, NOW), used, later);
        known.level += used * PERIOD_MS;
        assert_eq!(
            corrected.rate(limit, later),
            known.rate(limit, later),
            "seed {seed}"
        );
    }
}

#[test]
fn what_has_run_out_is_not_given_back() {
    let mut bucket = Bucket::default();
    bucket.pour(1_000, 1_000, NOW).unwrap();
    // A minute later all of it is there again, and another call takes half.
    bucket.pour(1_000, 500, NOW + 60_000).unwrap();
    bucket.correct(1_000, (1_000, NOW), 0, NOW + 60_000);
    assert_eq!(bucket.rate(1_000, NOW + 60_000).remaining, 500);
}

#[test]
fn a_debt_is_bounded() {
    let mut bucket = Bucket::default();
    bucket.pour(10, 10, NOW).unwrap();
    bucket.correct(10, (10, NOW), u64::MAX, NOW);
    assert_eq!(bucket.rate(10, NOW).reset_ms, 10 * PERIOD_MS);
    assert_eq!(bucket.pour(10, 1, NOW), Err(9 * PERIOD_MS + 6_000));
}

#[test]
fn a_clock_that_is_set_neither_shuts_out_nor_lets_in() {
    let mut bucket = Bucket::default();
    bucket.pour(10, 10, NOW).unwrap();
    let back = NOW - 86_400_000;
    assert_eq!(bucket.pour(10, 1, back), Err(6_000));
    bucket.correct(10, (0, back), 0, back);
    assert_eq!(bucket.pour(10, 1, back + 6_000), Ok(()));
    assert_eq!(
        bucket.rate(u64::MAX, i64::MAX).remaining,
        u64::MAX / PERIOD_MS
    );
}

#[test]
fn a_scope_refuses_by_the_first_rule_that_is_broken_and_changes_nothing() {
    for (limits, free, over, limit, wait_ms) in [
        ((2, 0, 0), 2, Over::Requests, 2, 30_000),
        ((0, 250, 0), 2, Over::Tokens, 250, 12_000),
        ((0, 0, 3), 3, Over::InFlight, 3, 0),
        ((2, 250, 2), 2, Over::InFlight, 2, 0),
        ((2, 250, 9), 2, Over::Requests, 2, 30_000),
    ] {
        let (rpm, tpm, max_concurrency) = limits;
        let scope = scope(rpm, tpm, max_concurrency);
        let mut slot = Slot::default();
        for held in 0..free {
            let standing = scope.admit(&mut slot, 100, (1, held), NOW).unwrap();
            let left = standing.requests.map(|rate| rate.remaining);
            assert_eq!(left, (rpm > 0).then(|| rpm - held - 1));
            let left = standing.tokens.map(|rate| rate.remaining);
            assert_eq!(left, (tpm > 0).then(|| tpm - 100 * (held + 1)));
        }
        let before = slot.clone();
        for _ in 0..3 {
            let refused = scope.admit(&mut slot, 100, (1, free), NOW).unwrap_err();
            let seen = (refused.over, refused.limit, refused.wait_ms);
            assert_eq!(seen, (over, limit, wait_ms), "{limits:?}");
        }
        assert_eq!(slot, before, "{limits:?}");
    }
}

#[test]
fn a_call_that_was_refused_elsewhere_was_none() {
    let scope = scope(5, 500, 0);
    let mut slot = Slot::default();
    scope.admit(&mut slot, 100, (1, 0), NOW).unwrap();
    let before = slot.clone();
    scope.admit(&mut slot, 100, (1, 0), NOW).unwrap();
    scope.correct(&mut slot, (100, NOW), 0, false, NOW);
    assert_eq!(slot, before);
    scope.correct(&mut slot, (100, NOW), 30, true, NOW);
    let standing = scope.admit(&mut slot, 1, (1, 0), NOW).unwrap();
    assert_eq!(standing.tokens.unwrap().remaining, 500 - 30 - 1);
    assert_eq!(standing.requests.unwrap().remaining, 3);
}

#[test]
fn calls_in_flight_are_those_of_all_workers_and_a_lost_ones_are_freed() {
    let scope = scope(0, 0, 3);
    let mut slot = Slot::default();
    scope.admit(&mut slot, 1, (1, 0), NOW).unwrap();
    scope.admit(&mut slot, 1, (2, 0), NOW).unwrap();
    scope.admit(&mut slot, 1, (2, 1), NOW).unwrap();
    assert!(scope.admit(&mut slot, 1, (1, 1), NOW).is_err());
    assert!(scope.admit(&mut slot, 1, (3, 0), NOW).is_err());
    // One of the second worker's ends.
    scope.key.hold(&mut slot, 2, 1, NOW);
    assert!(scope.admit(&mut slot, 1, (3, 0), NOW).is_ok());
    // The second worker is lost; the others say their counts again.
    let renewed = NOW + Slot::RENEW_MS;
    scope.key.hold(&mut slot, 1, 1, renewed);
    scope.key.hold(&mut slot, 3, 1, renewed);
    let at = |ms: i64| Slot::read(&slot.write(), NOW + ms);
    assert!(
        scope
            .admit(&mut at(29_999), 1, (1, 1), NOW + 29_999)
            .is_err()
    );
    assert!(
        scope
            .admit(&mut at(30_000), 1, (1, 1), NOW + 30_000)
            .is_ok()
    );
    // Nobody holds anything: nothing is left to store.
    for worker in 1..=3 {
        scope.key.hold(&mut slot, worker, 0, renewed);
    }
    assert!(slot.write().is_empty());
}

#[test]
fn a_slot_is_what_its_bytes_say_and_forgets_what_says_nothing() {
    let scope = scope(60, 6_000, 2);
    let mut slot = Slot::default();
    scope.admit(&mut slot, 600, (-7, 0), NOW).unwrap();
    assert_eq!(Slot::read(&slot.write(), NOW), slot);
    assert_eq!(slot.write().len(), 3 * 40);
    // The request is forgotten after 1 s, the tokens after 6, the count after its lease.
    for (later, records) in [(999, 3), (1_000, 2), (6_000, 1), (30_000, 0)] {
        let bytes = Slot::read(&slot.write(), NOW + later).write();
        assert_eq!(bytes.len(), records * 40, "{later}");
    }
    for torn in [&[][..], &[1; 39], &[0xff; 40], &[0xff; 79]] {
        let mut slot = Slot::read(torn, NOW);
        assert!(scope.admit(&mut slot, 1, (1, 0), NOW).is_ok());
    }
}

#[test]
fn a_slot_is_bounded_and_keeps_who_is_limited_longest() {
    let mut slot = Slot::default();
    let of = |n: u32| Scope {
        key: Key::of(Whose::Address, &[&n.to_le_bytes()]),
        ..scope(2, 0, 0)
    };
    let busy = of(0);
    busy.admit(&mut slot, 1, (1, 0), NOW).unwrap();
    busy.admit(&mut slot, 1, (1, 0), NOW).unwrap();
    for n in 1..1_000 {
        of(n).admit(&mut slot, 1, (1, 0), NOW).unwrap();
    }
    assert_eq!(slot.write().len(), 64 * 40);
    assert!(busy.admit(&mut slot, 1, (1, 0), NOW).is_err());
}

#[test]
fn scopes_have_counters_of_their_own() {
    let key = |whose, parts: &[&[u8]]| Key::of(whose, parts);
    let keys = [
        key(Whose::Model, &[b"g", b"m"]),
        key(Whose::Model, &[b"gm", b""]),
        key(Whose::Model, &[b"", b"gm"]),
        key(Whose::User, &[b"g", b"m"]),
        key(Whose::Token, &[b"g"]),
        key(Whose::Address, &[b"g"]),
    ];
    for (at, one) in keys.iter().enumerate() {
        assert!(one.slot < Key::SLOTS);
        assert!(keys.iter().skip(at + 1).all(|other| other != one), "{at}");
    }
}

#[test]
fn shares_add_up_to_the_limit() {
    for limit in [1, 2, 3, 10, 59, 60, 1_000_003] {
        for nodes in 1..20_u64 {
            let limits = Limits {
                rpm: limit,
                tpm: 0,
                max_concurrency: limit * 2,
            };
            let parts: Vec<Limits> = (0..nodes).map(|at| share(&limits, nodes, at)).collect();
            let sum = |of: fn(&Limits) -> u64| parts.iter().map(of).sum::<u64>();
            assert_eq!(sum(|it| it.rpm), limit.max(nodes), "{limit} over {nodes}");
            assert_eq!(sum(|it| it.max_concurrency), (limit * 2).max(nodes));
            assert!(parts.iter().all(|it| it.rpm > 0 && it.tpm == 0));
        }
    }
    let limits = scope(5, 6, 7).limits;
    assert_eq!(share(&limits, 0, 0), limits, "nobody has said anything yet");
}

#[test]
fn a_ratio_scales_and_never_removes_a_limit() {
    let limits = scope(60, 1_000, 5).limits;
    for (rpm, tpm, expected) in [
        (0, 0, (60, 1_000)),
        (1_000_000, 1_000_000, (60, 1_000)),
        (500_000, 2_500_000, (30, 2_500)),
        (1, 1, (1, 1)),
        (u64::MAX, 333_333, (u64::MAX / 1_000_000, 333)),
    ] {
        let scaled = Ratios { rpm, tpm }.of(&limits);
        assert_eq!((scaled.rpm, scaled.tpm), expected, "{rpm} {tpm}");
        assert_eq!(scaled.max_concurrency, 5);
    }
    let none = Limits::default();
    assert_eq!(Ratios { rpm: 9, tpm: 9 }.of(&none), none);
}

#[test]
fn an_estimate_is_the_bodys_share_and_what_may_be_answered() {
    for (bytes, output, tokens) in [
        (0, 0, 1),
        (1, 0, 1),
        (400, 0, 100),
        (401, 9, 110),
        (usize::MAX, u64::MAX, u64::MAX),
    ] {
        assert_eq!(estimate(bytes, output), tokens);
    }
}

#[test]
fn the_tightest_of_two_is_shown() {
    let rate = |limit, remaining| Rate {
        limit,
        remaining,
        reset_ms: 0,
    };
    let wide = Standing {
        requests: Some(rate(60, 9)),
        tokens: None,
    };
    let tight = Standing {
        requests: Some(rate(100, 3)),
        tokens: Some(rate(5, 5)),
    };
    assert_eq!(wide.tightest(tight), tight);
    assert_eq!(tight.tightest(wide), tight);
    assert_eq!(wide.tightest(Standing::default()), wide);
}
