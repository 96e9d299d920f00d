//! The control plane put together: database, publisher, gRPC for gateways, HTTP for people.

mod open;
mod ports;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::TcpIncoming;

use crate::access_tokens::AccessTokens;
use crate::balance::Collector;
use crate::cli::ControlArgs;
use crate::demo::{self, Behaviours};
use crate::environment;
use crate::gateways::{self, Registry};
use crate::health::{self, Health};
use crate::leases::Leases;
use crate::ledger::Ledger;
use crate::meter::{self, Meter};
use crate::notify::{self, Notifier};
use crate::oidc;
use crate::probes::Probes;
use crate::publish::Publisher;
use crate::responses::Responses;
use crate::secrets::{self, Secret};
use crate::store::{self, Claim, Store};
use crate::tokenizer::Tokenizer;
use crate::trust::Trust;
use crate::unary::Unary;
use crate::windows::Windows;
use crate::xds::resources::Settings;
use crate::{
    addresses, admin, billing, deadlines, home, housekeeping, log_mover, provider_balance,
    shared_keys, swagger, usage_alerts, xds,
};

pub(crate) use open::{demo_token_file, dsn, open_store, redis, wasm_file};
pub use ports::Defaults;

use open::make_data_folder;
use ports::{bind, gateway_url, loopback, unavailable_port};

/// A control plane that serves until it is told to end.
#[derive(Debug)]
pub struct ControlPlane {
    pub xds: SocketAddr,
    pub admin: SocketAddr,
    pub demo: SocketAddr,
    pub trust: Trust,
    pub wasm: PathBuf,
    pub registry: Registry,
    pub meter: Meter,
    store: Store,
    closed: watch::Sender<BTreeSet<String>>,
    /// Given back after the store is closed.
    _claim: Option<Claim>,
    ending: CancellationToken,
    tasks: TaskTracker,
}

impl ControlPlane {
    /// Opens everything. When this returns, every port accepts.
    ///
    /// `node_token` is asked of gateways when the settings name nothing to ask for; without it, the
    /// one that is kept in the data folder.
    ///
    /// # Errors
    /// One line that says what is in the way and where.
    pub async fn start(
        args: &ControlArgs,
        defaults: Defaults,
        node_token: Option<Secret>,
    ) -> Result<Self> {
        for (variable, instead) in environment::in_vain() {
            tracing::warn!(variable, instead, "AI Proxy's variable has no effect here");
        }
        let provider = oidc::Settings::read(&args.oidc)?.map(oidc::Provider::new);
        let sinks = notify::Sinks::read(&args.notify)?;
        make_data_folder(&args.data)?;
        let claim = store::claim(&dsn(args.sql_dsn.as_ref(), &args.data)?)?;
        let (store, admin_key) = open_store(args).await?;
        if let Some(weakness) = secrets::weakness(&admin_key) {
            tracing::warn!("the admin key {weakness}");
        }
        let notifier = Notifier::new(store.clone(), sinks);
        let xds_listen = args.xds_listen.unwrap_or(loopback(defaults.xds));
        let mut trust = Trust::new(&args.trust, xds_listen)?;
        if !trust.asks_something() {
            // On loopback too: not everybody on a machine may have the providers' keys.
            trust = trust.or_token(match node_token {
                Some(token) => token,
                None => secrets::node_token(&args.data)?,
            });
        }
        let xds = bind(xds_listen, "TOLLGATE_XDS_LISTEN").await?;
        let admin = args.admin_listen.unwrap_or(loopback(defaults.admin));
        let admin = bind(admin, "TOLLGATE_ADMIN_LISTEN").await?;
        let demo = args.demo_listen.unwrap_or(loopback(defaults.demo));
        let demo = bind(demo, "TOLLGATE_DEMO_LISTEN").await?;
        let wasm = wasm_file(args.wasm.as_deref())?;
        let settings = Settings {
            listen: args.listen.0,
            unavailable_port: unavailable_port(args, defaults).await?,
            wasm: wasm.clone(),
            max_body_bytes: args.max_body_bytes,
            stores_responses: args.responses_retention_days > 0,
        };
        let closed = xds::resources::closed(&settings);
        let registry = Registry::new();
        let behaviours = Behaviours::new(demo.local_addr()?);
        let tokens = AccessTokens::new(args.google_token_url.clone());
        let (publisher, snapshots) =
            Publisher::start(store.clone(), settings, behaviours.clone(), tokens).await?;
        let days = u64::from(args.responses_retention_days);
        let responses = Responses::new(store.clone(), Duration::from_secs(days * 24 * 60 * 60));
        let health = Health::default();
        let ledger = Ledger::new(store.clone()).counted_by(health.clone());
        let leases = Leases::new(store.clone());
        let meter = Meter::new(
            store.clone(),
            ledger,
            registry.clone(),
            responses.clone(),
            leases.clone(),
        );
        let windows = redis(args)?;
        if let Some(windows) = &windows {
            meter.count_in(windows.clone());
        }
        let probes = Probes::new(gateway_url(args)?, registry.clone());
        meter.tell_own_token(probes.token());
        let (gateway, own_token) = probes.gateway();
        responses.background().call_through(gateway, own_token);
        let publisher = publisher.with_guests(probes.guests().clone());
        let control = Self {
            xds: xds.local_addr()?,
            admin: admin.local_addr()?,
            demo: demo.local_addr()?,
            trust,
            wasm,
            registry,
            meter,
            store,
            closed: watch::Sender::default(),
            _claim: claim,
            ending: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let services = Services {
            responses: responses.clone(),
            leases: leases.clone(),
            windows,
        };
        control.spawn_grpc(xds, snapshots, closed, services)?;
        let healing = health::heal(control.store.clone(), probes.clone());
        control
            .tasks
            .spawn(control.ending.clone().run_until_cancelled_owned(healing));
        let watching = health::Watch::new(control.store.clone(), health).run();
        control
            .tasks
            .spawn(control.ending.clone().run_until_cancelled_owned(watching));
        let spending = usage_alerts::watch(control.store.clone());
        control
            .tasks
            .spawn(control.ending.clone().run_until_cancelled_owned(spending));
        let asking = provider_balance::keep(control.store.clone());
        control
            .tasks
            .spawn(control.ending.clone().run_until_cancelled_owned(asking));
        let state = admin::State::new(control.store.clone(), admin_key)
            .with_jwt_secret(args.jwt_secret.clone())
            .with_oidc(provider)
            .with_import_hosts(args.import_hosts.clone())
            .with_rate(args.api_requests_per_minute)
            .with_probes(probes);
        control.spawn_http(admin, control.http(state));
        control.spawn_http(demo, demo::router(behaviours));
        control.tasks.spawn(
            control
                .ending
                .clone()
                .run_until_cancelled_owned(publisher.run()),
        );
        let background = responses.background().clone();
        // It has something to do at the end.
        control.tasks.spawn(background.run(control.ending.clone()));
        control.tasks.spawn(
            control
                .ending
                .clone()
                .run_until_cancelled_owned(responses.purge()),
        );
        control.tasks.spawn(
            control
                .ending
                .clone()
                .run_until_cancelled_owned(Collector::new(control.store.clone()).run()),
        );
        let moving = log_mover::run(control.store.clone());
        control
            .tasks
            .spawn(control.ending.clone().run_until_cancelled_owned(moving));
        let filling = addresses::run(control.store.clone());
        control
            .tasks
            .spawn(control.ending.clone().run_until_cancelled_owned(filling));
        let tidying = housekeeping::run(control.store.clone());
        control
            .tasks
            .spawn(control.ending.clone().run_until_cancelled_owned(tidying));
        let deadlines = deadlines::keep(control.store.clone());
        control
            .tasks
            .spawn(control.ending.clone().run_until_cancelled_owned(deadlines));
        control.tasks.spawn(
            control
                .ending
                .clone()
                .run_until_cancelled_owned(notifier.run()),
        );
        let sharing = shared_keys::Watch::new(control.store.clone()).run();
        control
            .tasks
            .spawn(control.ending.clone().run_until_cancelled_owned(sharing));
        control.tasks.spawn(
            control
                .ending
                .clone()
                .run_until_cancelled_owned(leases.run()),
        );
        let others = control.meter.clone().know_others();
        control
            .tasks
            .spawn(control.ending.clone().run_until_cancelled_owned(others));
        Ok(control)
    }

    /// Takes the listener for callers from a gateway, and with it their connections.
    pub fn cut_off_callers(&self, node: &str) {
        self.closed.send_modify(|closed| {
            closed.insert(node.to_owned());
        });
    }

    /// Closes the streams and the database, in this order.
    pub async fn end(self) {
        self.ending.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.store.close().await;
    }

    fn spawn_grpc(
        &self,
        listener: TcpListener,
        snapshots: watch::Receiver<Arc<xds::Snapshot>>,
        instead: (String, xds::Resource),
        services: Services,
    ) -> Result<()> {
        let mut server = tonic::transport::Server::builder();
        if let Some(tls) = self.trust.tls() {
            server = server.tls_config(tls.clone()).context("TLS for gateways")?;
        }
        let nodes = self.closed.subscribe();
        let closed = xds::service::Closed {
            nodes,
            listener: instead,
        };
        let ads =
            xds::service::Service::new(snapshots, self.registry.clone(), closed).into_server();
        let meter = meter::Server::new(self.meter.clone());
        let responses = Unary(services.responses);
        let counting = Unary(Tokenizer::default());
        let leases = Unary(services.leases);
        let limits = Unary(services.windows);
        let serving = server
            .http2_keepalive_interval(Some(std::time::Duration::from_secs(30)))
            .add_service(InterceptedService::new(ads, self.trust.clone()))
            .add_service(InterceptedService::new(meter, self.trust.clone()))
            .add_service(InterceptedService::new(responses, self.trust.clone()))
            .add_service(InterceptedService::new(counting, self.trust.clone()))
            .add_service(InterceptedService::new(leases, self.trust.clone()))
            .add_service(InterceptedService::new(limits, self.trust.clone()))
            .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)));
        // Gateways' streams never end by themselves, so there is nothing to wait for: they are
        // cut, and a gateway keeps what it has not seen acknowledged.
        self.tasks
            .spawn(self.ending.clone().run_until_cancelled_owned(async {
                if let Err(error) = serving.await {
                    tracing::error!(%error, "gRPC for gateways ended");
                }
            }));
        Ok(())
    }

    fn http(&self, state: admin::State) -> axum::Router {
        admin::router(state.clone())
            .merge(admin::guard_as(
                &state,
                admin::Allowed::READ,
                gateways::admin_routes(self.registry.clone(), self.store.clone()),
            ))
            .merge(gateways::public_routes(self.registry.clone()))
            .merge(billing::router(self.store.clone()))
            .merge(home::router(self.registry.clone()))
            .merge(swagger::router())
            .fallback(gateways::no_such_path)
    }

    fn spawn_http(&self, listener: TcpListener, router: axum::Router) {
        let ending = self.ending.clone();
        self.tasks
            .spawn(self.ending.clone().run_until_cancelled_owned(async move {
                // Without it, the kernel holds back each piece of a stream for up to 40 ms.
                let listener = listener.tap_io(|connection| {
                    let _ = connection.set_nodelay(true);
                });
                // With the address of whoever is connected.
                let router = router.into_make_service_with_connect_info::<SocketAddr>();
                let serving = axum::serve(listener, router);
                if let Err(error) = serving
                    .with_graceful_shutdown(ending.cancelled_owned())
                    .await
                {
                    tracing::error!(%error, "HTTP ended");
                }
            }));
    }
}

/// What workers ask for by calls of their own.
struct Services {
    responses: Responses,
    leases: Leases,
    windows: Option<Windows>,
}
