//! Envoy with nothing but its router: the floor that everything is compared with.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;
use tollgate_tests::http::Request;
use tollgate_tests::ports::free_address;
use tollgate_tests::process::Process;
use tollgate_tests::{eventually, tools};

pub(crate) struct BareEnvoy {
    process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

impl BareEnvoy {
    pub(crate) fn start(upstream: SocketAddr) -> Self {
        let address = free_address();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("envoy.json");
        std::fs::write(&file, config(address, upstream).to_string()).expect("it can be written to");
        let process = Process::spawn(
            "envoy",
            Command::new(tools::envoy()).arg("-c").arg(&file).args([
                "--concurrency",
                "1",
                "--disable-hot-restart",
                "--log-level",
                "warn",
            ]),
        );
        eventually("bare Envoy answers", || Request::get("/").send(address));
        Self {
            process,
            address,
            _folder: folder,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }
}

fn config(listen: SocketAddr, upstream: SocketAddr) -> serde_json::Value {
    let at = |address: SocketAddr| json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}});
    let http = "type.googleapis.com/envoy.extensions.filters";
    let router = json!({
        "name": "router", "typed_config": {"@type": format!("{http}.http.router.v3.Router")},
    });
    let routes =
        json!([{"match": {"prefix": "/"}, "route": {"cluster": "upstream", "timeout": "0s"}}]);
    let manager = json!({
        "@type": format!("{http}.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "bare", "http_filters": [router],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
    });
    let filters = json!([{"name": "http", "typed_config": manager}]);
    let endpoint = json!({"endpoint": {"address": at(upstream)}});
    json!({"static_resources": {
        "listeners": [{"name": "bare", "address": at(listen), "filter_chains": [{"filters": filters}]}],
        "clusters": [{
            "name": "upstream", "type": "STATIC", "connect_timeout": "1s",
            "load_assignment": {"cluster_name": "upstream", "endpoints": [{"lb_endpoints": [endpoint]}]},
        }],
    }})
}
