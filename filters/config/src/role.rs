//! Which of the three roles a plugin instance plays; one `.wasm` holds them all.

use serde::{Deserialize, Serialize};

use crate::GatewayConfig;

/// A plugin configuration, as JSON: `{"role":"gateway","config":{…}}`, `{"role":"upstream"}` or
/// `{"role":"meter","node":"node-1"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case", try_from = "Flat")]
pub enum RoleConfig {
    /// Downstream HTTP filter. The only role whose configuration ever changes.
    Gateway { config: GatewayConfig },
    /// Upstream HTTP filter, once per attempt. Constant, so that a price or a channel changes no
    /// cluster; it reads what the gateway role parsed, through statics of the shared VM.
    Upstream,
    /// Singleton on Envoy's main thread with the stream to the control plane.
    Meter {
        /// Envoy's node id, by which the control plane knows who reports.
        node: String,
        /// Sent as `authorization: Bearer …` on the meter stream when the control plane is not on
        /// loopback and asks for a node token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node_token: Option<String>,
    },
}

/// The role alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Gateway,
    Upstream,
    Meter,
}

/// All that a configuration can hold. Read by its tag instead, it would be kept as a tree first,
/// and every type have two parsers in the filter.
#[derive(Deserialize)]
struct Flat {
    role: Role,
    #[serde(default)]
    config: Option<GatewayConfig>,
    #[serde(default)]
    node: Option<String>,
    #[serde(default)]
    node_token: Option<String>,
}

// === impl RoleConfig ===

impl TryFrom<Flat> for RoleConfig {
    type Error = &'static str;

    fn try_from(flat: Flat) -> Result<Self, Self::Error> {
        Ok(match flat.role {
            Role::Gateway => Self::Gateway {
                config: flat.config.ok_or("the gateway role needs a config")?,
            },
            Role::Upstream => Self::Upstream,
            Role::Meter => Self::Meter {
                node: flat.node.ok_or("the meter role needs a node")?,
                node_token: flat.node_token,
            },
        })
    }
}

impl RoleConfig {
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Gateway { .. } => Role::Gateway,
            Self::Upstream => Role::Upstream,
            Self::Meter { .. } => Role::Meter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_what_it_needs() {
        for (json, role) in [
            (r#"{"role":"upstream"}"#, Some(Role::Upstream)),
            (r#"{"role":"meter","node":"n"}"#, Some(Role::Meter)),
            (
                r#"{"role":"gateway","config":{"max_body_bytes":1,"max_response_bytes":1,"channels":[],"models":[]}}"#,
                Some(Role::Gateway),
            ),
            (r#"{"role":"gateway"}"#, None),
            (r#"{"role":"meter"}"#, None),
            (r#"{"role":"cook"}"#, None),
            ("{}", None),
        ] {
            let read = serde_json::from_str::<RoleConfig>(json);
            assert_eq!(read.as_ref().ok().map(RoleConfig::role), role, "{json}");
            if let Ok(config) = read {
                let again = serde_json::to_string(&config).unwrap();
                assert_eq!(serde_json::from_str::<RoleConfig>(&again).unwrap(), config);
            }
        }
    }
}
