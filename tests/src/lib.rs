//! The harness of the end-to-end tests: starts the real binary with the real filter in real Envoy,
//! plays the providers, and asks as a client would. It knows Tollgate only from outside, through
//! its command line, its HTTP port and its admin API; it depends on none of its crates.
//!
//! Read [`scene`] first: it is what the scenarios in `e2e/` are written in.

mod account;
pub mod admin;
pub mod agent;
pub mod apart;
pub mod certificates;
pub mod dialect;
pub mod encrypted;
pub mod envoy;
pub mod eventually;
pub mod gateway;
pub mod http;
pub mod mariadb;
pub mod meter;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod provider;
pub mod proxy;
pub mod redis;
pub mod scene;
pub mod sdk;
pub mod tools;

pub use dialect::Dialect;
pub use eventually::{at_once, eventually, patience};
pub use gateway::Gateway;
pub use provider::{Answer, Cut, Fault, Provider};
pub use scene::Scene;
