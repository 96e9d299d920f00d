//! Settings of Envoys, here and elsewhere, and of how they prove who they are.

use std::path::PathBuf;

use clap::Args;

use super::secret;
use crate::address::HostPort;
use crate::bootstrap::{DEFAULT_MAX_HEAP_BYTES, EnvoyAdmin};
use crate::secrets::Secret;

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
