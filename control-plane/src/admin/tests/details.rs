//! Bodies that the log keeps.

use prost::Message;
use tollgate_config::detail::Detail;

use super::*;

#[tokio::test]
async fn bodies_are_shown_with_their_row_to_who_may_see_it() {
    with_store(async |store| {
        let api = Api::new(&store);
        let event = |id: &str, group: &str| UsageEvent {
            id: id.into(),
            token_id: 1,
            group: group.into(),
            ..UsageEvent::default()
        };
        let ledger = Ledger::new(store.clone());
        let events = vec![event("r1", "g"), event("r2", "h")];
        ledger.book("n", events).await.unwrap();
        let body = Detail {
            id: "r1".into(),
            group: "g".into(),
            request: br#"{"api_key":"hunter2","text":"hi \u0000 there"}"#.to_vec(),
            response: b"cut \xc3".to_vec(),
            response_truncated: true,
            ..Detail::default()
        };
        let sent = [body.encode_to_vec(), vec![0xff; 3], vec![]];
        for _ in 0..2 {
            crate::details::keep(&store, "n", &sent).await.unwrap();
        }

        let listed = api.get("/logs/?include_detail=true&order=id-asc").await;
        let (with, without) = (&listed["logs"][0], &listed["logs"][1]);
        assert_eq!(without["request_detail"], Value::Null);
        assert_eq!(with["request_detail"]["response_body_truncated"], true);
        assert_eq!(
            api.get("/logs/").await["logs"][1]["request_detail"],
            Value::Null
        );

        let path = format!("detail/{}", with["id"]);
        let shown = api.get(&format!("/log/g/{path}")).await;
        assert_eq!(shown["log_id"], with["id"]);
        assert_eq!(
            shown["request_body"],
            r#"{"api_key":"[redacted]","text":"hi \u0000 there"}"#
        );
        assert_eq!(shown["response_body"], "cut \u{fffd}");
        let other = format!("/log/h/{path}");
        api.refused("GET", &other, Value::Null, 404, "log").await;
    })
    .await;
}

#[tokio::test]
async fn a_model_says_which_bodies_are_kept() {
    with_store(async |store| {
        let api = Api::new(&store);
        let rules = json!({"force_save_detail": true, "request_body_storage_max_size": -1});
        let saved = api.ok("POST", "/model_config/m", rules).await;
        assert_eq!(saved["force_save_detail"], true);
        // What is not named stays.
        let saved = api
            .ok("POST", "/model_config/m", json!({"owner": "me"}))
            .await;
        assert_eq!(saved["request_body_storage_max_size"], -1);
        assert_eq!(saved["response_body_storage_max_size"], 0);
        let large = json!({"response_body_storage_max_size": 65_537});
        api.refused(
            "POST",
            "/model_config/m",
            large,
            400,
            "response_body_storage_max_size must be",
        )
        .await;
    })
    .await;
}
