//! `/api/auth/…`: registering, signing in and out.
//!
//! Everything travels in bodies and the `Authorization` header, nothing in cookies, so that no
//! other site can have a browser do something here in its user's name.

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Answer, Reply, data, done};
use super::body::Body;
use super::fields::Fields;
use super::principal::{Caller, Own};
use super::rates::Whose;
use super::routes::{Routes, get, post};
use super::users::{UserView, email, password, required, username};
use super::{ApiError, State, identities};
use crate::accounts::{Refusal, SignedIn, network};
use crate::domain::now_unix_ms;
use crate::domain::options::REGISTRATION_ENABLED;
use crate::secrets::Secret;

pub(super) fn routes() -> Routes {
    Routes::new()
        .anyone("/auth/methods", get(methods))
        .anyone("/auth/register", post(register))
        .anyone("/auth/login", post(login))
        .anyone(REFRESH, post(refresh))
        .signed_in("/auth/logout", post(logout))
        .signed_in("/auth/logout_all", post(logout_all))
}

/// It counts its requests itself.
pub(super) const REFRESH: &str = "/auth/refresh";

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SignInMethods")]
struct MethodsView {
    /// Anybody may make a user for themselves.
    registration: bool,
    /// Where a browser goes to sign in at the OpenID provider; `null`: there is none.
    oidc: Option<&'static str>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub(super) struct View {
    access_token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    /// Good for one use, which gives the next one.
    refresh_token: String,
    /// Seconds.
    refresh_expires_in: i64,
    user: UserView,
}

/// What a sign-in form may offer.
async fn methods(Extract(state): Extract<State>) -> Reply<MethodsView> {
    let oidc = state.accounts.oidc().is_ok();
    data(MethodsView {
        registration: state.registration_is_open().await?,
        oidc: oidc.then_some("/api/auth/oidc/login"),
    })
}

/// Makes a user for oneself, where that is open. Calls are refused until there is money in the
/// wallet, unless the option `NewUserBalance` puts some there.
async fn register(Extract(state): Extract<State>, caller: Caller, body: Body) -> Reply<UserView> {
    if !state.registration_is_open().await? {
        return Err(ApiError::Forbidden(
            "registration is closed; ask an administrator for a user".into(),
        ));
    }
    let mut fields = body.object()?;
    let name = required("username", username(&mut fields)?)?;
    let chosen = required("password", password(&mut fields, "password", &name)?)?;
    let email = email(&mut fields)?.unwrap_or_default();
    fields.finish()?;
    let user = state
        .accounts
        .register(name, email, chosen, &caller.0)
        .await?;
    data(UserView::from(user))
}

/// Signs in with a name and a password.
async fn login(Extract(state): Extract<State>, caller: Caller, body: Body) -> Reply<View> {
    let mut fields = body.object()?;
    let name = required("username", fields.text("username")?)?;
    let given = secret(&mut fields, "password")?;
    fields.finish()?;
    let name = name.trim().to_lowercase();
    signed_in(state.accounts.sign_in(&name, given, &caller.0).await?)
}

/// Renews a session. The refresh token is good for one use, and the answer has the next.
async fn refresh(Extract(state): Extract<State>, caller: Caller, body: Body) -> Reply<View> {
    let token = refresh_token(&body);
    let session = match &token {
        Ok(token) => state.accounts.session_to_renew(token).await?,
        Err(_) => None,
    };
    // Strangers who share somebody's address must not keep their session from going on.
    let whose = match session {
        Some(session) => Whose::Session(session),
        None => Whose::Network(network(&caller.0)),
    };
    state.rates.count(whose, now_unix_ms())?;
    signed_in(state.accounts.refresh(&token?).await?)
}

fn refresh_token(body: &Body) -> Result<Secret, ApiError> {
    let mut fields = body.object()?;
    let token = secret(&mut fields, "refresh_token")?;
    fields.finish()?;
    Ok(token)
}

/// Ends this session.
async fn logout(Extract(state): Extract<State>, Own(session): Own) -> Reply {
    state.store.end_session(&session.id).await?;
    done()
}

/// Ends all sessions of who is signed in. Identities at OpenID providers stay, and the answer's
/// message says so if there are any.
async fn logout_all(Extract(state): Extract<State>, Own(session): Own) -> Reply {
    let note = identities::staying(&state, session.user.id).await?;
    state.store.end_all_sessions(session.user.id).await?;
    done().map(|answer| answer.noted(note))
}

/// What a new or renewed session is shown as. Nobody may keep it on the way.
pub(super) fn signed_in(session: SignedIn) -> Reply<View> {
    let view = View {
        access_token: session.access_token.expose().to_owned(),
        token_type: "Bearer",
        expires_in: session.access_lifetime,
        refresh_token: session.refresh_token.expose().to_owned(),
        refresh_expires_in: session.refresh_lifetime,
        user: UserView::from(session.user),
    };
    data(view).map(Answer::unkept)
}

/// A text that is only compared.
pub(super) fn secret(fields: &mut Fields, name: &str) -> Result<Secret, ApiError> {
    required(name, fields.text(name)?.map(Secret::new))
}

impl State {
    async fn registration_is_open(&self) -> Result<bool, ApiError> {
        let options = self.store.options().await?;
        Ok(options.flag(REGISTRATION_ENABLED))
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Wrong | Refusal::Ended => Self::SignIn(refusal.to_string()),
            Refusal::TooMany(seconds) => Self::TooMany {
                text: refusal.to_string(),
                seconds,
            },
            Refusal::Busy(_) => Self::TooMany {
                text: refusal.to_string(),
                seconds: 1,
            },
            Refusal::Store(error) => error.into(),
            Refusal::Oidc(refusal) => refusal.into(),
            Refusal::Secret => {
                tracing::error!("{refusal}");
                Self::Internal
            }
        }
    }
}
