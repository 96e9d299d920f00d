//! Where a control plane listens, and where it is called.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use url::Url;

use crate::address::Listen;
use crate::cli::ControlArgs;

/// Where things listen unless the settings say otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    pub xds: u16,
    pub admin: u16,
    pub demo: u16,
    pub unavailable: u16,
}

impl Defaults {
    /// Known to whoever writes a bootstrap.
    pub const SERVE: Self = Self {
        xds: 18000,
        admin: 18001,
        demo: 18002,
        unavailable: 18009,
    };
    /// Free ports: nobody but our own Envoy needs to know them.
    pub const RUN: Self = Self {
        xds: 0,
        admin: 0,
        demo: 0,
        unavailable: 0,
    };
}

/// Where a gateway is called: what listens on every address listens on loopback too.
pub(super) fn gateway_url(args: &ControlArgs) -> Result<Url> {
    if let Some(url) = &args.gateway_url {
        return Ok(url.clone());
    }
    let mut address = args.listen.0;
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    Url::parse(&format!("http://{address}")).context("the address of a gateway")
}

pub(super) fn loopback(port: u16) -> Listen {
    Listen((Ipv4Addr::LOCALHOST, port).into())
}

pub(super) async fn bind(listen: Listen, setting: &str) -> Result<TcpListener> {
    TcpListener::bind(listen.0)
        .await
        .with_context(|| format!("{setting}={listen}"))
}

pub(super) async fn unavailable_port(args: &ControlArgs, defaults: Defaults) -> Result<u16> {
    match args.unavailable_port.unwrap_or(defaults.unavailable) {
        0 => Ok(bind(loopback(0), "TOLLGATE_UNAVAILABLE_PORT")
            .await?
            .local_addr()?
            .port()),
        port => Ok(port),
    }
}
