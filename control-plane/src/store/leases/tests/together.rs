//! Several who change leases at the same time.

use super::*;
use crate::store::testing::Database;

/// Leases of "a" of a token's quota and of its group's wallet; the wallet's has the lower id, and a grant
/// comes to it last.
async fn two_leases(store: &Store) -> [Lease; 2] {
    let id = token(store, USD, 0).await;
    store.open_wallet("g", None).await.unwrap();
    store.recharge("g", money(USD)).await.unwrap();
    let of_wallet = one(store, asks("a", "gg", 10)).await.lease;
    let of_token = one(store, asks("a", &format!("q{id}"), 10)).await.lease;
    assert!(of_wallet.id < of_token.id);
    [of_wallet, of_token]
}

#[tokio::test]
async fn they_wait_for_each_other_in_one_direction() {
    on_each_database(async |database| {
        let store = database.open().await;
        let leases = two_leases(&store).await;
        let [of_wallet, of_token] = &leases;
        let asked = [again("a", of_token, 0), again("a", of_wallet, 0)];
        let holders = ["a".to_owned()];
        let zone = store.zone().await.unwrap();
        for round in 0..200 {
            let later = NOW + round;
            let (granted, returned, renewed) = tokio::join!(
                store.grant_once(&asked, &zone, NOW),
                store.leases_returned("a", &leases, 0),
                store.renew_leases(&holders, later, later),
            );
            granted.unwrap();
            returned.unwrap();
            renewed.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_granted_is_there_although_the_lease_came_back_meanwhile() {
    on_each_database(async |database| {
        let store = database.open().await;
        let id = token(&store, USD, 0).await;
        let mut told = Lease::default();
        for round in 1..=100 {
            let all = Lease {
                budget: format!("q{id}"),
                returned: told.granted,
                ..told
            };
            let (reports, now) = ([all.clone()], NOW + round);
            let (granted, returned) = tokio::join!(
                at(&store, again("a", &all, 10), now),
                // Nothing is out, and it rested until now.
                store.leases_returned("a", &reports, now),
            );
            returned.unwrap();
            told = granted.lease;
            let held = store.leases_of("a").await.unwrap();
            let held: Vec<i64> = held.iter().map(|held| held.lease.id).collect();
            assert_eq!(held, [told.id]);
        }
    })
    .await;
}

/// A deadlock in which the grant is the one that is broken off.
async fn deadlocked(database: Database) {
    let store = database.open().await;
    let [of_wallet, of_token] = two_leases(&store).await;
    let mut other = store.writer().begin().await.unwrap();
    // The grant looks for deadlocks after a second.
    sql("SET LOCAL deadlock_timeout = '60s'")
        .execute(&mut *other)
        .await
        .unwrap();
    sql("UPDATE leases SET seen_at = seen_at WHERE id = $1")
        .bind(of_token.id)
        .execute(&mut *other)
        .await
        .unwrap();
    let asked = [again("a", &of_token, 5)];
    let granting = store.grant_leases(&asked, NOW);
    let crossing = async {
        // Until the grant has its budget locked.
        let free = "SELECT id FROM tokens FOR UPDATE SKIP LOCKED";
        while !sql(free)
            .fetch_all(store.reader())
            .await
            .unwrap()
            .is_empty()
        {}
        sql("UPDATE tokens SET quota = quota")
            .execute(&mut *other)
            .await
            .unwrap();
        other.commit().await.unwrap();
    };
    let (granted, ()) = tokio::join!(granting, crossing);
    let granted = granted.unwrap().remove(0).lease;
    assert!(granted.granted > of_token.granted && of_wallet.granted > 0);
}

#[tokio::test]
async fn a_grant_that_is_broken_off_is_tried_again() {
    on_each_database(async |database| {
        if database.name == "postgres" {
            deadlocked(database).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_wallet_is_closed_with_what_the_last_call_left() {
    on_each_database(async |database| {
        let store = database.open().await;
        let id = token(&store, 0, 0).await;
        for round in 0..20 {
            store.open_wallet("g", None).await.unwrap();
            store.recharge("g", money(1_000)).await.unwrap();
            let call = format!("c{round}");
            let (closed, ()) = tokio::join!(
                store.close_wallet("g", "me"),
                book(&store, &call, id, 100, 0, &[])
            );
            closed.unwrap();
        }
        assert_eq!(store.unbalanced().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn without_a_wallet_nobody_gets_more_than_a_call_needs() {
    with_store(async |store| {
        token(&store, 0, 0).await;
        store.open_wallet("g", None).await.unwrap();
        store.close_wallet("g", "me").await.unwrap();
        // A gateway that has not heard of it yet.
        let late = one(&store, asks("a", "gg", 30)).await.lease;
        assert_eq!((late.granted, late.is_last), (30, false));
        store.open_wallet("g", None).await.unwrap();
        store.recharge("g", money(100)).await.unwrap();
        let others = one(&store, asks("b", "gg", 100)).await.lease;
        assert_eq!(others.granted, 70);
    })
    .await;
}
