//! Who comes by themselves has a wallet from the first moment.

use super::*;
use crate::domain::{NewUser, Role, Status};

async fn register(api: &Api, name: &str) -> SignedIn {
    let new = json!({"username": name, "password": PASSWORD});
    let made = api.call_as(None, "POST", "/auth/register", new).await;
    assert_eq!(made.status, 200, "{}", made.text);
    api.sign_in(name).await
}

/// Whether the gateways refuse the calls of a key that the user makes now.
async fn is_refused(api: &Api, who: &SignedIn) -> bool {
    let body = json!({"name": "laptop"});
    let made = api.call_as(Some(&who.access), "POST", "/keys", body).await;
    let id = made.envelope["data"]["id"].as_i64().unwrap();
    let told = api.store.token_updates(&[id]).await.unwrap().remove(0);
    told.record.unwrap().out_of_credit
}

#[tokio::test]
async fn a_new_user_spends_what_they_were_given_and_no_more() {
    with_store(async |store| {
        let api = Api::new(&store);
        let open = json!({"RegistrationEnabled": true});
        api.ok("POST", "/option/batch", open).await;
        let anna = register(&api, "anna").await;
        let wallet = |who: &SignedIn| format!("/group/{}/wallet", who.group);
        let own = async |who: &SignedIn, path: &str| {
            let shown = api.call_as(Some(&who.access), "GET", path, Value::Null);
            shown.await.envelope["data"].clone()
        };
        assert_eq!(own(&anna, "/self/wallet").await["balance_nano_usd"], 0);
        assert_eq!(own(&anna, "/self/wallet/transactions").await["total"], 0);
        assert!(is_refused(&api, &anna).await);

        let given = json!({"value": 0.25});
        api.ok("PUT", "/option/NewUserBalance", given).await;
        let bert = register(&api, "bert").await;
        let history = own(&bert, "/self/wallet/transactions").await;
        let gift = &history["transactions"][0];
        assert_eq!(
            (&history["total"], &gift["kind"], &gift["amount"]),
            (&json!(1), &json!("adjustment"), &json!(0.25))
        );
        assert!(!is_refused(&api, &bert).await);
        let now = api.get(&wallet(&anna)).await["balance_nano_usd"].clone();
        assert_eq!(now, 0, "what is new is for those who come later");
        assert_eq!(api.get("/wallets/unbalanced").await, json!([]));

        // They go as they came, with the wallet.
        let path = format!("/user/{}", bert.id);
        api.ok("DELETE", &path, Value::Null).await;
        api.refused("GET", &wallet(&bert), Value::Null, 404, "wallet")
            .await;
        assert_eq!(api.get("/wallets/unbalanced").await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn so_do_users_of_a_provider_and_those_whom_an_administrator_makes() {
    with_store(async |store| {
        let api = Api::new(&store);
        let new = NewUser {
            username: "carl".into(),
            email: String::new(),
            role: Role::User,
            status: Status::Enabled,
            password: None,
        };
        let carl = store.create_user_of_identity(new, "issuer", "1").await;
        let made = api.user("dora", "user").await;
        for group in [carl.unwrap().group, made.group] {
            let wallet = api.get(&format!("/group/{group}/wallet")).await;
            assert_eq!(wallet["balance_nano_usd"], 0, "{group}");
        }
        // What administrators make for others has none until they open one.
        api.ok("POST", "/group/plain", json!({})).await;
        let path = "/token/auto?auto_create_group=true";
        api.ok("POST", path, json!({"name": "n"})).await;
        for group in ["plain", "auto"] {
            let path = format!("/group/{group}/wallet");
            let words = "spends without limit";
            api.refused("GET", &path, Value::Null, 404, words).await;
        }
    })
    .await;
}
