//! Where Envoy comes in: what it calls, handed on to the roles.
#![allow(
    unsafe_code,
    reason = "the module's first function must be exported by its name"
)]

use tollgate_config::{Role, RoleConfig, names};
use tollgate_host::{Envoy, Flow, Host, Level, Root, Stream, plugin_configuration, start};

use crate::bundle;
use crate::gateway::{Gateway, limits};
use crate::meter::Meter;
use crate::state;
use crate::upstream::Attempt;

static HOST: Envoy = Envoy::new(names::VM_ID);

unsafe extern "C" {
    /// What the C library prepares before anything else may run; the linker makes it.
    fn __wasm_call_ctors();
}

/// Called once per VM, before everything else.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // SAFETY: this is the one call that a reactor module owes its constructors (WASI application ABI).
    unsafe { __wasm_call_ctors() };
    start(|| Box::new(Plugin::default()));
}

/// One per plugin configuration and worker.
#[derive(Default)]
struct Plugin {
    role: Option<Role>,
    meter: Option<Meter>,
}

impl Plugin {
    /// Takes a configuration; a refused one is NACKed by Envoy, which keeps the last good one.
    fn take(&mut self) -> Result<(), String> {
        let bytes = plugin_configuration().map_err(|error| error.to_string())?;
        let config: RoleConfig =
            serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        self.role = Some(config.role());
        match config {
            RoleConfig::Gateway { config } => {
                state::activate(config).map_err(|e| e.to_string())?;
                HOST.tick_every_ms(bundle::TICK_MS);
            }
            RoleConfig::Upstream => {}
            RoleConfig::Meter { node, node_token } => {
                let mut meter = Meter::new(node, node_token);
                meter.start(&HOST);
                self.meter = Some(meter);
            }
        }
        Ok(())
    }
}

impl Root for Plugin {
    fn configure(&mut self) -> bool {
        match self.take() {
            Ok(()) => true,
            Err(error) => {
                HOST.log(Level::Error, &format!("configuration refused: {error}"));
                false
            }
        }
    }

    fn tick(&mut self) {
        match &mut self.meter {
            Some(meter) => meter.tick(&HOST),
            None => {
                bundle::tick(&HOST);
                limits::tick(&HOST);
            }
        }
    }

    fn queue_ready(&mut self) {
        if let Some(meter) = &mut self.meter {
            meter.queue_ready(&HOST);
        }
    }

    fn message(&mut self, _: u32, size: usize) {
        if let Some(meter) = &mut self.meter {
            meter.receive(&HOST, size);
        }
    }

    fn closed(&mut self, stream: u32) {
        if let Some(meter) = &mut self.meter {
            meter.closed(stream);
        }
    }

    fn begin(&self) -> Box<dyn Stream> {
        match self.role {
            Some(Role::Upstream) => Box::new(Upstream(Attempt::default())),
            _ => Box::new(Downstream(Gateway::new(&HOST))),
        }
    }
}

/// The gateway role's view of one request.
struct Downstream(Gateway);

impl Stream for Downstream {
    fn request_headers(&mut self, end: bool) -> Flow {
        self.0.request_headers(&HOST, end)
    }

    fn request_body(&mut self, size: usize, end: bool) -> Flow {
        self.0.request_body(&HOST, size, end)
    }

    fn request_trailers(&mut self) -> Flow {
        self.0.request_trailers(&HOST)
    }

    fn response_headers(&mut self, end: bool) -> Flow {
        self.0.response_headers(&HOST, end)
    }

    fn response_body(&mut self, size: usize, end: bool) -> Flow {
        self.0.response_body(&HOST, size, end)
    }

    fn call_ended(&mut self, call: u32, message: Option<Vec<u8>>) {
        self.0.call_ended(&HOST, call, message);
    }

    fn log(&mut self) {
        self.0.log(&HOST);
    }
}

/// The upstream role's view of one attempt.
struct Upstream(Attempt);

impl Stream for Upstream {
    fn request_headers(&mut self, end: bool) -> Flow {
        self.0.request_headers(&HOST, end)
    }

    fn request_body(&mut self, size: usize, _end: bool) -> Flow {
        self.0.request_body(&HOST, size)
    }

    fn response_headers(&mut self, end: bool) -> Flow {
        self.0.response_headers(&HOST, end)
    }

    fn response_body(&mut self, size: usize, end: bool) -> Flow {
        self.0.response_body(&HOST, size, end)
    }

    fn response_trailers(&mut self) -> Flow {
        self.0.response_trailers(&HOST)
    }
}
