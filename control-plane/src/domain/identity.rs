//! Who somebody is at an OpenID provider.

use serde::{Deserialize, Serialize};

use super::Role;

/// An identity that a provider has vouched for a moment ago, and what it said beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub issuer: String,
    pub subject: String,
    pub username: Option<String>,
    pub email: Option<String>,
    /// `None`: the provider has no say in it.
    #[serde(with = "role")]
    pub role: Option<Role>,
}

/// An identity that a user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedIdentity {
    pub issuer: String,
    pub subject: String,
    pub created_at_ms: i64,
}

mod role {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::domain::Role;

    pub(super) fn serialize<S: Serializer>(
        role: &Option<Role>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        role.map(Role::as_str).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Role>, D::Error> {
        let name: Option<String> = Option::deserialize(deserializer)?;
        Ok(name.and_then(|name| Role::read(&name)))
    }
}
