//! The one gate before every route of the admin API.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{MatchedPath, Request, State as Extract};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::AUTHORIZATION;

use super::access::{Access, Allowed};
use super::audit::recorded;
use super::principal::Principal;
use super::rates::Whose;
use super::{ApiError, MAX_BODY_BYTES, State, sign_in};
use crate::accounts::{caller, network};
use crate::domain::now_unix_ms;

/// What the gate needs to know of the routes behind it.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    state: State,
    /// By path, as routes have it.
    stated: Arc<BTreeMap<String, Allowed>>,
    /// For paths that state nothing, and those that are not there.
    otherwise: Allowed,
}

// === impl Gate ===

impl Gate {
    pub(super) fn new(
        state: &State,
        stated: BTreeMap<String, Allowed>,
        otherwise: Allowed,
    ) -> Self {
        Self {
            state: state.clone(),
            stated: Arc::new(stated),
            otherwise,
        }
    }

    fn access(&self, route: Option<&str>, method: &Method) -> Access {
        route
            .and_then(|route| self.stated.get(route))
            .unwrap_or(&self.otherwise)
            .to(method)
    }

    /// Who is asking, if they do not ask too often. Who has the admin key may: they could lift the
    /// limit.
    async fn counted(&self, parts: &Parts) -> Result<Principal, ApiError> {
        let who = self.state.who(parts).await;
        match &who {
            Ok(Principal::User(session)) => {
                let whose = Whose::User(session.user.id);
                self.state.rates.count(whose, now_unix_ms())?;
            }
            Err(ApiError::Unauthorized) => self.count_stranger(parts)?,
            Ok(Principal::AdminKey) | Err(_) => {}
        }
        who
    }

    fn count_stranger(&self, parts: &Parts) -> Result<(), ApiError> {
        let whose = Whose::Network(network(&caller(parts)));
        self.state.rates.count(whose, now_unix_ms())
    }
}

/// Lets those through who may use the route, and has what they do there written down.
pub(super) async fn admit(Extract(gate): Extract<Gate>, request: Request, next: Next) -> Response {
    admitted(&gate, request, next)
        .await
        .unwrap_or_else(ApiError::into_response)
}

async fn admitted(gate: &Gate, request: Request, next: Next) -> Result<Response, ApiError> {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map(MatchedPath::as_str);
    let access = gate.access(route, request.method());
    let (mut parts, body) = request.into_parts();
    if access == Access::Anyone {
        // Only the route can tell whose session it is that goes on.
        if route.and_then(|route| route.strip_prefix("/api")) != Some(sign_in::REFRESH) {
            gate.count_stranger(&parts)?;
        }
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    let who = admitted_by(access, gate.counted(&parts).await?)?;
    if parts.method.is_safe() && !acts(&parts.method, access) {
        parts.extensions.insert(who);
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return Err(ApiError::TooLarge);
    };
    // A body may take minutes, and who was let in at its beginning may be gone at its end.
    let who = admitted_by(access, gate.state.who(&parts).await?)?;
    parts.extensions.insert(who.clone());
    match route {
        // Routes that read-only users may write to change nothing.
        Some(route) if access != Access::Readers => {
            let route = route.to_owned();
            Ok(recorded(&gate.state, &who, route, parts, body, next).await)
        }
        _ => Ok(next.run(Request::from_parts(parts, body.into())).await),
    }
}

/// What only administrators may `GET` does more than to show something.
fn acts(method: &Method, access: Access) -> bool {
    matches!(*method, Method::GET | Method::HEAD) && access == Access::Administrators
}

fn admitted_by(access: Access, who: Principal) -> Result<Principal, ApiError> {
    match access.admits(&who) {
        true => Ok(who),
        false => Err(ApiError::Forbidden(who.is_not_enough().into())),
    }
}

impl State {
    /// `Authorization: <key or access token>` as AI Proxy has it, or with `Bearer ` before it. A
    /// key in the query string is not looked at: it would end up in access logs.
    async fn who(&self, parts: &Parts) -> Result<Principal, ApiError> {
        let mut given = parts.headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else {
            return Err(ApiError::Unauthorized);
        };
        let value = bare(value.to_str().map_err(|_| ApiError::Unauthorized)?);
        let from = caller(parts);
        if self.accounts.is_admin_key(&self.key, value, &from).await? {
            return Ok(Principal::AdminKey);
        }
        let session = self.accounts.session(value).await?;
        session.map(Principal::User).ok_or(ApiError::Unauthorized)
    }
}

fn bare(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
        _ => value.trim(),
    }
}
