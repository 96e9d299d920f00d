//! `/api/auth/oidc/…`: signing in at an OpenID provider, with a browser.
//!
//! 1. A browser goes to `GET /api/auth/oidc/login?return_to=/a/path`, and from there to the provider.
//! 2. The provider sends it to `GET /api/auth/oidc/callback`, and from there it comes to that path.
//! 3. The page there asks `POST /api/auth/oidc/session` for what `POST /api/auth/login` answers; or,
//!    for a user who is signed in, `POST /api/self/identities` to add the identity to them.
//!
//! This is the one place with a cookie: a browser brings nothing else along on its way. It belongs
//! to one sign-in and ends with it, and pages of other sites cannot send it with a `POST`.

use axum::extract::State as Extract;
use axum::http::header::{CACHE_CONTROL, COOKIE, LOCATION, REFERRER_POLICY, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::{Schema, SchemaGenerator};

use super::answer::{Answer, Described, Reply};
use super::params::Params;
use super::principal::Caller;
use super::routes::{Routes, get, post};
use super::sign_in::{self, signed_in};
use super::{ApiError, State};
use crate::accounts::{Begun, LIFETIME_S, OidcRefusal, Returned, Ticket, is_own_path};

pub(super) fn routes() -> Routes {
    Routes::new()
        .anyone("/auth/oidc/login", get(login))
        .anyone("/auth/oidc/callback", get(callback))
        .anyone("/auth/oidc/session", post(session))
}

/// A browser is sent elsewhere.
pub(super) struct GoesTo {
    location: HeaderValue,
    cookie: Option<HeaderValue>,
}

/// A session, and the end of the cookie.
pub(super) struct Begins {
    session: Answer<sign_in::View>,
    cookie: HeaderValue,
}

/// Sends a browser to the OpenID provider; at the end it comes to `return_to`.
async fn login(Extract(state): Extract<State>, params: Params) -> Result<GoesTo, ApiError> {
    let return_to = params.text("return_to").unwrap_or_else(|| "/".into());
    if !is_own_path(&return_to) {
        let rule = "must be a path on this gateway, such as /console";
        return Err(ApiError::field("return_to", rule));
    }
    let Begun { location, ticket } = state.accounts.begin_oidc(&return_to).await?;
    let cookie = cookie(&state, ticket.text(), LIFETIME_S)?;
    GoesTo::new(location.as_str(), Some(cookie))
}

/// Where the OpenID provider sends the browser back to.
async fn callback(
    Extract(state): Extract<State>,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
) -> Result<GoesTo, ApiError> {
    let returned = Returned {
        state: params.text("state"),
        code: params.text("code"),
        error: params.text("error"),
        issuer: params.text("iss"),
    };
    let ticket = ticket(&state, &headers)?;
    let finished = state.accounts.finish_oidc(&ticket, returned, &caller.0);
    finished.await?;
    GoesTo::new(ticket.return_to(), None)
}

/// Begins a session of who came back from the OpenID provider.
async fn session(
    Extract(state): Extract<State>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Begins, ApiError> {
    let ticket = ticket(&state, &headers)?;
    let begun = state.accounts.sign_in_oidc(&ticket, &caller.0).await?;
    let session: Reply<sign_in::View> = signed_in(begun);
    Ok(Begins {
        session: session?,
        cookie: cookie(&state, "", 0)?,
    })
}

/// The ticket that a browser brings. Of several there is no telling whose they are.
pub(super) fn ticket(state: &State, headers: &HeaderMap) -> Result<Ticket, ApiError> {
    let name = cookie_name(state)?;
    let mut given = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(cookie, _)| *cookie == name);
    let ticket = match (given.next(), given.next()) {
        (Some((_, text)), None) => Ticket::read(text),
        _ => None,
    };
    ticket.ok_or_else(|| OidcRefusal::NotBegun.into())
}

/// With `__Host-`, no neighbour under the same domain can set it.
fn cookie_name(state: &State) -> Result<&'static str, ApiError> {
    Ok(match state.accounts.oidc()?.settings().is_secure() {
        true => "__Host-tollgate-sign-in",
        false => "tollgate-sign-in",
    })
}

fn cookie(state: &State, text: &str, lifetime_s: i64) -> Result<HeaderValue, ApiError> {
    let name = cookie_name(state)?;
    let secure = match state.accounts.oidc()?.settings().is_secure() {
        true => "; Secure",
        false => "",
    };
    let cookie =
        format!("{name}={text}; Path=/; Max-Age={lifetime_s}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(cookie).map_err(|_| ApiError::Internal)
}

// === impl GoesTo ===

impl GoesTo {
    fn new(location: &str, cookie: Option<HeaderValue>) -> Result<Self, ApiError> {
        let location = HeaderValue::try_from(location).map_err(|_| ApiError::Internal)?;
        Ok(Self { location, cookie })
    }
}

impl IntoResponse for GoesTo {
    fn into_response(self) -> Response {
        let headers = [
            (LOCATION, self.location),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ];
        let mut response = (StatusCode::SEE_OTHER, headers).into_response();
        if let Some(cookie) = self.cookie {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}

/// It has no content.
impl Described for GoesTo {
    fn contents(_: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        Vec::new()
    }
}

// === impl Begins ===

impl IntoResponse for Begins {
    fn into_response(self) -> Response {
        let mut response = self.session.into_response();
        response.headers_mut().append(SET_COOKIE, self.cookie);
        response
    }
}

impl Described for Begins {
    fn contents(schemas: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
        Answer::<sign_in::View>::contents(schemas)
    }
}

impl From<OidcRefusal> for ApiError {
    fn from(refusal: OidcRefusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            OidcRefusal::NoProvider => Self::NotFound(text),
            OidcRefusal::NotBegun | OidcRefusal::Used | OidcRefusal::Denied(_) => {
                Self::SignIn(text)
            }
            OidcRefusal::Stranger => Self::Forbidden(
                "nobody here is known by this identity; sign in with a password and add it to your \
                 user, or ask an administrator"
                    .into(),
            ),
            OidcRefusal::Disabled => Self::Forbidden(text),
            OidcRefusal::Provider(error) => {
                tracing::warn!(%error, "nobody is signed in at the OpenID provider");
                match error.passes() {
                    true => Self::NotNow(text),
                    false => Self::SignIn(text),
                }
            }
        }
    }
}
