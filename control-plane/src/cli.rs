//! The command line. Every setting is a flag and an environment variable.

mod document;
mod envoy;
mod import;
mod notify;
mod oidc;
mod rotate;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use url::Url;

pub use document::{ApiArgs, ApplyArgs, ExportArgs};
pub use envoy::{BootstrapArgs, EnvoyArgs, TrustArgs};
pub use import::{ImportArgs, Origin};
pub use notify::NotifyArgs;
pub use oidc::{OidcArgs, OptionalUrl};
pub use rotate::RotateKeyArgs;

use crate::address::Listen;
use crate::outbound::Hosts;
use crate::secrets::Secret;

/// An AI gateway inside stock Envoy, with its control plane.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the control plane and an Envoy: all that one machine needs
    Run(RunArgs),
    /// Run the control plane alone, for Envoys elsewhere
    Serve(ServeArgs),
    /// Print the bootstrap of an Envoy elsewhere, as JSON
    Bootstrap(BootstrapArgs),
    /// Check settings, database, channels and Envoy without serving anything
    Check(RunArgs),
    /// Make a running control plane's configuration what a file says, and show what that changes
    Apply(ApplyArgs),
    /// Take over what another gateway has in its database, and show what that changes
    Import(ImportArgs),
    /// Print a running control plane's configuration as a file for `apply`, without any keys
    Export(ExportArgs),
    /// Seal the database's secrets with another secret key, while control planes run on it
    RotateKey(RotateKeyArgs),
    /// How `run` starts its Envoy
    #[command(hide = true)]
    ExecEnvoy(ExecEnvoyArgs),
}

#[derive(Debug, Args)]
pub struct ExecEnvoyArgs {
    pub parent: i32,
    pub envoy: PathBuf,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<String>,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub control: ControlArgs,
    #[command(flatten)]
    pub envoy: EnvoyArgs,
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub control: ControlArgs,
}

/// Settings of the control plane.
#[derive(Debug, Clone, Args)]
pub struct ControlArgs {
    /// Folder for the database, keys and the demo token
    #[arg(
        long,
        env = "TOLLGATE_DATA",
        default_value = "./data",
        value_name = "FOLDER"
    )]
    pub data: PathBuf,

    /// postgres://… or mysql://… (also for MariaDB) instead of SQLite in the data folder
    #[arg(long, env = "SQL_DSN", hide_env_values = true, value_name = "DSN", value_parser = secret)]
    pub sql_dsn: Option<Secret>,

    /// redis://…, or rediss://… with TLS, for limits that hold exactly over several gateways; without
    /// it each keeps its part of every limit. REDIS, AI Proxy's name, will do as well
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL", value_parser = secret)]
    pub redis_url: Option<Secret>,

    /// Authorities that Redis' certificate is checked with, PEM [default: this system's]
    #[arg(long, env = "REDIS_CA_FILE", value_name = "FILE")]
    pub redis_ca_file: Option<PathBuf>,

    /// What the names of keys in Redis begin with
    #[arg(
        long,
        env = "REDIS_KEY_PREFIX",
        default_value = "tollgate",
        value_name = "PREFIX"
    )]
    pub redis_key_prefix: String,

    /// A database of its own for the log: rows, bodies and summaries. Of any kind, like SQL_DSN
    #[arg(long, env = "LOG_SQL_DSN", hide_env_values = true, value_name = "DSN", value_parser = secret)]
    pub log_sql_dsn: Option<Secret>,

    /// Where gateways accept callers: `:port` or `address:port`
    #[arg(long, env = "LISTEN", default_value = ":3000", value_name = "ADDRESS")]
    pub listen: Listen,

    /// The administrator's key; made and kept in the data folder if not given
    #[arg(long, env = "ADMIN_KEY", hide_env_values = true, value_name = "KEY", value_parser = secret)]
    pub admin_key: Option<Secret>,

    /// What signs users' access tokens, at least 32 characters; made and kept sealed in the
    /// database if not given
    #[arg(long, env = "JWT_SECRET", hide_env_values = true, value_name = "SECRET",
        value_parser = jwt_secret)]
    pub jwt_secret: Option<Secret>,

    /// Requests per minute to `/api` from each user, and from each address without one that is signed
    /// in; the admin key has no limit. 0: nobody has
    #[arg(long, env = "API_REQUESTS_PER_MINUTE", default_value_t = 600, value_name = "NUMBER",
        value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    pub api_requests_per_minute: u64,

    #[command(flatten)]
    pub oidc: OidcArgs,

    #[command(flatten)]
    pub notify: NotifyArgs,

    /// What seals provider keys in the database, 32 bytes as hex or base64; made and kept in the
    /// data folder if not given
    #[arg(
        long, env = "TOLLGATE_SECRET_KEY", hide_env_values = true, value_name = "KEY",
        value_parser = secret
    )]
    pub secret_key: Option<Secret>,

    /// Largest request body that callers may send
    #[arg(long, env = "MAX_BODY_BYTES", default_value_t = 32 << 20, value_name = "BYTES",
        value_parser = clap::value_parser!(u64).range(1024..=(512 << 20)))]
    pub max_body_bytes: u64,

    /// How long responses are kept that callers of the Responses API may continue by their id, after
    /// the last of a conversation; 0 keeps none, and refuses `background`
    #[arg(long, env = "RESPONSES_RETENTION_DAYS", default_value_t = 30, value_name = "DAYS",
        value_parser = clap::value_parser!(u32).range(0..=3650))]
    pub responses_retention_days: u32,

    /// Where access tokens for Google's key files are fetched, instead of where the key says, which
    /// must be at Google's; http and private addresses are allowed here
    #[arg(long, env = "TOLLGATE_GOOGLE_TOKEN_URL", value_name = "URL", value_parser = web_address)]
    pub google_token_url: Option<Url>,

    /// Where this control plane calls a gateway of its own, to test channels and for responses that
    /// are made in the background
    /// [default: the port of LISTEN on this machine]
    #[arg(long, env = "TOLLGATE_GATEWAY_URL", value_name = "URL", value_parser = web_address)]
    pub gateway_url: Option<Url>,

    /// Hosts that are not on the public internet, and from whose databases
    /// `POST /api/channels/import/oneapi` may read: names, addresses or CIDR blocks, with commas
    /// between them
    #[arg(
        long,
        env = "TOLLGATE_IMPORT_HOSTS",
        default_value = "",
        hide_default_value = true,
        value_name = "HOST,…"
    )]
    pub import_hosts: Hosts,

    /// The filter, at the same path on every gateway's machine [default: beside this program]
    #[arg(long, env = "TOLLGATE_WASM", value_name = "FILE")]
    pub wasm: Option<PathBuf>,

    /// gRPC for gateways: xDS and meter. Keys travel here, so anything but loopback needs
    /// `--xds-certificate` or a node token [default: run: a free port, serve: 127.0.0.1:18000]
    #[arg(long, env = "TOLLGATE_XDS_LISTEN", value_name = "ADDRESS")]
    pub xds_listen: Option<Listen>,

    /// HTTP for the admin API and `/`, to which gateways forward
    /// [default: run: a free port, serve: 127.0.0.1:18001]
    #[arg(long, env = "TOLLGATE_ADMIN_LISTEN", value_name = "ADDRESS")]
    pub admin_listen: Option<Listen>,

    /// HTTP of the demo provider, as gateways reach it
    /// [default: run: a free port, serve: 127.0.0.1:18002]
    #[arg(long, env = "TOLLGATE_DEMO_LISTEN", value_name = "ADDRESS")]
    pub demo_listen: Option<Listen>,

    /// Loopback port on each gateway's machine where calls to dead channels end
    /// [default: run: a free port, serve: 18009]
    #[arg(long, env = "TOLLGATE_UNAVAILABLE_PORT", value_name = "PORT")]
    pub unavailable_port: Option<u16>,

    #[command(flatten)]
    pub trust: TrustArgs,
}

#[expect(clippy::unnecessary_wraps, reason = "clap asks for a Result")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

fn web_address(text: &str) -> Result<Url, &'static str> {
    let rule = "must be a URL that begins with https:// or http://";
    let url = Url::parse(text).map_err(|_| rule)?;
    let fits = matches!(url.scheme(), "https" | "http") && url.has_host();
    if fits { Ok(url) } else { Err(rule) }
}

/// HMAC-SHA-256 is as strong as its key.
fn jwt_secret(text: &str) -> Result<Secret, String> {
    if !text.is_empty() && text.len() < 32 {
        return Err("must have 32 characters or more".into());
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn secrets_are_not_shown() {
        let cli = Cli::parse_from([
            "tollgate",
            "run",
            "--admin-key",
            "canary",
            "--sql-dsn",
            "canary",
        ]);
        assert!(!format!("{cli:?}").contains("canary"));
    }
}
