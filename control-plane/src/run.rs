//! `tollgate run`: the control plane and one stock Envoy, started, watched and ended together.

mod admin;
mod banner;
mod child;
mod drain;
mod find;
mod folder;
mod supervise;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::sync::watch;

pub use child::exec as exec_envoy;
pub use find::for_tests as envoy_for_tests;

use crate::address::Listen;
use crate::bootstrap::{Bootstrap, EnvoyAdmin, system_authorities};
use crate::cli::{EnvoyArgs, RunArgs};
use crate::secrets::{self, Secret};
use crate::serve::{ControlPlane, Defaults, demo_token_file};

/// Node id of the Envoy that `run` keeps.
const NODE: &str = "local";

/// Serves until somebody asks it to end.
///
/// # Errors
/// One line that says what is in the way of the start.
pub async fn run(args: &RunArgs) -> Result<()> {
    let stop = stop_signals()?;
    let envoy = find_envoy(&args.envoy).await?;
    ensure_free(args.control.listen)?;
    // Of this run alone: nobody but its own Envoy needs it.
    let node_token = Secret::new(hex::encode(secrets::random::<32>()));
    let control = ControlPlane::start(&args.control, Defaults::RUN, Some(node_token)).await?;

    let folder = folder::Private::create()?;
    let bootstrap = bootstrap(&args.envoy, &control, folder.path())?;
    let file = folder.path().join("envoy.json");
    secrets::write_private(&file, &bootstrap.json().to_string())
        .with_context(|| file.display().to_string())?;
    let command = child::EnvoyCommand {
        envoy,
        file,
        concurrency: args.envoy.concurrency,
    };
    let admin = admin::Client::new(bootstrap.envoy_admin);

    let served = serve(args, &control, &command, &admin, stop).await;
    tracing::debug!("Envoy has ended");
    control.end().await;
    tracing::debug!("the control plane has ended");
    served
}

/// From the first Envoy to the end of the last.
async fn serve(
    args: &RunArgs,
    control: &ControlPlane,
    command: &child::EnvoyCommand,
    admin: &admin::Client,
    mut stop: watch::Receiver<u32>,
) -> Result<()> {
    let mut envoys = supervise::Supervisor::start(command.clone(), control.registry.clone());
    tokio::select! {
        gave_up = envoys.gave_up() => return Err(gave_up),
        _ = stop.changed() => return envoys.end().await,
        () = control.registry.wait_until_ready() => {}
    }
    print!(
        "{}",
        banner::text(args, demo_token_file(&args.control.data).as_path())
    );
    let _ = stop.changed().await;

    eprintln!(
        "tollgate: ending; calls under way have {} s (Ctrl-C again: at once)",
        args.envoy.drain_seconds
    );
    let patience = Duration::from_secs(args.envoy.drain_seconds);
    tokio::select! {
        () = drain::drain(admin, control, patience) => {}
        _ = stop.changed() => eprintln!("tollgate: ending at once"),
    }
    envoys.end().await
}

fn bootstrap(args: &EnvoyArgs, control: &ControlPlane, folder: &Path) -> Result<Bootstrap> {
    if control.trust.tls().is_some() {
        bail!(
            "`run` keeps its Envoy on loopback and needs no TLS for it; use `serve` and \
             `bootstrap`, or a node token, for gateways elsewhere"
        );
    }
    Ok(Bootstrap {
        node: NODE.into(),
        control: reachable(control.xds).into(),
        admin_api: reachable(control.admin).into(),
        tls: None,
        node_token: control.trust.node_token().cloned(),
        wasm: control.wasm.clone(),
        envoy_admin: match &args.envoy_admin {
            Some(address) => EnvoyAdmin::Tcp(address.clone()),
            None => EnvoyAdmin::Socket(folder.join("admin.sock")),
        },
        authorities: authorities(None)?,
        max_heap_bytes: args.max_heap_bytes,
    })
}

/// The Envoy to run.
pub(crate) async fn find_envoy(args: &EnvoyArgs) -> Result<PathBuf> {
    find::envoy(args.envoy.as_deref()).await
}

/// The certificate authorities to check providers with.
pub(crate) fn authorities(told: Option<PathBuf>) -> Result<PathBuf> {
    told.or_else(system_authorities).context(
        "this system's certificate authorities were not found; install the package \
         `ca-certificates`",
    )
}

/// What listens on every address is reached over loopback.
fn reachable(address: std::net::SocketAddr) -> std::net::SocketAddr {
    if address.ip().is_unspecified() {
        (std::net::Ipv4Addr::LOCALHOST, address.port()).into()
    } else {
        address
    }
}

/// Envoys share a port if they may (`SO_REUSEPORT`), and half of the calls would go to another
/// one, so that has to be found out before.
fn ensure_free(listen: Listen) -> Result<()> {
    std::net::TcpListener::bind(listen.0)
        .map(drop)
        .with_context(|| format!("LISTEN={listen}"))
}

/// Some keepers send their signal to a process and to its group, which is one request all the same.
const SAME_REQUEST: Duration = Duration::from_millis(500);

/// Counts requests to end, by Ctrl-C or SIGTERM.
fn stop_signals() -> Result<watch::Receiver<u32>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (sender, receiver) = watch::channel(0);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        let mut last: Option<Instant> = None;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if last.is_none_or(|last| last.elapsed() > SAME_REQUEST) {
                sender.send_modify(|count| *count += 1);
            }
            last = Some(Instant::now());
        }
    });
    Ok(receiver)
}

/// `tollgate serve`: the control plane alone, until somebody asks it to end.
///
/// # Errors
/// One line that says what is in the way of the start.
pub async fn serve_alone(args: &crate::cli::ServeArgs) -> Result<()> {
    let mut stop = stop_signals()?;
    let control = ControlPlane::start(&args.control, Defaults::SERVE, None).await?;
    let data = args.control.data.display();
    eprintln!(
        "tollgate: serving gateways on {} (gRPC), {} (HTTP) and {} (demo provider)\n\
         tollgate: an Envoy elsewhere starts with the output of `tollgate bootstrap --node NAME \
         --data {data}`",
        control.xds, control.admin, control.demo
    );
    let _ = stop.changed().await;
    control.end().await;
    Ok(())
}
