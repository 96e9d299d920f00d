//! Looks for groups that spend far more today than on the three days before, with AI Proxy's
//! thresholds. Days begin in the configured time zone; see [`Span::of_days_in`] for those that do not
//! begin with an hour of UTC.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tollgate_policy::price::NanoUsd;

use crate::domain::options::{
    Options, TIME_ZONE, USAGE_ALERT_MIN_AVG_THRESHOLD, USAGE_ALERT_THRESHOLD, USAGE_ALERT_WHITELIST,
};
use crate::domain::{Period, Span, now_unix_ms};
use crate::store::{self, Dimension, Notice, Of, Store, SummaryQuery, Top, USAGE_ALERTS};

/// On one of all control planes.
const EVERY_MS: i64 = 60 * 60_000;
/// How often one tries to be who looks.
const TRY_EVERY: Duration = Duration::from_secs(60);

/// Groups that are looked at, those first that spent most.
const MOST: i64 = 1_000;

/// Days that today is compared with.
const DAYS: i64 = 3;

/// From how many tenths of an average on it is much, of averages below so many dollars.
const TENTHS_BELOW: [(i64, i128); 5] =
    [(100, 50), (300, 40), (1_000, 30), (2_000, 25), (5_000, 20)];

const DAY_MS: i64 = 24 * 60 * 60_000;

const PER_USD: i64 = 1_000_000_000;

/// Until it is dropped.
pub async fn watch(store: Store) {
    let mut interval = tokio::time::interval(TRY_EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let done = match store.take_duty(USAGE_ALERTS, EVERY_MS).await {
            Ok(true) => look(&store, now_unix_ms()).await,
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::error!(%error, "groups that spend much are not looked for");
        }
    }
}

async fn look(store: &Store, now_ms: i64) -> store::Result<()> {
    let options = store.options().await?;
    let least = usd(&options, USAGE_ALERT_THRESHOLD);
    if least == 0 {
        return Ok(());
    }
    let whitelist = options.names(USAGE_ALERT_WHITELIST);
    let zone = options.zone(TIME_ZONE);
    let span = Span::of_days_in(&zone);
    let today = Period::Daily.window(&zone, now_ms);
    // From the middle of that day: some days are an hour longer than others.
    let middle = today.start_ms - DAYS * DAY_MS + DAY_MS / 2;
    let first = span.first_from(Period::Daily.window(&zone, middle).start_ms);
    let (today, tomorrow) = (
        span.first_from(today.start_ms),
        span.first_from(today.end_ms),
    );
    let by = [Dimension::Group];
    let top = Top {
        field: "used_amount",
        descending: true,
        limit: MOST,
        offset: 0,
    };
    let all = Of::Groups {
        groups: Vec::new(),
        token_name: None,
    };
    let query = SummaryQuery::each(all, span, today, tomorrow);
    let (places, _) = store.ranked(&query, Dimension::Group, top).await?;
    let spenders = query.only(Dimension::Group, &places);
    for sum in store.summed(&spenders, &by).await? {
        let spent = sum.tally.used_amount;
        if spent < least || sum.group.is_empty() || whitelist.contains(&sum.group) {
            continue;
        }
        let of = Of::Groups {
            groups: vec![sum.group.clone()],
            token_name: None,
        };
        let before = SummaryQuery::each(of, span, first, today);
        let before = store.summed(&before, &by).await?;
        let before: i64 = before.iter().map(|sum| sum.tally.used_amount).sum();
        let average = before / DAYS;
        if average >= usd(&options, USAGE_ALERT_MIN_AVG_THRESHOLD) && is_much(spent, average) {
            store.notice(Notice::SpendsMuch {
                group: sum.group,
                today: NanoUsd(spent),
                average: NanoUsd(average),
            });
        }
    }
    Ok(())
}

fn usd(options: &Options, option: &crate::domain::options::Definition) -> i64 {
    options.whole(option).saturating_mul(PER_USD)
}

/// The more somebody spends anyway, the less it takes.
fn is_much(spent: i64, average: i64) -> bool {
    let dollars = average / PER_USD;
    let found = TENTHS_BELOW.iter().find(|(below, _)| dollars < *below);
    let tenths = found.map_or(15, |(_, tenths)| *tenths);
    i128::from(spent) * 10 >= i128::from(average) * tenths
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use tollgate_config::meter::{Outcome, Usage, UsageEvent};
    use tollgate_policy::price::{Part, Price, Rate, Tariff};

    use super::*;
    use crate::domain::ModelConfigPatch;
    use crate::ledger::Ledger;
    use crate::store::testing::with_store;

    #[test]
    fn the_more_there_is_the_less_it_takes() {
        for (spent, average, much) in [
            (500, 100, true),
            (495, 99, true),
            (494, 99, false),
            (399, 100, false),
            (900, 300, true),
            (7_500, 5_000, true),
            (7_499, 5_000, false),
            (1, 0, true),
        ] {
            let found = is_much(spent * PER_USD, average * PER_USD);
            assert_eq!(found, much, "{spent} {average}");
        }
    }

    /// Books so many dollars for a group, under an id of its own.
    async fn spender(store: &Store) -> impl AsyncFn(&str, &str, u64) {
        let input = Rate {
            price: NanoUsd(PER_USD),
            unit: 1,
        };
        let config = ModelConfigPatch {
            price: Some(Tariff::of(Price::FREE.with(Part::Input, input))),
            ..ModelConfigPatch::default()
        };
        let configs = vec![("m".to_owned(), config)];
        store.save_model_configs(configs).await.unwrap();
        let ledger = Ledger::new(store.clone());
        async move |group: &str, id: &str, dollars| {
            let event = UsageEvent {
                id: format!("{group}-{id}"),
                group: group.into(),
                model: "m".into(),
                status: 200,
                outcome: Outcome::Success.into(),
                usage: Some(Usage {
                    input_tokens: dollars,
                    ..Usage::default()
                }),
                ..UsageEvent::default()
            };
            ledger.book("n", vec![event]).await.unwrap();
        }
    }

    #[tokio::test]
    async fn who_spends_far_more_than_before_is_told_of() {
        with_store(async |store| {
            let spend = spender(&store).await;
            for group in ["calm", "wild", "known"] {
                spend(group, "before", 30).await;
            }
            let yesterday = format!(
                "UPDATE group_summaries SET start_at = start_at - {day} WHERE span = {day}",
                day = Span::Day.millis()
            );
            store.execute_for_tests(yesterday).await;
            // Of 10 a day on average.
            spend("calm", "today", 49).await;
            spend("wild", "today", 50).await;
            spend("known", "today", 500).await;
            let mut notices = store.notices();
            let mut heard = async || {
                look(&store, now_unix_ms()).await.unwrap();
                std::iter::from_fn(|| notices.try_recv().ok()).collect::<Vec<_>>()
            };
            assert_eq!(heard().await, [], "it is off");
            let set = async |option, value: &str| {
                store
                    .set_options(vec![(option, value.to_owned())])
                    .await
                    .unwrap();
            };
            set(USAGE_ALERT_THRESHOLD, "40").await;
            set(USAGE_ALERT_WHITELIST, r#"["known"]"#).await;
            let wild = Notice::SpendsMuch {
                group: "wild".into(),
                today: NanoUsd(50 * PER_USD),
                average: NanoUsd(10 * PER_USD),
            };
            assert_eq!(heard().await, [wild]);
            set(USAGE_ALERT_MIN_AVG_THRESHOLD, "11").await;
            assert_eq!(heard().await, [], "who spends little is let alone");
        })
        .await;
    }

    #[tokio::test]
    async fn today_is_that_of_the_configured_zone() {
        with_store(async |store| {
            let zone = "Asia/Tokyo";
            let midnight = Period::Daily
                .window(&TimeZone::get(zone).unwrap(), now_unix_ms())
                .start_ms;
            let hour = Span::Hour.millis();
            let spend = spender(&store).await;
            // The same day in UTC, where it would be 80 dollars after nothing.
            for (id, dollars, at) in [("before", 30, midnight - hour), ("today", 50, midnight)] {
                spend("g", id, dollars).await;
                let moved = format!(
                    "UPDATE group_summaries SET start_at = {at} WHERE span = {hour} \
                     AND start_at <> {}",
                    midnight - hour
                );
                store.execute_for_tests(moved).await;
            }
            let options = vec![
                (TIME_ZONE, zone.to_owned()),
                (USAGE_ALERT_THRESHOLD, "40".to_owned()),
            ];
            store.set_options(options).await.unwrap();
            let mut notices = store.notices();
            look(&store, midnight + hour / 2).await.unwrap();
            let heard: Vec<_> = std::iter::from_fn(|| notices.try_recv().ok()).collect();
            let much = Notice::SpendsMuch {
                group: "g".into(),
                today: NanoUsd(50 * PER_USD),
                average: NanoUsd(10 * PER_USD),
            };
            assert_eq!(heard, [much]);
        })
        .await;
    }
}
