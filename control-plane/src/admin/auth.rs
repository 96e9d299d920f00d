//! Who may use the admin API: whoever has the key.

use axum::extract::{Request, State as Extract};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{ApiError, State};

/// `Authorization: <key>` as AI Proxy has it, or with `Bearer ` before it. A key in the query
/// string is not looked at: it would end up in access logs.
pub(super) async fn require_admin(
    Extract(state): Extract<State>,
    request: Request,
    next: Next,
) -> Response {
    let mut given = request.headers().get_all(AUTHORIZATION).iter();
    let allowed = match (given.next(), given.next()) {
        (Some(value), None) => value
            .to_str()
            .is_ok_and(|value| state.key.matches(bare(value))),
        _ => false,
    };
    if allowed {
        next.run(request).await
    } else {
        ApiError::Unauthorized.into_response()
    }
}

fn bare(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
        _ => value.trim(),
    }
}
