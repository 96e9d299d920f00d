//! Against a token endpoint on loopback that does as it is told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;

use super::*;
use crate::domain::google_key::tests::{REFRESH, service_account};

/// Answers with these one after the other; the last one stays.
async fn endpoint(answers: &'static [(u16, &'static str)]) -> (Url, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let answer = move |body: String| async move {
        assert!(body.starts_with("grant_type="), "{body}");
        let nth = counted
            .fetch_add(1, Ordering::SeqCst)
            .min(answers.len() - 1);
        let (status, body) = answers[nth];
        (StatusCode::from_u16(status).unwrap(), body)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let router = Router::new().route("/token", post(answer));
    tokio::spawn(async { axum::serve(listener, router).await });
    (url.parse().unwrap(), calls)
}

fn keys() -> [GoogleKey; 2] {
    [
        GoogleKey::parse(&service_account()),
        GoogleKey::parse(REFRESH),
    ]
    .map(Result::unwrap)
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn each_key_is_asked_for_once_and_forgotten_with_its_channel() {
    let (url, calls) = endpoint(&[(200, r#"{"access_token":"t","expires_in":3600}"#)]).await;
    let tokens = AccessTokens::new(Some(url));
    let [one, two] = keys();
    assert!(tokens.token(&one).unwrap_err().contains("being fetched"));
    let twice = [one.clone(), one.clone(), two.clone()];
    tokens.want(&twice);
    tokens.tried(LONG).await;
    tokens.want(&twice);
    assert_eq!(tokens.token(&one).unwrap().expose(), "t");
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    tokens.want(&[two]);
    assert!(tokens.token(&one).is_err());
}

/// The last token is used for as long as there is no newer one.
#[tokio::test]
async fn tokens_are_renewed_and_outlive_an_endpoint_that_is_away() {
    let first = (200, r#"{"access_token":"first","expires_in":2}"#);
    let away = (503, "away");
    let second = (200, r#"{"access_token":"second","expires_in":3600}"#);
    let answers = [away, first, away, second];
    let (url, calls) = endpoint(Box::leak(Box::new(answers))).await;
    let tokens = AccessTokens::new(Some(url));
    let [key, _] = keys();
    let mut changes = tokens.changes();
    let seen = Mutex::new(Vec::new());
    tokens.want(std::slice::from_ref(&key));
    let all = changes.wait_for(|_| {
        let token = tokens.token(&key);
        let text = token.map_or_else(|problem| problem, |token| token.expose().to_owned());
        seen.lock().unwrap().push(text.clone());
        text == "second"
    });
    tokio::time::timeout(LONG, all).await.unwrap().unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    let mut seen = seen.into_inner().unwrap();
    seen.dedup();
    seen.retain(|text| !text.contains("being fetched"));
    let refused = "it has no access token: the token endpoint answered 503 ";
    assert_eq!(seen, [refused, "first", "second"]);
}
