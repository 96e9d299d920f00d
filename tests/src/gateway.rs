//! The gateway under test: `tollgate run` with its own ports and its own data folder.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use tempfile::TempDir;

use crate::admin::Admin;
use crate::eventually;
use crate::http::{Request, Response};
use crate::ports::free_address;
use crate::process::{Process, remove_afterwards};
use crate::tools;

/// Known to the tests, so that they can look for it where it must not be.
pub const ADMIN_KEY: &str = "admin-key-canary-5f0c2d-that-nobody-guesses";

/// A running gateway that answers. Dropping it stops it.
#[derive(Debug)]
pub struct Gateway {
    process: Process,
    address: SocketAddr,
    data: Arc<TempDir>,
    env: Vec<(String, Option<String>)>,
    shared: bool,
}

/// What `tollgate run` is started with.
#[derive(Debug, Clone)]
pub struct Builder {
    address: SocketAddr,
    data: Arc<TempDir>,
    /// `None`: not set, whatever the tests' own environment holds.
    env: Vec<(String, Option<String>)>,
}

// === impl Builder ===

impl Builder {
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.env.push((name.into(), None));
        self
    }

    /// Listens here instead of on a free port.
    #[must_use]
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Any `tollgate` command with this environment.
    #[must_use]
    #[track_caller]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(tools::tollgate());
        command
            .args(arguments)
            .env("LISTEN", self.address.to_string())
            .env("TOLLGATE_DATA", self.data.path())
            .env("TOLLGATE_ENVOY", tools::envoy())
            .env("TOLLGATE_WASM", tools::wasm())
            .env("ADMIN_KEY", ADMIN_KEY)
            .env("TOLLGATE_DRAIN_SECONDS", "10")
            // Keys of the person who runs the tests must not become channels.
            .env_remove("OPENAI_API_KEY")
            .env_remove("ANTHROPIC_API_KEY")
            .env_remove("GEMINI_API_KEY")
            .env_remove("SQL_DSN")
            .env_remove("LOG_SQL_DSN")
            .env_remove("NOTIFY_FEISHU_WEBHOOK")
            .env_remove("NOTIFY_WEBHOOK")
            .env_remove("TZ")
            .current_dir(self.data.path());
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Starts it without waiting, for starts that are to fail.
    #[must_use]
    #[track_caller]
    pub fn launch(&self) -> Process {
        Process::spawn("tollgate run", &mut self.command(&["run"]))
    }

    /// Starts it and waits until it serves.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> Gateway {
        let mut process = self.launch();
        let address = self.address;
        eventually("the gateway serves", || {
            if let Some(status) = process.exited() {
                panic!("tollgate run ended ({status}):\n{}", process.output());
            }
            is_ready(address).map_err(|error| format!("{error}\n{}", process.output()))
        });
        Gateway {
            process,
            address,
            data: self.data,
            env: self.env,
            shared: false,
        }
    }
}

// === impl Gateway ===

impl Gateway {
    /// # Panics
    /// When there is no temporary folder.
    #[must_use]
    pub fn builder() -> Builder {
        let data = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        Builder {
            address: free_address(),
            data,
            env: Vec::new(),
        }
    }

    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// One gateway for all scenarios that leave it as they found it.
    #[must_use]
    #[track_caller]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Gateway> = OnceLock::new();
        SHARED.get_or_init(|| {
            let mut gateway = Self::builder().env("TOLLGATE_CONCURRENCY", "2").start();
            gateway.shared = true;
            // What is static is never dropped.
            remove_afterwards(gateway.data(), gateway.process().pid());
            gateway
        })
    }

    /// Stops it as Ctrl-C does, and starts it again on the same data and port.
    #[must_use]
    #[track_caller]
    pub fn restarted(self) -> Self {
        let Self {
            mut process,
            address,
            data,
            env,
            shared: _,
        } = self;
        process.stop();
        drop(process);
        Builder { address, data, env }.start()
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it is [`Gateway::shared`].
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin::new(self.address, ADMIN_KEY)
    }

    /// # Panics
    /// When there is no answer at all.
    #[must_use]
    #[track_caller]
    pub fn send(&self, request: &Request) -> Response {
        request
            .send(self.address)
            .unwrap_or_else(|e| panic!("no answer to {} {}: {e}", request.method, request.path))
    }
}

/// Whether the address serves model traffic.
///
/// # Errors
/// Says what it answers instead.
pub fn is_ready(address: SocketAddr) -> Result<(), String> {
    match Request::get("/api/status").send(address) {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(format!("{} {}", answer.status, answer.text())),
        Err(error) => Err(error.to_string()),
    }
}
