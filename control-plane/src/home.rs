//! The page at `/`: whether it works, and a call to try. It holds no secret and no script.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::gateways::Registry;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;\
padding:0 1rem;color:#1a1a1a;background:#fff}pre{background:#f3f3f3;padding:1rem;overflow-x:auto}\
.ok{color:#087f3e}.wait{color:#a15c00}@media(prefers-color-scheme:dark){body{color:#e8e8e8;\
background:#161616}pre{background:#262626}.ok{color:#4cc38a}.wait{color:#f5b86b}}";

pub fn router(registry: Registry) -> Router {
    Router::new().route("/", get(page)).with_state(registry)
}

async fn page(State(registry): State<Registry>, headers: HeaderMap) -> Response {
    let (class, status) = match registry.readiness().ready {
        0 => ("wait", "Not serving model calls yet.".to_owned()),
        1 => ("ok", "Serving model calls.".to_owned()),
        more => (
            "ok",
            format!("Serving model calls through {more} gateways."),
        ),
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let host = if is_plain(host) {
        host
    } else {
        "localhost:3000"
    };
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Tollgate</title>\
         <style>{STYLE}</style></head><body><h1>Tollgate</h1><p class=\"{class}\">{status}</p>\
         <p>Call a model with a token of yours (OpenAI's and Anthropic's SDKs work with this \
         address as their base URL):</p>\
         <pre>curl -N http://{host}/v1/chat/completions \\\n  \
         -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\\n  \
         -d '{{\"model\":\"demo\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'</pre>\
         <p>Administer channels, groups, tokens, models and logs under <code>/api</code>, with \
         <code>Authorization: Bearer</code> and the admin key: \
         <a href=\"/swagger/index.html\">all of it, to read and to try</a>.</p></body></html>"
    );
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Html(html)).into_response()
}

/// Nothing that means something to HTML or a shell.
fn is_plain(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:[]-".contains(&byte);
    !host.is_empty() && host.len() <= 255 && host.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_hosts_are_shown() {
        for (host, plain) in [
            ("localhost:3000", true),
            ("[::1]:80", true),
            ("", false),
            ("a<b>", false),
            ("a;rm -rf", false),
            ("$(id)", false),
        ] {
            assert_eq!(is_plain(host), plain, "{host}");
        }
    }
}
