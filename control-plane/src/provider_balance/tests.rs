//! Against a provider on loopback.

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use tollgate_policy::price::NanoUsd;

use super::*;
use crate::domain::{BaseUrl, ChannelCarePatch, ChannelPatch, ProxyUrl};
use crate::outbound::testing::Proxy;
use crate::secrets::Secret;
use crate::store::testing::with_store;

const KEY: &str = "sk-canary-7f3a";

/// Answers so to whoever shows the key.
async fn provider(answer: &'static str) -> String {
    let answer = move |headers: HeaderMap| async move {
        assert_eq!(headers["authorization"], format!("Bearer {KEY}"));
        answer
    };
    let router = Router::new().route("/user/balance", get(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

async fn channel(store: &Store, kind: i64, base_url: &str) -> Channel {
    let patch = ChannelPatch {
        name: Some("c".into()),
        kind: Some(kind),
        key: Some(Secret::new(KEY)),
        base_url: Some(Some(BaseUrl::parse(base_url).unwrap().0)),
        models: Some(vec!["m".into()]),
        care: ChannelCarePatch {
            balance_threshold: Some(NanoUsd(2_000_000_000)),
            ..ChannelCarePatch::default()
        },
        ..ChannelPatch::default()
    };
    store.create_channels(vec![patch]).await.unwrap().remove(0)
}

#[tokio::test]
async fn what_the_provider_says_is_kept_and_told_if_it_is_little() {
    with_store(async |store| {
        let mut notices = store.notices();
        for (answer, low) in [
            (
                r#"{"balance_infos":[{"currency":"CNY","total_balance":"2"}]}"#,
                false,
            ),
            (
                r#"{"balance_infos":[{"currency":"CNY","total_balance":"1.99"}]}"#,
                true,
            ),
        ] {
            let channel = channel(&store, 36, &provider(answer).await).await;
            let said = update_at(&store, &channel, Reach::Anywhere).await.unwrap();
            let kept = store.channel(channel.id).await.unwrap().balance;
            assert_eq!((&kept, kept.currency.as_str()), (&said, "CNY"));
            assert!(kept.updated_at_ms > 0);
            let expected = Notice::ChannelBalanceLow {
                channel: channel.id,
                name: "c".into(),
                balance: "1.99 CNY".into(),
                threshold: "2 CNY".into(),
            };
            assert_eq!(notices.try_recv().ok(), low.then_some(expected));
        }
    })
    .await;
}

#[tokio::test]
async fn a_provider_behind_a_proxy_is_asked_through_it() {
    with_store(async |store| {
        let said = r#"{"balance_infos":[{"currency":"CNY","total_balance":"2"}]}"#;
        let url = url::Url::parse(&provider(said).await).unwrap();
        let address = url.socket_addrs(|| None).unwrap().remove(0);
        let proxy = Proxy::leading_to(Some(address)).await;
        let channel = channel(&store, 36, "http://provider.invalid/v1").await;
        let through = format!("http://me:canary@{}", proxy.address);
        let patch = ChannelPatch {
            proxy: Some(ProxyUrl::parse(&through).ok()),
            key: Some(Secret::new(KEY)),
            ..ChannelPatch::default()
        };
        let channel = store.update_channel(channel.id, patch).await.unwrap();
        let said = update_at(&store, &channel, Reach::Anywhere).await.unwrap();
        assert_eq!(said.amount, NanoUsd(2_000_000_000));
        let head = proxy.heads().remove(0);
        assert!(head.contains("provider.invalid:80"), "{head}");
        assert!(!head.contains(KEY), "{head}");
    })
    .await;
}

#[tokio::test]
async fn who_tells_none_is_named_without_the_key() {
    with_store(async |store| {
        let odd = provider("{}").await;
        let closed = "http://127.0.0.1:1/v1";
        for (kind, base_url, reach, expected) in [
            (36, odd.as_str(), Reach::Anywhere, "answer tells no balance"),
            (
                25,
                odd.as_str(),
                Reach::Anywhere,
                "answered with status 404",
            ),
            (36, closed, Reach::Anywhere, "cannot be reached"),
            (36, closed, Reach::Public, "public addresses"),
            (
                36,
                "https://127.0.0.1/v1",
                Reach::Public,
                "public addresses",
            ),
            (14, closed, Reach::Anywhere, "have no balance"),
        ] {
            let channel = channel(&store, kind, base_url).await;
            let error = update_at(&store, &channel, reach).await.unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains(expected), "{kind} {base_url}: {text}");
            assert!(!text.contains(KEY), "{text}");
            let kept = store.channel(channel.id).await.unwrap().balance;
            assert_eq!(kept, ChannelBalance::default());
        }
    })
    .await;
}
