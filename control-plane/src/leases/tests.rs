use tollgate_policy::price::NanoUsd;

use super::*;
use crate::domain::TokenPatch;
use crate::store::Created;
use crate::store::testing::with_store;

async fn budget(store: &Store, quota: i64) -> String {
    let new = TokenPatch {
        name: Some("t".into()),
        quota: Some(NanoUsd(quota)),
        ..TokenPatch::default()
    };
    match store.create_token("g", new, true, false).await.unwrap() {
        Created::New(token, _) => format!("q{}", token.id),
        Created::Existing(token) => panic!("{token:?}"),
    }
}

fn question(holder: &str, budget: &str, need: i64) -> leases::Leases {
    leases::Leases {
        holder: holder.into(),
        leases: vec![Lease {
            budget: budget.into(),
            need,
            ..Lease::default()
        }],
    }
}

#[tokio::test]
async fn many_who_ask_at_once_share_what_there_is() {
    with_store(async |store| {
        let leases = Leases::new(store.clone());
        let budget = budget(&store, 1_000).await;
        let asking = (0..50).map(|at| {
            let (leases, budget) = (leases.clone(), budget.clone());
            let holder = format!("h{}", at % 5);
            tokio::spawn(async move { leases.ask(question(&holder, &budget, 30)).await })
        });
        let asking: Vec<_> = asking.collect();
        let mut granted: BTreeMap<i64, i64> = BTreeMap::new();
        for asked in asking {
            let told = asked.await.unwrap().unwrap().leases.remove(0);
            let most = granted.entry(told.id).or_default();
            *most = told.granted.max(*most);
        }
        assert_eq!(granted.len(), 5);
        let sum: i64 = granted.values().sum();
        assert!((150..=1_000).contains(&sum), "{granted:?}");
    })
    .await;
}

#[tokio::test]
async fn who_gets_nothing_calls_the_others() {
    with_store(async |store| {
        let leases = Leases::new(store.clone());
        let budget = budget(&store, 100).await;
        let all = leases.ask(question("a", &budget, 100)).await.unwrap();
        let mut recalls = leases.recalls();
        let none = leases.ask(question("b", &budget, 1)).await.unwrap();
        assert_eq!(none.leases[0].granted, 0);
        let recalled = recalls.recv().await.unwrap();
        let a = leases.joined("a");
        let own = a.own(&recalled);
        assert_eq!((own.len(), own[0].id), (1, all.leases[0].id));
        assert!(leases.joined("b").own(&recalled).is_empty());

        let back = leases::Leases {
            holder: "a".into(),
            leases: vec![Lease {
                returned: 60,
                ..all.leases[0].clone()
            }],
        };
        leases.returned(&back).await.unwrap();
        let some = leases.ask(question("b", &budget, 50)).await.unwrap();
        assert_eq!(some.leases[0].granted, 50);
    })
    .await;
}

#[tokio::test]
async fn what_a_holder_has_is_free_some_time_after_it_left() {
    with_store(async |store| {
        let leases = Leases::new(store.clone());
        let budget = budget(&store, 100).await;
        leases.ask(question("a", &budget, 100)).await.unwrap();
        let a = leases.joined("a");
        let again = leases.joined("a");
        drop(again);
        let gone = i64::try_from(GONE_AFTER.as_millis()).unwrap();
        let now = now_unix_ms();
        assert_eq!(leases.sweep(now + gone + 1_000).await.unwrap(), 0);
        let mut recalls = leases.recalls();
        drop(a);
        assert_eq!(leases.sweep(now + gone + 2_000).await.unwrap(), 0);
        assert_eq!(recalls.recv().await.unwrap().len(), 1, "it rests");
        assert_eq!(leases.sweep(now + 3 * gone).await.unwrap(), 1);
        let b = leases.ask(question("b", &budget, 100)).await.unwrap();
        assert_eq!(b.leases[0].granted, 100);
    })
    .await;
}

#[tokio::test]
async fn whom_nobody_could_hear_of_is_not_taken_for_gone() {
    with_store(async |store| {
        let leases = Leases::new(store.clone());
        let budget = budget(&store, 100).await;
        leases.ask(question("a", &budget, 100)).await.unwrap();
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap();
        // The control plane was away for so long, and so was everybody's stream.
        let back = now_unix_ms() + 4 * millis(GONE_AFTER);
        assert_eq!(leases.sweep(back).await.unwrap(), 0);
        let soon = back + millis(SETTLE) - 1;
        assert_eq!(leases.sweep(soon).await.unwrap(), 0);
        // Its gateway is at another control plane, which has written that by now.
        let other = Leases::new(store.clone());
        let a = other.joined("a");
        other.sweep(soon).await.unwrap();
        assert_eq!(leases.sweep(soon + 1).await.unwrap(), 0);
        let none = leases.ask(question("b", &budget, 1)).await.unwrap();
        assert_eq!(none.leases[0].granted, 0);

        drop(a);
        // Its own, and what "b" has begun with.
        let gone = soon + millis(GONE_AFTER) + 1;
        assert_eq!(leases.sweep(gone).await.unwrap(), 2);
    })
    .await;
}
