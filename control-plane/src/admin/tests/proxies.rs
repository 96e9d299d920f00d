//! The proxies of channels: who is told what of them.

use super::*;
use crate::domain::PublishedChannel;

/// The proxy of the only channel, and what is told to it.
async fn published(store: &Store) -> (String, String) {
    let channel: PublishedChannel = store.published_channels().await.unwrap().remove(0);
    let Some(proxy) = channel.proxy else {
        return Default::default();
    };
    let credentials = proxy.credentials().map(|it| it.expose().to_owned());
    (proxy.to_string(), credentials.unwrap_or_default())
}

#[tokio::test]
async fn credentials_go_in_and_never_come_out() {
    with_store(async |store| {
        let api = Api::new(&store);
        let body = json!({"type": 1, "key": "k", "name": "c", "models": ["m"],
            "proxy_url": "http://me:canary@proxy.example:3128"});
        let made = api.ok("POST", "/channel/", body.clone()).await;
        let path = format!("/channel/{}", made[0]["id"]);
        let shown = "http://****@proxy.example:3128";
        assert_eq!(made[0]["proxy_url"], shown);
        assert_eq!(api.get(&path).await["proxy_url"], shown);
        let whole = (shown.to_owned(), "me:canary".to_owned());
        assert_eq!(published(&store).await, whole);

        // An answer can be sent back as it is.
        let same = api.ok("PUT", &path, api.get(&path).await).await;
        assert_eq!(same["proxy_url"], shown);
        assert_eq!(published(&store).await, whole);
        // But the credentials go to no other place, nor to another channel.
        let elsewhere = json!({"proxy_url": "http://****@another.example:3128"});
        api.refused("PUT", &path, elsewhere, 400, "is a masked one")
            .await;
        let copied = json!({"type": 1, "key": "k", "proxy_url": shown});
        api.refused("POST", "/channel/", copied, 400, "is a masked one")
            .await;
        assert_eq!(published(&store).await, whole);

        for (proxy, expected) in [
            (
                "http://you:canary@proxy.example:3128",
                (shown, "you:canary"),
            ),
            ("https://proxy.example", ("https://proxy.example", "")),
            ("http://token@10.0.0.1", ("http://****@10.0.0.1", "token:")),
            ("", ("", "")),
        ] {
            let changed = api.ok("PUT", &path, json!({"proxy_url": proxy})).await;
            assert_eq!(changed["proxy_url"], expected.0);
            let (shown, credentials) = published(&store).await;
            assert_eq!((shown.as_str(), credentials.as_str()), expected);
        }

        let demo = json!({"type": 53, "name": "d", "proxy_url": "http://proxy.example"});
        api.refused("POST", "/channel/", demo, 400, "proxy_url is of no use")
            .await;
    })
    .await;
}

#[tokio::test]
async fn a_document_says_it_and_says_no_more_than_is_known() {
    with_store(async |store| {
        let api = Api::new(&store);
        let document = |proxy: &str| {
            json!({"channels": [{"name": "main", "type": "openai", "key": "k", "models": ["m"],
                "proxy_url": proxy}]})
        };
        let apply = async |document: Value| {
            let report = api.ok("POST", "/config/apply", document).await;
            report["changes"].clone()
        };
        let first = "http://me:canary@proxy.example";
        apply(document(first)).await;
        assert_eq!(apply(document(first)).await, json!([]));
        let shown = json!("http://****@proxy.example");
        let fields = |changes: &Value| changes[0]["fields"].clone();

        let changes = apply(document("http://me:other@proxy.example")).await;
        let hidden = json!({"proxy_url": {"from": "****", "to": "****"}});
        assert_eq!(fields(&changes), hidden);
        assert_eq!(published(&store).await.1, "me:other");

        let exported = api.get("/config/export").await;
        assert_eq!(exported["channels"][0]["proxy_url"], shown);
        assert_eq!(apply(exported.clone()).await, json!([]));
        assert_eq!(published(&store).await.1, "me:other");
        let changes = apply(document("")).await;
        let gone = json!({"proxy_url": {"from": shown, "to": ""}});
        assert_eq!(fields(&changes), gone);
        // Without its proxy it must not be made.
        api.refused("POST", "/config/apply", exported, 400, "is a masked one")
            .await;
    })
    .await;
}
