use serde_json::Value;

use super::*;
use crate::domain::GroupPatch;
use crate::store::testing::with_store;

/// Status, and the body or the name of the wrong field.
async fn ask(store: &Store, group: &str, method: &str, path: &str, body: &str) -> (u32, Value) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let asked = Conversations {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        body: body.into(),
        request_id: "0199aabbccdd00112233445566778899".into(),
    };
    match answer(store, group, &asked, 0).await.unwrap() {
        answer::Kind::Json(json) => (200, serde_json::from_str(&json).unwrap()),
        answer::Kind::Refused(json) => {
            let refused: Refused = serde_json::from_str(&json).unwrap();
            (refused.status, refused.param.into())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_conversation_from_its_first_item_to_its_end() {
    with_store(async |store| {
        for group in ["g", "h"] {
            let group = store.create_group(group, GroupPatch::default());
            group.await.unwrap();
        }
        let body = r#"{"metadata":{"topic":"é"},"items":[{"type":"message","role":"user","content":"hi"}],"other":1}"#;
        let (_, made) = ask(&store, "g", "POST", "", body).await;
        let id = made["id"].as_str().unwrap().to_owned();
        assert_eq!(made["object"], "conversation");
        assert_eq!(made["metadata"], json!({"topic": "é"}));
        let at = |rest: &str| format!("/{id}{rest}");
        assert_eq!(ask(&store, "g", "GET", &at(""), "").await.1, made);
        let (_, changed) = ask(&store, "g", "POST", &at(""), r#"{"metadata":{}}"#).await;
        assert_eq!(changed["metadata"], json!({}));

        let more = r#"{"items":[{"role":"assistant","content":[{"type":"output_text","text":"hello"}]}]}"#;
        let (_, added) = ask(&store, "g", "POST", &at("/items"), more).await;
        assert_eq!(added["data"][0]["content"][0]["text"], "hello");
        let (_, all) = ask(&store, "g", "GET", &at("/items?order=asc&limit=1"), "").await;
        assert_eq!(all["has_more"], true);
        assert_eq!(all["data"][0]["content"], json!([{"type": "input_text", "text": "hi"}]));
        let first = all["last_id"].as_str().unwrap().to_owned();
        let next = at(&format!("/items?order=asc&after={first}"));
        let (_, next) = ask(&store, "g", "GET", &next, "").await;
        assert_eq!(next["data"], added["data"]);
        let item = at(&format!("/items/{first}"));
        assert_eq!(ask(&store, "g", "GET", &item, "").await.1, all["data"][0]);

        // To everybody else it is not there.
        for (method, path, body) in [
            ("GET", at(""), ""),
            ("POST", at(""), r#"{"metadata":{}}"#),
            ("DELETE", at(""), ""),
            ("GET", at("/items"), ""),
            ("POST", at("/items"), more),
            ("GET", item.clone(), ""),
            ("DELETE", item.clone(), ""),
        ] {
            let theirs = ask(&store, "h", method, &path, body).await;
            assert_eq!(theirs, (404, "".into()), "{method} {path}");
        }
        assert_eq!(ask(&store, "g", "DELETE", &item, "").await.1["id"], id.as_str());
        assert_eq!(ask(&store, "g", "GET", &item, "").await.0, 404);
        let (_, deleted) = ask(&store, "g", "DELETE", &at(""), "").await;
        assert_eq!(deleted, json!({"id": id, "object": "conversation.deleted", "deleted": true}));
        assert_eq!(ask(&store, "g", "GET", &at(""), "").await.0, 404);
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    with_store(async |store| {
        store
            .create_group("g", GroupPatch::default())
            .await
            .unwrap();
        let (_, made) = ask(&store, "g", "POST", "", "").await;
        let id = made["id"].as_str().unwrap().to_owned();
        let many = format!(r#"{{"items":[{}]}}"#, vec!["1"; 21].join(","));
        let pairs: BTreeMap<String, String> = (0..17).map(|n| (n.to_string(), "".into())).collect();
        let pairs = json!({"metadata": pairs}).to_string();
        let long = json!({"metadata": {"k": "x".repeat(513)}}).to_string();
        for (method, rest, body, field) in [
            ("POST", "", "[", ""),
            ("POST", "", "{}", "metadata"),
            ("POST", "", r#"{"metadata":{"a":1}}"#, "metadata"),
            ("POST", "", pairs.as_str(), "metadata"),
            ("POST", "", long.as_str(), "metadata"),
            ("POST", "/items", "", "items"),
            ("POST", "/items", r#"{"items":[]}"#, "items"),
            ("POST", "/items", r#"{"items":"a"}"#, "items"),
            ("POST", "/items", many.as_str(), "items"),
            (
                "POST",
                "/items",
                r#"{"items":[{"role":"user","content":"a"},{"role":"robot","content":"a"}]}"#,
                "items[1].role",
            ),
            (
                "POST",
                "/items",
                r#"{"items":[{"type":"item_reference","id":"msg_1"}]}"#,
                "items[0]",
            ),
            ("GET", "/items?limit=0", "", "limit"),
            ("GET", "/items?limit=101", "", "limit"),
            ("GET", "/items?order=up", "", "order"),
            ("GET", "/items?after=msg_9", "", "after"),
        ] {
            let path = format!("/{id}{rest}");
            let refused = ask(&store, "g", method, &path, body).await;
            assert_eq!(refused, (400, field.into()), "{method} {rest} {body}");
        }
        let (_, items) = ask(&store, "g", "GET", &format!("/{id}/items"), "").await;
        assert_eq!(items["data"], json!([]), "nothing was half-written");
    })
    .await;
}
