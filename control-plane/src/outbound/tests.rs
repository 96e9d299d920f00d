//! What is called, and how.

use super::call as call_it;
use super::testing::Proxy;
use super::*;

#[tokio::test]
async fn what_is_not_public_is_not_called() {
    let call = async |url: &str, reach| {
        let url = Url::parse(url).unwrap();
        call_it(Call::form(&url, reach, String::new()))
            .await
            .unwrap_err()
            .to_string()
    };
    let public = Reach::Public;
    assert!(
        call("http://oauth2.googleapis.com/", public)
            .await
            .contains("https://")
    );
    for url in ["https://127.0.0.1/", "https://localhost/", "https://[::1]/"] {
        assert!(
            call(url, public).await.contains("no public address"),
            "{url}"
        );
    }
    // Nobody listens there, but it is asked.
    let told = call("http://127.0.0.1:1/", Reach::Anywhere).await;
    assert!(told.starts_with("127.0.0.1: "), "{told}");
}

/// Answers one call, whatever it is.
async fn place() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().fallback(async || "there");
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn through_a_proxy_the_name_is_the_proxy_s_to_resolve() {
    let proxy = Proxy::leading_to(Some(place().await)).await;
    let url = Url::parse("http://provider.invalid/x").unwrap();
    let through = format!("http://me:canary@{}", proxy.address);
    let through = ProxyUrl::parse(&through).unwrap();
    let call = Call::get(&url, Reach::Anywhere).through(Some(&through));
    let (status, body) = call_it(call).await.unwrap();
    assert_eq!(
        (status, body.as_ref()),
        (StatusCode::OK, b"there".as_slice())
    );
    let head = proxy.heads().remove(0);
    assert!(
        head.starts_with("CONNECT provider.invalid:80 HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.contains("proxy-authorization: Basic bWU6Y2FuYXJ5\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn through_a_proxy_too_only_public_addresses_are_called() {
    let proxy = Proxy::leading_to(None).await;
    let through = ProxyUrl::parse(&format!("http://me:canary@{}", proxy.address)).unwrap();
    let told = async |url: &str| {
        let url = Url::parse(url).unwrap();
        let call = Call::get(&url, Reach::Public).through(Some(&through));
        call_it(call).await.unwrap_err().to_string()
    };
    for url in ["https://127.0.0.1/", "https://10.0.0.1/", "https://[::1]/"] {
        assert!(told(url).await.contains("no public address"), "{url}");
    }
    assert!(told("http://a.example/").await.contains("https://"));
    assert!(proxy.heads().is_empty());
    let refused = told("https://a.example/").await;
    assert!(refused.contains("status 407"), "{refused}");
    assert!(!refused.contains("canary"), "{refused}");
    assert_eq!(proxy.heads().len(), 1);
}
