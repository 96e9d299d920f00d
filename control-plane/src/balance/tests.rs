//! Groups whose money is kept by a service.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tollgate_config::leases::Lease;
use tollgate_config::meter::{Usage, UsageEvent};
use tollgate_policy::price::{Part, Price, Rate, Tariff};

use super::*;
use crate::domain::{
    BalanceServicePatch, BaseUrl, GroupPatch, ModelConfigPatch, Order, Page, now_unix_ms,
};
use crate::ledger::Ledger;
use crate::secrets::Secret;
use crate::store::testing::with_store;
use crate::store::{Asked, Change, Error, Movement, Notice};

/// A service with one group. Like any good one, it takes a key once.
#[derive(Debug, Clone)]
struct Bank(Arc<Mutex<Books>>);

#[derive(Debug, Default)]
struct Books {
    left: i64,
    /// How much of each, and what was left then.
    taken: BTreeMap<String, (i64, i64)>,
    /// It says what is left whenever it takes something.
    tells: bool,
    /// This one is answered when no other waits for its answer.
    last: Option<(String, Store)>,
    /// It does not answer; what it did before is done all the same.
    is_mute: bool,
    is_away: bool,
    asked: usize,
}

impl Bank {
    fn with<T>(&self, act: impl FnOnce(&mut Books) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl BalanceProvider for Bank {
    async fn balance(&self, group: &str) -> Result<NanoUsd, ProviderError> {
        assert_eq!(group, "g");
        self.with(|books| {
            books.asked += 1;
            if books.is_away {
                return Err(ProviderError::Status(503));
            }
            Ok(NanoUsd(books.left))
        })
    }

    async fn consume(&self, consumption: &Consumption) -> Result<Option<NanoUsd>, ProviderError> {
        let answer = self.with(|books| {
            if books.is_away {
                return Err(ProviderError::Status(503));
            }
            let (key, amount) = (consumption.key.clone(), consumption.amount.0);
            if !books.taken.contains_key(&key) {
                books.left -= amount;
            }
            let first = (amount, books.left);
            let (_, left) = *books.taken.entry(key).or_insert(first);
            if books.is_mute {
                return Err(ProviderError::Call("no answer".into()));
            }
            Ok(books.tells.then_some(NanoUsd(left)))
        });
        let last = self.with(|books| books.last.clone());
        if let Some((_, store)) = last.filter(|(key, _)| *key == consumption.key) {
            while waiting(&store).await > 1 {
                tokio::task::yield_now().await;
            }
        }
        answer
    }
}

/// What services have not confirmed.
async fn waiting(store: &Store) -> i64 {
    store.count_for_tests("consumptions").await
}

/// A group with its money at a service of the same name.
async fn at_service(store: &Store, name: &str) -> i64 {
    let service = BalanceServicePatch {
        name: Some(name.into()),
        url: Some(
            BaseUrl::parse(&format!("https://{name}.example/v1"))
                .unwrap()
                .0,
        ),
        private: Some(false),
        secret: Some(Secret::new("canary-0123456789abcdef")),
    };
    let service = store.create_balance_service(service).await.unwrap();
    assert_eq!(service.secret_hint, "cdef");
    let access = store.service_access(service.id).await.unwrap();
    assert_eq!(access.secret.expose(), "canary-0123456789abcdef");
    store
        .create_group(name, GroupPatch::default())
        .await
        .unwrap();
    store.open_wallet(name, Some(service.id)).await.unwrap();
    service.id
}

async fn scene(store: &Store, left: i64) -> (Bank, Ledger, Collector) {
    let input = Rate {
        price: NanoUsd(1000),
        unit: 1000,
    };
    let config = ModelConfigPatch {
        price: Some(Tariff::of(Price::FREE.with(Part::Input, input))),
        ..ModelConfigPatch::default()
    };
    let configs = vec![("m".to_owned(), config)];
    store.save_model_configs(configs).await.unwrap();
    at_service(store, "g").await;
    let bank = Bank(Arc::default());
    bank.with(|books| books.left = left);
    (
        bank,
        Ledger::new(store.clone()),
        Collector::new(store.clone()),
    )
}

async fn book(ledger: &Ledger, id: &str, cost: u64) {
    book_for(ledger, "g", id, cost).await;
}

async fn book_for(ledger: &Ledger, group: &str, id: &str, cost: u64) {
    let event = UsageEvent {
        id: id.into(),
        token_id: 1,
        group: group.into(),
        model: "m".into(),
        status: 200,
        usage: Some(Usage {
            input_tokens: cost,
            ..Usage::default()
        }),
        ..UsageEvent::default()
    };
    ledger.book("n", vec![event]).await.unwrap();
}

/// Makes everything due, and does a round.
async fn round(store: &Store, collector: &Collector, bank: &Bank) {
    store
        .execute_for_tests("UPDATE consumptions SET next_at = 0".into())
        .await;
    store
        .execute_for_tests("UPDATE accounts SET credit_at = 0 WHERE service_id <> 0".into())
        .await;
    for service in store.balance_service_ids().await.unwrap() {
        collector.round(service, |_| bank.clone()).await.unwrap();
    }
}

async fn remaining(store: &Store) -> i64 {
    store.remaining_balance("g").await.unwrap().unwrap().0
}

#[tokio::test]
async fn what_may_be_spent_is_what_the_service_says_without_what_it_does_not_know_yet() {
    with_store(async |store| {
        let (bank, ledger, collector) = scene(&store, 100).await;
        assert_eq!(remaining(&store).await, 0, "nothing until it has spoken");
        round(&store, &collector, &bank).await;
        assert_eq!(remaining(&store).await, 100);
        book(&ledger, "a", 30).await;
        assert_eq!(remaining(&store).await, 70, "at once");

        round(&store, &collector, &bank).await;
        assert_eq!(
            (remaining(&store).await, bank.with(|books| books.left)),
            (70, 70)
        );
        bank.with(|books| books.left += 1000);
        round(&store, &collector, &bank).await;
        assert_eq!(remaining(&store).await, 1070, "recharged there");
        let order = Movement {
            amount: NanoUsd(1),
            ..Movement::default()
        };
        let here = store.recharge("g", order).await;
        assert!(matches!(here, Err(Error::Conflict(_))), "{here:?}");
        assert_eq!(store.unbalanced().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_lost_and_nothing_taken_twice_when_the_service_is_away_or_mute() {
    with_store(async |store| {
        let (bank, ledger, collector) = scene(&store, 100).await;
        round(&store, &collector, &bank).await;
        let mut notices = store.notices();
        bank.with(|books| books.is_away = true);
        book(&ledger, "a", 30).await;
        round(&store, &collector, &bank).await;
        round(&store, &collector, &bank).await;
        assert_eq!(remaining(&store).await, 70);
        let first = Page {
            number: 1,
            size: 10,
            order: Order {
                column: "id",
                descending: true,
            },
        };
        let errors = store.consume_errors(Some("g"), first).await.unwrap().items;
        assert_eq!(
            (errors.len(), errors[0].amount, errors[0].attempts),
            (1, NanoUsd(30), 2)
        );
        assert_eq!(errors[0].error, "it answered with status 503");
        let heard: Vec<_> = std::iter::from_fn(|| notices.try_recv().ok()).collect();
        let failed = |notice: &&Notice| matches!(notice, Notice::ConsumeFailed { .. });
        assert_eq!(heard.iter().filter(failed).count(), 1, "once: {heard:?}");
        let unknown = Notice::BalanceUnknown {
            group: "g".into(),
            error: "it answered with status 503".into(),
        };
        assert_eq!(heard.iter().filter(|it| **it == unknown).count(), 2);
        assert!(
            store.close_wallet("g", "").await.is_err(),
            "it is owed something"
        );

        // It takes it, but nobody hears of it, and so is told again.
        bank.with(|books| (books.is_away, books.is_mute) = (false, true));
        round(&store, &collector, &bank).await;
        round(&store, &collector, &bank).await;
        bank.with(|books| books.is_mute = false);
        round(&store, &collector, &bank).await;
        assert_eq!(
            (remaining(&store).await, bank.with(|books| books.left)),
            (70, 70)
        );
        assert_eq!(store.consume_errors(None, first).await.unwrap().total, 0);
        assert_eq!(
            bank.with(|books| books.taken.values().map(|(amount, _)| amount).sum::<i64>()),
            30
        );
        store.close_wallet("g", "").await.unwrap();
        assert_eq!(store.unbalanced().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn two_control_planes_do_not_both_tell_it() {
    with_store(async |store| {
        let (_, ledger, _) = scene(&store, 100).await;
        book(&ledger, "a", 30).await;
        let service = store.balance_service_ids().await.unwrap().remove(0);
        let take = async || store.take_consumptions(service).await.unwrap().0;
        let (one, two) = tokio::join!(take(), take());
        assert_eq!(one.len() + two.len(), 1);
        assert_eq!(take().await, [], "not due");
        let take = async || store.take_stale(service, 9_000).await.unwrap().0;
        let (one, two) = tokio::join!(take(), take());
        assert_eq!(one.len() + two.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn gateways_hold_no_more_than_the_service_said_last() {
    with_store(async |store| {
        let (bank, ledger, collector) = scene(&store, 100).await;
        round(&store, &collector, &bank).await;
        let ask = async |holder: &str, need| {
            let asked = Asked {
                holder: holder.into(),
                lease: Lease {
                    budget: "gg".into(),
                    need,
                    ..Lease::default()
                },
            };
            store.grant_leases(&[asked], 5).await.unwrap().remove(0)
        };
        let (a, b) = (ask("a", 70).await, ask("b", 70).await);
        assert_eq!((a.lease.granted, b.lease.granted), (70, 30));
        // What is booked here is not granted again before the service knows of it, nor after.
        book(&ledger, "x", 30).await;
        assert!(ask("c", 1).await.must_wait);
        round(&store, &collector, &bank).await;
        assert!(ask("c", 1).await.must_wait);

        let mut changes = store.changes();
        bank.with(|books| books.left += 1_000);
        round(&store, &collector, &bank).await;
        assert!(changes.try_recv().is_err());
        let c = ask("c", 900).await;
        assert_eq!(c.lease.granted, 900);
        bank.with(|books| books.left = 500);
        round(&store, &collector, &bank).await;
        let heard = changes.try_recv();
        assert_eq!(
            heard,
            Ok(Change::GroupTokens("g".into())),
            "spent elsewhere"
        );
    })
    .await;
}

#[tokio::test]
async fn answers_count_in_whatever_order_they_come() {
    with_store(async |store| {
        let (bank, ledger, collector) = scene(&store, 100).await;
        round(&store, &collector, &bank).await;
        bank.with(|books| {
            (books.tells, books.last) = (true, Some(("usage:a".into(), store.clone())))
        });
        book(&ledger, "a", 10).await;
        book(&ledger, "b", 20).await;
        tell(&store, &collector, &bank).await;
        assert_eq!(waiting(&store).await, 0);
        assert_eq!(remaining(&store).await, 70);

        // Spent elsewhere, which is heard of with the next answer; what came in is not.
        bank.with(|books| books.left -= 50);
        book(&ledger, "c", 1).await;
        tell(&store, &collector, &bank).await;
        assert_eq!(remaining(&store).await, 19);
        bank.with(|books| books.left += 500);
        book(&ledger, "d", 1).await;
        tell(&store, &collector, &bank).await;
        assert_eq!(remaining(&store).await, 18);
        round(&store, &collector, &bank).await;
        assert_eq!(remaining(&store).await, 518);

        // It was told, nobody heard, and it says the same again when much has come in.
        bank.with(|books| (books.left, books.is_mute) = (10, true));
        book(&ledger, "e", 10).await;
        tell(&store, &collector, &bank).await;
        bank.with(|books| (books.left, books.is_mute) = (1_000, false));
        tell(&store, &collector, &bank).await;
        assert_eq!((waiting(&store).await, remaining(&store).await), (0, 508));
        round(&store, &collector, &bank).await;
        assert_eq!(remaining(&store).await, 1_000);
    })
    .await;
}

/// Makes what is to be told due, and does a round in which nothing is asked.
async fn tell(store: &Store, collector: &Collector, bank: &Bank) {
    let due = "UPDATE consumptions SET next_at = 0";
    store.execute_for_tests(due.into()).await;
    let heard_at = now_unix_ms() - STALE_MS / 2;
    let heard = format!("UPDATE accounts SET credit_at = {heard_at} WHERE service_id <> 0");
    store.execute_for_tests(heard).await;
    for service in store.balance_service_ids().await.unwrap() {
        collector.round(service, |_| bank.clone()).await.unwrap();
    }
    let wallet = store.wallet("g").await.unwrap();
    assert_eq!(wallet.credit_at_ms, heard_at, "it is asked in its time");
}

#[tokio::test]
async fn what_was_booked_while_a_service_was_asked_is_not_there_twice() {
    with_store(async |store| {
        let (bank, ledger, collector) = scene(&store, 100).await;
        round(&store, &collector, &bank).await;
        book(&ledger, "a", 50).await;
        let service = store.balance_service_ids().await.unwrap().remove(0);
        let (asked, _) = store.take_stale(service, -1_000).await.unwrap();
        // Before its answer is there, the service confirms what it did not know when it was asked.
        let (told, _) = store.take_consumptions(service).await.unwrap();
        store.consumption_confirmed(&told[0]).await.unwrap();
        book(&ledger, "b", 30).await;
        store.set_credit(&asked[0], NanoUsd(100)).await.unwrap();
        assert_eq!(remaining(&store).await, 20);
    })
    .await;
}

#[tokio::test]
async fn a_round_goes_on_while_batches_are_full_and_are_taken() {
    with_store(async |store| {
        let (bank, ledger, collector) = scene(&store, 1_000).await;
        for call in 0..150 {
            book(&ledger, &format!("call {call}"), 1).await;
        }
        bank.with(|books| books.is_away = true);
        round(&store, &collector, &bank).await;
        let page = Page {
            number: 1,
            size: 10,
            order: Order {
                column: "id",
                descending: false,
            },
        };
        let errors = store.consume_errors(None, page).await.unwrap();
        assert_eq!(
            errors.total, 64,
            "no more than one batch of it is tried in vain"
        );
        bank.with(|books| books.is_away = false);
        round(&store, &collector, &bank).await;
        assert_eq!((waiting(&store).await, remaining(&store).await), (0, 850));
    })
    .await;
}

/// A service that takes nothing and never answers, or any other.
enum Either {
    Never,
    Bank(Bank),
}

impl BalanceProvider for Either {
    async fn balance(&self, group: &str) -> Result<NanoUsd, ProviderError> {
        match self {
            Self::Never => std::future::pending().await,
            Self::Bank(bank) => bank.balance(group).await,
        }
    }

    async fn consume(&self, consumption: &Consumption) -> Result<Option<NanoUsd>, ProviderError> {
        match self {
            Self::Never => std::future::pending().await,
            Self::Bank(bank) => bank.consume(consumption).await,
        }
    }
}

#[tokio::test]
async fn no_service_waits_for_another() {
    with_store(async |store| {
        at_service(&store, "slow").await;
        let broken = at_service(&store, "broken").await;
        let (bank, ledger, collector) = scene(&store, 100).await;
        let url = format!("UPDATE balance_services SET url = 'none' WHERE id = {broken}");
        store.execute_for_tests(url).await;
        let provider = {
            let bank = bank.clone();
            move |access: ServiceAccess| match access.url.to_string().contains("slow") {
                true => Either::Never,
                false => Either::Bank(bank.clone()),
            }
        };
        let mut notices = store.notices();
        let mut at_work = AtWork::default();
        for group in ["slow", "broken", "g"] {
            book_for(&ledger, group, &format!("first of {group}"), 10).await;
        }
        collector
            .begin(&mut at_work, provider.clone())
            .await
            .unwrap();
        for _ in ["broken", "g"] {
            at_work.tasks.join_next().await.unwrap().unwrap();
        }
        assert_eq!(remaining(&store).await, 90);
        let heard = std::iter::from_fn(|| notices.try_recv().ok());
        let failed = Notice::ConsumeFailed {
            group: "broken".into(),
            amount: NanoUsd(10),
            error: "its address or secret cannot be read here".into(),
        };
        assert_eq!(heard.filter(|it| *it == failed).count(), 1);

        // The slow one is at it still, and is not told twice.
        book(&ledger, "second", 10).await;
        collector.begin(&mut at_work, provider).await.unwrap();
        for _ in ["broken", "g"] {
            at_work.tasks.join_next().await.unwrap().unwrap();
        }
        assert_eq!(at_work.tasks.len(), 1);
        assert_eq!(bank.with(|books| books.taken.len()), 2);
        assert_eq!(waiting(&store).await, 2);
    })
    .await;
}
