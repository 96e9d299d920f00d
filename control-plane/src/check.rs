//! `tollgate check`: everything that `run` would trip over, without serving.

use anyhow::{Context, Result, bail};

use crate::bootstrap::{Bootstrap, ClientTls, EnvoyAdmin};
use crate::cli::{BootstrapArgs, RunArgs};
use crate::publish;
use crate::run;
use crate::serve::{open_store, wasm_file};

/// Prints a line for each thing that is in order.
///
/// # Errors
/// The first thing that is not.
pub async fn check(args: &RunArgs) -> Result<()> {
    let envoy = run::find_envoy(&args.envoy).await?;
    println!("Envoy     {}", envoy.display());
    println!(
        "filter    {}",
        wasm_file(args.control.wasm.as_deref())?.display()
    );
    println!("trust     {}", run::authorities(None)?.display());
    let xds = args.control.xds_listen;
    if let Some(listen) = xds {
        crate::trust::Trust::new(&args.control.trust, listen)?;
    }
    let (store, _) = open_store(&args.control).await?;
    let left_out = publish::left_out(&store).await?;
    store.close().await;
    println!("database  in order");
    for (channel, reason) in &left_out {
        println!("channel {channel} is not served: {reason}");
    }
    if !left_out.is_empty() {
        bail!("{} channels cannot be served", left_out.len());
    }
    println!("channels  in order");
    Ok(())
}

/// The bootstrap of an Envoy elsewhere.
///
/// # Errors
/// When this system's certificate authorities are not found.
pub fn bootstrap(args: &BootstrapArgs) -> Result<String> {
    let tls = match (&args.control_authority, &args.certificate, &args.key) {
        (Some(authority), Some(certificate), Some(key)) => Some(ClientTls {
            authority: authority.clone(),
            certificate: certificate.clone(),
            key: key.clone(),
        }),
        _ => None,
    };
    let bootstrap = Bootstrap {
        node: args.node.clone(),
        control: args.control_plane.clone(),
        admin_api: args.admin_api.clone(),
        tls,
        node_token: args.node_token.clone().filter(|token| !token.is_empty()),
        wasm: args.wasm.clone(),
        envoy_admin: EnvoyAdmin::Tcp(args.envoy_admin.clone()),
        authorities: run::authorities(args.authorities.clone())?,
        max_heap_bytes: args.max_heap_bytes,
    };
    serde_json::to_string_pretty(&bootstrap.json()).context("JSON")
}
