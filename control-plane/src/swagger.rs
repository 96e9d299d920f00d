//! `/swagger/index.html`: the admin API's document, to read and to try; `/swagger/openapi.json` and
//! `/doc.json`: the document itself. Public, and without anything secret: what it describes asks for
//! a key.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

/// The document; `make openapi` writes it, and a test proves it fresh.
const DOCUMENT: &str = include_str!("../openapi.json");

const INDEX: &str = "/swagger/index.html";
const JSON: &str = "application/json";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Swagger UI sets styles by itself; its icons are data. All else comes from here or not at all.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
frame-ancestors 'none'";

/// What is served, with its type.
const FILES: [(&str, &str, &[u8]); 7] = [
    (
        INDEX,
        "text/html; charset=utf-8",
        include_bytes!("swagger/index.html"),
    ),
    (
        "/swagger/swagger-initializer.js",
        SCRIPT,
        include_bytes!("swagger/swagger-initializer.js"),
    ),
    (
        "/swagger/swagger-ui-bundle.js",
        SCRIPT,
        include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js")),
    ),
    (
        "/swagger/swagger-ui.css",
        "text/css; charset=utf-8",
        include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css")),
    ),
    (
        "/swagger/favicon-32x32.png",
        "image/png",
        include_bytes!(concat!(env!("OUT_DIR"), "/favicon-32x32.png")),
    ),
    ("/swagger/openapi.json", JSON, DOCUMENT.as_bytes()),
    ("/doc.json", JSON, DOCUMENT.as_bytes()),
];

pub fn router() -> Router {
    let to_index = get(async || Redirect::permanent(INDEX));
    let files = FILES
        .into_iter()
        .fold(Router::new(), |router, (path, kind, bytes)| {
            router.route(path, get(async move || file(kind, bytes)))
        });
    files
        .route("/swagger", to_index.clone())
        .route("/swagger/", to_index)
}

fn file(kind: &'static str, bytes: &'static [u8]) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "max-age=600"),
    ];
    (
        headers.map(|(name, value)| (name, HeaderValue::from_static(value))),
        bytes,
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::{Request, StatusCode};
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    async fn fetch(path: &str) -> (Response, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        (Response::from_parts(parts, Body::empty()), text)
    }

    #[tokio::test]
    async fn the_page_finds_all_that_it_names_here() {
        let (answer, page) = fetch(INDEX).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"));
        let named: Vec<_> = page
            .split(['"'])
            .filter(|piece| {
                [".js", ".css", ".png"]
                    .iter()
                    .any(|end| piece.ends_with(end))
            })
            .collect();
        assert_eq!(named.len(), 4, "{page}");
        for name in named {
            let (answer, text) = fetch(&format!("/swagger/{name}")).await;
            assert_eq!(answer.status(), StatusCode::OK, "{name}");
            assert!(!text.is_empty(), "{name}");
        }
        let (_, script) = fetch("/swagger/swagger-initializer.js").await;
        assert!(script.contains("url: \"openapi.json\"") && !script.contains("://"));
        for path in ["/swagger", "/swagger/"] {
            let (answer, _) = fetch(path).await;
            assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT);
            assert_eq!(answer.headers()[header::LOCATION], INDEX);
        }
    }

    #[tokio::test]
    async fn the_document_is_public_json() {
        for path in ["/swagger/openapi.json", "/doc.json"] {
            let (answer, text) = fetch(path).await;
            assert_eq!(answer.headers()[header::CONTENT_TYPE], JSON);
            let document: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(document["openapi"], "3.1.0");
        }
    }
}
