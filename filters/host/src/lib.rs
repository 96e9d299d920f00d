//! The world outside the filter, as one small trait.
//!
//! This is the only crate that knows Proxy-Wasm. [`Host`] is what the filter may ask of Envoy while
//! it handles a request, [`MeterHost`] what the meter singleton may ask besides; `Envoy` implements
//! both over the Proxy-Wasm ABI 0.2.1, and [`mock::MockHost`] lets every role be tested natively. The
//! other way round, a filter is a [`Root`] and its [`Stream`]s.
//!
//! No call ever panics: a status that nobody foresaw comes back as [`HostError`].

#[cfg(target_arch = "wasm32")]
mod abi;
#[cfg(target_arch = "wasm32")]
mod envoy;
#[cfg(target_arch = "wasm32")]
mod exports;
mod headers;
mod host;
#[cfg(not(target_arch = "wasm32"))]
pub mod mock;
#[cfg(any(target_arch = "wasm32", test))]
mod pairs;
mod plugin;

#[cfg(target_arch = "wasm32")]
pub use envoy::{Envoy, plugin_configuration};
#[cfg(target_arch = "wasm32")]
pub use exports::start;
pub use headers::Headers;
pub use host::{Body, Call, Flow, Host, HostError, Level, Map, MeterHost, Version};
pub use plugin::{Root, Stream};
