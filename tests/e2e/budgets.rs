//! Budgets hold: however many call at once, and whatever restarts meanwhile.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};
use tollgate_tests::apart::Apart;
use tollgate_tests::http::Request;
use tollgate_tests::provider::Told;
use tollgate_tests::{Answer, Dialect, Gateway, Provider, Scene, eventually};

/// What a call costs: 20 tokens of answer, a thousandth of a dollar each.
const CALL_NANO_USD: i64 = 20_000_000;

/// What is held for it: the longest answer is twice as long.
const HELD_NANO_USD: i64 = 40_000_000;

const DOLLAR_NANO_USD: i64 = 1_000_000_000;

fn provider() -> Provider {
    let usage = Told {
        input: 5,
        output: 20,
        ..Told::default()
    };
    let answer = Answer::text("a few words").usage(usage);
    Provider::openai().plays(answer).start()
}

fn config() -> Value {
    json!({
        "price": {"output_price": 1},
        "config": {"max_output_tokens": 40},
    })
}

/// Asks until the budget is used up. Gives how many calls were served.
fn use_up(scene: &Scene) -> usize {
    let mut served = 0;
    eventually("the budget is used up", || {
        let answer = scene.ask(Dialect::OpenAi, "hello");
        match answer.status() {
            200 => served += 1,
            429 if answer.response.text().contains("insufficient_quota") => return Ok(()),
            _ => {}
        }
        Err(format!("{} {}", answer.status(), answer.response.text()))
    });
    served
}

/// The ledger agrees with what was served, and with the bound: what is left for a call that costs
/// more than that, once for each Envoy.
///
/// `times` is what the group pays of the model's price.
fn assert_held(spent: impl Fn() -> Option<i64>, served: usize, envoys: i64, times: i64) {
    let expected = i64::try_from(served).unwrap() * CALL_NANO_USD * times;
    eventually("every call is booked", || match spent() {
        Some(spent) if spent == expected => Ok(()),
        spent => Err(format!("{spent:?} of {expected}")),
    });
    assert!(expected >= DOLLAR_NANO_USD, "{expected} could be spent");
    let most = DOLLAR_NANO_USD + envoys * HELD_NANO_USD * times;
    assert!(expected <= most, "{expected} spent, {most} allowed");
}

fn spent_by_token(scene: &Scene) -> Option<i64> {
    let path = format!("/api/tokens/{}", scene.token.id);
    scene.admin.get(&path)["used_amount_nano_usd"].as_i64()
}

/// Of the dollar in its group's wallet.
fn spent_from_wallet(scene: &Scene) -> Option<i64> {
    Some(DOLLAR_NANO_USD - balance(scene)?)
}

fn balance(scene: &Scene) -> Option<i64> {
    let wallet = format!("/api/group/{}/wallet", scene.group());
    scene.admin.get(&wallet)["balance_nano_usd"].as_i64()
}

/// Gives the scene's group a wallet with a dollar in it, which its gateways know of. Says how many
/// calls it took to see that.
fn put_a_dollar_in_a_wallet(scene: &Scene, times: i64) -> usize {
    let wallet = format!("/api/group/{}/wallet", scene.group());
    scene.admin.post(&wallet, &json!({}));
    let charged = use_up(scene);
    let charged = i64::try_from(charged).unwrap() * CALL_NANO_USD * times;
    eventually("every call is charged", || match balance(scene) {
        Some(balance) if balance == -charged => Ok(()),
        balance => Err(format!("{balance:?} of {charged}")),
    });
    let amount = json!(format!("{}e-9", DOLLAR_NANO_USD + charged));
    let recharge = json!({"amount": amount});
    scene.admin.post(&format!("{wallet}/recharge"), &recharge);
    eventually("it is served", || {
        match scene.ask(Dialect::OpenAi, "hello").status() {
            200 => Ok(1),
            status => Err(status),
        }
    })
}

/// Asks that often at once. Gives how many calls were served.
fn at_once(scene: &Scene, calls: usize) -> usize {
    let served = AtomicUsize::new(0);
    thread::scope(|scope| {
        for n in 0..calls {
            let (scene, served) = (&scene, &served);
            scope.spawn(move || {
                let dialect = Dialect::CALLERS[n % 4];
                let answer = scene.ask(dialect, "hello");
                match answer.status() {
                    200 => served.fetch_add(1, Ordering::Relaxed),
                    // Held for others or used up, or too busy to be told in time.
                    429 | 503 | 529 => 0,
                    status => panic!("{status} {}", answer.response.text()),
                };
            });
        }
    });
    served.into_inner()
}

#[test]
fn two_hundred_calls_at_once_spend_a_dollar_and_no_more() {
    let provider = provider();
    let scene = Scene::on(Gateway::shared())
        .channel(&provider)
        .config(config())
        .token(json!({"quota": 1}))
        .ready();
    let all = at_once(&scene, 200) + use_up(&scene);
    assert_held(|| spent_by_token(&scene), all, 1, 1);

    // What callers read who come too late, and what the operator reads of them.
    for (dialect, words) in [
        (Dialect::OpenAi, r#""code":"insufficient_quota""#),
        (Dialect::Responses, r#""code":"insufficient_quota""#),
        (Dialect::Anthropic, r#""type":"billing_error""#),
        (Dialect::Gemini, r#""reason":"insufficient_quota""#),
    ] {
        let answer = scene.ask(dialect, "hello");
        let message = answer.assert_error(429);
        assert_eq!(message, "The quota of this API key is used up.");
        let body = answer.response.text().replace(": ", ":");
        assert!(body.contains(words), "{body}");
        assert_eq!(answer.response.header("x-should-retry"), Some("false"));
        assert_eq!(scene.log_of(&answer).outcome(), "refused");
    }
    assert_eq!(quota(&scene)["remain"], json!(0));

    // More money, and it goes on.
    let path = format!("/api/tokens/{}", scene.token.id);
    scene.admin.call("PUT", &path, Some(&json!({"quota": 2})));
    eventually("it is served again", || {
        match scene.ask(Dialect::Anthropic, "hello").status() {
            200 => Ok(()),
            status => Err(status.to_string()),
        }
    });
}

#[test]
fn two_hundred_calls_at_once_spend_the_dollar_in_a_wallet_and_no_more() {
    let provider = provider();
    let scene = Scene::on(Gateway::shared())
        .channel(&provider)
        .config(config())
        .ready();
    // A group that pays more: what is held for its calls is more as well.
    let group = format!("/api/group/{}", scene.group());
    let dear = json!({"price_multiplier": 3});
    scene.admin.call("PUT", &group, Some(&dear));
    let mut all = put_a_dollar_in_a_wallet(&scene, 3);
    all += at_once(&scene, 200);
    all += use_up(&scene);
    assert_held(|| spent_from_wallet(&scene), all, 1, 3);
    assert_eq!(scene.admin.get("/api/wallets/unbalanced"), json!([]));

    let answer = scene.ask(Dialect::Anthropic, "hello");
    let message = answer.assert_error(429);
    assert_eq!(message, "There is no credit left; recharge to go on.");
    assert_eq!(answer.response.header("x-should-retry"), Some("false"));
    assert_eq!(scene.log_of(&answer).outcome(), "refused");
}

#[test]
fn a_budget_holds_over_restarts_of_the_control_plane_and_over_two_envoys() {
    let mut apart = Apart::start();
    let _second = apart.another_envoy("second");
    eventually("both are there", || {
        let gateways = apart.admin().get("/api/gateways");
        match gateways["gateways"].as_array() {
            Some(all) if all.len() == 2 && all.iter().all(|it| it["ready"] == true) => Ok(()),
            _ => Err(gateways.to_string()),
        }
    });
    let provider = provider();
    let scene = |token: Value| {
        Scene::at(apart.address(), apart.admin())
            .channel(&provider)
            .config(config())
            .token(token)
            .ready()
    };
    let limited = scene(json!({"period_quota": 1, "period_type": "monthly", "quota": 1}));
    let paying = scene(json!({}));
    let first = put_a_dollar_in_a_wallet(&paying, 1);
    let served = [AtomicUsize::new(0), AtomicUsize::new(first)];
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for n in 0..8 {
            let (scene, served) = [(&limited, &served[0]), (&paying, &served[1])][n % 2];
            let done = &done;
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let answer = scene.ask(Dialect::CALLERS[n / 2], "hello");
                    match answer.status() {
                        200 => served.fetch_add(1, Ordering::Relaxed),
                        // Held for others or used up; nobody there who could grant more.
                        429 | 503 | 529 => 0,
                        status => panic!("{status} {}", answer.response.text()),
                    };
                }
            });
        }
        let reaches = |count: usize| {
            eventually("calls go on", || {
                let made = served.each_ref().map(|made| made.load(Ordering::Relaxed));
                match made.iter().all(|made| *made >= count) {
                    true => Ok(()),
                    false => Err(format!("{made:?} of {count}")),
                }
            });
        };
        reaches(10);
        apart.kill_control();
        apart.start_control();
        reaches(25);
        done.store(true, Ordering::Relaxed);
    });
    let [by_token, from_wallet] = served.map(AtomicUsize::into_inner);
    let all = by_token + use_up(&limited);
    assert_held(|| spent_by_token(&limited), all, 2, 1);
    let all = from_wallet + use_up(&paying);
    assert_held(|| spent_from_wallet(&paying), all, 2, 1);
}

fn quota(scene: &Scene) -> Value {
    let request = scene.with_token(Request::get("/v1/dashboard/billing/quota"));
    let answer = request.send(scene.address).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}
