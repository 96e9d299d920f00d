//! Gateways elsewhere prove who they are with a certificate; without the right one there is no
//! configuration, and above all no key.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tollgate_tests::admin::Admin;
use tollgate_tests::certificates::{Authority, Identity};
use tollgate_tests::gateway::{ADMIN_KEY, Builder, is_ready};
use tollgate_tests::http::Request;
use tollgate_tests::ports::free_address;
use tollgate_tests::process::Process;
use tollgate_tests::{Answer, Dialect, Gateway, Provider, Scene, eventually, tools};

const SECRET: &str = "provider-key-canary-over-mtls";

/// An Envoy, and its own admin interface.
struct Node {
    process: Process,
    admin: SocketAddr,
}

/// How to reach the control plane.
struct Place<'a> {
    builder: &'a Builder,
    xds: SocketAddr,
    admin_api: SocketAddr,
    authority: &'a Path,
}

impl Place<'_> {
    /// What `tollgate bootstrap` prints for a node that shows this.
    fn bootstrap(&self, node: &str, admin: SocketAddr, shows: &Identity) -> Value {
        let output = self
            .builder
            .command(&["bootstrap", "--node", node])
            .args(["--control-plane", &self.xds.to_string()])
            .args(["--admin-api", &self.admin_api.to_string()])
            .args(["--envoy-admin", &admin.to_string()])
            .arg("--control-authority")
            .arg(self.authority)
            .arg("--certificate")
            .arg(&shows.certificate)
            .arg("--key")
            .arg(&shows.key)
            .output()
            .expect("tollgate runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    fn start(&self, node: &str, shows: &Identity, change: impl FnOnce(&mut Value)) -> Node {
        let admin = free_address();
        let mut bootstrap = self.bootstrap(node, admin, shows);
        change(&mut bootstrap);
        let file = self.builder.data().join(format!("{node}.json"));
        fs::write(&file, bootstrap.to_string()).unwrap();
        let mut command = Command::new(tools::envoy());
        command.arg("-c").arg(&file);
        command.args([
            "--concurrency",
            "1",
            "--disable-hot-restart",
            "--log-level",
            "warn",
        ]);
        let process = Process::spawn("envoy", &mut command);
        Node { process, admin }
    }
}

impl Node {
    fn get(&self, page: &str) -> Result<String, String> {
        let answer = Request::get(page).send(self.admin);
        answer
            .map(|answer| answer.text())
            .map_err(|error| error.to_string())
    }

    /// Waits until it has tried to reach the control plane several times.
    fn has_tried(&self) {
        let stat = "cluster.tollgate-control.upstream_cx_total";
        eventually("it has tried", || {
            let stats = self.get(&format!("/stats?filter={stat}"))?;
            let count = stats
                .rsplit(' ')
                .next()
                .and_then(|it| it.trim().parse::<u64>().ok());
            match count {
                Some(tried) if tried >= 3 => Ok(()),
                _ => Err(stats),
            }
        });
    }
}

#[test]
fn only_a_gateway_with_the_right_certificate_is_told_anything() {
    let [address, admin_api, xds, demo, unavailable] = [(); 5].map(|()| free_address());
    let builder = Gateway::builder();
    let folder = builder.data().to_owned();
    let servers = Authority::new(&folder, "servers");
    let gateways = Authority::new(&folder, "gateways");
    let strangers = Authority::new(&folder, "strangers");
    let server = servers.signs("127.0.0.1");
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let builder = builder
        .at(address)
        .env("TOLLGATE_ADMIN_LISTEN", &admin_api.to_string())
        .env("TOLLGATE_XDS_LISTEN", &xds.to_string())
        .env("TOLLGATE_DEMO_LISTEN", &demo.to_string())
        .env("TOLLGATE_UNAVAILABLE_PORT", &unavailable.port().to_string())
        .env("TOLLGATE_XDS_CERTIFICATE", &path(&server.certificate))
        .env("TOLLGATE_XDS_KEY", &path(&server.key))
        .env(
            "TOLLGATE_XDS_CLIENT_AUTHORITY",
            &path(&gateways.certificate()),
        );
    let _control = Process::spawn("tollgate serve", &mut builder.command(&["serve"]));
    eventually("the control plane answers", || {
        Request::get("/api/status").send(admin_api)
    });
    let admin = Admin::new(admin_api, ADMIN_KEY);
    let provider = Provider::openai().plays(Answer::text("hi")).start();
    let scene = Scene::at(address, admin.clone())
        .channel_with(&provider, json!({"key": SECRET}))
        .made();
    let authority = servers.certificate();
    let place = Place {
        builder: &builder,
        xds,
        admin_api,
        authority: &authority,
    };

    // A certificate that somebody else signed; none; no TLS at all; and a control plane that is
    // not the one it should be.
    let own = gateways.signs("gateway-1.example");
    let foreign = strangers.signs("gateway-1.example");
    let tls = "/static_resources/clusters/0/transport_socket";
    let refused = [
        place.start("foreign", &foreign, |_| ()),
        place.start("without", &own, |bootstrap| {
            let context = bootstrap.pointer_mut(&format!("{tls}/typed_config/common_tls_context"));
            let context = context.unwrap().as_object_mut().unwrap();
            assert!(context.remove("tls_certificates").is_some());
        }),
        place.start("plain", &own, |bootstrap| {
            let cluster = bootstrap
                .pointer_mut("/static_resources/clusters/0")
                .unwrap();
            assert!(
                cluster
                    .as_object_mut()
                    .unwrap()
                    .remove("transport_socket")
                    .is_some()
            );
        }),
        place.start("misled", &own, |bootstrap| {
            let trusted = bootstrap.pointer_mut(&format!(
                "{tls}/typed_config/common_tls_context/validation_context/trusted_ca/filename"
            ));
            *trusted.unwrap() = json!(path(&strangers.certificate()));
        }),
    ];
    for node in &refused {
        node.has_tried();
    }
    let trusted = place.start("trusted", &own, |_| ());
    eventually("the trusted one serves", || is_ready(address));
    eventually("its channel is there", || {
        let answer = scene.ask(Dialect::OpenAi, "hello");
        match answer.status() {
            200 => Ok(()),
            status => Err(status.to_string()),
        }
    });
    // The key was there, and nobody else has it, nor anything to serve with.
    assert!(
        provider
            .calls()
            .iter()
            .any(|call| { call.header("authorization") == Some(&format!("Bearer {SECRET}")) })
    );
    assert!(
        trusted.get("/config_dump").unwrap().contains("channel-"),
        "what is told is seen there"
    );
    for node in &refused {
        let dump = node.get("/config_dump?include_eds").unwrap();
        for told in [
            "channel-",
            SECRET,
            "dynamic_listeners\": [\n",
            "dynamic_active_secrets",
        ] {
            assert!(!dump.contains(told), "{told}: {dump}");
        }
        let listeners = node.get("/listeners").unwrap();
        assert_eq!(listeners.trim(), "", "it listens nowhere");
        assert!(!node.process.output().contains(SECRET));
    }
    let known = admin.get("/api/gateways").to_string();
    for (node, is_known) in [
        ("trusted", true),
        ("foreign", false),
        ("without", false),
        ("plain", false),
        ("misled", false),
    ] {
        assert_eq!(
            known.contains(&format!("\"{node}\"")),
            is_known,
            "{node}: {known}"
        );
    }
}
