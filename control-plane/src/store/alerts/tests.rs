use super::*;
use crate::domain::{GroupPatch, Order};
use crate::store::Movement;
use crate::store::testing::{on_each_database, with_store};

const MINUTE: i64 = 60_000;

fn low(subject: &str) -> NewAlert {
    NewAlert {
        level: Level::Error,
        kind: "balance_low",
        subject: subject.into(),
        title: "100% low".into(),
        text: "words".into(),
        quiet_ms: 30 * MINUTE,
    }
}

fn page() -> Page {
    Page {
        number: 1,
        size: 10,
        order: Order {
            column: "id",
            descending: true,
        },
    }
}

#[tokio::test]
async fn a_subject_is_told_of_once_in_its_time_whoever_hears_of_it() {
    on_each_database(async |database| {
        let one = database.open().await;
        let other = match database.is_shared() {
            true => database.open().await,
            false => one.clone(),
        };
        let told = async |store: &Store, alert, at| {
            let off = Delivery::NotWanted;
            store.tell(alert, Delivery::Waiting, off, at).await.unwrap()
        };
        let at = 1_000 * MINUTE;
        let both = tokio::join!(told(&one, low("g"), at), told(&other, low("g"), at));
        assert!(both.0 != both.1, "{}: {both:?}", database.name);
        assert!(!told(&one, low("g"), at + 30 * MINUTE - 1).await);
        assert!(told(&other, low("h"), at).await, "it is about another");
        let kind = "consume_failed";
        assert!(told(&one, NewAlert { kind, ..low("g") }, at).await);
        let (late, loud) = (
            at + 30 * MINUTE,
            NewAlert {
                quiet_ms: 0,
                ..low("g")
            },
        );
        assert!(told(&other, low("g"), late).await);
        assert!(told(&one, loud, late).await, "it is always told");
        assert!(told(&one, low("g"), at).await, "the clock was set back");

        let total = async |query| one.alerts(&query, page()).await.unwrap().total;
        let query = AlertQuery::default;
        assert_eq!(total(query()).await, 6);
        let subject = Some("g".into());
        assert_eq!(total(AlertQuery { subject, ..query() }).await, 5);
        let keyword = Some("100%".into());
        assert_eq!(total(AlertQuery { keyword, ..query() }).await, 6);
        let level = Some(Level::Warn);
        assert_eq!(total(AlertQuery { level, ..query() }).await, 0);
        let start_ms = Some(late);
        assert_eq!(
            total(AlertQuery {
                start_ms,
                ..query()
            })
            .await,
            2
        );
        one.delete_alerts(late).await.unwrap();
        assert_eq!(total(query()).await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_delivery_is_one_s_own_until_its_time_is_up() {
    with_store(async |store| {
        let (waits, off) = (Delivery::Waiting, Delivery::NotWanted);
        store.tell(low("g"), off, waits, 1_000).await.unwrap();
        store.tell(low("h"), off, off, 1_000).await.unwrap();
        assert_eq!(store.due_alerts(999).await.unwrap(), []);
        let due = store.due_alerts(1_000).await.unwrap();
        assert_eq!((due.len(), due[0].subject.as_str()), (1, "g"));
        let take = async || store.take_alert(&due[0], 61_000).await.unwrap();
        assert_eq!((take().await, take().await), (true, false));
        assert_eq!(store.due_alerts(60_999).await.unwrap(), []);
        let again = store.due_alerts(61_000).await.unwrap();
        assert_eq!((again.len(), again[0].tries), (1, 1));
        let done = Delivery::Delivered;
        store.alert_tried(again[0].id, off, done, 0).await.unwrap();
        assert_eq!(store.due_alerts(i64::MAX).await.unwrap(), []);
        let listed = store.alerts(&AlertQuery::default(), page()).await.unwrap();
        assert_eq!(listed.items[1].webhook, done);
    })
    .await;
}

#[tokio::test]
async fn balances_below_their_thresholds_are_found() {
    with_store(async |store| {
        for (group, enabled, threshold, balance) in [
            ("low", true, 30, Some(29)),
            ("at it", true, 30, Some(30)),
            ("off", false, 30, Some(1)),
            ("without", true, 30, None),
            ("empty", true, 1, Some(0)),
        ] {
            let alert = GroupPatch {
                balance_alert_enabled: Some(enabled),
                balance_alert_threshold: Some(NanoUsd(threshold)),
                ..GroupPatch::default()
            };
            store.create_group(group, alert).await.unwrap();
            if let Some(balance) = balance {
                store.open_wallet(group, None).await.unwrap();
                if balance > 0 {
                    let order = Movement {
                        amount: NanoUsd(balance),
                        key: None,
                        note: String::new(),
                        actor: "me".into(),
                    };
                    store.recharge(group, order).await.unwrap();
                }
            }
        }
        let notice = |group: &str, balance, threshold| Notice::BalanceLow {
            group: group.into(),
            balance: NanoUsd(balance),
            threshold: NanoUsd(threshold),
        };
        let found = store.low_balances().await.unwrap();
        assert_eq!(found, [notice("empty", 0, 1), notice("low", 29, 30)]);
    })
    .await;
}
