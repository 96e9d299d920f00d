//! What a sign-in at the OpenID provider changes about a user is written down as every change is:
//! before it is tried, and what came of it after.

use serde_json::{Map, Value};

use crate::domain::{Audit, now_unix_ms};
use crate::store::{Error, Result, Store};

/// Where sign-ins end.
const ROUTE: &str = "/api/auth/oidc/session";

/// Makes a change that the provider brings about for whoever comes from this address.
///
/// # Errors
/// Those of the change, and when it cannot be written down; it is not made then.
pub(super) async fn recorded<T>(
    store: &Store,
    from: &str,
    targets: Map<String, Value>,
    fields: Value,
    change: impl Future<Output = Result<T>>,
) -> Result<T> {
    let audit = Audit {
        id: 0,
        created_at_ms: now_unix_ms(),
        user_id: 0,
        actor: Audit::OPENID_PROVIDER.into(),
        ip: from.to_owned(),
        method: "POST".into(),
        route: ROUTE.into(),
        path: ROUTE.into(),
        targets,
        fields,
        code: 0,
    };
    let id = store.begin_audit(&audit).await?;
    let done = change.await;
    let code = match &done {
        Ok(_) => 200,
        Err(Error::Conflict(_)) => 409,
        Err(Error::NotFound(_)) => 404,
        Err(_) => 503,
    };
    if let Err(error) = store.end_audit(id, code).await {
        tracing::error!(id, code, %error, "an audit row stays without its outcome");
    }
    done
}
