//! `/api/users…` and `/api/user/…`, for administrators.

use axum::extract::State as Extract;
use schemars::JsonSchema;
use serde::Serialize;

use super::actor::Actor;
use super::answer::{Reply, data, done};
use super::body::Body;
use super::fields::Fields;
use super::params::{Params, Segments};
use super::routes::{Routes, get, post};
use super::{ApiError, State};
use crate::domain::{Listed, NewUser, Role, User, UserPatch};
use crate::secrets::Secret;
use crate::store::UserQuery;

pub(super) fn routes() -> Routes {
    let several = get(list).post(create);
    Routes::new()
        .read("/users", several.clone())
        .read("/users/", several)
        .read("/users/search", get(list))
        .route("/users/batch_delete", post(delete_many))
        .route("/user", post(create))
        .route("/user/", post(create))
        .read("/user/{id}", get(show).put(update).delete(delete))
        .route("/user/{id}/status", post(set_status))
        .route("/user/{id}/logout", post(logout))
}

const ORDERS: [&str; 6] = [
    "id",
    "username",
    "role",
    "status",
    "created_at",
    "last_login_at",
];

const MAX_USERNAME: usize = 32;
const MAX_EMAIL: usize = 254;
const MIN_PASSWORD: usize = 10;
const MAX_PASSWORD: usize = 256;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub(super) struct UserView {
    id: i64,
    created_at: i64,
    username: String,
    email: String,
    role: &'static str,
    status: i64,
    group: String,
    /// 0: never yet.
    last_login_at: i64,
    has_password: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Users")]
struct ListView {
    users: Vec<UserView>,
    total: i64,
}

/// Users, with filters.
async fn list(Extract(state): Extract<State>, params: Params) -> Reply<ListView> {
    let role = params.one_of("role", &Role::ALL.map(Role::as_str))?;
    let query = UserQuery {
        username: params.text("username").map(|name| name.to_lowercase()),
        role: role.and_then(Role::read),
        status: params.nonzero("status")?,
        group: params.text("group"),
        keyword: params.text("keyword"),
    };
    let Listed { items, total } = state.store.users(&query, params.page(&ORDERS)?).await?;
    data(ListView {
        users: items.into_iter().map(UserView::from).collect(),
        total,
    })
}

/// A user.
async fn show(Extract(state): Extract<State>, path: Segments) -> Reply<UserView> {
    shown(state.store.user(path.id()?).await?)
}

/// Makes a user. Their group has a wallet, with what the option `NewUserBalance` says.
async fn create(Extract(state): Extract<State>, body: Body) -> Reply<UserView> {
    let mut fields = body.object()?;
    let username = required("username", username(&mut fields)?)?;
    let chosen = required("password", password(&mut fields, "password", &username)?)?;
    let (role, email) = (role(&mut fields)?, email(&mut fields)?);
    let status = fields.status()?;
    fields.finish()?;
    let new = NewUser {
        username,
        email: email.unwrap_or_default(),
        role: role.unwrap_or_default(),
        status: status.unwrap_or_default(),
        password: Some(state.hash(chosen).await?),
    };
    data(UserView::from(state.store.create_user(new).await?))
}

/// Changes a user.
async fn update(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply<UserView> {
    let id = path.id()?;
    let mut fields = body.object()?;
    // Said again as it is, it changes nothing: sessions go on, and the group keeps its status.
    let now = state.store.user(id).await?;
    let named = username(&mut fields)?;
    if named.is_some_and(|name| name != now.username) {
        return Err(ApiError::field("username", "cannot be changed"));
    }
    let email = email(&mut fields)?;
    let role = role(&mut fields)?.filter(|role| *role != now.role);
    let status = fields.status()?.filter(|status| *status != now.status);
    let chosen = password(&mut fields, "password", &now.username)?;
    ignore_shown(&mut fields);
    fields.finish()?;
    let password = match chosen {
        Some(chosen) => Some(state.hash(chosen).await?),
        None => None,
    };
    let patch = UserPatch {
        email,
        role,
        status,
        password,
    };
    shown(state.store.update_user(id, patch).await?)
}

/// A user, as their own path answers.
pub(super) fn shown(user: User) -> Reply<UserView> {
    let password = ("password", user.password_tag);
    Ok(data(UserView::from(user))?.with_secrets([password]))
}

/// Enables (1) or disables (2) a user.
async fn set_status(Extract(state): Extract<State>, path: Segments, body: Body) -> Reply<UserView> {
    let mut fields = body.object()?;
    let status = Some(fields.required_status()?);
    fields.finish()?;
    let patch = UserPatch {
        status,
        ..UserPatch::default()
    };
    shown(state.store.update_user(path.id()?, patch).await?)
}

/// Ends all sessions of a user.
async fn logout(Extract(state): Extract<State>, path: Segments) -> Reply {
    state.store.end_all_sessions(path.id()?).await?;
    done()
}

/// Removes a user, and ends their sessions.
async fn delete(Extract(state): Extract<State>, actor: Actor, path: Segments) -> Reply {
    let ids = [path.id()?];
    state.store.delete_users(actor.name(), &ids).await?;
    done()
}

/// Removes users by their ids.
async fn delete_many(Extract(state): Extract<State>, actor: Actor, body: Body) -> Reply {
    let ids = body.ids()?;
    state.store.delete_users(actor.name(), &ids).await?;
    done()
}

impl State {
    async fn hash(&self, password: Secret) -> Result<crate::domain::PasswordHash, ApiError> {
        let hashed = self.accounts.hash(password).await;
        Ok(hashed.map_err(crate::accounts::Refusal::from)?)
    }
}

/// Fields that answers show and nobody can set.
pub(super) fn ignore_shown(fields: &mut Fields) {
    fields.ignore(&["id", "created_at", "group", "last_login_at", "has_password"]);
}

pub(super) fn required<T>(name: &str, value: Option<T>) -> Result<T, ApiError> {
    value.ok_or_else(|| ApiError::field(name, "is required"))
}

/// In lower case.
pub(super) fn username(fields: &mut Fields) -> Result<Option<String>, ApiError> {
    let Some(name) = fields.line("username", MAX_USERNAME)? else {
        return Ok(None);
    };
    let name = name.to_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphanumeric());
    if name.len() < 3 || !begins || !name.bytes().all(plain) {
        let rule = "must be 3 to 32 letters, digits, '.', '_' and '-', beginning with a letter or \
                    a digit";
        return Err(ApiError::field("username", rule));
    }
    Ok(Some(name))
}

/// Empty to clear it.
pub(super) fn email(fields: &mut Fields) -> Result<Option<String>, ApiError> {
    let email = fields.line("email", MAX_EMAIL)?;
    if let Some(email) = email.as_deref().filter(|email| !email.is_empty()) {
        let parts = email.split_once('@');
        let sound = parts.is_some_and(|(user, host)| {
            !user.is_empty() && host.contains('.') && !host.contains('@')
        });
        if !sound || email.contains(char::is_whitespace) {
            return Err(ApiError::field("email", "must be an e-mail address"));
        }
    }
    Ok(email)
}

/// A password that somebody chooses: long, not their name, of any characters.
pub(super) fn password(
    fields: &mut Fields,
    field: &str,
    username: &str,
) -> Result<Option<Secret>, ApiError> {
    let Some(password) = fields.text(field)? else {
        return Ok(None);
    };
    let length = password.chars().count();
    if length < MIN_PASSWORD || password.len() > MAX_PASSWORD {
        let rule = format!(
            "must have {MIN_PASSWORD} characters or more, and {MAX_PASSWORD} bytes or less"
        );
        return Err(ApiError::field(field, rule));
    }
    let mut letters = password.chars();
    let first = letters.next();
    if password.to_lowercase().contains(username) || letters.all(|letter| Some(letter) == first) {
        let rule = "must not contain the user name, nor be one character again and again";
        return Err(ApiError::field(field, rule));
    }
    Ok(Some(Secret::new(password)))
}

fn role(fields: &mut Fields) -> Result<Option<Role>, ApiError> {
    fields.hears("role").one_of(&Role::ALL.map(Role::as_str));
    match fields.text("role")? {
        Some(role) => Role::read(&role).map(Some).ok_or_else(unknown_role),
        None => Ok(None),
    }
}

fn unknown_role() -> ApiError {
    let known = Role::ALL.map(Role::as_str).join(", ");
    ApiError::field("role", format!("must be one of {known}"))
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            created_at: user.created_at_ms,
            username: user.username,
            email: user.email,
            role: user.role.as_str(),
            status: user.status.number(),
            group: user.group,
            last_login_at: user.last_login_at_ms.unwrap_or(0),
            has_password: user.has_password,
        }
    }
}
