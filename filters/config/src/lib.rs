//! What the control plane publishes and the filters read.
//!
//! Both sides compile this crate, so there is one definition and one parser of everything that
//! crosses between the planes: the plugin configuration that travels by ECDS ([`GatewayConfig`]),
//! the messages of the meter stream ([`meter`]), leases of budgets ([`leases`]), the kept responses
//! ([`responses`]), what the tokenizer counts ([`counting`]) and the names that both sides must agree
//! on ([`names`]). It never does IO, never reads a clock, and holds no secret: provider keys reach
//! Envoy as SDS secrets and tokens only as SHA-256 hashes.

mod ceiling;
pub mod counting;
pub mod detail;
mod gateway;
pub mod leases;
mod limits;
pub mod meter;
mod named;
pub mod names;
pub mod responses;
mod role;
pub mod together;

pub use ceiling::{Ceiling, times_millionths};
pub use gateway::{
    Also, Banned, Channel, GatewayConfig, InvalidConfig, Model, OwnDetails, RETRIES_MAX,
};
pub use role::{Role, RoleConfig};
