//! Log rows as CSV, and their end.

use super::*;
use crate::domain::{Detail, now_unix_ms};

pub(super) async fn csv(api: &Api, path: &str) -> Vec<String> {
    let request = Request::builder()
        .uri(format!("/api{path}"))
        .header("authorization", KEY)
        .body(Body::empty());
    let response = api.router.clone().oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    assert_eq!(
        response.headers()["content-type"],
        "text/csv; charset=utf-8"
    );
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    text.split_terminator("\r\n").map(str::to_owned).collect()
}

async fn book(store: &Store, count: usize) -> Api {
    let event = |id: usize| UsageEvent {
        id: format!("{id:06}"),
        token_id: 1,
        token_name: "t".into(),
        group: if id.is_multiple_of(2) { "g" } else { "h" }.into(),
        model: "=cmd()".into(),
        status: 200,
        ..UsageEvent::default()
    };
    let ledger = Ledger::new(store.clone());
    ledger
        .book("n", (0..count).map(event).collect())
        .await
        .unwrap();
    Api::new(store)
}

#[tokio::test]
async fn every_row_is_exported_once() {
    with_store(async |store| {
        let api = book(&store, 1201).await;
        let lines = csv(&api, "/logs/export?order=id-asc&timezone=Asia/Tokyo").await;
        assert_eq!(lines.len(), 1202);
        assert!(
            lines[0].starts_with("\"id\",\"created_at\""),
            "{}",
            lines[0]
        );
        for (id, line) in lines[1..].iter().enumerate() {
            assert!(line.contains(&format!("\"{id:06}\"")), "{line}");
            assert!(
                line.contains("+09:00\"") && line.contains("\"'=cmd()\""),
                "{line}"
            );
        }
        let newest = csv(&api, "/logs/export?max_entries=2").await;
        assert_eq!(newest.len(), 3);
        assert!(newest[1].contains("\"001200\""), "{}", newest[1]);
        let group = csv(
            &api,
            "/log/h/export?include_channel=true&include_retry_at=1",
        )
        .await;
        assert_eq!(group.len(), 601);
        assert!(
            group[0].ends_with("\"retry_times\",\"retry_at\""),
            "{}",
            group[0]
        );
        let nothing = csv(&api, "/log/nobody/export?include_detail=true").await;
        assert_eq!(nothing.len(), 1);
        for (query, words) in [
            ("start_timestamp=1", "at most 30 days"),
            ("keyword=x", "keyword"),
            ("max_entries=-1", "max_entries"),
            ("timezone=Mars", "timezone"),
        ] {
            let path = format!("/logs/export?{query}");
            api.refused("GET", &path, Value::Null, 400, words).await;
        }
    })
    .await;
}

#[tokio::test]
async fn rows_that_are_old_enough_can_be_deleted() {
    with_store(async |store| {
        let api = book(&store, 10).await;
        let now = now_unix_ms();
        let day = 86_400_000;
        let old = format!(
            "UPDATE logs SET created_at = {} WHERE request_id < '000004'",
            now - 2 * day
        );
        store.execute_for_tests(old).await;
        let detail = |id: &str, days: i64| Detail {
            request_id: id.into(),
            group: "g".into(),
            created_at_ms: now - days * day,
            request_body: "{}".into(),
            response_body: String::new(),
            request_body_truncated: false,
            response_body_truncated: false,
        };
        // Of an old row, of one whose body came late, of none that is still there, and of a new row.
        let details = [
            detail("000001", 2),
            detail("000002", 0),
            detail("gone", 2),
            detail("000009", 0),
        ];
        store.keep_details(&details).await.unwrap();
        for timestamp in ["", "0", "-5", &now.to_string()] {
            let path = format!("/logs/?timestamp={timestamp}");
            api.refused("DELETE", &path, Value::Null, 400, "timestamp must be")
                .await;
        }
        let path = format!("/logs/?timestamp={}", now - day - 1000);
        assert_eq!(api.ok("DELETE", &path, Value::Null).await, 4);
        assert_eq!(api.get("/logs/").await["total"], 6);
        let ids = details.map(|detail| detail.request_id);
        let kept = store.details_of(&ids).await.unwrap();
        let kept: Vec<_> = kept.iter().map(|it| it.request_id.as_str()).collect();
        assert_eq!(kept, ["000009"], "bodies go with their rows");
    })
    .await;
}
