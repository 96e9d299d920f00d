//! The API as its callers see it, on every database.

mod access;
mod audit;
mod blacklist;
mod channel_tests;
mod dashboard;
mod details;
mod document;
mod export;
mod kept_keys;
mod limits;
mod logs;
mod newcomers;
mod one_api;
mod openapi;
mod options;
mod own;
mod own_prices;
mod own_usage;
mod prices;
mod proxies;
mod refusals;
mod resources;
mod roles;
mod secrets;
mod sessions;
mod users;
mod versions;
mod wallets;

use axum::body::{Body, to_bytes};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tollgate_config::meter::{Attempt, Outcome, Usage, UsageEvent};
use tower::ServiceExt;

use super::*;
use crate::ledger::Ledger;
use crate::secrets::hint;
use crate::store::testing::{on_each_database, with_store};

const KEY: &str = "admin-canary-key-that-nobody-guesses";

/// The API over a store, with the key.
struct Api {
    router: Router,
    store: Store,
}

/// An answer: status, envelope, and the text it came as.
struct Answer {
    status: u16,
    envelope: Value,
    text: String,
}

const PASSWORD: &str = "correct horse battery";

/// Somebody who signed in.
struct SignedIn {
    access: String,
    refresh: String,
    id: i64,
    group: String,
}

impl SignedIn {
    fn read(answer: &Answer) -> Self {
        let data = &answer.envelope["data"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            access: text(&data["access_token"]),
            refresh: text(&data["refresh_token"]),
            id: data["user"]["id"].as_i64().unwrap(),
            group: text(&data["user"]["group"]),
        }
    }
}

impl Api {
    fn new(store: &Store) -> Self {
        let state = State::new(store.clone(), Secret::new(KEY));
        Self {
            router: router(state),
            store: store.clone(),
        }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let envelope = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status} {text}"));
        Answer {
            status,
            envelope,
            text,
        }
    }

    async fn call(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api{path}"))
            .header("authorization", KEY)
            .body(body.into());
        self.send(request.unwrap()).await
    }

    /// A call of somebody who sends this, or nothing, to say who they are.
    async fn call_as(&self, who: Option<&str>, method: &str, path: &str, body: Value) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api{path}"))
            .header("x-forwarded-for", "203.0.113.9, 192.0.2.1");
        if let Some(who) = who {
            request = request.header("authorization", format!("Bearer {who}"));
        }
        let body = match body {
            Value::Null => Body::empty(),
            body => body.to_string().into(),
        };
        self.send(request.body(body).unwrap()).await
    }

    /// Makes a user with a role, and signs them in.
    async fn user(&self, name: &str, role: &str) -> SignedIn {
        let new = json!({"username": name, "password": PASSWORD, "role": role});
        self.ok("POST", "/users/", new).await;
        self.sign_in(name).await
    }

    async fn sign_in(&self, name: &str) -> SignedIn {
        let login = json!({"username": name, "password": PASSWORD});
        let answer = self.call_as(None, "POST", "/auth/login", login).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        SignedIn::read(&answer)
    }

    /// A call that succeeds; gives its data.
    async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self.call(method, path, body).await;
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text);
        assert_eq!(
            answer.envelope["success"], true,
            "{method} {path}: {}",
            answer.text
        );
        answer.envelope["data"].clone()
    }

    async fn get(&self, path: &str) -> Value {
        self.ok("GET", path, Value::Null).await
    }

    /// A call that is refused with this status and these words.
    async fn refused(&self, method: &str, path: &str, body: Value, status: u16, words: &str) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self.call(method, path, body).await;
        let message = answer.envelope["message"].as_str().unwrap_or_default();
        let what = format!("{method} {path}: {}", answer.text);
        assert_eq!(
            (answer.status, &answer.envelope["success"]),
            (status, &json!(false)),
            "{what}"
        );
        assert!(message.contains(words), "{what} should say: {words}");
    }
}
