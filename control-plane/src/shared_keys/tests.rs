use tollgate_config::meter::{Outcome, UsageEvent};

use super::*;
use crate::domain::{BanPatch, GroupPatch, Status};
use crate::ledger::Ledger;
use crate::store::Notice;
use crate::store::testing::with_store;

/// Calls with a key of each of these groups, from one address, that begin now.
async fn calls(store: &Store, address: &str, groups: &[&str]) {
    calls_at(store, address, groups, now_unix_ms()).await;
}

async fn calls_at(store: &Store, address: &str, groups: &[&str], started_unix_ms: i64) {
    let event = |group: &&str| UsageEvent {
        id: format!("{address}-{group}"),
        started_unix_ms,
        token_id: 7,
        group: (*group).into(),
        model: "m".into(),
        ip: address.into(),
        status: 200,
        outcome: Outcome::Success.into(),
        ..UsageEvent::default()
    };
    let events = groups.iter().map(event).collect();
    Ledger::new(store.clone()).book("n", events).await.unwrap();
}

async fn thresholds(store: &Store, warn: i64, ban: i64) {
    let values = vec![
        (options::IP_GROUPS_THRESHOLD, warn.to_string()),
        (options::IP_GROUPS_BAN_THRESHOLD, ban.to_string()),
    ];
    store.set_options(values).await.unwrap();
}

async fn enabled(store: &Store) -> Vec<String> {
    let mut enabled = Vec::new();
    for group in ["a", "b", "c", "d"] {
        if store.group(group).await.unwrap().status == Status::Enabled {
            enabled.push(group.to_owned());
        }
    }
    enabled
}

#[tokio::test]
async fn what_each_threshold_does() {
    with_store(async |store| {
        for group in ["a", "b", "c", "d"] {
            store
                .create_group(group, GroupPatch::default())
                .await
                .unwrap();
        }
        calls(&store, "203.0.113.1", &["a"]).await;
        calls(&store, "203.0.113.2", &["a", "d"]).await;
        calls(&store, "2001:db8::3", &["a", "b", "c"]).await;
        let mut watch = Watch::new(store.clone());
        let mut notices = store.notices();
        let now = now_unix_ms();

        watch.look(now).await.unwrap();
        assert!(notices.is_empty(), "neither is set");

        thresholds(&store, 2, 0).await;
        // Once for each address in three hours.
        watch.look(now).await.unwrap();
        watch.look(now + 60_000).await.unwrap();
        let warned = |address: &str, groups: &[&str]| Notice::SharedKeys {
            address: address.into(),
            groups: groups.iter().map(|&group| group.into()).collect(),
        };
        let first = warned("2001:db8::3", &["a", "b", "c"]);
        assert_eq!(notices.recv().await.unwrap(), first);
        let second = warned("203.0.113.2", &["a", "d"]);
        assert_eq!(notices.recv().await.unwrap(), second);
        assert!(notices.is_empty());
        assert_eq!(enabled(&store).await, ["a", "b", "c", "d"]);

        thresholds(&store, 2, 3).await;
        watch.look(now).await.unwrap();
        watch.look(now).await.unwrap();
        assert!(matches!(
            notices.recv().await.unwrap(),
            Notice::AddressBanned { address, groups }
                if address == "2001:db8::3" && groups == ["a", "b", "c"]
        ));
        assert!(notices.is_empty(), "once");
        assert_eq!(enabled(&store).await, ["d"]);
        let bans = store.present_bans().await.unwrap();
        assert_eq!(bans.len(), 1);
        assert_eq!(bans[0].address, "2001:db8::3");
        assert_eq!(bans[0].expires_at_ms, Some(now + 48 * HOUR_MS));
    })
    .await;
}

#[tokio::test]
async fn who_was_taken_off_the_list_is_not_put_back_for_what_was_before() {
    with_store(async |store| {
        for group in ["a", "b", "c", "d"] {
            let new = GroupPatch::default();
            store.create_group(group, new).await.unwrap();
        }
        let address = "203.0.113.2";
        calls(&store, address, &["a", "b"]).await;
        thresholds(&store, 0, 2).await;
        let mut watch = Watch::new(store.clone());
        let listed = async || store.present_bans().await.unwrap().pop();
        watch.look(now_unix_ms()).await.unwrap();
        let ban = listed().await.unwrap();
        store.delete_ban(ban.id).await.unwrap();
        for group in ["a", "b"] {
            let enabled = GroupPatch {
                status: Some(Status::Enabled),
                ..GroupPatch::default()
            };
            store.update_group(group, enabled).await.unwrap();
        }
        watch.look(now_unix_ms()).await.unwrap();
        assert_eq!(listed().await, None);
        assert_eq!(enabled(&store).await, ["a", "b", "c", "d"]);

        // Until the clock has gone on, new calls would be of the same moment.
        let lifted = now_unix_ms();
        while now_unix_ms() == lifted {
            tokio::task::yield_now().await;
        }
        calls(&store, address, &["c"]).await;
        watch.look(now_unix_ms()).await.unwrap();
        assert_eq!(listed().await, None, "one group since");
        calls(&store, address, &["d"]).await;
        watch.look(now_unix_ms()).await.unwrap();
        assert_eq!(listed().await.unwrap().address, address);
        assert_eq!(enabled(&store).await, ["a", "b"]);

        // It ends by itself, which is as good.
        let later = now_unix_ms() + 49 * HOUR_MS;
        store.end_what_is_due(later).await.unwrap();
        watch.look(now_unix_ms()).await.unwrap();
        assert_eq!(listed().await, None);
    })
    .await;
}

#[tokio::test]
async fn a_block_that_is_taken_off_the_list_pardons_every_address_in_it() {
    with_store(async |store| {
        calls(&store, "203.0.113.2", &["a", "b"]).await;
        calls(&store, "203.0.114.2", &["a", "b"]).await;
        let block = BanPatch {
            address: Some("203.0.113.0/24".into()),
            ..BanPatch::default()
        };
        let ban = store.create_ban(block).await.unwrap();
        store.delete_ban(ban.id).await.unwrap();
        thresholds(&store, 0, 2).await;
        Watch::new(store.clone()).look(now_unix_ms()).await.unwrap();
        let bans = store.present_bans().await.unwrap();
        let banned: Vec<_> = bans.iter().map(|ban| ban.address.as_str()).collect();
        assert_eq!(banned, ["203.0.114.2"]);
    })
    .await;
}

#[tokio::test]
async fn usage_that_arrives_late_counts_when_it_was() {
    with_store(async |store| {
        let address = "203.0.113.2";
        let now = now_unix_ms();
        let block = BanPatch {
            address: Some("203.0.113.3".into()),
            ..BanPatch::default()
        };
        let ban = store.create_ban(block).await.unwrap();
        store.delete_ban(ban.id).await.unwrap();
        // Before the hour, and before the address was forgiven.
        calls_at(&store, address, &["a", "b"], now - HOUR_MS - 60_000).await;
        calls_at(&store, "203.0.113.3", &["a", "b"], now - 60_000).await;
        thresholds(&store, 0, 2).await;
        let mut watch = Watch::new(store.clone());
        watch.look(now_unix_ms()).await.unwrap();
        assert!(store.present_bans().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_threshold_that_is_set_counts_at_once() {
    with_store(async |store| {
        assert!(store.take_duty(SHARED_ADDRESSES, HOUR_MS).await.unwrap());
        assert!(!store.take_duty(SHARED_ADDRESSES, HOUR_MS).await.unwrap());
        thresholds(&store, 5, 5).await;
        assert!(store.take_duty(SHARED_ADDRESSES, HOUR_MS).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn calls_of_more_than_an_hour_ago_do_not_count() {
    with_store(async |store| {
        calls(&store, "203.0.113.2", &["a", "d"]).await;
        thresholds(&store, 2, 2).await;
        let mut watch = Watch::new(store.clone());
        let later = now_unix_ms() + HOUR_MS + 60_000;
        watch.look(later).await.unwrap();
        assert!(store.present_bans().await.unwrap().is_empty());
    })
    .await;
}
