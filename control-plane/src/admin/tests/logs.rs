//! The log.

use super::*;
use crate::domain::now_unix_ms;

#[tokio::test]
async fn logs_are_shown_and_filtered() {
    with_store(async |store| {
        let api = Api::new(&store);
        api.ok(
            "POST",
            "/model_config/m",
            json!({"price": {"input_price": 0.003}}),
        )
        .await;
        let began = now_unix_ms();
        let event = |id: &str, status: u32, model: &str| {
            let mut event = UsageEvent {
                id: id.into(),
                token_id: 5,
                token_name: "t".into(),
                group: "g".into(),
                model: model.into(),
                path: "/v1/messages".into(),
                dialect: "anthropic".into(),
                status,
                first_byte_ms: Some(12),
                user: "someone".into(),
                started_unix_ms: began,
                attempts: vec![
                    Attempt::default(),
                    Attempt {
                        channel_id: 9,
                        status,
                        started_ms: 40,
                        ..Attempt::default()
                    },
                ],
                usage: Some(Usage {
                    input_tokens: 1001,
                    output_tokens: 2,
                    reasoning_tokens: 1,
                    ..Usage::default()
                }),
                losses: vec!["top_k: unknown there".into()],
                ..UsageEvent::default()
            };
            event.set_outcome(if status == 200 {
                Outcome::Success
            } else {
                Outcome::Failed
            });
            event
        };
        let events = vec![
            event("r1", 200, "m"),
            event("r2", 502, "m"),
            event("r3", 200, "x"),
        ];
        Ledger::new(store.clone())
            .book("node", events)
            .await
            .unwrap();

        let listed = api
            .get("/logs/?token_name=t&model_name=m&code_type=success")
            .await;
        assert_eq!(listed["total"], 1);
        let row = &listed["logs"][0];
        assert_eq!(
            (&row["request_id"], &row["outcome"]),
            (&json!("r1"), &json!("success"))
        );
        assert_eq!(
            (&row["channel"], &row["retry_times"]),
            (&json!(9), &json!(1))
        );
        assert_eq!(row["attempts"][1]["channel_id"], 9);
        assert_eq!(
            (&row["mode"], &row["retry_at"]),
            (&json!(12), &json!(began + 40))
        );
        assert_eq!(row["usage"]["total_tokens"], 1003);
        assert_eq!(row["used_amount_nano_usd"], 3_003_000);
        assert_eq!(
            (&row["used_amount"], &row["priced"]),
            (&json!(0.003003), &json!(true))
        );
        assert_eq!(
            (&row["ttfb_milliseconds"], &row["endpoint"]),
            (&json!(12), &json!("/v1/messages"))
        );
        assert_eq!(row["losses"], json!(["top_k: unknown there"]));
        assert_eq!(
            api.get(&format!("/logs/detail/{}", row["id"])).await["request_id"],
            "r1"
        );

        let total = async |query: &str| api.get(query).await["total"].as_i64().unwrap();
        for (query, expected) in [
            ("/logs/", 3),
            ("/logs?code_type=error", 1),
            ("/logs/?code=502", 1),
            ("/logs/?code=0&token_id=0&channel=0", 3),
            ("/logs/?channel=9&group=g&token_id=5&user=someone", 3),
            ("/logs/?request_id=r3", 1),
            ("/logs/?ip=1.2.3.4", 0),
            ("/logs/?start_timestamp=1&end_timestamp=2", 0),
            ("/logs/?start_timestamp=1", 3),
            ("/logs/search?keyword=R2", 1),
            ("/log/g?model_name=x", 1),
            ("/log/other", 0),
        ] {
            assert_eq!(total(query).await, expected, "{query}");
        }
        assert_eq!(
            api.get("/logs/?model_name=x").await["logs"][0]["priced"],
            false
        );
        let second = api.get("/logs/?per_page=2&page=2").await;
        assert_eq!(second["logs"][0]["request_id"], "r1", "newest first");
        api.refused(
            "GET",
            &format!("/log/other/detail/{}", row["id"]),
            Value::Null,
            404,
            "log",
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn logs_keep_all_that_a_bill_is_made_of() {
    with_store(async |store| {
        let event = UsageEvent {
            id: "r".into(),
            usage: Some(Usage {
                input_tokens: 100,
                output_tokens: 50,
                cache_write_5m_tokens: 1,
                cache_write_1h_tokens: 2,
                image_input_tokens: 3,
                audio_input_tokens: 4,
                video_input_tokens: 5,
                image_output_tokens: 6,
                audio_output_tokens: 7,
                web_searches: 8,
                web_fetches: 9,
                code_runs: 10,
                file_searches: 11,
                ..Usage::default()
            }),
            service_tier: "flex".into(),
            resolution: "1024x1024".into(),
            quality: "high".into(),
            input_video: Some(false),
            ..UsageEvent::default()
        };
        let ledger = Ledger::new(store.clone());
        ledger.book("node", vec![event]).await.unwrap();
        let row = Api::new(&store).get("/logs/").await["logs"][0].clone();
        let expected = json!({"input_tokens": 100, "output_tokens": 50, "cached_tokens": 0,
            "cache_creation_tokens": 3, "cache_creation_1h_tokens": 2, "reasoning_tokens": 0,
            "total_tokens": 150, "estimated": false, "image_input_tokens": 3,
            "audio_input_tokens": 4, "video_input_tokens": 5, "image_output_tokens": 6,
            "audio_output_tokens": 7, "web_search_count": 8, "web_fetch_count": 9,
            "code_run_count": 10, "file_search_count": 11});
        assert_eq!(row["usage"], expected);
        let context = json!({"service_tier": "flex", "resolution": "1024x1024",
            "quality": "high", "input_video": false});
        assert_eq!(row["usage_context"], context);
    })
    .await;
}
