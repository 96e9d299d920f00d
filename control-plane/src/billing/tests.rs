use axum::body::{Body, to_bytes};
use http::Request;
use tollgate_policy::price::NanoUsd;
use tower::ServiceExt;

use super::*;
use crate::domain::{BanPatch, Period, Status, TokenPatch};
use crate::secrets::Secret;
use crate::store::testing::with_store;
use crate::store::{Created, Movement};

const USD: i64 = 1_000_000_000;

async fn token(store: &Store, name: &str, patch: TokenPatch) -> (i64, Secret) {
    let new = TokenPatch {
        name: Some(name.into()),
        ..patch
    };
    match store.create_token("g", new, true, false).await.unwrap() {
        Created::New(token, secret) => (token.id, secret),
        Created::Existing(token) => panic!("{token:?}"),
    }
}

async fn ask(store: &Store, what: &str, secret: &str, from: &str) -> (u16, Value) {
    let request = Request::builder()
        .uri(format!("/v1/dashboard/billing/{what}"))
        .header("authorization", format!("Bearer {secret}"))
        .header("x-forwarded-for", from)
        .body(Body::empty())
        .unwrap();
    let response = router(store.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn an_owner_sees_the_least_that_is_left() {
    with_store(async |store| {
        let limited = TokenPatch {
            quota: Some(NanoUsd(10 * USD)),
            period_quota: Some(NanoUsd(2 * USD)),
            period: Some(Period::Daily),
            expires_at_ms: Some(4_000_000_000_999),
            ..TokenPatch::default()
        };
        let (id, secret) = token(&store, "a", limited).await;
        let (_, free) = token(&store, "b", TokenPatch::default()).await;
        let zone = store.zone().await.unwrap();
        let day = crate::domain::day(&zone, now_unix_ms());
        store
            .execute_for_tests(format!(
                "INSERT INTO token_days VALUES ({id}, {day}, 500000001), ({id}, 20200101, 9)"
            ))
            .await;
        store
            .execute_for_tests(format!(
                "UPDATE tokens SET used_amount = 500000010 WHERE id = {id}"
            ))
            .await;
        let secret = secret.expose();
        let (_, shown) = ask(&store, "subscription", secret, "").await;
        assert_eq!(shown["object"], "billing_subscription");
        // 0.50000001 used and 1.499999999 left of the day's 2.
        assert_eq!(shown["hard_limit_usd"].to_string(), "2.000000009");
        assert_eq!(shown["access_until"], 4_000_000_000_i64);
        let (_, shown) = ask(&store, "usage", secret, "").await;
        assert_eq!(shown["total_usage"].to_string(), "50.000001");
        let (_, shown) = ask(&store, "quota", secret, "").await;
        assert_eq!(
            shown.to_string(),
            r#"{"remain":1.499999999,"total":2.000000009}"#
        );

        let (_, shown) = ask(&store, "subscription", free.expose(), "").await;
        assert_eq!(shown["hard_limit_usd"], 100_000_000);

        // With a wallet there is no more than what is in it.
        store.open_wallet("g", None).await.unwrap();
        let order = Movement {
            amount: NanoUsd(USD),
            ..Movement::default()
        };
        store.recharge("g", order).await.unwrap();
        for token in [secret, free.expose()] {
            let (_, shown) = ask(&store, "quota", token, "").await;
            assert_eq!(shown["remain"], 1);
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_token_was_is_taken_as_long_as_gateways_take_it() {
    with_store(async |store| {
        let (id, first) = token(&store, "a", TokenPatch::default()).await;
        let status = async |secret: &Secret| ask(&store, "quota", secret.expose(), "").await.0;
        let (_, second) = store.rotate_token(id, None, 60_000).await.unwrap();
        assert_eq!((status(&first).await, status(&second).await), (200, 200));
        let over = "UPDATE token_overlaps SET ends_at = 1";
        store.execute_for_tests(over.to_owned()).await;
        assert_eq!((status(&first).await, status(&second).await), (401, 200));
        let (_, third) = store.rotate_token(id, None, 0).await.unwrap();
        assert_eq!((status(&second).await, status(&third).await), (401, 200));
    })
    .await;
}

#[tokio::test]
async fn nothing_is_said_to_who_is_black_listed() {
    with_store(async |store| {
        let (_, secret) = token(&store, "a", TokenPatch::default()).await;
        for (address, ends) in [("192.0.2.0/24", None), ("198.51.100.7", Some(1))] {
            let ban = BanPatch {
                address: Some(address.into()),
                expires_at_ms: Some(ends),
                ..BanPatch::default()
            };
            store.create_ban(ban).await.unwrap();
        }
        for (from, status) in [
            ("192.0.2.7", 403),
            ("10.0.0.1, ::ffff:192.0.2.7", 403),
            ("192.0.2.7, 10.0.0.1", 200),
            ("198.51.100.7", 200),
            ("", 200),
        ] {
            for (what, key) in [("usage", secret.expose()), ("quota", "sk-unknown")] {
                let (found, body) = ask(&store, what, key, from).await;
                let status = if key == "sk-unknown" && status == 200 {
                    401
                } else {
                    status
                };
                assert_eq!(found, status, "{from}: {body}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn only_who_may_use_the_token_sees_it() {
    with_store(async |store| {
        let inside = TokenPatch {
            subnets: Some(vec!["10.0.0.0/8".into()]),
            ..TokenPatch::default()
        };
        let (_, inside) = token(&store, "a", inside).await;
        let disabled = TokenPatch {
            status: Some(Status::Disabled),
            ..TokenPatch::default()
        };
        let (_, disabled) = token(&store, "b", disabled).await;
        let expired = TokenPatch {
            expires_at_ms: Some(1),
            ..TokenPatch::default()
        };
        let (_, expired) = token(&store, "c", expired).await;
        for (secret, from, status) in [
            (inside.expose(), "10.1.2.3", 200),
            (inside.expose(), "10.1.2.3, 1.2.3.4", 403),
            (inside.expose(), "", 403),
            (disabled.expose(), "", 401),
            (expired.expose(), "", 401),
            ("sk-unknown", "", 401),
            ("", "", 401),
        ] {
            let (found, body) = ask(&store, "quota", secret, from).await;
            assert_eq!(found, status, "{from}: {body}");
            assert_eq!(body["error"].is_null(), status == 200);
        }
    })
    .await;
}
