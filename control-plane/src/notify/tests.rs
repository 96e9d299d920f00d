//! Against a webhook on loopback that does as it is told.

use std::sync::Mutex;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tollgate_policy::price::NanoUsd;

use super::*;
use crate::cli::NotifyArgs;
use crate::domain::{GroupPatch, Level, Order, Page};
use crate::secrets::Secret;
use crate::store::testing::with_store;
use crate::store::{AlertQuery, Movement};

/// What came to it, by path.
pub(super) type Heard = mpsc::UnboundedReceiver<(&'static str, Value)>;

/// Answers with these one after the other; the last one stays.
pub(super) async fn webhook(answers: &[(u16, &'static str)]) -> (Sinks, Heard) {
    let (sender, heard) = mpsc::unbounded_channel();
    let answers = Arc::new(Mutex::new(answers.to_vec()));
    let at = |path: &'static str| {
        let (sender, answers) = (sender.clone(), Arc::clone(&answers));
        post(move |body: String| async move {
            sender
                .send((path, serde_json::from_str(&body).unwrap()))
                .unwrap();
            let mut answers = answers.lock().unwrap();
            let (status, body) = match answers.len() {
                1 => answers[0],
                _ => answers.remove(0),
            };
            (StatusCode::from_u16(status).unwrap(), body)
        })
    };
    let router = Router::new()
        .route("/feishu", at("feishu"))
        .route("/json", at("json"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    let args = NotifyArgs {
        notify_feishu_webhook: Some(Secret::new(format!("{address}/feishu"))),
        notify_webhook: Some(Secret::new(format!("{address}/json"))),
    };
    (Sinks::read(&args).unwrap(), heard)
}

fn low() -> NewAlert {
    NewAlert {
        level: Level::Warn,
        kind: "balance_low",
        subject: "g".into(),
        title: "title".into(),
        text: "a_b".into(),
        quiet_ms: 0,
    }
}

async fn only(store: &Store) -> Alert {
    let page = Page {
        number: 1,
        size: 10,
        order: Order {
            column: "id",
            descending: true,
        },
    };
    let listed = store.alerts(&AlertQuery::default(), page).await.unwrap();
    assert_eq!(listed.total, 1);
    listed.items[0].clone()
}

/// Each answer in turn: what becomes of the alert, in both ways, and whether it is tried again.
async fn check(answers: &[(u16, &'static str)], feishu: Delivery, webhook_: Delivery, again: bool) {
    with_store(async |store| {
        let (sinks, mut heard) = webhook(answers).await;
        let sinks = Arc::new(sinks);
        let (one, two) = sinks.wanted();
        store.tell(low(), one, two, 1_000).await.unwrap();
        let deliverer = Deliverer {
            store: store.clone(),
            sinks,
        };
        deliverer.round(2_000).await.unwrap();
        let alert = only(&store).await;
        assert_eq!(
            (alert.feishu, alert.webhook),
            (feishu, webhook_),
            "{answers:?}"
        );
        assert_eq!(alert.next_try_at_ms > 0, again, "{answers:?}");
        assert_eq!(heard.recv().await.unwrap().0, "feishu");
        assert_eq!(heard.recv().await.unwrap().0, "json");
        // Ours for a while, or not due.
        deliverer.round(2_001).await.unwrap();
        assert!(heard.try_recv().is_err());
    })
    .await;
}

#[tokio::test]
async fn feishu_s_code_and_the_webhook_s_status_say_whether_it_was_taken() {
    const WELL: (u16, &str) = (200, r#"{"code":0,"msg":"success"}"#);
    let (done, waits) = (Delivery::Delivered, Delivery::Waiting);
    check(&[WELL, (204, "")], done, done, false).await;
    check(&[WELL, (500, "no")], done, waits, true).await;
    check(&[(200, r#"{"code":19001}"#), WELL], waits, done, true).await;
    check(&[(200, "<html>"), WELL], waits, done, true).await;
    check(&[(400, r#"{"code":0}"#), WELL], waits, done, true).await;
    check(&[(302, ""), (302, "")], waits, waits, true).await;
}

#[tokio::test]
async fn what_both_are_sent() {
    with_store(async |store| {
        let (sinks, mut heard) = webhook(&[(200, r#"{"code":0}"#)]).await;
        let (one, two) = sinks.wanted();
        store.tell(low(), one, two, 1_000).await.unwrap();
        let note = (options::NOTIFY_NOTE, "here".to_owned());
        store.set_options(vec![note]).await.unwrap();
        let deliverer = Deliverer {
            store: store.clone(),
            sinks: Arc::new(sinks),
        };
        deliverer.round(2_000).await.unwrap();
        let (_, card) = heard.recv().await.unwrap();
        let expected = json!({"msg_type": "interactive", "card": {
            "config": {"wide_screen_mode": true, "enable_forward": true},
            "header": {
                "title": {"tag": "plain_text", "content": "title"},
                "template": "orange",
            },
            "elements": [
                {"tag": "div", "text": {"tag": "lark_md", "content": "a&#95;b"}},
                {"tag": "hr"},
                {"tag": "note", "elements": [{"tag": "lark_md", "content": "here"}]},
            ],
        }});
        assert_eq!(card, expected);
        let (_, posted) = heard.recv().await.unwrap();
        let expected = json!({
            "id": only(&store).await.id, "created_at": 1000, "level": "warn",
            "kind": "balance_low", "subject": "g", "title": "title", "text": "a_b", "note": "here",
        });
        assert_eq!(posted, expected);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_and_given_up_in_the_end() {
    with_store(async |store| {
        let (sinks, mut heard) = webhook(&[(503, "away")]).await;
        let (_, wanted) = sinks.wanted();
        let off = Delivery::NotWanted;
        store.tell(low(), off, wanted, 1_000).await.unwrap();
        let deliverer = Deliverer {
            store: store.clone(),
            sinks: Arc::new(sinks),
        };
        for tries in 1..=TRIES {
            let due = only(&store).await.next_try_at_ms;
            assert!(due > 0, "{tries}");
            deliverer.round(due).await.unwrap();
            assert_eq!(only(&store).await.tries, tries);
            heard.recv().await.unwrap();
        }
        let alert = only(&store).await;
        assert_eq!(
            (alert.webhook, alert.next_try_at_ms),
            (Delivery::GivenUp, 0)
        );
        deliverer.round(i64::MAX - OURS_MS).await.unwrap();
        assert!(heard.try_recv().is_err());
    })
    .await;
}

#[test]
fn pauses_double_until_they_are_long() {
    let pauses: Vec<i64> = [0, 1, 2, 6, 7, 63, i64::MAX].map(pause_ms).to_vec();
    let second = 1_000;
    let expected = [5, 10, 20, 320, 600, 600, 600].map(|pause| pause * second);
    assert_eq!(pauses, expected);
}

/// From money that moves to the webhook.
#[tokio::test]
async fn a_balance_that_falls_is_told() {
    with_store(async |store| {
        let (sinks, mut heard) = webhook(&[(200, r#"{"code":0}"#)]).await;
        let alert = GroupPatch {
            balance_alert_enabled: Some(true),
            balance_alert_threshold: Some(NanoUsd(2_500_000_000)),
            ..GroupPatch::default()
        };
        store.create_group("g", alert).await.unwrap();
        store.open_wallet("g", None).await.unwrap();
        let order = |amount| Movement {
            amount: NanoUsd(amount),
            key: None,
            note: String::new(),
            actor: "me".into(),
        };
        store.recharge("g", order(3_000_000_000)).await.unwrap();
        let running = tokio::spawn(Notifier::new(store.clone(), sinks).run());
        store.deduct("g", order(1_000_000_001)).await.unwrap();
        for path in ["feishu", "json"] {
            let (at, body) = heard.recv().await.unwrap();
            assert_eq!(at, path);
            assert!(body.to_string().contains("1.999999999 USD"), "{body}");
        }
        // Up and down again is nothing new so soon.
        store.recharge("g", order(2_000_000_000)).await.unwrap();
        store.deduct("g", order(2_000_000_000)).await.unwrap();
        running.abort();
        assert_eq!(only(&store).await.subject, "g");
    })
    .await;
}
