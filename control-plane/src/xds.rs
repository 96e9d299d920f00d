//! Delta ADS: pushes topology and secrets to any number of Envoys.
//!
//! [`snapshot`] is what they should have, [`resources`] builds it, [`delta`] decides without IO
//! what to send next, [`service`] is the gRPC shell around it. Configuration never comes from a
//! gateway, and a secret is only ever an SDS resource.

pub mod delta;
pub mod resources;
pub mod service;
pub mod snapshot;

pub use snapshot::{Kind, Resource, Snapshot};
