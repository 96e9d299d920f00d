use tollgate_config::meter::{Attempt, Outcome, UsageEvent};

use super::*;
use crate::domain::{ChannelCarePatch, ChannelPatch, Share};
use crate::ledger::Ledger;
use crate::store::Change;
use crate::store::testing::with_store;

/// A store with a channel that is watched so, and what counts and looks there.
async fn scene(store: &Store, care: ChannelCarePatch) -> (i64, Ledger, Watch) {
    let patch = ChannelPatch {
        name: Some("c".into()),
        kind: Some(1),
        models: Some(vec!["m".into()]),
        care,
        ..ChannelPatch::default()
    };
    let made = store.create_channels(vec![patch]).await.unwrap();
    let health = Health::default();
    let ledger = Ledger::new(store.clone()).counted_by(health.clone());
    (made[0].id, ledger, Watch::new(store.clone(), health))
}

/// Calls whose attempts at the channel ended so.
async fn calls(ledger: &Ledger, channel: i64, name: &str, statuses: &[u32]) {
    let event = |(at, status): (usize, &u32)| {
        let outcome = match status {
            200 => Outcome::Success,
            _ => Outcome::Failed,
        };
        UsageEvent {
            id: format!("{name}-{at}"),
            group: "g".into(),
            model: "m".into(),
            started_unix_ms: now_unix_ms(),
            status: *status,
            outcome: outcome.into(),
            attempts: vec![Attempt {
                channel_id: channel,
                model: "m".into(),
                status: *status,
                ..Attempt::default()
            }],
            ..UsageEvent::default()
        }
    };
    let events = statuses.iter().enumerate().map(event).collect();
    ledger.book("n", events).await.unwrap();
}

fn share(number: f64) -> Option<Share> {
    Share::from_number(number)
}

#[tokio::test]
async fn a_share_of_errors_bans_and_what_is_cleared_does_not_count() {
    with_store(async |store| {
        let care = ChannelCarePatch {
            max_error_rate: share(0.5),
            ..ChannelCarePatch::default()
        };
        let (channel, ledger, mut watch) = scene(&store, care).await;
        let mut notices = store.notices();
        let banned = async || store.channel_bans().await.unwrap();
        // Nine say nothing, and neither do those that are the caller's.
        calls(&ledger, channel, "a", &[503; 9]).await;
        calls(&ledger, channel, "b", &[400, 413, 422, 451]).await;
        watch.look(now_unix_ms()).await.unwrap();
        assert_eq!(banned().await, []);
        let mut changes = store.changes();
        calls(&ledger, channel, "c", &[503]).await;
        // The same again is no news.
        calls(&ledger, channel, "c", &[503]).await;
        let now = now_unix_ms();
        watch.look(now).await.unwrap();
        let bans = banned().await;
        assert_eq!((bans.len(), bans[0].model.as_str()), (1, "m"));
        assert_eq!(bans[0].reason, "10 of its last 10 attempts failed");
        let long = bans[0].until_ms - now;
        assert!((270_000..=330_000).contains(&long), "{long}");
        assert_eq!(changes.recv().await.unwrap(), Change::Topology);
        let expected = Notice::ChannelBanned {
            channel,
            name: "c".into(),
            model: "m".into(),
            why: bans[0].reason.clone(),
        };
        assert_eq!(notices.try_recv().unwrap(), expected);
        // Whoever is banned is not banned again, and nobody is warned.
        calls(&ledger, channel, "d", &[503]).await;
        watch.look(now_unix_ms()).await.unwrap();
        assert!(notices.try_recv().is_err());

        store.clear_errors(Some(channel), None, None).await.unwrap();
        assert_eq!(banned().await, []);
        assert_eq!(changes.recv().await.unwrap(), Change::Topology);
        calls(&ledger, channel, "e", &[503]).await;
        watch.look(now_unix_ms()).await.unwrap();
        assert_eq!(banned().await, [], "the ten before do not count");
    })
    .await;
}

#[tokio::test]
async fn a_refusal_bans_where_that_is_wanted_and_is_told_where_it_is_not() {
    with_store(async |store| {
        let care = |no_permission_ban| ChannelCarePatch {
            no_permission_ban: Some(no_permission_ban),
            ..ChannelCarePatch::default()
        };
        let (lenient, ledger, mut watch) = scene(&store, care(false)).await;
        let mut notices = store.notices();
        calls(&ledger, lenient, "a", &[404, 403, 401, 200]).await;
        watch.look(now_unix_ms()).await.unwrap();
        calls(&ledger, lenient, "b", &[401]).await;
        watch.look(now_unix_ms()).await.unwrap();
        let told = notices.try_recv().unwrap();
        assert!(
            matches!(told, Notice::NoPermission { status: 401, .. }),
            "{told:?}"
        );
        assert!(notices.try_recv().is_err(), "once");
        assert_eq!(store.channel_bans().await.unwrap(), []);

        let (strict, ledger, mut watch) = scene(&store, care(true)).await;
        calls(&ledger, strict, "c", &[404]).await;
        watch.look(now_unix_ms()).await.unwrap();
        let bans = store.channel_bans().await.unwrap();
        assert_eq!((bans.len(), bans[0].channel_id), (1, strict));
        // They end by themselves.
        let due = store.next_deadline().await.unwrap();
        assert_eq!(due, Some(bans[0].until_ms));
        store.end_what_is_due(bans[0].until_ms).await.unwrap();
        assert_eq!(store.channel_bans().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn people_are_warned_from_the_channel_s_share_on_or_from_everybody_s() {
    with_store(async |store| {
        let care = |warn_error_rate| ChannelCarePatch {
            warn_error_rate,
            ..ChannelCarePatch::default()
        };
        let mut notices = store.notices();
        let mut half = [200; 10];
        half[5..].fill(500);
        for (name, own, default, warned) in [
            ("a", None, "0.5", true),
            ("b", None, "0.51", false),
            ("c", share(0.4), "0.51", true),
            ("d", share(0.6), "0.5", false),
            ("e", None, "0", false),
        ] {
            let option = (DEFAULT_WARN_NOTIFY_ERROR_RATE, default.to_owned());
            store.set_options(vec![option]).await.unwrap();
            let (channel, ledger, mut watch) = scene(&store, care(own)).await;
            calls(&ledger, channel, name, &half).await;
            watch.look(now_unix_ms()).await.unwrap();
            let told = notices.try_recv().ok();
            let expected = Notice::ErrorsMany {
                channel,
                name: "c".into(),
                model: "m".into(),
                errors: 5,
                attempts: 10,
            };
            assert_eq!(told, warned.then_some(expected), "{name}");
        }
    })
    .await;
}
