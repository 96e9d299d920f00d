//! The command line. Every setting is a flag and an environment variable.

mod import;
mod oidc;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use url::Url;

pub use import::{ImportArgs, Origin};
pub use oidc::{OidcArgs, OptionalUrl};

use crate::address::{HostPort, Listen};
use crate::bootstrap::{DEFAULT_MAX_HEAP_BYTES, EnvoyAdmin};
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

/// How to reach a control plane that runs.
#[derive(Debug, Args)]
pub struct ApiArgs {
    /// Where the gateway or its control plane answers
    #[arg(
        long,
        env = "TOLLGATE_URL",
        default_value = "http://127.0.0.1:3000",
        value_name = "URL"
    )]
    pub url: String,

    /// The administrator's key [default: admin.key in the data folder]
    #[arg(long, env = "ADMIN_KEY", hide_env_values = true, value_name = "KEY", value_parser = secret)]
    pub admin_key: Option<Secret>,

    /// The control plane's data folder, if it is on this machine
    #[arg(
        long,
        env = "TOLLGATE_DATA",
        default_value = "./data",
        value_name = "FOLDER"
    )]
    pub data: PathBuf,
}

#[derive(Debug, Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    pub api: ApiArgs,

    /// YAML or JSON, `-` for standard input; `${NAME}` stands for an environment variable
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,

    /// Show what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Remove what the file's lists leave out
    #[arg(long)]
    pub prune: bool,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    pub api: ApiArgs,
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

    /// redis://… for limits that hold exactly over several gateways; without it each keeps its part
    /// of every limit. REDIS, AI Proxy's name, will do as well
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL", value_parser = secret)]
    pub redis_url: Option<Secret>,

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

    #[command(flatten)]
    pub oidc: OidcArgs,

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
    /// the last of a conversation; 0 keeps none
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

/// How gateways prove who they are.
#[derive(Debug, Clone, Args)]
pub struct TrustArgs {
    /// mTLS for gateways: this server's certificate chain, PEM
    #[arg(long, env = "TOLLGATE_XDS_CERTIFICATE", value_name = "FILE",
        requires_all = ["xds_key", "xds_client_authority"])]
    pub xds_certificate: Option<PathBuf>,

    /// mTLS for gateways: the certificate's key, PEM
    #[arg(
        long,
        env = "TOLLGATE_XDS_KEY",
        value_name = "FILE",
        requires = "xds_certificate"
    )]
    pub xds_key: Option<PathBuf>,

    /// mTLS for gateways: the authority that signs gateways' certificates, PEM
    #[arg(
        long,
        env = "TOLLGATE_XDS_CLIENT_AUTHORITY",
        value_name = "FILE",
        requires = "xds_certificate"
    )]
    pub xds_client_authority: Option<PathBuf>,

    /// Secret that gateways send, at least 16 characters [default on loopback: run: a new one at
    /// each start, serve: made and kept in the data folder]
    #[arg(
        long, env = "TOLLGATE_NODE_TOKEN", hide_env_values = true, value_name = "TOKEN",
        value_parser = secret
    )]
    pub node_token: Option<Secret>,
}

/// Settings of the Envoy that `run` keeps.
#[derive(Debug, Clone, Args)]
pub struct EnvoyArgs {
    /// Envoy 1.40 or newer [default: `envoy` on the PATH, else what `make setup` installed]
    #[arg(long, env = "TOLLGATE_ENVOY", value_name = "FILE")]
    pub envoy: Option<PathBuf>,

    /// Envoy's worker threads [default: one per processor]
    #[arg(long, env = "TOLLGATE_CONCURRENCY", value_name = "THREADS")]
    pub concurrency: Option<u32>,

    /// Envoy's own admin interface on this address, for debugging; whoever reaches it can end
    /// Envoy and read the node token [default: a socket that only this user can open]
    #[arg(long, env = "TOLLGATE_ENVOY_ADMIN", value_name = "ADDRESS")]
    pub envoy_admin: Option<HostPort>,

    /// Memory at which Envoy refuses requests rather than grow
    #[arg(long, env = "TOLLGATE_MAX_HEAP_BYTES", default_value_t = DEFAULT_MAX_HEAP_BYTES, value_name = "BYTES")]
    pub max_heap_bytes: u64,

    /// How long calls under way may take to end when this program is asked to end
    #[arg(
        long,
        env = "TOLLGATE_DRAIN_SECONDS",
        default_value_t = 30,
        value_name = "SECONDS"
    )]
    pub drain_seconds: u64,
}

/// What an Envoy elsewhere needs to know.
#[derive(Debug, Args)]
pub struct BootstrapArgs {
    /// Unique name of this gateway
    #[arg(long, value_name = "NAME")]
    pub node: String,

    /// The control plane's gRPC address (`serve --xds-listen`), as this gateway reaches it
    #[arg(long, default_value = "127.0.0.1:18000", value_name = "HOST:PORT")]
    pub control_plane: HostPort,

    /// The control plane's HTTP address (`serve --admin-listen`), as this gateway reaches it
    #[arg(long, default_value = "127.0.0.1:18001", value_name = "HOST:PORT")]
    pub admin_api: HostPort,

    /// The filter on the gateway's machine; the control plane must have been told the same path
    #[arg(long, env = "TOLLGATE_WASM", value_name = "FILE")]
    pub wasm: PathBuf,

    /// Envoy's own admin interface, HOST:PORT or the path of a socket; whoever reaches it can end
    /// Envoy and read the node token [default: /tmp/tollgate-<NODE>.sock, which only Envoy's user
    /// can open]
    #[arg(long, value_name = "ADDRESS")]
    pub envoy_admin: Option<EnvoyAdmin>,

    /// Certificate authorities that providers are checked with, PEM [default: this system's]
    #[arg(long, value_name = "FILE")]
    pub authorities: Option<PathBuf>,

    /// Memory at which Envoy refuses requests rather than grow
    #[arg(long, default_value_t = DEFAULT_MAX_HEAP_BYTES, value_name = "BYTES")]
    pub max_heap_bytes: u64,

    /// Secret that the control plane asks for; it will be part of the output
    #[arg(
        long, env = "TOLLGATE_NODE_TOKEN", hide_env_values = true, value_name = "TOKEN",
        value_parser = secret
    )]
    pub node_token: Option<Secret>,

    /// File with that secret [default: node.token in the control plane's data folder, if it is on
    /// this machine and `--control-authority` is not given]
    #[arg(long, value_name = "FILE", conflicts_with = "node_token")]
    pub node_token_file: Option<PathBuf>,

    /// The control plane's data folder
    #[arg(
        long,
        env = "TOLLGATE_DATA",
        default_value = "./data",
        value_name = "FOLDER"
    )]
    pub data: PathBuf,

    /// mTLS: the authority that signed the control plane's certificate, PEM
    #[arg(long, value_name = "FILE", requires_all = ["certificate", "key"])]
    pub control_authority: Option<PathBuf>,

    /// mTLS: this gateway's certificate chain, PEM
    #[arg(long, value_name = "FILE", requires = "control_authority")]
    pub certificate: Option<PathBuf>,

    /// mTLS: the certificate's key, PEM
    #[arg(long, value_name = "FILE", requires = "control_authority")]
    pub key: Option<PathBuf>,
}

/// The next secret key, and what it is for. Without `--new-…`, a key in the data folder is followed
/// by one that is made there, and of several in `TOLLGATE_SECRET_KEY` the first is the new one. A
/// rotation that was broken off goes on when it is run again.
#[derive(Debug, Args)]
pub struct RotateKeyArgs {
    /// Folder for the database and keys, as of the control plane
    #[arg(
        long,
        env = "TOLLGATE_DATA",
        default_value = "./data",
        value_name = "FOLDER"
    )]
    pub data: PathBuf,

    /// postgres://… or mysql://… instead of SQLite in the data folder, where no control plane may run
    /// meanwhile
    #[arg(long, env = "SQL_DSN", hide_env_values = true, value_name = "DSN", value_parser = secret)]
    pub sql_dsn: Option<Secret>,

    /// The present secret key, if it is not in the data folder; with `--retire`, the new one
    #[arg(
        long, env = "TOLLGATE_SECRET_KEY", hide_env_values = true, value_name = "KEY",
        value_parser = secret
    )]
    pub secret_key: Option<Secret>,

    /// The new secret key, 32 bytes as hex or base64
    #[arg(
        long, env = "TOLLGATE_NEW_SECRET_KEY", hide_env_values = true, value_name = "KEY",
        value_parser = secret
    )]
    pub new_secret_key: Option<Secret>,

    /// File with the new secret key; made with a new one if it is not there
    #[arg(long, value_name = "FILE", conflicts_with = "new_secret_key")]
    pub new_key_file: Option<PathBuf>,

    /// Forget the older secret keys, once every control plane has been started with the new one
    #[arg(long)]
    pub retire: bool,
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
