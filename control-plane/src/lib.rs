//! The control plane: channels, tokens, prices and logs; xDS and the meter for any number of
//! Envoys.

pub mod access_tokens;
pub mod accounts;
pub mod address;
pub mod addresses;
pub mod admin;
pub mod apply;
pub mod balance;
pub mod billing;
pub mod bootstrap;
pub mod check;
pub mod cli;
pub mod deadlines;
pub mod demo;
pub mod details;
pub mod domain;
mod environment;
pub mod gateways;
pub mod health;
pub mod home;
pub mod housekeeping;
pub mod import;
pub mod leases;
pub mod ledger;
pub mod log_mover;
pub mod meter;
pub mod notify;
pub mod oidc;
pub mod one_api;
pub mod outbound;
pub mod probes;
pub mod provider_balance;
pub mod publish;
pub mod responses;
pub mod rotate;
pub mod run;
pub mod secrets;
pub mod serve;
pub mod shared_keys;
pub mod store;
pub mod swagger;
pub mod tokenizer;
pub mod trust;
pub mod unary;
pub mod usage_alerts;
pub mod windows;
pub mod xds;

/// Our own log, for operators: `TOLLGATE_LOG` as in `RUST_LOG`, by default what deserves attention.
pub fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TOLLGATE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,tollgate=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr)
        .init();
}
