//! A user helps themselves: registers, makes a key, is refused until there is money in the wallet,
//! calls a model, sees what it cost, and takes the key back.

use serde_json::{Value, json};
use tollgate_tests::http::Request;
use tollgate_tests::{Answer, Dialect, Gateway, Provider, Scene, eventually};

#[test]
fn a_user_registers_pays_calls_sees_the_bill_and_takes_the_key_back() {
    let gateway = Gateway::builder().start();
    let provider = Provider::openai().plays(Answer::text("hi")).start();
    let price = json!({"price": {"input_price": 0.001, "output_price": 0.002}});
    let scene = Scene::on(&gateway).channel(&provider).config(price).ready();
    let ask = |who: Option<&str>, method: &str, path: &str, body: Value| {
        let mut request = Request::new(method, path).header("content-type", "application/json");
        if let Some(who) = who {
            request = request.header("authorization", format!("Bearer {who}"));
        }
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let answer = gateway.send(&request);
        (answer.status, answer.json())
    };
    let new = json!({"username": "anna", "password": "correct horse battery"});
    let (status, refused) = ask(None, "POST", "/api/auth/register", new.clone());
    assert_eq!(status, 403, "{refused}");
    let option = "/api/option/RegistrationEnabled";
    scene
        .admin
        .call("PUT", option, Some(&json!({"value": "true"})));
    let (status, made) = ask(None, "POST", "/api/auth/register", new.clone());
    assert_eq!(status, 200, "{made}");
    let group = made["data"]["group"].as_str().unwrap();
    let sets = json!({"available_sets": [scene.name]});
    scene
        .admin
        .call("PUT", &format!("/api/group/{group}"), Some(&sets));
    let (status, session) = ask(None, "POST", "/api/auth/login", new);
    assert_eq!(status, 200, "{session}");
    let access = session["data"]["access_token"].as_str().unwrap();
    let own = |method: &str, path: &str, body: Value| {
        let (status, answer) = ask(Some(access), method, path, body);
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer["data"].clone()
    };

    let key = own("POST", "/api/keys", json!({"name": "laptop"}));
    let request = |text: &str| {
        let body = Dialect::OpenAi.ask(&scene.model, text, false);
        Request::post(Dialect::OpenAi.path(), &body).header(
            "authorization",
            format!("Bearer {}", key["key"].as_str().unwrap()),
        )
    };
    let until = |what: &str, wanted: u16| {
        eventually(what, || {
            let answer = gateway.send(&request("hello"));
            match answer.status {
                status if status == wanted => Ok(answer.text()),
                status => Err(status.to_string()),
            }
        })
    };
    let words = until("the new key is known, and has nothing to spend", 429);
    assert!(words.contains("insufficient_quota"), "{words}");
    assert_eq!(provider.calls().len(), 0, "no provider was called");
    assert_eq!(own("GET", "/api/self/wallet", Value::Null)["balance"], 0);
    let recharge = format!("/api/group/{group}/wallet/recharge");
    scene.admin.post(&recharge, &json!({"amount": 1}));
    until("the new key is served", 200);
    let usage = eventually("the call is on the bill", || {
        let usage = own("GET", "/api/self/usage", Value::Null);
        match usage["used_amount_nano_usd"].as_i64() {
            Some(used) if used > 0 => Ok(usage),
            _ => Err(usage.to_string()),
        }
    });
    // Beside those that were refused before anybody asked for their model.
    let mut days = usage["days"].as_array().unwrap().iter();
    assert!(
        days.any(|day| day["model"] == scene.model.as_str()),
        "{usage}"
    );
    let left = 1_000_000_000 - usage["used_amount_nano_usd"].as_i64().unwrap();
    eventually("the wallet has paid it", || {
        let wallet = own("GET", "/api/self/wallet", Value::Null);
        match wallet["balance_nano_usd"].as_i64() {
            Some(balance) if balance == left => Ok(()),
            _ => Err(wallet.to_string()),
        }
    });
    let logs = own("GET", "/api/self/logs/?code_type=success", Value::Null);
    assert_eq!(logs["logs"][0]["token_name"], "laptop", "{logs}");
    let admins = Request::get("/api/logs/").header("authorization", access);
    assert_eq!(gateway.send(&admins).status, 403);

    own("DELETE", &format!("/api/keys/{}", key["id"]), Value::Null);
    until("the key is refused", 401);
    // As Envoy tells it: for a caller on the same machine, that is the machine's own address.
    let audit = scene.admin.get("/api/audit_logs/?actor=anna&method=DELETE");
    let address = audit["audit_logs"][0]["ip"].as_str().unwrap_or_default();
    assert!(address.parse::<std::net::IpAddr>().is_ok(), "{audit}");
}
