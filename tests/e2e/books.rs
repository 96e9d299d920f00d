//! Conservation: what the providers did and what the ledger says are the same, whatever went
//! wrong between them.

use std::collections::HashSet;

use serde_json::json;
use tollgate_tests::admin::LogRow;
use tollgate_tests::provider::{Script, Told};
use tollgate_tests::{Answer, Cut, Dialect, Fault, Gateway, Provider, Scene};

/// Callers at the same time, and calls of each.
const CALLERS: usize = 8;
const CALLS: usize = 30;

#[test]
fn i13_the_ledger_equals_the_providers_own_books_after_a_run_with_faults() {
    let usage = Told {
        input: 100,
        cache_read: 20,
        cache_write: 3,
        output: 17,
        ..Told::default()
    };
    let answer = Script::from(Answer::text("a few words of answer").usage(usage));
    let flaky =
        |n, fault: Fault| Script::EveryNth(n, Box::new(fault.into()), Box::new(answer.clone()));
    let first = Provider::openai().plays(Script::EveryNth(
        3,
        Box::new(Fault::Status(503).into()),
        Box::new(flaky(5, Fault::Reset)),
    ));
    let second = Provider::anthropic().plays(flaky(7, Fault::Status(529)));
    let (first, second) = (first.start(), second.start());
    let price = json!({"price": {"input_price": 0.001, "output_price": 0.002}});
    let scene = Scene::on(Gateway::shared())
        .channel(&first)
        .channel(&second)
        .config(price)
        .ready();

    let served = run(&scene);
    let rows = scene.settled_logs(CALLERS * CALLS);
    assert_eq!(rows.len(), CALLERS * CALLS, "one row for each call");
    let ids: HashSet<_> = rows
        .iter()
        .map(|row| row.0["request_id"].to_string())
        .collect();
    assert_eq!(ids.len(), rows.len(), "and each its own");
    let succeeded = rows.iter().filter(|row| row.outcome() == "success").count();
    assert_eq!(
        succeeded, served,
        "the log and the callers agree on what was served"
    );

    let attempts: usize = rows.iter().map(|row| row.attempts().len()).sum();
    assert_eq!(
        attempts,
        first.calls().len() + second.calls().len(),
        "each call is an attempt"
    );
    let mut told = first.told();
    told += second.told();
    let booked = rows.iter().fold((0, 0), |sum, row| {
        let (input, output) = row.tokens();
        (sum.0 + input, sum.1 + output)
    });
    assert_eq!(booked, (told.gross_input(), told.output));
    let cost: i64 = rows.iter().map(LogRow::cost_nano_usd).sum();
    let token = scene.admin.get(&format!("/api/tokens/{}", scene.token.id));
    assert_eq!(
        token["used_amount_nano_usd"], cost,
        "the token's sum is the sum of its rows"
    );
    assert!(cost > 0);

    // With what was asked before the model was served, which cost nothing.
    let group = scene.group();
    let asked = scene.admin.count_logs(&format!("group={group}"));
    let sums = scene.admin.get(&format!("/api/dashboard/{group}?type=day"));
    let summed = (&sums["request_count"], &sums["used_amount_nano_usd"]);
    assert_eq!(
        summed,
        (&json!(asked), &json!(cost)),
        "so is the sum of the group's summaries"
    );
    let made = scene
        .channels
        .iter()
        .map(|id| scene.admin.count_attempts(*id));
    assert_eq!(
        made.sum::<u64>(),
        attempts as u64,
        "and every attempt is in its channel's"
    );
}

#[test]
fn interrupted_answers_are_booked_with_what_was_told() {
    let cut = Fault::Cut(8, Cut::Closed);
    let provider = Provider::anthropic().plays(Script::EveryNth(
        2,
        Box::new(cut.into()),
        Box::new(Answer::text("whole").into()),
    ));
    let provider = provider.start();
    let scene = Scene::on(Gateway::shared()).channel(&provider).ready();
    for n in 0..10 {
        scene.ask_stream(Dialect::ALL[n % 2], "hello");
    }
    let rows = scene.settled_logs(10);
    let interrupted = rows
        .iter()
        .filter(|row| row.outcome() == "interrupted")
        .count();
    assert_eq!(interrupted, 5, "{rows:?}");
    let input: u64 = rows.iter().map(|row| row.tokens().0).sum();
    assert_eq!(
        input,
        provider.told().gross_input(),
        "the input of cut streams had been told"
    );
    assert_eq!(provider.calls().len(), 10, "none was tried twice");
}

/// Every caller takes turns at dialects and streams. Gives how many calls were served.
fn run(scene: &Scene) -> usize {
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                scope.spawn(move || {
                    let ask = |n: usize| {
                        let dialect = Dialect::ALL[(caller + n) % 2];
                        let answer = if n.is_multiple_of(3) {
                            scene.ask_stream(dialect, "hello")
                        } else {
                            scene.ask(dialect, "hello")
                        };
                        if answer.status() == 200 {
                            answer.assert_served("a few words of answer");
                        } else {
                            answer.assert_error(answer.status());
                        }
                        usize::from(answer.status() == 200)
                    };
                    (0..CALLS).map(ask).sum::<usize>()
                })
            })
            .collect();
        callers
            .into_iter()
            .map(|caller| caller.join().expect("every answer is one"))
            .sum()
    })
}
