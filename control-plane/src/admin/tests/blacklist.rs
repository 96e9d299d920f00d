//! The black-list, shared addresses, and tokens that are rotated.

use super::*;
use crate::domain::now_unix_ms;

#[tokio::test]
async fn addresses_are_listed_in_one_form() {
    with_store(async |store| {
        let api = Api::new(&store);
        let later = now_unix_ms() + 60_000;
        let body = json!({"address": "203.0.113.77/24", "reason": "scraper", "expires_at": later});
        let made = api.ok("POST", "/ip_blacklist/", body).await;
        assert_eq!(made["address"], "203.0.113.0/24");
        assert_eq!(made["expires_at"], later);
        let other = json!({"address": "::ffff:198.51.100.7"});
        let other = api.ok("POST", "/ip_blacklist/", other).await;
        assert_eq!(
            (&other["address"], &other["expires_at"]),
            (&json!("198.51.100.7"), &json!(0))
        );
        let found = api.get("/ip_blacklist/search?keyword=SCRAPER").await;
        assert_eq!(
            (&found["total"], &found["ip_blacklist"][0]),
            (&json!(1), &made)
        );
        let two = json!({"address": "203.0.113.1/24"});
        api.refused("POST", "/ip_blacklist/", two, 409, "black-listed already")
            .await;
        let path = format!("/ip_blacklist/{}", other["id"]);
        let taken = json!({"address": "203.0.113.0/24"});
        api.refused("PUT", &path, taken, 409, "black-listed already")
            .await;
        let changed = api.ok("PUT", &path, json!({"reason": "theirs"})).await;
        assert_eq!(changed["reason"], "theirs");
        assert_eq!(api.get(&path).await, changed);
        assert_eq!(store.present_bans().await.unwrap().len(), 2);
        api.ok("DELETE", &path, Value::Null).await;
        api.refused("GET", &path, Value::Null, 404, "does not exist")
            .await;
        for (body, words) in [
            (json!({}), "address is required"),
            (
                json!({"address": "a.example"}),
                "address must be an address",
            ),
            (
                json!({"address": "::1", "expires_at": 7}),
                "expires_at must be in the future",
            ),
            (json!({"address": "::1", "until": 7}), "until"),
        ] {
            api.refused("POST", "/ip_blacklist/", body, 400, words)
                .await;
        }
        store.end_what_is_due(later).await.unwrap();
        assert_eq!(api.get("/ip_blacklist/").await["total"], 0);
    })
    .await;
}

#[tokio::test]
async fn groups_are_shown_by_address() {
    with_store(async |store| {
        let api = Api::new(&store);
        let event = |ip: &str, group: &str| UsageEvent {
            id: format!("{ip}-{group}"),
            started_unix_ms: now_unix_ms(),
            token_id: 3,
            group: group.into(),
            ip: ip.into(),
            model: "m".into(),
            status: 200,
            outcome: Outcome::Success.into(),
            ..UsageEvent::default()
        };
        let events = vec![
            event("203.0.113.1", "b"),
            event("203.0.113.1", "a"),
            event("203.0.113.2", "a"),
            // Nobody knows whose it was.
            UsageEvent {
                token_id: 0,
                ..event("203.0.113.2", "c")
            },
        ];
        Ledger::new(store.clone()).book("n", events).await.unwrap();
        assert_eq!(
            api.get("/groups/ip_groups").await,
            json!({"203.0.113.1": ["a", "b"], "203.0.113.2": ["a"]})
        );
        assert_eq!(
            api.get("/groups/ip_groups?threshold=2").await,
            json!({"203.0.113.1": ["a", "b"]})
        );
        let before = api.get("/groups/ip_groups?end=1000").await;
        assert_eq!(before, json!({}));
        let order = "/groups/ip_groups?start_timestamp=5&end_timestamp=4";
        api.refused("GET", order, Value::Null, 400, "start must not be after")
            .await;
    })
    .await;
}

#[tokio::test]
async fn a_rotated_token_shows_its_new_key_once() {
    with_store(async |store| {
        let api = Api::new(&store);
        let made = api
            .ok(
                "POST",
                "/token/g?auto_create_group=true",
                json!({"name": "t"}),
            )
            .await;
        let path = format!("/token/g/{}/rotate", made["id"]);
        let hour = json!({"overlap_seconds": 3600});
        let rotated = api.ok("POST", &path, hour.clone()).await;
        let (old, new) = (
            made["key"].as_str().unwrap(),
            rotated["key"].as_str().unwrap(),
        );
        assert!(new.starts_with("sk-") && new.len() == old.len() && new != old);
        let until = rotated["rotates_until"].as_i64().unwrap();
        assert!(until > now_unix_ms() + 3_500_000);
        let shown = api.get(&format!("/tokens/{}", made["id"])).await;
        assert_eq!(shown["rotates_until"], until);
        assert!(!shown.to_string().contains(new));
        // An answer can be sent back.
        let same = api
            .ok("PUT", &format!("/tokens/{}", made["id"]), shown)
            .await;
        assert_eq!(same["rotates_until"], until);

        let other = format!("/token/h/{}/rotate", made["id"]);
        api.refused("POST", &other, hour, 404, "does not exist")
            .await;
        let all = format!("/tokens/{}/rotate", made["id"]);
        for (body, words) in [
            (json!({}), "overlap_seconds is required"),
            (
                json!({"overlap_seconds": -1}),
                "overlap_seconds must be a whole number",
            ),
            (
                json!({"overlap_seconds": 3_000_000}),
                "overlap_seconds must be a whole number",
            ),
            (json!({"overlap_seconds": 1, "x": 1}), "x"),
        ] {
            api.refused("POST", &all, body, 400, words).await;
        }
        let at_once = api.ok("POST", &all, json!({"overlap_seconds": 0})).await;
        assert_eq!(at_once["rotates_until"], 0);
        assert_eq!(store.all_token_updates().await.unwrap().len(), 1);
    })
    .await;
}
