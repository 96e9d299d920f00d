//! What must hold of wallets, on every database.

mod conservation;

use tollgate_config::meter::{Outcome, Usage, UsageEvent};
use tollgate_policy::price::{Part, Price, Rate, Tariff};

use super::*;
use crate::domain::{
    GroupPatch, ModelConfigPatch, Order, RedemptionCode, Status, TokenPatch, TransactionKind,
    WalletTransaction,
};
use crate::ledger::Ledger;
use crate::secrets::Secret;
use crate::store::sql::sql;
use crate::store::testing::with_store;
use crate::store::{Created, Notice, Store};

fn page(column: &'static str) -> Page {
    Page {
        number: 1,
        size: 100,
        order: Order {
            column,
            descending: false,
        },
    }
}

/// A model at one nano-dollar a token.
async fn priced(store: &Store) {
    let rate = Rate {
        price: NanoUsd(1000),
        unit: 1000,
    };
    let parts = [Part::Input, Part::Cached, Part::Output];
    let price = parts
        .into_iter()
        .fold(Price::FREE, |price, part| price.with(part, rate));
    let config = ModelConfigPatch {
        price: Some(Tariff::of(price)),
        ..ModelConfigPatch::default()
    };
    let configs = vec![("m".to_owned(), config)];
    store.save_model_configs(configs).await.unwrap();
}

fn event(id: &str, group: &str, cost: u64) -> UsageEvent {
    let mut event = UsageEvent {
        id: id.into(),
        token_id: 1,
        token_name: "t".into(),
        group: group.into(),
        model: "m".into(),
        status: 200,
        usage: Some(Usage {
            input_tokens: cost,
            ..Usage::default()
        }),
        ..UsageEvent::default()
    };
    event.set_outcome(Outcome::Success);
    event
}

fn order(amount: i64, key: &str) -> Movement {
    Movement {
        amount: NanoUsd(amount),
        key: Some(key.to_owned()).filter(|key| !key.is_empty()),
        note: "a note".into(),
        actor: "me".into(),
    }
}

async fn group_with_wallet(store: &Store, group: &str) {
    let new = GroupPatch::default();
    store.create_group(group, new).await.unwrap();
    store.open_wallet(group, None).await.unwrap();
}

async fn balance(store: &Store, group: &str) -> i64 {
    store.remaining_balance(group).await.unwrap().unwrap().0
}

async fn history(store: &Store, group: &str, query: TransactionQuery) -> Vec<WalletTransaction> {
    let listed = store.wallet_transactions(group, &query, page("id")).await;
    listed.unwrap().items
}

async fn codes(store: &Store, count: usize, uses: i64) -> Vec<(RedemptionCode, Secret)> {
    let new = NewCodes {
        batch: "b".into(),
        count,
        amount: NanoUsd(7),
        uses,
        expires_at_ms: 0,
    };
    store.create_redemption_codes(new).await.unwrap()
}

fn is_conflict<T: std::fmt::Debug>(result: Result<T>, words: &str) {
    match result.unwrap_err() {
        Error::Conflict(text) => assert!(text.contains(words), "{text}"),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn money_goes_in_and_out_and_all_of_it_is_in_the_history() {
    with_store(async |store| {
        assert!(matches!(
            store.open_wallet("g", None).await,
            Err(Error::NotFound(_))
        ));
        store
            .create_group("g", GroupPatch::default())
            .await
            .unwrap();
        assert_eq!(
            store.remaining_balance("g").await.unwrap(),
            None,
            "no wallet: no end"
        );
        assert!(matches!(
            store.recharge("g", order(5, "")).await,
            Err(Error::NotFound(_))
        ));
        store.open_wallet("g", None).await.unwrap();
        is_conflict(store.open_wallet("g", None).await, "has a wallet");
        assert_eq!(balance(&store, "g").await, 0);

        store.recharge("g", order(1000, "a")).await.unwrap();
        store.deduct("g", order(300, "")).await.unwrap();
        is_conflict(
            store.deduct("g", order(701, "")).await,
            "0.0000007 USD in the wallet",
        );
        store.adjust("g", order(-900, "")).await.unwrap();
        let told: Vec<_> = history(&store, "g", TransactionQuery::default())
            .await
            .into_iter()
            .map(|it| (it.kind, it.amount.0, it.balance.0, it.note, it.actor))
            .collect();
        let (note, me) = ("a note".to_owned(), "me".to_owned());
        assert_eq!(
            told,
            [
                (
                    TransactionKind::Recharge,
                    1000,
                    1000,
                    note.clone(),
                    me.clone()
                ),
                (
                    TransactionKind::Deduction,
                    -300,
                    700,
                    note.clone(),
                    me.clone()
                ),
                (TransactionKind::Adjustment, -900, -200, note, me),
            ]
        );
        assert_eq!(store.wallet("g").await.unwrap().balance, NanoUsd(-200));
        assert_eq!(
            store
                .wallets(Some("G"), page("balance"))
                .await
                .unwrap()
                .total,
            1
        );
        assert_eq!(store.unbalanced().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn an_order_with_a_key_is_carried_out_once() {
    with_store(async |store| {
        group_with_wallet(&store, "g").await;
        group_with_wallet(&store, "h").await;
        let orders = (0..8).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.recharge("g", order(10, "k")).await })
        });
        let mut carried_out = 0;
        for task in orders.collect::<Vec<_>>() {
            // Of two at the very same moment, one may be told to look again.
            match task.await.unwrap() {
                Ok(Done::Now(_)) => carried_out += 1,
                Ok(Done::Before(_)) | Err(Error::Conflict(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!((carried_out, balance(&store, "g").await), (1, 10));
        let again = store.recharge("g", order(10, "k")).await.unwrap();
        assert!(matches!(again, Done::Before(_)), "{again:?}");
        is_conflict(store.recharge("g", order(11, "k")).await, "another order");
        // Another kind, another group, no key: other orders.
        store.deduct("g", order(1, "k")).await.unwrap();
        store.recharge("h", order(3, "k")).await.unwrap();
        store.recharge("g", order(10, "")).await.unwrap();
        store.recharge("g", order(10, "")).await.unwrap();
        assert_eq!(
            (balance(&store, "g").await, balance(&store, "h").await),
            (29, 3)
        );
        assert_eq!(store.unbalanced().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn calls_are_charged_once_each_and_as_one_transaction_a_group() {
    with_store(async |store| {
        priced(&store).await;
        for group in ["g", "h"] {
            group_with_wallet(&store, group).await;
            store.recharge(group, order(100, "")).await.unwrap();
        }
        store
            .create_group("free", GroupPatch::default())
            .await
            .unwrap();
        let ledger = Ledger::new(store.clone());
        let mut nobodys = event("n", "g", 50);
        nobodys.token_id = 0;
        let batch = vec![
            event("a", "g", 30),
            event("b", "h", 5),
            event("c", "g", 90),
            event("a", "g", 30),
            event("d", "free", 9),
            event("e", "g", 0),
            nobodys,
        ];
        ledger.book("node", batch.clone()).await.unwrap();
        ledger.book("node", batch).await.unwrap();

        assert_eq!(
            balance(&store, "g").await,
            -20,
            "booked, though it was too much"
        );
        assert_eq!(balance(&store, "h").await, 95);
        let query = TransactionQuery {
            kind: Some(TransactionKind::Usage),
            ..TransactionQuery::default()
        };
        let usage = history(&store, "g", query).await;
        assert_eq!(usage.len(), 1, "{usage:?}");
        assert_eq!(
            (usage[0].amount.0, usage[0].balance.0, usage[0].calls),
            (-120, -20, 2)
        );
        let lines = store
            .charges("g", usage[0].id, page("request_id"))
            .await
            .unwrap();
        let lines: Vec<_> = lines
            .items
            .into_iter()
            .map(|it| (it.request_id, it.amount.0))
            .collect();
        assert_eq!(lines, [("a".to_owned(), 30), ("c".to_owned(), 90)]);
        let other = store.charges("h", usage[0].id, page("request_id")).await;
        assert!(matches!(other, Err(Error::NotFound(_))), "another tenant's");
        let of_call = TransactionQuery {
            request_id: Some("c".into()),
            ..TransactionQuery::default()
        };
        assert_eq!(history(&store, "g", of_call.clone()).await, usage);
        assert_eq!(history(&store, "h", of_call).await, []);

        // When old log rows are forgotten, their charges are not.
        store.execute_for_tests("DELETE FROM logs".into()).await;
        ledger
            .book("node", vec![event("a", "g", 30)])
            .await
            .unwrap();
        assert_eq!(balance(&store, "g").await, -20);
        assert_eq!(store.unbalanced().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn no_more_is_refunded_than_was_charged() {
    with_store(async |store| {
        priced(&store).await;
        group_with_wallet(&store, "g").await;
        group_with_wallet(&store, "h").await;
        let ledger = Ledger::new(store.clone());
        ledger
            .book("node", vec![event("a", "g", 100)])
            .await
            .unwrap();
        let other = store.refund("h", "a", order(1, "")).await;
        assert!(
            matches!(other, Err(Error::NotFound(_))),
            "another tenant's: {other:?}"
        );

        store.refund("g", "a", order(30, "one")).await.unwrap();
        let again = store.refund("g", "a", order(30, "one")).await.unwrap();
        assert!(matches!(again, Done::Before(_)));
        is_conflict(store.refund("g", "a", order(71, "")).await, "0.00000003");
        let all_at_once = (0..4).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.refund("g", "a", order(0, "")).await })
        });
        let mut given = 0;
        for task in all_at_once.collect::<Vec<_>>() {
            match task.await.unwrap() {
                Ok(done) => given += done.transaction().amount.0,
                Err(Error::Conflict(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!((given, balance(&store, "g").await), (70, 0));
        is_conflict(store.refund("g", "a", order(0, "")).await, "left to refund");
        assert_eq!(store.unbalanced().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_code_is_redeemed_as_often_as_it_says_and_once_by_a_group() {
    with_store(async |store| {
        for n in 0..8 {
            group_with_wallet(&store, &format!("g{n}")).await;
        }
        for uses in [1, 3] {
            let (code, secret) = codes(&store, 1, uses).await.remove(0);
            let tries = (0..16).map(|n| {
                let (store, text) = (store.clone(), secret.expose().to_lowercase());
                tokio::spawn(async move { store.redeem(&format!("g{}", n % 8), &text, "me").await })
            });
            let mut redeemed = 0;
            for task in tries.collect::<Vec<_>>() {
                match task.await.unwrap().unwrap() {
                    Redeemed::Now(transaction) => {
                        assert_eq!(transaction.reference, code.id.to_string());
                        redeemed += 1;
                    }
                    Redeemed::Before | Redeemed::Spent => {}
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(redeemed, uses);
            assert_eq!(store.redemption_code(code.id).await.unwrap().used, uses);
        }
        let mut sum = 0;
        for n in 0..8 {
            sum += balance(&store, &format!("g{n}")).await;
        }
        assert_eq!(sum, 4 * 7);
        assert_eq!(store.unbalanced().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn codes_that_do_not_count() {
    with_store(async |store| {
        group_with_wallet(&store, "g").await;
        let redeem = async |text: &str| store.redeem("g", text, "").await.unwrap();
        let made = codes(&store, 2, 1).await;
        let (disabled, expired) = (&made[0], &made[1]);
        let status = Status::Disabled;
        store
            .set_redemption_code_status(disabled.0.id, status)
            .await
            .unwrap();
        let text = format!(
            "UPDATE redemption_codes SET expires_at = 5 WHERE id = {}",
            expired.0.id
        );
        store.execute_for_tests(text).await;
        assert_eq!(redeem(disabled.1.expose()).await, Redeemed::Spent);
        assert_eq!(redeem(expired.1.expose()).await, Redeemed::Spent);

        for _ in 0..10 {
            assert_eq!(redeem("00000-00000-00000-00000").await, Redeemed::Unknown);
        }
        let good = codes(&store, 1, 1).await.remove(0).1;
        let guessed = redeem(good.expose()).await;
        assert!(
            matches!(guessed, Redeemed::TooManyGuesses { .. }),
            "{guessed:?}"
        );
        assert_eq!(balance(&store, "g").await, 0);
        store
            .execute_for_tests("UPDATE redemption_failures SET since = 5".into())
            .await;
        assert!(matches!(redeem(good.expose()).await, Redeemed::Now(_)));

        let by_text = CodeQuery {
            code: Some(good.expose().to_owned()),
            ..CodeQuery::default()
        };
        assert_eq!(
            store
                .redemption_codes(&by_text, page("id"))
                .await
                .unwrap()
                .total,
            1
        );
        let kept = sql("SELECT count(*) FROM redemption_codes WHERE hint = $1 AND used = 1")
            .bind(crate::secrets::hint(good.expose()))
            .fetch_one(store.reader())
            .await
            .unwrap();
        assert_eq!(
            sqlx::Row::get::<i64, _>(&kept, 0),
            1,
            "all that is kept of its text"
        );
    })
    .await;
}

#[tokio::test]
async fn gateways_hear_when_money_comes_and_when_it_is_gone() {
    with_store(async |store| {
        priced(&store).await;
        let name = crate::domain::TokenPatch {
            name: Some("t".into()),
            ..crate::domain::TokenPatch::default()
        };
        store.create_token("g", name, true, false).await.unwrap();
        let out_of_credit = async || {
            let updates = store.group_token_updates("g").await.unwrap();
            updates[0].record.as_ref().unwrap().out_of_credit
        };
        let mut changes = store.changes();
        let mut heard = || changes.try_recv().ok();
        let change = Some(Change::GroupTokens("g".into()));
        assert!(!out_of_credit().await);

        store.open_wallet("g", None).await.unwrap();
        assert_eq!((heard(), out_of_credit().await), (change.clone(), true));
        store.recharge("g", order(100, "")).await.unwrap();
        assert_eq!((heard(), out_of_credit().await), (change.clone(), false));
        store.recharge("g", order(100, "")).await.unwrap();
        assert_eq!(
            (heard(), out_of_credit().await),
            (None, false),
            "nothing new"
        );
        let ledger = Ledger::new(store.clone());
        ledger.book("n", vec![event("a", "g", 150)]).await.unwrap();
        assert_eq!((heard(), out_of_credit().await), (None, false));
        ledger.book("n", vec![event("b", "g", 150)]).await.unwrap();
        assert_eq!((heard(), out_of_credit().await), (change.clone(), true));
        store.recharge("g", order(101, "")).await.unwrap();
        assert_eq!((heard(), out_of_credit().await), (change.clone(), false));
        store.deduct("g", order(1, "")).await.unwrap();
        assert_eq!((heard(), out_of_credit().await), (change.clone(), true));
        store.close_wallet("g", "me").await.unwrap();
        assert_eq!((heard(), out_of_credit().await), (change, false));
    })
    .await;
}

#[tokio::test]
async fn a_low_balance_is_noticed_once_when_it_falls() {
    with_store(async |store| {
        priced(&store).await;
        group_with_wallet(&store, "g").await;
        store.recharge("g", order(100, "")).await.unwrap();
        let mut notices = store.notices();
        let ledger = Ledger::new(store.clone());
        ledger.book("n", vec![event("a", "g", 60)]).await.unwrap();
        assert!(notices.try_recv().is_err(), "it is off");
        let alert = GroupPatch {
            balance_alert_enabled: Some(true),
            balance_alert_threshold: Some(NanoUsd(30)),
            ..GroupPatch::default()
        };
        store.update_group("g", alert).await.unwrap();
        let low = |balance| Notice::BalanceLow {
            group: "g".into(),
            balance: NanoUsd(balance),
            threshold: NanoUsd(30),
        };
        for (id, cost, expected) in [("b", 10, None), ("c", 5, Some(low(25))), ("d", 5, None)] {
            ledger.book("n", vec![event(id, "g", cost)]).await.unwrap();
            assert_eq!(notices.try_recv().ok(), expected, "{id}");
        }
        store.recharge("g", order(80, "")).await.unwrap();
        assert!(notices.try_recv().is_err());
        store.deduct("g", order(99, "")).await.unwrap();
        assert_eq!(notices.try_recv().ok(), Some(low(1)));
    })
    .await;
}

#[tokio::test]
async fn a_group_that_goes_takes_no_money_with_it() {
    with_store(async |store| {
        priced(&store).await;
        group_with_wallet(&store, "g").await;
        store.recharge("g", order(100, "k")).await.unwrap();
        store.delete_groups(&["g".into()]).await.unwrap();
        assert!(matches!(store.wallet("g").await, Err(Error::NotFound(_))));
        // Late usage finds no wallet.
        let ledger = Ledger::new(store.clone());
        ledger.book("n", vec![event("a", "g", 60)]).await.unwrap();
        assert_eq!(store.unbalanced().await.unwrap(), []);

        // Whoever is called the same later has nothing of it.
        group_with_wallet(&store, "g").await;
        assert_eq!(balance(&store, "g").await, 0);
        assert_eq!(history(&store, "g", TransactionQuery::default()).await, []);
        let done = store.recharge("g", order(5, "k")).await.unwrap();
        assert!(matches!(done, Done::Now(_)));

        let sql = "UPDATE price_history SET changed_at = 1";
        store.execute_for_tests(sql.to_owned()).await;
        let made_at = store.group("g").await.unwrap().created_at_ms;
        let began = |id: &str, at, token_id| UsageEvent {
            started_unix_ms: at,
            token_id,
            ..event(id, "g", 60)
        };
        let late = began("b", made_at - 1, 1);
        ledger.book("n", vec![late]).await.unwrap();
        assert_eq!(balance(&store, "g").await, 5, "it is the first one's");
        let patch = TokenPatch {
            name: Some("t".into()),
            ..TokenPatch::default()
        };
        let made = store.create_token("g", patch, false, false).await.unwrap();
        let Created::New(token, _) = made else {
            panic!("it exists")
        };
        // Its own calls it pays, also where a gateway's clock is behind.
        let own = vec![
            began("c", made_at, token.id),
            began("d", made_at - 1, token.id),
        ];
        ledger.book("n", own).await.unwrap();
        assert_eq!(balance(&store, "g").await, 5 - 120);
    })
    .await;
}

#[tokio::test]
async fn amounts_stay_within_what_can_be_counted() {
    with_store(async |store| {
        priced(&store).await;
        group_with_wallet(&store, "g").await;
        for _ in 0..8 {
            store
                .recharge("g", order(super::post::MAX_MOVE, ""))
                .await
                .unwrap();
        }
        is_conflict(
            store.recharge("g", order(1, "")).await,
            "more than a wallet holds",
        );
        assert_eq!(balance(&store, "g").await, 8 * super::post::MAX_MOVE);
        // A full account holds up nobody's usage.
        let ledger = Ledger::new(store.clone());
        let booked = ledger.book("n", vec![event("a", "g", 60)]).await.unwrap();
        assert_eq!(booked.new, 1);
        assert_eq!(store.unbalanced().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn what_does_not_add_up_is_found() {
    with_store(async |store| {
        priced(&store).await;
        group_with_wallet(&store, "g").await;
        store.recharge("g", order(100, "")).await.unwrap();
        let ledger = Ledger::new(store.clone());
        ledger.book("n", vec![event("a", "g", 60)]).await.unwrap();
        store.refund("g", "a", order(20, "")).await.unwrap();
        let code = codes(&store, 1, 2).await.remove(0);
        store.redeem("g", code.1.expose(), "").await.unwrap();
        assert_eq!(store.unbalanced().await.unwrap(), []);

        for (harm, mend, faults) in [
            (
                "UPDATE accounts SET balance = balance + 1 WHERE id > 0",
                "UPDATE accounts SET balance = balance - 1 WHERE id > 0",
                &[Fault::Balance][..],
            ),
            (
                "UPDATE postings SET amount = amount + 1 WHERE kind = 1 AND account_id > 0",
                "UPDATE postings SET amount = amount - 1 WHERE kind = 1 AND account_id > 0",
                &[Fault::Transaction, Fault::Balance],
            ),
            (
                "UPDATE charges SET amount = amount - 1",
                "UPDATE charges SET amount = amount + 1",
                &[Fault::Charges],
            ),
            (
                "UPDATE charges SET refunded = refunded + 1",
                "UPDATE charges SET refunded = refunded - 1",
                &[Fault::Refunds],
            ),
            (
                "UPDATE redemption_codes SET used = 2",
                "UPDATE redemption_codes SET used = 1",
                &[Fault::Code],
            ),
        ] {
            store.execute_for_tests(harm.into()).await;
            let found = store.unbalanced().await.unwrap();
            let found: Vec<_> = found.into_iter().map(|it| it.fault).collect();
            assert_eq!(found, faults, "{harm}");
            store.execute_for_tests(mend.into()).await;
            assert_eq!(store.unbalanced().await.unwrap(), [], "{mend}");
        }
    })
    .await;
}
