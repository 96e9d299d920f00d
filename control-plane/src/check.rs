//! `tollgate check`: everything that `run` would trip over, without serving.

use anyhow::{Context, Result, bail};
use jiff::tz::TimeZone;

use crate::bootstrap::{Bootstrap, ClientTls, EnvoyAdmin};
use crate::cli::{BootstrapArgs, RunArgs};
use crate::domain::shown;
use crate::environment;
use crate::notify;
use crate::oidc;
use crate::publish;
use crate::run;
use crate::secrets::{self, Secret};
use crate::serve::{open_store, redis, wasm_file};
use crate::store::Backlog;

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
    if let Some(settings) = oidc::Settings::read(&args.control.oidc)? {
        oidc::Provider::new(settings).check().await?;
        println!("OIDC      in order");
    }
    if !notify::Sinks::read(&args.control.notify)?.is_empty() {
        println!("alerts    have somewhere to go");
    }
    for (variable, instead) in environment::in_vain() {
        println!("{variable} has no effect here: {instead}");
    }
    let (store, admin_key) = open_store(&args.control).await?;
    if let Some(weakness) = secrets::weakness(&admin_key) {
        println!("admin key {weakness}");
    }
    let left_out = publish::left_out(&store).await?;
    let unbalanced = store.unbalanced().await?;
    let log_is_there = store.oldest_log().await.is_ok();
    let backlog = store.log_backlog().await?.unwrap_or_default();
    store.close().await;
    println!("database  in order");
    if let Some(windows) = redis(&args.control)? {
        windows.try_out().await.context("REDIS_URL")?;
        println!("Redis     in order");
    }
    let has_own_log = args.control.log_sql_dsn.is_some();
    if has_own_log || backlog != Backlog::default() {
        println!("log       {}", log_line(log_is_there, &backlog));
    }
    for fault in &unbalanced {
        println!("ledger    {}: {}", fault.id, fault.fault.text());
    }
    if !unbalanced.is_empty() {
        bail!("the ledger is not in balance");
    }
    println!("ledger    in balance");
    for (channel, reason) in &left_out {
        println!("channel {channel} is not served: {reason}");
    }
    if !left_out.is_empty() {
        bail!("{} channels cannot be served", left_out.len());
    }
    println!("channels  in order");
    Ok(())
}

/// Whether the log database is there, and what waits for it.
fn log_line(is_there: bool, backlog: &Backlog) -> String {
    let mut line = match is_there {
        true => "in order".to_owned(),
        false => "away: rows wait for it".to_owned(),
    };
    let oldest = backlog.oldest_at_ms.unwrap_or_default();
    for (number, what) in [
        (backlog.rows, format!("rows wait, since {}", utc(oldest))),
        (backlog.set_aside, "rows cannot be moved".to_owned()),
        (
            backlog.bodies,
            format!("bodies wait, {} bytes", backlog.body_bytes),
        ),
        (
            backlog.lost_bodies,
            "bodies were removed because too many waited".to_owned(),
        ),
    ] {
        if number > 0 {
            line.push_str(&format!("; {number} {what}"));
        }
    }
    line
}

fn utc(at_ms: i64) -> String {
    shown(&TimeZone::UTC, at_ms)
}

/// The bootstrap of an Envoy elsewhere.
///
/// # Errors
/// When this system's certificate authorities are not found, or the node token cannot be read.
pub fn bootstrap(args: &BootstrapArgs) -> Result<String> {
    let tls = match (&args.control_authority, &args.certificate, &args.key) {
        (Some(authority), Some(certificate), Some(key)) => Some(ClientTls {
            authority: authority.clone(),
            certificate: certificate.clone(),
            key: key.clone(),
        }),
        _ => None,
    };
    let node_token = node_token(args)?;
    let bootstrap = Bootstrap {
        node: args.node.clone(),
        control: args.control_plane.clone(),
        admin_api: args.admin_api.clone(),
        tls,
        node_token,
        wasm: args.wasm.clone(),
        envoy_admin: args
            .envoy_admin
            .clone()
            .unwrap_or_else(|| EnvoyAdmin::default_of(&args.node)),
        authorities: run::authorities(args.authorities.clone())?,
        max_heap_bytes: args.max_heap_bytes,
    };
    serde_json::to_string_pretty(&bootstrap.json()).context("JSON")
}

/// As it was given, else the one of a control plane on this machine.
fn node_token(args: &BootstrapArgs) -> Result<Option<Secret>> {
    let given = args.node_token.clone().filter(|token| !token.is_empty());
    if given.is_some() {
        return Ok(given);
    }
    if let Some(file) = &args.node_token_file {
        return Ok(Some(secrets::read_private(file)?));
    }
    let kept = secrets::node_token_file(&args.data);
    if args.control_authority.is_some() || !kept.try_exists().unwrap_or(false) {
        return Ok(None);
    }
    Ok(Some(secrets::read_private(&kept)?))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::Value;

    use super::*;
    use crate::cli::{Cli, Command};

    fn json(arguments: &[&str]) -> Value {
        let fixed = [
            "tollgate",
            "bootstrap",
            "--node",
            "a/b",
            "--wasm",
            "/x.wasm",
        ];
        let fixed = fixed.iter().chain(&["--authorities", "/ca.pem"]);
        let cli = Cli::parse_from(fixed.chain(arguments));
        let Command::Bootstrap(args) = cli.command else {
            panic!("bootstrap");
        };
        serde_json::from_str(&bootstrap(&args).unwrap()).unwrap()
    }

    #[test]
    fn the_token_of_a_control_plane_on_this_machine_is_found() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().to_str().unwrap();
        let sent = |arguments: &[&str]| {
            let json = json(arguments);
            let sent = json
                .pointer("/dynamic_resources/ads_config/grpc_services/0/initial_metadata/0/value");
            sent.map(|value| value.as_str().unwrap().to_owned())
        };
        assert_eq!(sent(&["--data", folder]), None);
        let token = secrets::node_token(data.path()).unwrap();
        let bearer = Some(format!("Bearer {}", token.expose()));
        assert_eq!(sent(&["--data", folder]), bearer);
        let file = data.path().join("node.token");
        let named = [
            "--data",
            "/nowhere",
            "--node-token-file",
            file.to_str().unwrap(),
        ];
        assert_eq!(sent(&named), bearer);
        let given = ["--data", folder, "--node-token", "0123456789abcdef"];
        assert_eq!(sent(&given).as_deref(), Some("Bearer 0123456789abcdef"));
    }

    #[test]
    fn the_log_s_line_says_what_waits() {
        let nothing = Backlog::default();
        assert_eq!(log_line(true, &nothing), "in order");
        assert_eq!(log_line(false, &nothing), "away: rows wait for it");
        let backlog = Backlog {
            rows: 7,
            oldest_at_ms: Some(0),
            set_aside: 1,
            bodies: 2,
            body_bytes: 900,
            lost_bodies: 3,
        };
        assert_eq!(
            log_line(false, &backlog),
            "away: rows wait for it; 7 rows wait, since 1970-01-01T00:00:00+00:00; \
             1 rows cannot be moved; 2 bodies wait, 900 bytes; \
             3 bodies were removed because too many waited"
        );
    }

    #[test]
    fn envoys_admin_interface_is_private_unless_told_otherwise() {
        let address = |arguments: &[&str]| json(arguments)["admin"]["address"].clone();
        let pipe = |path: &str| serde_json::json!({ "pipe": { "path": path, "mode": 0o600 } });
        assert_eq!(address(&[]), pipe("/tmp/tollgate-a-b.sock"));
        assert_eq!(address(&["--envoy-admin", "/x/y"]), pipe("/x/y"));
        let tcp = address(&["--envoy-admin", "127.0.0.1:9901"]);
        assert_eq!(tcp["socket_address"]["port_value"], 9901);
    }
}
