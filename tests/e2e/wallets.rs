//! Money: who has none is not served, and what was spent is what was used, whatever is killed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tollgate_config::meter::{Outcome, Usage, UsageEvent};
use tollgate_tests::admin::LogRow;
use tollgate_tests::apart::Apart;
use tollgate_tests::dialect::array;
use tollgate_tests::mariadb::MariaDb;
use tollgate_tests::postgres::Postgres;
use tollgate_tests::provider::Told;
use tollgate_tests::{Answer, Dialect, Gateway, Provider, Scene, eventually};

/// What each call is told to have used; a token in costs 1,000 nano-dollars, a token out 2,000.
const USAGE: Told = Told {
    answers: 0,
    reasoning: 0,
    input: 100,
    cache_read: 0,
    cache_write: 0,
    output: 17,
};
const COST: i64 = 100 * 1000 + 17 * 2000;

fn price() -> Value {
    json!({"price": {"input_price": 0.001, "output_price": 0.002}})
}

fn provider() -> Provider {
    let answer = Answer::text("hi").usage(USAGE);
    Provider::openai().plays(answer).start()
}

/// A nano-dollar amount as the API takes it.
fn usd(nano: i64) -> Value {
    json!(format!("{nano}e-9"))
}

#[test]
fn an_empty_wallet_is_refused_before_the_call_and_a_recharged_one_is_served() {
    let provider = provider();
    let scene = Scene::on(Gateway::shared())
        .channel(&provider)
        .config(price())
        .ready();
    let wallet = format!("/api/group/{}/wallet", scene.group());
    let answer = scene.ask(Dialect::OpenAi, "no wallet, no end");
    answer.assert_served("hi");
    scene.log_of(&answer);

    scene.admin.post(&wallet, &json!({}));
    let mut purse = Purse::new(&scene, &wallet);
    purse.until_refused();
    let calls = provider.calls().len();
    for caller in [Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini] {
        let answer = scene.ask(caller, "hello");
        let words = answer.assert_error(429);
        assert!(words.contains("credit"), "{words}");
        assert_eq!(answer.response.header("x-should-retry"), Some("false"));
    }
    assert_eq!(provider.calls().len(), calls, "no provider was called");

    let enough = COST - purse.left;
    let recharge = json!({"amount": usd(enough), "idempotency_key": "one"});
    for _ in 0..2 {
        scene.admin.post(&format!("{wallet}/recharge"), &recharge);
    }
    purse.left += enough;
    let served = purse.until_served();
    // It took all that was there.
    purse.until_refused();
    let history = format!("{wallet}/transactions?kind=usage&request_id={served}");
    let charged = scene.admin.get(&history);
    assert_eq!(charged["total"], 1, "{charged}");

    if purse.left < 0 {
        let recharge = json!({"amount": usd(-purse.left)});
        scene.admin.post(&format!("{wallet}/recharge"), &recharge);
    }
    scene
        .admin
        .post(&format!("{wallet}/refund"), &json!({"request_id": served}));
    purse.left = COST;
    purse.until_served();
    purse.until_refused();
    let made = scene
        .admin
        .post("/api/redemption_codes/", &json!({"amount": 1}));
    let code = json!({"code": made[0]["code"]});
    scene.admin.post(&format!("{wallet}/redeem"), &code);
    purse.left += 1_000_000_000;
    purse.until_served();
}

#[test]
fn what_providers_counted_is_what_wallets_paid_whatever_is_killed() {
    let mut apart = Apart::start();
    let scene = paying_scene(&apart);
    let calls = under_load(&scene.0, |calls| {
        for outage in 1..=3 {
            at_least(calls, outage * 100);
            apart.kill_control();
            at_least(calls, outage * 100 + 60);
            apart.start_control();
        }
    });
    books_agree(&scene.0, &scene.1, calls);
}

#[test]
fn and_so_with_postgresql_that_crashes_under_it() {
    let mut postgres = Postgres::start();
    let mut apart = Apart::start_with(&[("SQL_DSN", &postgres.dsn())]);
    let scene = paying_scene(&apart);
    // Two more gateways, whose reports come several times and in another order each time.
    let events = reported(&scene.0, 200);
    let reporters = ["second", "third"].map(|node| apart.reporter(node));
    let calls = thread::scope(|scope| {
        for (reporter, stride) in reporters.iter().zip([7, 11]) {
            let events = &events;
            scope.spawn(move || {
                for round in 0..3 {
                    reporter.reports(&shuffled(events, stride + 2 * round));
                }
            });
        }
        under_load(&scene.0, |calls| {
            for outage in 1..=2 {
                at_least(calls, outage * 100);
                postgres.crash_and_start();
                at_least(calls, outage * 100 + 50);
                apart.kill_control();
                postgres.crash_and_start();
                apart.start_control();
            }
        })
    });
    let cost = events.iter().map(cost_of).sum();
    books_agree_with(&scene.0, &scene.1, calls, (events.len(), cost));
}

/// Calls of a scene that another gateway has served.
fn reported(scene: &Scene, count: u64) -> Vec<UsageEvent> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_ms = i64::try_from(now.expect("after 1970").as_millis()).unwrap();
    let event = |n: u64| {
        let mut event = UsageEvent {
            id: format!("reported-{}-{n}", scene.name),
            started_unix_ms: now_ms,
            token_id: scene.token.id,
            token_name: scene.name.clone(),
            group: scene.group(),
            model: scene.model.clone(),
            method: "POST".into(),
            path: "/v1/chat/completions".into(),
            dialect: "openai-chat".into(),
            status: 200,
            usage: Some(Usage {
                input_tokens: n,
                output_tokens: 3,
                ..Usage::default()
            }),
            ..UsageEvent::default()
        };
        event.set_outcome(Outcome::Success);
        event
    };
    (1..=count).map(event).collect()
}

/// In batches, every event twice: all of them in steps of `stride`, and then backwards.
fn shuffled(events: &[UsageEvent], stride: usize) -> Vec<Vec<UsageEvent>> {
    // A stride without a divisor in common with their number meets each once.
    let order = (0..events.len()).map(|n| &events[n * stride % events.len()]);
    let twice: Vec<UsageEvent> = order.chain(events.iter().rev()).cloned().collect();
    twice.chunks(37).map(<[UsageEvent]>::to_vec).collect()
}

fn cost_of(event: &UsageEvent) -> i64 {
    let usage = event.usage.unwrap_or_default();
    i64::try_from(usage.input_tokens * 1000 + usage.output_tokens * 2000).unwrap()
}

#[test]
fn and_so_with_mariadb_that_crashes_under_it() {
    let mut mariadb = MariaDb::start();
    let mut apart = Apart::start_with(&[("SQL_DSN", &mariadb.dsn())]);
    let scene = paying_scene(&apart);
    let calls = under_load(&scene.0, |calls| {
        at_least(calls, 100);
        mariadb.crash_and_start();
        at_least(calls, 150);
        apart.kill_control();
        mariadb.crash_and_start();
        apart.start_control();
        at_least(calls, 200);
    });
    books_agree(&scene.0, &scene.1, calls);
}

/// A scene whose group has enough in its wallet.
#[track_caller]
fn paying_scene(apart: &Apart) -> (Scene, Provider) {
    let provider = provider();
    let scene = Scene::at(apart.address(), apart.admin())
        .channel(&provider)
        .config(price())
        .ready();
    let wallet = format!("/api/group/{}/wallet", scene.group());
    scene.admin.post(&wallet, &json!({}));
    let recharge = json!({"amount": 1000, "idempotency_key": "one"});
    scene.admin.post(&format!("{wallet}/recharge"), &recharge);
    (scene, provider)
}

/// Callers call until `during` is over. Gives how many calls were served.
fn under_load(scene: &Scene, during: impl FnOnce(&AtomicUsize)) -> usize {
    let (done, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for caller in 0..4 {
            let (done, served) = (&done, &served);
            scope.spawn(move || {
                for n in 0.. {
                    let answer = scene.ask(Dialect::ALL[(caller + n) % 2], "hello");
                    // Refused at first, until the gateway has heard of the recharge.
                    if answer.status() == 200 {
                        answer.assert_served("hi");
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        during(&served);
        done.store(true, Ordering::Relaxed);
    });
    served.into_inner()
}

#[track_caller]
fn books_agree(scene: &Scene, provider: &Provider, served: usize) {
    books_agree_with(scene, provider, served, (0, 0));
}

/// What the provider counted × the price = the log = the summaries = what the wallet paid; with so
/// many more calls, at this cost, that were reported and not made.
#[track_caller]
fn books_agree_with(
    scene: &Scene,
    provider: &Provider,
    served: usize,
    (reported, cost): (usize, i64),
) {
    let served = served + reported;
    let rows: Vec<_> = eventually("all calls are booked", || {
        let mut rows = scene.logs();
        rows.retain(|row| row.outcome() == "success");
        if rows.len() >= served {
            Ok(rows)
        } else {
            Err(format!("{} of {served}", rows.len()))
        }
    });
    assert_eq!(rows.len(), served, "none more than once");
    let told = provider.told();
    let counted = cost + i64::try_from(told.gross_input() * 1000 + told.output * 2000).unwrap();
    let logged: i64 = rows.iter().map(LogRow::cost_nano_usd).sum();
    assert_eq!(logged, counted, "the log");
    let group = scene.group();
    let sums = scene.admin.get(&format!("/api/dashboard/{group}?type=day"));
    assert_eq!(
        sums["used_amount_nano_usd"], counted,
        "the summaries: {sums}"
    );

    let wallet = format!("/api/group/{}/wallet", scene.group());
    let mut paid = 0;
    let mut calls = 0;
    for page in 1.. {
        let path = format!("{wallet}/transactions?kind=usage&per_page=100&page={page}");
        let listed = scene.admin.get(&path);
        let transactions = array(&listed["transactions"]);
        paid -= transactions
            .iter()
            .filter_map(|it| it["amount_nano_usd"].as_i64())
            .sum::<i64>();
        calls += transactions
            .iter()
            .filter_map(|it| it["calls"].as_i64())
            .sum::<i64>();
        if transactions.len() < 100 {
            break;
        }
    }
    assert_eq!(
        (paid, calls),
        (counted, i64::try_from(served).unwrap()),
        "the wallet's history"
    );
    let left = scene.admin.get(&wallet)["balance_nano_usd"].as_i64();
    assert_eq!(
        left,
        Some(1_000_000_000_000 - counted),
        "the wallet's balance"
    );
    assert_eq!(scene.admin.get("/api/wallets/unbalanced"), json!([]));
}

/// Somebody who calls, and knows what should be left.
struct Purse<'a> {
    scene: &'a Scene,
    wallet: &'a str,
    left: i64,
}

impl<'a> Purse<'a> {
    fn new(scene: &'a Scene, wallet: &'a str) -> Self {
        let left = 0;
        Self {
            scene,
            wallet,
            left,
        }
    }

    /// Calls until it is refused, and waits until all is booked.
    #[track_caller]
    fn until_refused(&mut self) {
        eventually("the call is refused", || {
            let status = self.call().0;
            (status == 429).then_some(()).ok_or(status)
        });
        eventually("every call is charged", || {
            let left = self.scene.admin.get(self.wallet)["balance_nano_usd"].clone();
            (left == self.left).then_some(()).ok_or(left)
        });
    }

    /// Calls until it is served; gives the request's id.
    #[track_caller]
    fn until_served(&mut self) -> String {
        eventually("the call is served", || {
            let (status, id) = self.call();
            (status == 200).then_some(id).ok_or(status)
        })
    }

    fn call(&mut self) -> (u16, String) {
        let answer = self.scene.ask(Dialect::OpenAi, "hello");
        if answer.status() == 200 {
            self.left -= COST;
        }
        (answer.status(), answer.request_id())
    }
}

#[track_caller]
fn at_least(calls: &AtomicUsize, wanted: usize) {
    eventually("calls go on", || {
        let made = calls.load(Ordering::Relaxed);
        (made >= wanted).then_some(()).ok_or(made)
    });
}
