//! Wallets and redemption codes.

use super::*;

async fn group(api: &Api, group: &str) {
    api.ok("POST", &format!("/group/{group}"), json!({})).await;
    let path = format!("/group/{group}/wallet");
    let opened = api.ok("POST", &path, json!({})).await;
    assert_eq!(opened["balance"], 0);
}

#[tokio::test]
async fn a_wallet_from_its_opening_to_its_end() {
    with_store(async |store| {
        let api = Api::new(&store);
        group(&api, "g").await;
        let order = json!({"amount": "12.5", "idempotency_key": "inv-1", "note": "paid"});
        let first = api
            .ok("POST", "/group/g/wallet/recharge", order.clone())
            .await;
        assert_eq!(
            (&first["kind"], &first["balance"]),
            (&json!("recharge"), &json!(12.5))
        );
        assert_eq!(first["amount_nano_usd"], 12_500_000_000_i64);
        let again = api
            .call("POST", "/group/g/wallet/recharge", order.to_string())
            .await;
        assert_eq!(again.envelope["data"], first);
        assert!(
            again.envelope["message"]
                .as_str()
                .unwrap()
                .contains("done before")
        );

        api.ok("POST", "/group/g/wallet/deduct", json!({"amount": 2.25}))
            .await;
        api.ok(
            "POST",
            "/group/g/wallet/adjust",
            json!({"amount": -0.000000001}),
        )
        .await;
        let wallet = api.get("/group/g/wallet").await;
        assert_eq!(wallet["balance_nano_usd"], 10_249_999_999_i64);
        assert_eq!(wallet["balance"].to_string(), "10.249999999");

        let listed = api
            .get("/group/g/wallet/transactions?order=id-asc&per_page=2&page=2")
            .await;
        assert_eq!(
            (
                &listed["total"],
                listed["transactions"].as_array().unwrap().len()
            ),
            (&json!(3), 1)
        );
        let of_kind = api.get("/group/g/wallet/transactions?kind=recharge").await;
        assert_eq!(of_kind["transactions"], json!([first]));
        let id = &first["id"];
        assert_eq!(
            api.get(&format!("/group/g/wallet/transactions/{id}")).await,
            first
        );
        assert_eq!(
            api.get("/wallets?keyword=g").await["wallets"],
            json!([wallet])
        );
        assert_eq!(api.get("/wallets/unbalanced").await, json!([]));

        api.ok("DELETE", "/group/g/wallet", Value::Null).await;
        api.refused(
            "GET",
            "/group/g/wallet",
            Value::Null,
            404,
            "spends without limit",
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_a_call_cost_is_shown_and_given_back() {
    with_store(async |store| {
        let api = Api::new(&store);
        group(&api, "g").await;
        group(&api, "other").await;
        api.ok(
            "POST",
            "/model_config/m",
            json!({"price": {"input_price": 1}}),
        )
        .await;
        let event = UsageEvent {
            id: "call".into(),
            token_id: 5,
            group: "g".into(),
            model: "m".into(),
            status: 200,
            usage: Some(Usage {
                input_tokens: 3000,
                ..Usage::default()
            }),
            ..UsageEvent::default()
        };
        Ledger::new(store.clone())
            .book("n", vec![event])
            .await
            .unwrap();
        let usage = api
            .get("/group/g/wallet/transactions?request_id=call")
            .await["transactions"][0]
            .clone();
        assert_eq!((&usage["amount"], &usage["calls"]), (&json!(-3), &json!(1)));
        let charges = format!("wallet/transactions/{}/charges", usage["id"]);
        let listed = api.get(&format!("/group/g/{charges}")).await;
        assert_eq!(listed["charges"][0]["request_id"], "call");
        let path = format!("/group/other/{charges}");
        api.refused("GET", &path, Value::Null, 404, "does not exist")
            .await;

        let part = json!({"request_id": "call", "amount": 1});
        api.refused(
            "POST",
            "/group/other/wallet/refund",
            part.clone(),
            404,
            "does not exist",
        )
        .await;
        let refund = api.ok("POST", "/group/g/wallet/refund", part).await;
        assert_eq!(
            (&refund["request_id"], &refund["balance"]),
            (&json!("call"), &json!(-2))
        );
        let rest = api
            .ok(
                "POST",
                "/group/g/wallet/refund",
                json!({"request_id": "call"}),
            )
            .await;
        assert_eq!(rest["amount"], 2);
        let more = json!({"request_id": "call", "amount": 1});
        api.refused(
            "POST",
            "/group/g/wallet/refund",
            more,
            409,
            "left to refund",
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn codes_are_shown_once_and_redeemed() {
    with_store(async |store| {
        let api = Api::new(&store);
        group(&api, "g").await;
        let order = json!({"batch": "spring", "count": 2, "amount": 5});
        let made = api.ok("POST", "/redemption_codes/", order).await;
        let code = made[0]["code"].as_str().unwrap();
        let listed = api.call("GET", "/redemption_codes/?batch=spring", "").await;
        assert_eq!(listed.envelope["data"]["total"], 2);
        assert!(!listed.text.contains(code), "{}", listed.text);

        let redeem = json!({"code": code});
        let redeemed = api
            .ok("POST", "/group/g/wallet/redeem", redeem.clone())
            .await;
        assert_eq!(
            (&redeemed["kind"], &redeemed["balance"]),
            (&json!("redemption"), &json!(5))
        );
        assert_eq!(redeemed["redemption_code"], made[0]["id"].to_string());
        api.refused(
            "POST",
            "/group/g/wallet/redeem",
            redeem,
            409,
            "has redeemed",
        )
        .await;

        let second = &made[1];
        let path = format!("/redemption_codes/{}/status", second["id"]);
        api.ok("POST", &path, json!({"status": 2})).await;
        let redeem = json!({"code": second["code"]});
        api.refused(
            "POST",
            "/group/g/wallet/redeem",
            redeem.clone(),
            409,
            "disabled",
        )
        .await;
        for _ in 0..10 {
            let guess = json!({"code": "11111-22222-33333-44444"});
            api.refused(
                "POST",
                "/group/g/wallet/redeem",
                guess,
                404,
                "does not exist",
            )
            .await;
        }
        api.refused(
            "POST",
            "/group/g/wallet/redeem",
            redeem,
            429,
            "too many codes",
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn orders_that_are_refused() {
    with_store(async |store| {
        let api = Api::new(&store);
        group(&api, "g").await;
        for (path, body, status, words) in [
            ("/group/g/wallet", json!({}), 409, "has a wallet already"),
            (
                "/group/nobody/wallet",
                json!({}),
                404,
                "group nobody does not exist",
            ),
            (
                "/group/g/wallet/recharge",
                json!({}),
                400,
                "amount is required",
            ),
            (
                "/group/g/wallet/recharge",
                json!({"amount": 0}),
                400,
                "above zero",
            ),
            (
                "/group/g/wallet/recharge",
                json!({"amount": -1}),
                400,
                "negative",
            ),
            (
                "/group/g/wallet/recharge",
                json!({"amount": "1e-10"}),
                400,
                "more than 9 decimals",
            ),
            (
                "/group/g/wallet/recharge",
                json!({"amount": 2_000_000_000}),
                400,
                "amount",
            ),
            (
                "/group/g/wallet/recharge",
                json!({"amount": 1, "x": 1}),
                400,
                "x is not a field",
            ),
            (
                "/group/g/wallet/deduct",
                json!({"amount": 1}),
                409,
                "0 USD in the wallet",
            ),
            (
                "/group/g/wallet/adjust",
                json!({"amount": "--1"}),
                400,
                "decimal number",
            ),
            (
                "/group/g/wallet/refund",
                json!({"amount": 1}),
                400,
                "request_id is required",
            ),
            (
                "/group/g/wallet/refund",
                json!({"request_id": "x"}),
                404,
                "does not exist",
            ),
            ("/group/g/wallet/redeem", json!({}), 400, "code is required"),
            (
                "/redemption_codes/",
                json!({"count": 1}),
                400,
                "amount is required",
            ),
            (
                "/redemption_codes/",
                json!({"amount": 1, "count": 1001}),
                400,
                "count must be",
            ),
            (
                "/redemption_codes/",
                json!({"amount": 1, "expires_at": 5}),
                400,
                "in the future",
            ),
            (
                "/redemption_codes/9/status",
                json!({"status": 1}),
                404,
                "does not exist",
            ),
        ] {
            api.refused("POST", path, body, status, words).await;
        }
        let path = "/group/g/wallet/transactions?kind=odd";
        api.refused("GET", path, Value::Null, 400, "kind must be one of")
            .await;
        assert_eq!(api.get("/group/g/wallet/transactions").await["total"], 0);
    })
    .await;
}

#[tokio::test]
async fn services_keep_money_and_their_secrets() {
    with_store(async |store| {
        let api = Api::new(&store);
        let body = json!({"name": "bank", "url": "https://bank.example/v1", "secret": "canary-0123456789abcdef"});
        let made = api.call("POST", "/balance_services/", body.to_string()).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let service = &made.envelope["data"];
        assert_eq!((&service["private"], &service["secret"]), (&json!(false), &json!("****cdef")));
        let path = format!("/balance_services/{}", service["id"]);
        // What was shown can be sent back.
        let edited = json!({"id": service["id"], "private": true, "secret": service["secret"]});
        let edited = api.ok("PUT", &path, edited).await;
        assert_eq!((&edited["private"], &edited["secret"]), (&json!(true), &json!("****cdef")));
        let access = store.service_access(service["id"].as_i64().unwrap()).await.unwrap();
        assert_eq!(access.secret.expose(), "canary-0123456789abcdef");
        // Its secret does not follow it to another host.
        for url in ["https://evil.example/v1", "http://bank.example/v1", "https://bank.example:1/"] {
            for body in [json!({"url": url}), json!({"url": url, "secret": service["secret"]})] {
                api.refused("PUT", &path, body, 400, "secret must be sent again").await;
            }
        }
        api.ok("PUT", &path, json!({"url": "https://BANK.example:443/v2"})).await;
        let moved = json!({"url": "https://other.example/v1", "secret": "another-0123456789abcdef"});
        api.ok("PUT", &path, moved).await;
        let listed = api.call("GET", "/balance_services/", "").await;
        assert!(!listed.text.contains("canary"), "{}", listed.text);

        api.ok("POST", "/group/g", json!({})).await;
        let missing = json!({"service": 99});
        api.refused("POST", "/group/g/wallet", missing, 404, "balance service 99").await;
        let wallet = json!({"service": service["id"]});
        let wallet = api.ok("POST", "/group/g/wallet", wallet).await;
        assert_eq!((&wallet["service"], &wallet["balance"]), (&service["id"], &json!(0)));
        let recharge = json!({"amount": 1});
        api.refused("POST", "/group/g/wallet/recharge", recharge, 409, "kept by a service").await;
        api.ok("POST", "/group/g/wallet/refresh", Value::Null).await;
        api.refused("DELETE", &path, Value::Null, 409, "have their money there").await;
        assert_eq!(api.get("/logs/consume_error?group=g").await["total"], 0);
        api.ok("DELETE", "/group/g/wallet", Value::Null).await;
        api.ok("DELETE", &path, Value::Null).await;

        for (body, words) in [
            (json!({"name": "b", "secret": "s"}), "url is required"),
            (json!({"name": "b", "url": "ftp://x", "secret": "s"}), "url must begin with http"),
            (json!({"name": "b", "url": "https://a.example"}), "secret is required"),
            (json!({"url": "https://a.example", "secret": "s"}), "name is required"),
        ] {
            api.refused("POST", "/balance_services/", body, 400, words).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_history_names_who_asked() {
    with_store(async |store| {
        let api = Api::new(&store);
        group(&api, "g").await;
        let boss = api.user("boss", "administrator").await;
        let made = api.ok("POST", "/redemption_codes/", json!({"amount": 1}));
        let code = made.await[0]["code"].clone();
        let path = |action: &str| format!("/group/g/wallet/{action}");
        api.ok("POST", &path("recharge"), json!({"amount": 5}))
            .await;
        for (action, body) in [
            ("recharge", json!({"amount": 2})),
            ("deduct", json!({"amount": 1})),
            ("adjust", json!({"amount": -1})),
            ("redeem", json!({"code": code})),
        ] {
            let path = path(action);
            let done = api.call_as(Some(&boss.access), "POST", &path, body).await;
            assert_eq!(done.status, 200, "{action}: {}", done.text);
        }
        let history = api.get(&path("transactions?order=id-asc")).await;
        let rows = history["transactions"].as_array().unwrap();
        let actors: Vec<_> = rows.iter().map(|row| &row["actor"]).collect();
        assert_eq!(actors, ["admin key", "boss", "boss", "boss", "boss"]);
    })
    .await;
}
