//! Who changes something, as the price history names them.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// The name of whoever is asking.
pub(super) struct Actor(String);

impl Actor {
    /// An administrator without a name.
    const ADMIN_KEY: &str = "admin key";

    pub(super) fn name(&self) -> &str {
        &self.0
    }
}

/// Whoever came this far holds the admin key.
impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Self::ADMIN_KEY.to_owned()))
    }
}
