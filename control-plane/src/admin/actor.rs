//! Who changes something, as the histories of prices and wallets name them.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::principal::Principal;

/// The name of whoever is asking.
pub(super) struct Actor(String);

impl Actor {
    /// An administrator without a name.
    const ADMIN_KEY: &str = "admin key";

    pub(super) fn name(&self) -> &str {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Nobody comes this far without being one of the two.
        Ok(Self(match parts.extensions.get::<Principal>() {
            Some(Principal::User(session)) => session.user.username.clone(),
            Some(Principal::AdminKey) | None => Self::ADMIN_KEY.to_owned(),
        }))
    }
}
