//! The filter: one `.wasm` with three roles that share a VM per worker and its statics.
//!
//! - [`gateway`]: downstream HTTP filter. Who calls, may they, which channels can serve it, in
//!   which order; at the end one usage event.
//! - [`upstream`]: HTTP filter of every channel's cluster, once per attempt. Makes the request that
//!   this channel understands and turns its answer back into the caller's dialect.
//! - [`meter`]: singleton. Tokens come down, usage goes up.
//!
//! Every decision is made in the pure crates; here they are put together over
//! [`tollgate_host::Host`], so that all of it runs in native tests too. Nothing here panics, and a
//! refused host call is logged, never fatal.
#![cfg_attr(
    not(target_arch = "wasm32"),
    allow(
        dead_code,
        reason = "natively there is no Envoy; only the tests call the roles"
    )
)]

mod accounts;
mod bundle;
mod call;
mod detail;
#[cfg(target_arch = "wasm32")]
mod entry;
#[cfg(test)]
mod fixture;
mod gateway;
mod losses;
mod memory;
mod meter;
mod operation;
mod refusal;
mod settle;
mod state;
mod stream;
mod uncounted;
mod upstream;
