//! The audit log: every change that somebody asks for, before it is tried, and what came of it.
//!
//! A change that cannot be written down is refused with 503: a log with holes proves nothing, and
//! a database that cannot take a small row would not take the change either. When only the outcome
//! cannot be added, the change is done and its row says that its outcome is not known; our own log
//! says why.

mod shown;

use axum::body::Body as HttpBody;
use axum::extract::{FromRequestParts, OriginalUri, RawPathParams, Request, State as Extract};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::answer::{Reply, data};
use super::params::Params;
use super::principal::Principal;
use super::routes::{Routes, get};
use super::{ApiError, State};
use crate::accounts::caller;
use crate::domain::{Audit, Listed, now_unix_ms};
use crate::store::AuditQuery;

pub(super) fn routes() -> Routes {
    Routes::new()
        .read("/audit_logs", get(list))
        .read("/audit_logs/", get(list))
        .read("/audit_logs/search", get(list))
}

const ORDERS: [&str; 2] = ["id", "created_at"];

/// Of a path, in characters.
const LONGEST_PATH: usize = 512;

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Audit")]
struct View {
    id: i64,
    created_at: i64,
    /// 0: it was done with the admin key, or the OpenID provider brought it about.
    user_id: i64,
    actor: String,
    ip: String,
    method: String,
    route: String,
    path: String,
    targets: Map<String, Value>,
    fields: Value,
    /// HTTP status; 0: the outcome is not known.
    code: i64,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Audits")]
struct ListView {
    audit_logs: Vec<View>,
    /// 10,001 stands for more.
    total: i64,
}

/// Who changed what, the newest first. The total stops at 10,001, which stands for more; `keyword` is
/// looked for in the newest 10,000 rows that the other filters leave.
async fn list(Extract(state): Extract<State>, params: Params) -> Reply<ListView> {
    let query = AuditQuery {
        user_id: params.int("user_id")?,
        actor: params.text("actor"),
        ip: params.text("ip"),
        method: params.text("method"),
        route: params.text("route"),
        code: params.nonzero("code")?,
        start_ms: params.nonzero("start_timestamp")?,
        end_ms: params.nonzero("end_timestamp")?,
        keyword: params.text("keyword"),
    };
    let Listed { items, total } = state.store.audits(&query, params.page(&ORDERS)?).await?;
    data(ListView {
        audit_logs: items.into_iter().map(View::from).collect(),
        total,
    })
}

/// Writes a request down, has it done, and adds what it was answered with.
pub(super) async fn recorded(
    state: &State,
    who: &Principal,
    route: String,
    mut parts: Parts,
    body: Bytes,
    next: Next,
) -> Response {
    // Within a nested router the path has lost its beginning.
    let called = match parts.extensions.get::<OriginalUri>() {
        Some(OriginalUri(called)) => called.clone(),
        None => parts.uri.clone(),
    };
    let (user_id, actor) = match who {
        Principal::AdminKey => (0, Audit::ADMIN_KEY),
        Principal::User(session) => (session.user.id, session.user.username.as_str()),
    };
    let targets = match RawPathParams::from_request_parts(&mut parts, state).await {
        Ok(targets) => targets
            .iter()
            .map(|(name, value)| (name.to_owned(), readable(value).into()))
            .collect(),
        Err(_) => Map::new(),
    };
    let audit = Audit {
        id: 0,
        created_at_ms: now_unix_ms(),
        user_id,
        actor: actor.to_owned(),
        ip: caller(&parts),
        method: parts.method.to_string(),
        fields: shown::fields(&route, &body),
        route,
        path: readable(called.path()),
        targets,
        code: 0,
    };
    let id = match state.store.begin_audit(&audit).await {
        Ok(id) => id,
        Err(error) => return ApiError::from(error).into_response(),
    };
    // Whatever becomes of the caller, the change goes on by itself, and so must this.
    let (store, request) = (
        state.store.clone(),
        Request::from_parts(parts, HttpBody::from(body)),
    );
    let task = tokio::spawn(async move {
        let response = next.run(request).await;
        let code = i64::from(response.status().as_u16());
        if let Err(error) = store.end_audit(id, code).await {
            tracing::error!(id, code, %error, "an audit row stays without its outcome");
        }
        response
    });
    task.await
        .unwrap_or_else(|_| ApiError::Internal.into_response())
}

/// As much of a path as is worth keeping; PostgreSQL does not take NUL.
fn readable(text: &str) -> String {
    text.chars()
        .take(LONGEST_PATH)
        .map(|letter| if letter == '\0' { ' ' } else { letter })
        .collect()
}

impl From<Audit> for View {
    fn from(audit: Audit) -> Self {
        Self {
            id: audit.id,
            created_at: audit.created_at_ms,
            user_id: audit.user_id,
            actor: audit.actor,
            ip: audit.ip,
            method: audit.method,
            route: audit.route,
            path: audit.path,
            targets: audit.targets,
            fields: audit.fields,
            code: audit.code,
        }
    }
}
