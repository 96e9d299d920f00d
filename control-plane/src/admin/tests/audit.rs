//! The audit log: every change, nobody's secrets.

use super::*;

#[tokio::test]
async fn every_change_is_written_down_without_secrets() {
    on_each_database(async |database| {
        const CANARY: &str = "sk-CANARY-provider-key-0123456789";
        let store = database.open().await;
        let api = Api::new(&store);
        let boss = api.user("boss", "administrator").await;
        let body = json!({"type": 1, "key": CANARY, "name": "c", "models": ["m"]});
        let made = api
            .call_as(Some(&boss.access), "POST", "/channel/", body)
            .await;
        let id = made.envelope["data"][0]["id"].clone();
        let path = format!("/channel/{id}");
        api.call_as(Some(&boss.access), "PUT", &path, json!({"priority": -1}))
            .await;
        api.call_as(Some(&boss.access), "DELETE", &path, Value::Null)
            .await;
        api.call_as(
            Some(&boss.access),
            "POST",
            "/channels/batch_info",
            json!([1]),
        )
        .await;
        api.call_as(Some(&boss.access), "GET", "/channels/", Value::Null)
            .await;

        let rows = api.get("/audit_logs/?order=id-asc").await;
        let seen: Vec<_> = rows["audit_logs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let text = |name: &str| row[name].as_str().unwrap().to_owned();
                (
                    text("actor"),
                    text("method"),
                    text("route"),
                    row["code"].as_i64().unwrap(),
                )
            })
            .collect();
        let row = |actor: &str, method: &str, route: &str, code| {
            (actor.to_owned(), method.to_owned(), route.to_owned(), code)
        };
        assert_eq!(
            seen,
            [
                row("admin key", "POST", "/api/users/", 200),
                row("boss", "POST", "/api/channel/", 200),
                row("boss", "PUT", "/api/channel/{id}", 400),
                row("boss", "DELETE", "/api/channel/{id}", 200),
            ]
        );
        let row = &rows["audit_logs"][1];
        assert_eq!(
            (&row["user_id"], &row["ip"]),
            (&json!(boss.id), &json!("192.0.2.1"))
        );
        assert_eq!(
            row["fields"],
            json!({"type": 1, "key": "[redacted]", "name": "c", "models": ["m"]})
        );
        let row = &rows["audit_logs"][3];
        assert_eq!(row["targets"], json!({"id": id.to_string()}));
        assert_eq!(row["path"], format!("/api{path}"));

        let total =
            async |query: &str| api.get(&format!("/audit_logs/?{query}")).await["total"].clone();
        for (query, expected) in [
            ("user_id=0", 1),
            ("actor=boss&code=200", 2),
            ("method=DELETE", 1),
            ("route=/api/channel/%7Bid%7D", 2),
            ("ip=192.0.2.1", 3),
            ("ip=203.0.113.9", 0),
            ("start_timestamp=1&end_timestamp=2", 0),
            ("start_timestamp=1", 4),
            ("keyword=CHANNEL", 3),
        ] {
            assert_eq!(total(query).await, expected, "{query}");
        }
        let page = api.get("/audit_logs?per_page=1&page=2").await;
        assert_eq!(page["audit_logs"][0]["method"], "PUT", "newest first");

        let all = rows.to_string();
        for secret in ["CANARY", PASSWORD, &boss.access, &boss.refresh, KEY] {
            assert!(!all.contains(secret), "{all}");
        }
        store.close().await;
        if database.name == "sqlite" {
            for secret in ["CANARY", PASSWORD, &boss.access, &boss.refresh] {
                super::secrets::no_file_holds(database.folder.path(), &[secret]);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_get_that_does_something_is_written_down() {
    with_store(async |store| {
        let api = Api::new(&store);
        let boss = api.user("boss", "administrator").await;
        let seer = api.user("seer", "read_only").await;
        let channel = json!({"type": 1, "key": "sk-0123456789abcdef", "models": ["m"]});
        let made = api.ok("POST", "/channel/", channel).await;
        let path = format!("/channel/{}/update_balance", made[0]["id"]);
        for (who, path) in [
            (&boss, path.as_str()),
            (&boss, "/channel/99/test/m"),
            (&boss, "/channels/"),
            (&seer, "/channels/test"),
        ] {
            api.call_as(Some(&who.access), "GET", path, Value::Null)
                .await;
        }
        let rows = api.get("/audit_logs/?method=GET&order=id-asc").await;
        let row = |at: usize| {
            let row = &rows["audit_logs"][at];
            (row["actor"].clone(), row["route"].clone())
        };
        assert_eq!(rows["total"], 2, "{rows}");
        let route = "/api/channel/{id}/update_balance";
        assert_eq!(row(0), (json!("boss"), json!(route)));
        assert_eq!(
            row(1),
            (json!("boss"), json!("/api/channel/{id}/test/{*model}"))
        );
        assert_eq!(rows["audit_logs"][1]["targets"]["model"], "m");
        assert_ne!(rows["audit_logs"][1]["code"], 0);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_done() {
    with_store(async |store| {
        let api = Api::new(&store);
        store
            .execute_for_tests("DROP TABLE audit_logs".to_owned())
            .await;
        let answer = api.call("POST", "/group/g", "").await;
        assert!(matches!(answer.status, 500 | 503), "{}", answer.text);
        api.refused("GET", "/group/g", Value::Null, 404, "does not exist")
            .await;
    })
    .await;
}
