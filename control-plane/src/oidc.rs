//! Signing in at an OpenID provider: the authorization code flow of OpenID Connect Core 1.0
//! (section 3.1) with PKCE (RFC 7636).
//!
//! Here is the protocol: where the provider is, what is asked of it, and whether what comes back is
//! true. What somebody is to us, and the state between the two halves of a sign-in, are in
//! [`crate::accounts`]. Nothing here is ever taken from a browser and believed, and every call of
//! our own goes through [`crate::outbound`].

mod id_token;
mod keys;
mod metadata;
mod provider;
mod settings;

pub(crate) use provider::is_code;
pub use provider::{Proof, Provider};
pub use settings::{CALLBACK_PATH, Settings};

use crate::outbound::CallError;

/// Why the provider does not vouch for anybody.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the OpenID provider is not reached: {0}")]
    Call(#[from] CallError),
    #[error("the OpenID provider answers {status} to the request for {what}{code}")]
    Status {
        what: &'static str,
        status: u16,
        /// With something in front of it, or empty.
        code: String,
    },
    #[error("the OpenID provider's {what} cannot be used: {why}")]
    Answer { what: &'static str, why: String },
    #[error("the OpenID provider's ID token is not taken: {0}")]
    IdToken(String),
    /// What went wrong a moment ago; nothing was tried again.
    #[error("{text}")]
    Lately { text: String, passes: bool },
}

impl Error {
    /// Whether the same may work a little later.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Call(_) => true,
            Self::Status { status, .. } => *status >= 500,
            Self::Answer { .. } | Self::IdToken(_) => false,
            Self::Lately { passes, .. } => *passes,
        }
    }

    fn answer(what: &'static str, why: impl std::fmt::Display) -> Self {
        Self::Answer {
            what,
            why: why.to_string(),
        }
    }
}
