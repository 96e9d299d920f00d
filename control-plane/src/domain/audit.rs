//! An audit row: who asked for which change, and what came of it.

use serde_json::{Map, Value};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Audit {
    pub id: i64,
    pub created_at_ms: i64,
    /// 0: it was done with the admin key, or the OpenID provider brought it about.
    pub user_id: i64,
    /// The user's name at that time, [`Audit::ADMIN_KEY`] or [`Audit::OPENID_PROVIDER`].
    pub actor: String,
    /// Empty when it is not known.
    pub ip: String,
    pub method: String,
    /// The path's pattern, such as `/api/channel/{id}`.
    pub route: String,
    /// As it was called.
    pub path: String,
    /// What the path named, such as `{"id": "7"}`.
    pub targets: Map<String, Value>,
    /// What the body said, with secrets left out.
    pub fields: Value,
    /// HTTP status of the answer; 0 while none was given.
    pub code: i64,
}

impl Audit {
    /// Who acts with the admin key.
    pub const ADMIN_KEY: &str = "admin key";
    /// Who gives roles to those who sign in, and makes them.
    pub const OPENID_PROVIDER: &str = "OpenID provider";
}
