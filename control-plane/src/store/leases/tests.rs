//! Grants, returns and bookings against one budget, on every database.

mod together;
mod walk;

use tollgate_config::meter::UsageEvent;
use tollgate_policy::price::{NanoUsd, Part, Price, Rate, Tariff};

use super::*;
use crate::domain::{ModelConfigPatch, Period, TokenPatch};
use crate::ledger::Ledger;
use crate::store::testing::{on_each_database, with_store};
use crate::store::{Change, Created, Movement};

/// In 2096: calls are booked with the price in force when they began, and there was none before this.
const NOW: i64 = 4_000_000_000_000;
const USD: i64 = 1_000_000_000;

/// A token with these quotas, and a model whose input costs one nano-USD a token.
async fn token(store: &Store, quota: i64, period_quota: i64) -> i64 {
    let rate = Rate {
        price: NanoUsd(1),
        unit: 1,
    };
    let price = Tariff::of(Price::FREE.with(Part::Input, rate));
    let config = ModelConfigPatch {
        price: Some(price),
        ..ModelConfigPatch::default()
    };
    let saved = store.save_model_configs(vec![("m".into(), config)]);
    saved.await.unwrap();
    let new = TokenPatch {
        name: Some("t".into()),
        quota: Some(NanoUsd(quota)),
        period_quota: Some(NanoUsd(period_quota)),
        period: Some(Period::Daily),
        ..TokenPatch::default()
    };
    match store.create_token("g", new, true, false).await.unwrap() {
        Created::New(token, _) => token.id,
        Created::Existing(token) => panic!("{token:?}"),
    }
}

fn asks(holder: &str, budget: &str, need: i64) -> Asked {
    Asked {
        holder: holder.into(),
        lease: Lease {
            budget: budget.into(),
            need,
            ..Lease::default()
        },
    }
}

/// The same after what it was told.
fn again(holder: &str, told: &Lease, need: i64) -> Asked {
    let lease = Lease {
        need,
        ..told.clone()
    };
    Asked {
        holder: holder.into(),
        lease,
    }
}

async fn one(store: &Store, asked: Asked) -> Granted {
    at(store, asked, NOW).await
}

async fn at(store: &Store, asked: Asked, now_ms: i64) -> Granted {
    let mut granted = store.grant_leases(&[asked], now_ms).await.unwrap();
    assert_eq!(granted.len(), 1);
    granted.remove(0)
}

async fn book(store: &Store, id: &str, token: i64, cost: u64, drawn: i64, leases: &[i64]) {
    book_at(store, id, token, cost, drawn, leases, NOW).await;
}

async fn book_at(
    store: &Store,
    id: &str,
    token_id: i64,
    cost: u64,
    drawn_nano_usd: i64,
    leases: &[i64],
    started_unix_ms: i64,
) {
    let event = UsageEvent {
        id: id.into(),
        token_id,
        group: "g".into(),
        model: "m".into(),
        started_unix_ms,
        status: 200,
        usage: Some(tollgate_config::meter::Usage {
            input_tokens: cost,
            ..Default::default()
        }),
        leases: leases.to_vec(),
        drawn_nano_usd,
        ..UsageEvent::default()
    };
    let ledger = Ledger::new(store.clone());
    ledger.book("n", vec![event]).await.unwrap();
}

#[tokio::test]
async fn two_holders_never_have_more_than_there_is() {
    with_store(async |store| {
        let id = token(&store, 1_000, 0).await;
        let budget = format!("q{id}");
        let a = one(&store, asks("a", &budget, 400)).await;
        let b = one(&store, asks("b", &budget, 700)).await;
        assert_eq!((a.lease.granted, b.lease.granted), (400, 600));
        assert!(!a.lease.is_last && !b.lease.is_last);
        assert_eq!(b.others.len(), 1, "a is called");
        // There is nothing for now, and it is not used up.
        let more = one(&store, again("a", &a.lease, 10)).await;
        assert!(more.must_wait && more.lease.exhausted.is_empty());
        assert_eq!(more.lease.granted, 400);

        // What was drawn and cost less is free again, and so is what comes back.
        book(&store, "1", id, 100, 150, &[a.lease.id]).await;
        let back = Lease {
            returned: 250,
            ..a.lease.clone()
        };
        store.leases_returned("a", &[back], 0).await.unwrap();
        let b = one(&store, again("b", &b.lease, 1_000)).await;
        assert_eq!(b.lease.granted, 600 + 300);
        assert!(b.lease.is_last);

        // The same usage again counts once; then nothing is left.
        book(&store, "1", id, 100, 150, &[a.lease.id]).await;
        book(&store, "2", id, 900, 900, &[b.lease.id]).await;
        let none = one(&store, again("a", &a.lease, 1)).await;
        assert_eq!(
            none.lease.exhausted,
            "The quota of this API key is used up."
        );
        assert_eq!(none.lease.id, 0);
    })
    .await;
}

#[tokio::test]
async fn a_restart_grants_nothing_twice() {
    on_each_database(async |database| {
        let store = database.open().await;
        let id = token(&store, 1_000, 0).await;
        let budget = format!("q{id}");
        let first = one(&store, asks("a", &budget, 1_000)).await;
        store.close().await;

        let store = database.open().await;
        let others = one(&store, asks("b", &budget, 1)).await;
        assert_eq!((others.lease.granted, others.must_wait), (0, true));
        // The holder did not see the answer, and gets the same one.
        let same = one(&store, asks("a", &budget, 1_000)).await;
        assert_eq!(same.lease, first.lease);
    })
    .await;
}

#[tokio::test]
async fn all_who_ask_at_once_are_answered_at_once() {
    with_store(async |store| {
        let id = token(&store, USD, 0).await;
        let budget = format!("q{id}");
        let mut asked: Vec<Asked> = (0..100).map(|_| asks("a", &budget, 1_000)).collect();
        asked.push(asks("a", "nonsense", 1));
        asked.push(asks("a", "q999999", 1));
        let granted = store.grant_leases(&asked, NOW).await.unwrap();
        assert!(granted[0].lease.granted >= 100_000);
        assert!(granted[..100].iter().all(|it| it == &granted[0]));
        assert_eq!(granted[100], Granted::default());
        assert!(granted[101].lease.exhausted.contains("does not exist"));
    })
    .await;
}

#[tokio::test]
async fn a_period_begins_anew_and_counts_calls_by_their_start() {
    with_store(async |store| {
        let id = token(&store, 0, 100).await;
        let budget = format!("p{id}");
        let day = 24 * 60 * 60 * 1000;
        let midnight = NOW - NOW.rem_euclid(day) + day;
        let today = at(&store, asks("a", &budget, 100), midnight - 2).await;
        assert_eq!(today.lease.until_unix_ms, midnight);
        let lease = [today.lease.id];
        book_at(&store, "1", id, 100, 100, &lease, midnight - 1).await;
        let none = at(&store, again("a", &today.lease, 1), midnight - 1).await;
        assert_eq!(
            none.lease.exhausted,
            "The daily quota of this API key is used up; the next day begins at \
             2096-10-03T00:00:00+00:00."
        );
        let tomorrow = at(&store, again("a", &today.lease, 40), midnight).await;
        assert!(tomorrow.lease.id > today.lease.id);
        assert_eq!(tomorrow.lease.granted, 40);

        // A call that began yesterday and ends today is yesterday's.
        book_at(&store, "2", id, 70, 70, &lease, midnight - 1).await;
        let token = store.token(id, None).await.unwrap();
        let used = store.period_used(&[token], midnight).await.unwrap();
        assert_eq!(used[&id], NanoUsd(0));
        let rest = at(&store, again("a", &tomorrow.lease, 100), midnight).await;
        assert_eq!((rest.lease.granted, rest.lease.is_last), (100, true));
    })
    .await;
}

#[tokio::test]
async fn what_rests_comes_back_and_what_is_lost_is_free() {
    with_store(async |store| {
        let id = token(&store, 1_000, 0).await;
        let budget = format!("q{id}");
        let a = one(&store, asks("a", &budget, 600)).await.lease;
        let b = one(&store, asks("b", &budget, 100)).await.lease;
        assert_eq!(store.idle_leases(NOW).await.unwrap().len(), 0);
        assert_eq!(store.idle_leases(NOW + 1).await.unwrap().len(), 2);
        assert_eq!(store.leases_of("a").await.unwrap().len(), 1);
        // However many tokens a group has.
        let ids: Vec<i64> = (id + 1..id + 40_000).chain([id]).collect();
        for holder in ["a", "b"] {
            let held = store.leases_of_budgets(holder, &ids, Some("g")).await;
            assert_eq!(held.unwrap().len(), 1);
        }

        // Only 500 ever arrived, of which 200 are in use; nobody reports for others.
        let report = Lease {
            granted: 500,
            returned: 300,
            ..a.clone()
        };
        for holder in ["b", "a"] {
            let reports = [report.clone()];
            store
                .leases_returned(holder, &reports, NOW + 1)
                .await
                .unwrap();
        }
        let c = one(&store, asks("c", &budget, 1_000)).await.lease;
        assert_eq!(c.granted, 1_000 - 200 - 100);
        // All of it came back: it is forgotten.
        let all = Lease {
            returned: 100,
            ..b.clone()
        };
        store.leases_returned("b", &[all], NOW + 1).await.unwrap();
        assert!(store.leases_of("b").await.unwrap().is_empty());

        // a is connected, c is not.
        let holders = ["a".to_owned()];
        let renewed = store.renew_leases(&holders, NOW + 10, NOW + 9).await;
        renewed.unwrap();
        assert_eq!(store.free_leases(NOW + 5).await.unwrap(), 1);
        let d = at(&store, asks("d", &budget, 1_000), NOW + 10).await.lease;
        assert_eq!(d.granted, 800);
        // What c used all the same is booked, and no lease has to be there for it.
        book(&store, "late", id, 50, 50, &[c.id]).await;
    })
    .await;
}

fn money(amount: i64) -> Movement {
    Movement {
        amount: NanoUsd(amount),
        ..Movement::default()
    }
}

#[tokio::test]
async fn a_wallet_is_granted_once_however_many_ask() {
    with_store(async |store| {
        let id = token(&store, 0, 0).await;
        let budgets = async || {
            let update = store.token_updates(&[id]).await.unwrap().remove(0);
            update.record.unwrap().budgets
        };
        assert!(
            budgets().await.is_empty(),
            "without a wallet there is no end"
        );
        store.open_wallet("g", None).await.unwrap();
        assert_eq!(budgets().await, ["gg"]);
        let none = one(&store, asks("a", "gg", 1)).await;
        assert_eq!(
            none.lease.exhausted,
            "There is no credit left; recharge to go on."
        );

        store.recharge("g", money(1_000)).await.unwrap();
        let a = one(&store, asks("a", "gg", 400)).await.lease;
        let b = one(&store, asks("b", "gg", 700)).await.lease;
        assert_eq!((a.granted, b.granted), (400, 600));
        // Booked is what was used, and it is taken out of the wallet in the same transaction.
        book(&store, "1", id, 100, 150, &[a.id]).await;
        let more = one(&store, again("b", &b, 1_000)).await;
        assert_eq!((more.lease.granted, more.must_wait), (650, false));
        let more = one(&store, again("b", &more.lease, 1)).await;
        assert!(more.must_wait && more.lease.exhausted.is_empty());

        store.close_wallet("g", "me").await.unwrap();
        assert!(budgets().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn money_that_is_taken_out_is_called_back_from_those_who_hold_it() {
    with_store(async |store| {
        token(&store, 0, 0).await;
        store.open_wallet("g", None).await.unwrap();
        store.recharge("g", money(1_000)).await.unwrap();
        let a = one(&store, asks("a", "gg", 400)).await.lease;
        let mut changes = store.changes();
        let mut heard = || changes.try_recv().ok();
        store.deduct("g", money(600)).await.unwrap();
        assert_eq!(heard(), None, "nobody holds more than is left");
        store.deduct("g", money(300)).await.unwrap();
        assert_eq!(heard(), Some(Change::GroupTokens("g".into())));
        let held = store.leases_of_budgets("a", &[], Some("g")).await.unwrap();
        assert_eq!((held.len(), held[0].lease.id), (1, a.id));
        let other = one(&store, asks("b", "gg", 1)).await;
        assert_eq!((other.lease.granted, other.must_wait), (0, true));
        let back = Lease { returned: 400, ..a };
        store.leases_returned("a", &[back], 0).await.unwrap();
        let other = one(&store, again("b", &other.lease, 1_000)).await;
        assert_eq!((other.lease.granted, other.lease.is_last), (100, true));
    })
    .await;
}

#[tokio::test]
async fn a_grant_and_a_deduction_at_once_do_not_both_have_the_money() {
    with_store(async |store| {
        token(&store, 0, 0).await;
        store.open_wallet("g", None).await.unwrap();
        store.recharge("g", money(900)).await.unwrap();
        for round in 0..20 {
            store.recharge("g", money(100)).await.unwrap();
            let holder = format!("h{round}");
            let mut changes = store.changes();
            let question = [asks(&holder, "gg", 950)];
            let (granted, deducted) = tokio::join!(
                store.grant_leases(&question, NOW),
                store.deduct("g", money(100))
            );
            deducted.unwrap();
            let granted = granted.unwrap().remove(0).lease;
            let is_called_back = changes.try_recv() == Ok(Change::GroupTokens("g".into()));
            assert_eq!(granted.granted > 900, is_called_back, "{granted:?}");
            let back = Lease {
                returned: granted.granted,
                ..granted
            };
            store.leases_returned(&holder, &[back], 0).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn gateways_know_which_tokens_have_budgets() {
    with_store(async |store| {
        let id = token(&store, 5, 7).await;
        let mut changes = store.changes();
        let record = async || {
            let update = store.token_updates(&[id]).await.unwrap().remove(0);
            update.record.unwrap()
        };
        assert_eq!(record().await.budgets, [format!("q{id}"), format!("p{id}")]);
        let patch = TokenPatch {
            quota: Some(NanoUsd(0)),
            expires_at_ms: Some(9),
            ..TokenPatch::default()
        };
        store.update_token(id, None, patch).await.unwrap();
        assert_eq!(changes.recv().await.unwrap(), Change::Tokens(vec![id]));
        let now = record().await;
        assert_eq!(
            (now.budgets, now.expires_unix_ms),
            (vec![format!("p{id}")], 9)
        );
        // Asked for by a gateway that has not heard of it: there is no limit.
        let free = one(&store, asks("a", &format!("q{id}"), USD)).await;
        assert!(free.lease.granted >= USD);
    })
    .await;
}
