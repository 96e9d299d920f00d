//! What was in one-api's database.

use super::*;
use crate::one_api::taken;
use crate::store::one_api_sample;
use crate::store::read_one_api;

#[tokio::test]
async fn an_import_is_taken_once_and_changes_nothing_the_second_time() {
    with_store(async |store| {
        let api = Api::new(&store);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("one-api.db");
        one_api_sample(&file).await;
        let dsn = Secret::new(file.to_str().unwrap());
        let found = taken(&read_one_api(&dsn).await.unwrap());
        assert!(
            found.left_out.join("\n").contains("channel 3 (\"coze\")"),
            "{:?}",
            found.left_out
        );
        let document = found.document;

        let looked = api
            .ok("POST", "/config/apply?dry_run=true", document.clone())
            .await;
        assert_eq!(api.get("/groups/").await["total"], 0, "{looked}");
        let applied = api.ok("POST", "/config/apply", document.clone()).await;
        assert_eq!(
            applied["changes"].as_array().unwrap().len(),
            11,
            "{applied}"
        );
        assert!(!applied.to_string().contains("canary"), "{applied}");
        assert!(
            !applied.to_string().contains("Kq3cPyu8"),
            "a key that exists is not shown"
        );
        let again = api.ok("POST", "/config/apply", document.clone()).await;
        assert_eq!(again["changes"], json!([]), "{again}");

        // The key works, with or without its prefix.
        for key in [
            "Kq3cPyu8vbQnAbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
            "sk-0123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(
                api.get(&format!("/tokens/?key={key}")).await["total"],
                1,
                "{key}"
            );
        }
        let token = &api.get("/token/one-api-2").await["tokens"];
        assert_eq!(token.as_array().unwrap().len(), 2, "{token}");
        let wallet = api.get("/group/one-api-2/wallet").await;
        assert_eq!(wallet["balance"], 0.5, "{wallet}");
        let group = api.get("/group/one-api-2").await;
        assert_eq!(group["price_multiplier"], 0.5, "{group}");
        let price = &api.get("/model_config/gpt-x").await["price"];
        assert_eq!(price["input_price"], 2.5, "{price}");
        assert_eq!(price["output_price"], 10, "{price}");
        let channel = &api.get("/channels/?name=one-api%201:%20main").await["channels"][0];
        assert_eq!(
            channel["base_url"], "http://provider.example/v1",
            "{channel}"
        );
        assert_eq!(api.get("/wallets/unbalanced").await, json!([]));

        // What was spent since stays spent.
        let movement = json!({"amount": 0.25});
        api.ok("POST", "/group/one-api-2/wallet/deduct", movement)
            .await;
        let again = api.ok("POST", "/config/apply", document).await;
        assert_eq!(again["changes"], json!([]), "{again}");
        assert_eq!(api.get("/group/one-api-2/wallet").await["balance"], 0.25);
        let audits = api.get("/audit_logs/?route=/api/config/apply").await;
        assert!(!audits.to_string().contains("Kq3cPyu8"), "{audits}");
    })
    .await;
}

#[tokio::test]
async fn a_key_that_somebody_has_is_not_given_to_another() {
    with_store(async |store| {
        let api = Api::new(&store);
        let key = "Ab3".repeat(16);
        let of = |group: &str, key: &str| {
            json!({"groups": [{"id": group, "tokens": [{"name": "t", "key": key}]}]})
        };
        api.ok("POST", "/config/apply", of("a", &key)).await;
        let path = "/config/apply";
        api.refused("POST", path, of("b", &key), 409, "another's key").await;
        assert_eq!(api.get("/groups/").await["total"], 1);
        let other = "Cd4".repeat(16);
        api.refused("POST", path, of("a", &other), 409, "has another key").await;
        api.refused("POST", path, of("c", "weak"), 400, "key must be 32").await;
        let path = "/channels/import/oneapi";
        for dsn in ["/etc/passwd", "sqlite:///etc/passwd", "x"] {
            api.refused("POST", path, json!({"dsn": dsn}), 400, "dsn must be").await;
        }
        for (dsn, rule) in [
            ("postgres:///d?host=h", "must have a host"),
            ("postgres://h/d", "a user and a password"),
            ("postgres://u@h/d", "a user and a password"),
            ("postgres://u:canary@%2Ftmp/d", "a name or an address"),
            (
                "postgres://u:canary@h/d?host=%2Ftmp",
                "no parameter but sslmode",
            ),
            (
                "postgres://u:canary@h/d?sslmode=disable&sslrootcert=/etc/passwd",
                "no parameter but sslmode",
            ),
            ("mysql://u:canary@h/d?socket=/tmp/s", "no parameter but"),
            ("mysql://u:canary@h/d?sslmode=disable", "no parameter but"),
            ("u@tcp(h)/d", "a user and a password"),
            ("mysql://u:canary@127.0.0.1:1/d", "has no public address"),
            ("u:canary@tcp(127.0.0.1:1)/d", "has no public address"),
            ("postgres://u:canary@localhost:1/d", "has no public address"),
            ("postgres://u:canary@[::1]/d", "has no public address"),
            ("postgres://u:canary@169.254.169.254/d", "TOLLGATE_IMPORT_HOSTS"),
        ] {
            api.refused("POST", path, json!({"dsn": dsn}), 400, rule)
                .await;
        }
        let nowhere = json!({"dsn": "postgres://u:canary@127.0.0.1:1/d?sslmode=disable"});
        api.refused("POST", path, nowhere, 400, "has no public address")
            .await;
    })
    .await;
}

#[tokio::test]
async fn groups_and_channels_of_ours_are_not_taken_for_theirs() {
    with_store(async |store| {
        let api = Api::new(&store);
        let ours = json!({
            "channels": [{"name": "main", "type": 1, "key": "sk-ours", "models": ["m"]}],
            "groups": [{"id": "anna", "opening_balance": "7"}],
        });
        api.ok("POST", "/config/apply", ours).await;
        let before = (
            api.get("/group/anna").await,
            api.get("/channels/?name=main").await,
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("one-api.db");
        one_api_sample(&file).await;
        let dsn = Secret::new(file.to_str().unwrap());
        let document = taken(&read_one_api(&dsn).await.unwrap()).document;
        api.ok("POST", "/config/apply", document).await;
        let after = (
            api.get("/group/anna").await,
            api.get("/channels/?name=main").await,
        );
        assert_eq!(before, after);
        assert_eq!(api.get("/group/anna/wallet").await["balance"], 7.0);
        assert_eq!(api.get("/token/anna").await["total"], 0);
    })
    .await;
}

#[tokio::test]
async fn tokens_that_were_renamed_there_are_renamed_here() {
    with_store(async |store| {
        let api = Api::new(&store);
        let of = |names: [&str; 3]| {
            let keys = ["Ab3", "Cd4", "Ef5"].map(|part| part.repeat(16));
            let tokens = names.iter().zip(keys);
            let tokens = tokens.map(|(name, key)| json!({"name": name, "key": key}));
            json!({"groups": [{"id": "g", "tokens": tokens.collect::<Vec<_>>()}]})
        };
        let path = "/config/apply";
        api.ok("POST", path, of(["a", "b", "c"])).await;
        // The first takes the name that the second gives up, and so on.
        api.ok("POST", path, of(["b", "c", "d"])).await;
        let again = api.ok("POST", path, of(["b", "c", "d"])).await;
        assert_eq!(again["changes"], json!([]), "{again}");
        for (part, name) in [("Ab3", "b"), ("Cd4", "c"), ("Ef5", "d")] {
            let key = part.repeat(16);
            let found = api.get(&format!("/tokens/?key={key}")).await;
            assert_eq!(found["tokens"][0]["name"], name, "{found}");
        }
        let circle = of(["c", "b", "d"]);
        api.refused("POST", path, circle, 409, "change names among themselves")
            .await;
    })
    .await;
}
