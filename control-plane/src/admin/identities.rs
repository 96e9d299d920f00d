//! Who users are at the OpenID provider: `/api/self/identities` for themselves, and
//! `/api/user/{id}/identities` for administrators.

use axum::extract::State as Extract;
use axum::http::HeaderMap;
use schemars::JsonSchema;
use serde::Serialize;

use super::answer::{Reply, data, done};
use super::body::Body;
use super::params::Segments;
use super::principal::{Caller, Own};
use super::routes::{Routes, get};
use super::sign_in_oidc::ticket;
use super::users::required;
use super::{ApiError, State};
use crate::domain::LinkedIdentity;
use crate::secrets::Secret;

pub(super) fn routes() -> Routes {
    Routes::new()
        .own(
            "/self/identities",
            get(list_own).post(add_own).delete(remove_own),
        )
        .read("/user/{id}/identities", get(list).post(add).delete(remove))
}

/// OpenID Connect Core 1.0, section 2.
const MAX_SUBJECT: usize = 255;
const MAX_ISSUER: usize = 1024;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Identity")]
struct View {
    issuer: String,
    subject: String,
    created_at: i64,
}

/// One's own identities at OpenID providers.
async fn list_own(Extract(state): Extract<State>, Own(session): Own) -> Reply<Vec<View>> {
    of(&state, session.user.id).await
}

/// Adds who came back from the OpenID provider to who is signed in. Who has a `password` sends it: an
/// identity outlasts the session, which may be stolen.
async fn add_own(
    Extract(state): Extract<State>,
    Own(session): Own,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Reply<Vec<View>> {
    let mut fields = body.object()?;
    let password = fields.text("password")?.map(Secret::new);
    fields.finish()?;
    let ticket = ticket(&state, &headers)?;
    if session.user.has_password {
        let password = required("password", password)?;
        let proved = state.accounts.prove(&session.user, password, &caller.0);
        proved.await?;
    }
    state.accounts.link_oidc(&ticket, &session.user).await?;
    of(&state, session.user.id).await
}

/// Forgets one's identities at OpenID providers.
async fn remove_own(Extract(state): Extract<State>, Own(session): Own) -> Reply {
    if !session.user.has_password {
        return Err(ApiError::Conflict(
            "without a password, you could not sign in any more; an administrator can give you one"
                .into(),
        ));
    }
    state.store.remove_identities(session.user.id).await?;
    done()
}

/// A user's identities at OpenID providers.
async fn list(Extract(state): Extract<State>, path: Segments) -> Reply<Vec<View>> {
    let user = state.store.user(path.id()?).await?;
    of(&state, user.id).await
}

/// Lets a user sign in with an identity; without an `issuer`, it is the configured provider's.
async fn add(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply<Vec<View>> {
    let mut fields = body.object()?;
    let subject = required("subject", fields.line("subject", MAX_SUBJECT)?)?;
    let issuer = fields.line("issuer", MAX_ISSUER)?;
    fields.finish()?;
    let issuer = match issuer {
        Some(issuer) => issuer,
        None => state.accounts.oidc()?.settings().issuer.clone(),
    };
    for (name, text) in [("subject", &subject), ("issuer", &issuer)] {
        if text.is_empty() {
            return Err(ApiError::field(name, "must not be empty"));
        }
    }
    let id = path.id()?;
    state.store.add_identity(id, &issuer, &subject).await?;
    of(&state, id).await
}

/// Forgets a user's identities at OpenID providers.
async fn remove(Extract(state): Extract<State>, path: Segments) -> Reply {
    let user = state.store.user(path.id()?).await?;
    state.store.remove_identities(user.id).await?;
    done()
}

/// What somebody should know who ends all sessions of theirs.
pub(super) async fn staying(state: &State, user_id: i64) -> Result<&'static str, ApiError> {
    let stays = !state.store.identities(user_id).await?.is_empty();
    Ok(match stays {
        true => {
            "identities at an OpenID provider still sign you in; /api/self/identities shows and \
             removes them"
        }
        false => "",
    })
}

async fn of(state: &State, user_id: i64) -> Reply<Vec<View>> {
    let identities = state.store.identities(user_id).await?;
    data(identities.into_iter().map(View::from).collect::<Vec<_>>())
}

impl From<LinkedIdentity> for View {
    fn from(identity: LinkedIdentity) -> Self {
        Self {
            issuer: identity.issuer,
            subject: identity.subject,
            created_at: identity.created_at_ms,
        }
    }
}
