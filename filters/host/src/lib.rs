//! The world outside the filter, as one small trait.
//!
//! This is the only crate that knows Proxy-Wasm. [`Host`] is what the filter may ask of Envoy while
//! it handles a request, [`MeterHost`] what the meter singleton may ask besides; `Envoy` implements
//! both over the Proxy-Wasm ABI 0.2.1, and [`mock::MockHost`] lets every role be tested natively.
//!
//! No call ever panics: a status that the SDK would unwrap comes back as [`HostError`].

#[cfg(target_arch = "wasm32")]
mod abi;
#[cfg(target_arch = "wasm32")]
mod envoy;
mod host;
#[cfg(not(target_arch = "wasm32"))]
pub mod mock;
#[cfg(any(target_arch = "wasm32", test))]
mod pairs;

#[cfg(target_arch = "wasm32")]
pub use envoy::{Envoy, plugin_configuration};
pub use host::{Body, Flow, Headers, Host, HostError, Level, Map, MeterHost};
