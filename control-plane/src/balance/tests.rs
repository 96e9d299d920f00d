//! Groups whose money is kept by a service.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tollgate_config::leases::Lease;
use tollgate_config::meter::{Usage, UsageEvent};
use tollgate_policy::price::{Part, Price, Rate, Tariff};

use super::*;
use crate::domain::{BalanceServicePatch, BaseUrl, GroupPatch, ModelConfigPatch, Order, Page};
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
    taken: BTreeMap<String, i64>,
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
        self.with(|books| {
            if books.is_away {
                return Err(ProviderError::Status(503));
            }
            let (key, amount) = (consumption.key.clone(), consumption.amount.0);
            if books.taken.insert(key, amount).is_none() {
                books.left -= amount;
            }
            if books.is_mute {
                return Err(ProviderError::Call("no answer".into()));
            }
            Ok(None)
        })
    }
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
    let service = BalanceServicePatch {
        name: Some("bank".into()),
        url: Some(BaseUrl::parse("https://bank.example/v1").unwrap().0),
        private: Some(false),
        secret: Some(Secret::new("canary-0123456789abcdef")),
    };
    let service = store.create_balance_service(service).await.unwrap();
    assert_eq!(service.secret_hint, "cdef");
    let access = store.service_access(service.id).await.unwrap();
    assert_eq!(access.secret.expose(), "canary-0123456789abcdef");
    store
        .create_group("g", GroupPatch::default())
        .await
        .unwrap();
    store.open_wallet("g", Some(service.id)).await.unwrap();
    let bank = Bank(Arc::default());
    bank.with(|books| books.left = left);
    (
        bank,
        Ledger::new(store.clone()),
        Collector::new(store.clone()),
    )
}

async fn book(ledger: &Ledger, id: &str, cost: u64) {
    let event = UsageEvent {
        id: id.into(),
        token_id: 1,
        group: "g".into(),
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
    collector.round(|_| bank.clone()).await.unwrap();
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
        assert_eq!(bank.with(|books| books.taken.values().sum::<i64>()), 30);
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
        let (one, two) = tokio::join!(store.take_consumptions(), store.take_consumptions());
        assert_eq!(one.unwrap().len() + two.unwrap().len(), 1);
        assert_eq!(store.take_consumptions().await.unwrap(), [], "not due");
        let (one, two) = tokio::join!(store.take_stale(9_000), store.take_stale(9_000));
        assert_eq!(one.unwrap().len() + two.unwrap().len(), 1);
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
