//! Proxy-Wasm contexts: what Envoy calls, handed on to the roles.

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};
use tollgate_config::{Role, RoleConfig, names};
use tollgate_host::{Envoy, Flow, Host, Level, plugin_configuration};

use crate::bundle;
use crate::gateway::Gateway;
use crate::meter::Meter;
use crate::state;
use crate::upstream::Attempt;

static HOST: Envoy = Envoy::new(names::VM_ID);

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Warn);
    proxy_wasm::set_root_context(|_| Box::new(Root { role: None, meter: None }));
}}

/// One per plugin configuration and worker.
struct Root {
    role: Option<Role>,
    meter: Option<Meter>,
}

impl Root {
    /// Takes a configuration; a refused one is NACKed by Envoy, which keeps the last good one.
    fn configure(&mut self) -> Result<(), String> {
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

impl Context for Root {
    fn on_grpc_stream_message(&mut self, _: u32, size: usize) {
        if let Some(meter) = &mut self.meter {
            meter.receive(&HOST, size);
        }
    }

    fn on_grpc_stream_close(&mut self, stream: u32, _: u32) {
        if let Some(meter) = &mut self.meter {
            meter.closed(stream);
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        match self.configure() {
            Ok(()) => true,
            Err(error) => {
                HOST.log(Level::Error, &format!("configuration refused: {error}"));
                false
            }
        }
    }

    fn on_tick(&mut self) {
        match &mut self.meter {
            Some(meter) => meter.tick(&HOST),
            None => bundle::tick(&HOST),
        }
    }

    fn on_queue_ready(&mut self, _: u32) {
        if let Some(meter) = &mut self.meter {
            meter.collect(&HOST);
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(match self.role {
            Some(Role::Upstream) => Box::new(Upstream(Attempt::default())),
            _ => Box::new(Downstream(Gateway::new(&HOST))),
        })
    }
}

/// The gateway role's view of one request.
struct Downstream(Gateway);

impl Context for Downstream {}

impl HttpContext for Downstream {
    fn on_http_request_headers(&mut self, _: usize, end: bool) -> Action {
        action(self.0.request_headers(&HOST, end))
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        action(self.0.request_body(&HOST, size, end))
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        action(self.0.request_trailers(&HOST))
    }

    fn on_http_response_headers(&mut self, _: usize, end: bool) -> Action {
        action(self.0.response_headers(&HOST, end))
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        action(self.0.response_body(&HOST, size, end))
    }

    fn on_log(&mut self) {
        self.0.log(&HOST);
    }
}

/// The upstream role's view of one attempt.
struct Upstream(Attempt);

impl Context for Upstream {}

impl HttpContext for Upstream {
    fn on_http_request_headers(&mut self, _: usize, end: bool) -> Action {
        action(self.0.request_headers(&HOST, end))
    }

    fn on_http_request_body(&mut self, size: usize, _: bool) -> Action {
        action(self.0.request_body(&HOST, size))
    }

    fn on_http_response_headers(&mut self, _: usize, end: bool) -> Action {
        action(self.0.response_headers(&HOST, end))
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        action(self.0.response_body(&HOST, size, end))
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        action(self.0.response_trailers(&HOST))
    }
}

fn action(flow: Flow) -> Action {
    match flow {
        Flow::Continue => Action::Continue,
        Flow::Hold => Action::Pause,
    }
}
