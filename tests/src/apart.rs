//! The control plane and Envoy as two processes of their own, so that one can be away.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::admin::Admin;
use crate::eventually;
use crate::gateway::{ADMIN_KEY, Builder, Gateway, is_ready};
use crate::http::Request;
use crate::meter::Reporter;
use crate::ports::free_address;
use crate::process::Process;
use crate::tools;

/// `tollgate serve`, and an Envoy that was started from the output of `tollgate bootstrap`.
#[derive(Debug)]
pub struct Apart {
    // Envoy is dropped first: the control plane has nothing to report about it then.
    envoy: Process,
    control: Process,
    builder: Builder,
    address: SocketAddr,
    admin: SocketAddr,
    xds: SocketAddr,
}

impl Apart {
    /// # Panics
    /// When one of the two does not start.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with settings of the control plane's.
    ///
    /// # Panics
    /// When one of the two does not start.
    #[must_use]
    #[track_caller]
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_as("apart", settings)
    }

    /// The same with a name for the Envoy.
    ///
    /// # Panics
    /// When one of the two does not start.
    #[must_use]
    #[track_caller]
    pub fn start_as(node: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_all(node, settings, &[])
    }

    /// With an Envoy that trusts this authority and no other.
    ///
    /// # Panics
    /// When one of the two does not start.
    #[must_use]
    #[track_caller]
    pub fn start_trusting(authority: &Path) -> Self {
        let authority = authority.to_str().expect("a path in Unicode");
        Self::start_all("apart", &[], &["--authorities", authority])
    }

    #[track_caller]
    fn start_all(node: &str, settings: &[(&str, &str)], bootstrap: &[&str]) -> Self {
        let [address, admin, xds, demo, unavailable] = [(); 5].map(|()| free_address());
        let builder = settings
            .iter()
            .fold(Gateway::builder(), |builder, (name, value)| {
                builder.env(name, value)
            });
        let builder = builder
            .at(address)
            .env("TOLLGATE_ADMIN_LISTEN", &admin.to_string())
            .env("TOLLGATE_XDS_LISTEN", &xds.to_string())
            .env("TOLLGATE_DEMO_LISTEN", &demo.to_string())
            .env("TOLLGATE_UNAVAILABLE_PORT", &unavailable.port().to_string());
        let control = serve(&builder);
        // Before that there is no node token for the bootstrap to find.
        eventually("the control plane answers", || {
            Request::get("/api/status").send(admin)
        });
        let envoy = Self::envoy_with(&builder, node, admin, xds, bootstrap);
        eventually("Envoy serves", || is_ready(address));
        Self {
            envoy,
            control,
            builder,
            address,
            admin,
            xds,
        }
    }

    /// An Envoy, started from the output of `tollgate bootstrap` with this environment.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn envoy_beside(
        builder: &Builder,
        node: &str,
        admin: SocketAddr,
        xds: SocketAddr,
    ) -> Process {
        Self::envoy_with(builder, node, admin, xds, &[])
    }

    #[track_caller]
    fn envoy_with(
        builder: &Builder,
        node: &str,
        admin: SocketAddr,
        xds: SocketAddr,
        more: &[&str],
    ) -> Process {
        let bootstrap = builder
            .command(&["bootstrap", "--node", node])
            .args(more)
            .args([
                "--control-plane",
                &xds.to_string(),
                "--admin-api",
                &admin.to_string(),
            ])
            .args(["--envoy-admin", &free_address().to_string()])
            .output()
            .expect("tollgate runs");
        assert!(
            bootstrap.status.success(),
            "{}",
            String::from_utf8_lossy(&bootstrap.stderr)
        );
        let file = builder.data().join(format!("{node}.json"));
        fs::write(&file, bootstrap.stdout).expect("the data folder can be written to");
        Process::spawn(
            "envoy",
            Command::new(tools::envoy()).arg("-c").arg(&file).args([
                "--concurrency",
                "2",
                "--disable-hot-restart",
                "--log-level",
                "warn",
            ]),
        )
    }

    /// One more Envoy of the same control plane, at the same address: the kernel gives each
    /// connection to one of them.
    #[must_use]
    #[track_caller]
    pub fn another_envoy(&self, node: &str) -> Process {
        Self::envoy_beside(&self.builder, node, self.admin, self.xds)
    }

    /// Somebody who reports usage as a gateway does, at this control plane.
    ///
    /// # Panics
    /// When the node token cannot be read.
    #[must_use]
    pub fn reporter(&self, node: &str) -> Reporter {
        let token = fs::read_to_string(self.builder.data().join("node.token"));
        Reporter::new(self.xds, token.expect("a node token").trim(), node)
    }

    /// Where callers call.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The admin API, without Envoy between.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin::new(self.admin, ADMIN_KEY)
    }

    #[must_use]
    pub fn envoy(&self) -> &Process {
        &self.envoy
    }

    /// Ends the control plane as a power cut would.
    pub fn kill_control(&mut self) {
        self.control.kill();
    }

    /// Starts it again on the same data and ports.
    #[track_caller]
    pub fn start_control(&mut self) {
        self.control = serve(&self.builder);
        eventually("the control plane is back", || is_ready(self.admin));
    }
}

fn serve(builder: &Builder) -> Process {
    Process::spawn("tollgate serve", &mut builder.command(&["serve"]))
}
