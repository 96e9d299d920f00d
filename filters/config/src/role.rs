//! Which of the three roles a plugin instance plays; one `.wasm` holds them all.

use serde::{Deserialize, Serialize};

use crate::GatewayConfig;

/// A plugin configuration, as JSON: `{"role":"gateway","config":{…}}`, `{"role":"upstream"}` or
/// `{"role":"meter","gateway":"node-1"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Gateway,
    Upstream,
    Meter,
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
