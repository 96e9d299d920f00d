//! How to take over from another gateway.

use clap::{Args, ValueEnum};

use super::{ApiArgs, secret};
use crate::secrets::Secret;

#[derive(Debug, Args)]
pub struct ImportArgs {
    #[command(flatten)]
    pub api: ApiArgs,

    /// Whose database it is
    #[arg(long, value_enum)]
    pub from: Origin,

    /// The database: postgres://…, mysql://… (also for MariaDB), one-api's own
    /// user:password@tcp(host:port)/database, or the path of an SQLite file; it is only read
    #[arg(env = "TOLLGATE_IMPORT_DSN", hide_env_values = true, value_name = "DSN", value_parser = secret)]
    pub source: Secret,

    /// Show what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Gateways that people move over from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Origin {
    /// songquanpeng/one-api, 0.6 and those that kept its tables
    OneApi,
}
