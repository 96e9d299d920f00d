//! Who is asking.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::ApiError;
use crate::accounts::{Session, caller};

/// Whoever was let in.
#[derive(Debug, Clone)]
pub(super) enum Principal {
    /// Whoever has the admin key: an administrator without a name.
    AdminKey,
    User(Session),
}

/// The user who is asking, for routes about what is their own.
pub(super) struct Own(pub(super) Session);

/// The address of whoever is asking.
pub(super) struct Caller(pub(super) String);

// === impl Principal ===

impl Principal {
    /// Why somebody may not come in.
    pub(super) fn is_not_enough(&self) -> &'static str {
        match self {
            Self::AdminKey => "the admin key has nothing of its own; sign in as a user",
            Self::User(_) => "your role does not allow this",
        }
    }
}

// === impl Own ===

impl<S: Sync> FromRequestParts<S> for Own {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.extensions.get::<Principal>() {
            Some(Principal::User(session)) => Ok(Self(session.clone())),
            Some(key @ Principal::AdminKey) => Err(ApiError::Forbidden(key.is_not_enough().into())),
            None => Err(ApiError::Unauthorized),
        }
    }
}

// === impl Caller ===

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> Result<Self, std::convert::Infallible> {
        Ok(Self(caller(parts)))
    }
}
