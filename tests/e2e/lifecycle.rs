//! Stopping, starting again, and starts that cannot be.

use std::net::TcpListener;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;
use tollgate_tests::admin::Admin;
use tollgate_tests::apart::Apart;
use tollgate_tests::gateway::{ADMIN_KEY, Builder, is_ready};
use tollgate_tests::http::{End, Request};
use tollgate_tests::mariadb::MariaDb;
use tollgate_tests::ports::free_address;
use tollgate_tests::postgres::Postgres;
use tollgate_tests::process::{Process, children_of, signal_pid};
use tollgate_tests::{Answer, Dialect, Gateway, Provider, Scene, eventually};

#[test]
fn everything_is_still_there_after_a_stop_and_a_start() {
    survives_a_restart(Gateway::start());
}

#[test]
fn everything_is_still_there_in_postgresql_too() {
    let postgres = Postgres::start();
    let gateway = Gateway::builder().env("SQL_DSN", &postgres.dsn()).start();
    survives_a_restart(gateway);
}

#[test]
fn everything_is_still_there_in_mariadb_too() {
    let mariadb = MariaDb::start();
    let gateway = Gateway::builder().env("SQL_DSN", &mariadb.dsn()).start();
    survives_a_restart(gateway);
}

#[test]
fn everything_is_still_there_with_the_log_in_a_database_of_its_own() {
    let builder = Gateway::builder();
    let logs = builder.data().join("log.db");
    survives_a_restart(builder.env("LOG_SQL_DSN", logs.to_str().unwrap()).start());
}

#[track_caller]
fn survives_a_restart(gateway: Gateway) {
    let provider = Provider::anthropic().text("hi").start();
    let scene = Scene::on(&gateway)
        .channel(&provider)
        .config(json!({"owner": "somebody"}))
        .ready();
    let first = scene.ask(Dialect::OpenAi, "hello");
    first.assert_served("hi");
    let row = scene.log_of(&first);

    let gateway = gateway.restarted();
    scene
        .ask(Dialect::OpenAi, "hello again")
        .assert_served("hi");
    assert_eq!(scene.log_of(&first).0, row.0, "the log is the same");
    let admin = gateway.admin();
    let channel = admin.get(&format!("/api/channel/{}", scene.channels[0]));
    assert_eq!(channel["base_url"], provider.base_url());
    assert_eq!(
        admin.get(&format!("/api/model_config/{}", scene.model))["owner"],
        "somebody"
    );
    eventually("both calls are counted", || {
        let token = admin.get(&format!("/api/tokens/{}", scene.token.id));
        if token["request_count"].as_i64() >= Some(2) {
            Ok(())
        } else {
            Err(token.to_string())
        }
    });
}

#[test]
fn ctrl_c_lets_a_running_stream_end() {
    let mut gateway = Gateway::start();
    let slow = Answer::text(&"x".repeat(30))
        .chunks(30)
        .delay(Duration::from_millis(50));
    let provider = Provider::openai().plays(slow).start();
    let scene = Scene::on(&gateway).channel(&provider).ready();
    let mut stream = scene.open_stream(Dialect::Anthropic, "hello");
    stream.next_event();
    gateway.process().signal(Signal::SIGINT);
    let mut events = Vec::new();
    while let Some(event) = stream.next_event() {
        events.push(event);
    }
    assert!(Dialect::Anthropic.is_ended(&events), "{events:?}");
    assert_eq!(stream.end(), End::Whole);
    let envoys = children_of(gateway.process().pid());
    let status = gateway.process_mut().wait(Duration::from_secs(20));
    assert!(status.success(), "{status}");
    assert!(
        TcpListener::bind(scene.address).is_ok(),
        "Envoy is gone, too: {envoys:?}"
    );
}

#[test]
fn an_envoy_that_dies_is_started_again_and_reported() {
    let gateway = Gateway::start();
    let provider = Provider::openai().start();
    let scene = Scene::on(&gateway).channel(&provider).ready();
    let envoys = children_of(gateway.process().pid());
    let [envoy] = envoys[..] else {
        panic!("one child, Envoy: {envoys:?}")
    };
    signal_pid(envoy, Signal::SIGKILL);
    eventually("another Envoy serves", || {
        let now = children_of(gateway.process().pid());
        if now.is_empty() || now == envoys {
            Err(format!("{now:?}"))
        } else {
            is_ready(scene.address)
        }
    });
    scene.ask(Dialect::OpenAi, "hello").assert_served("hi");
    let output = gateway.process().output();
    assert!(
        output.contains("Envoy ended") && output.contains("again"),
        "{output}"
    );
}

#[test]
fn a_busy_port_is_one_clear_line() {
    let address = free_address();
    let _busy = TcpListener::bind(address).unwrap();
    ends_with_one_line(Gateway::builder().at(address), &address.port().to_string());
}

#[test]
fn a_data_folder_that_is_none_is_one_clear_line() {
    let builder = Gateway::builder();
    let file = builder.data().join("a-file");
    std::fs::write(&file, "").unwrap();
    ends_with_one_line(
        builder.env("TOLLGATE_DATA", file.to_str().unwrap()),
        "a-file",
    );
}

#[test]
fn a_database_that_is_away_is_one_clear_line_without_its_password() {
    for scheme in ["postgres", "mysql"] {
        let away = free_address();
        let dsn = format!("{scheme}://tollgate:password-canary@{away}/tollgate");
        let output = ends_with_one_line(Gateway::builder().env("SQL_DSN", &dsn), "database");
        assert!(!output.contains("password-canary"), "{output}");
    }
    // As other programs want it.
    let dsn = "tollgate:password-canary@tcp(127.0.0.1:1)/tollgate";
    let output = ends_with_one_line(Gateway::builder().env("SQL_DSN", dsn), "SQL_DSN");
    assert!(!output.contains("password-canary"), "{output}");
}

#[test]
fn keys_travel_to_no_stranger_so_xds_beyond_loopback_needs_a_proof() {
    let open = Gateway::builder().env("TOLLGATE_XDS_LISTEN", "0.0.0.0:0");
    let mut process = Process::spawn("tollgate serve", &mut open.command(&["serve"]));
    let status = process.wait(Duration::from_secs(30));
    let output = process.output();
    assert!(!status.success(), "{output}");
    assert_eq!(output.trim().lines().count(), 1, "one line:\n{output}");
    assert!(
        output.contains("TOLLGATE_NODE_TOKEN") && output.contains("certificate"),
        "{output}"
    );
}

#[test]
fn an_envoy_without_the_node_token_gets_nothing() {
    let [xds, admin, demo] = [(); 3].map(|()| free_address());
    let builder = Gateway::builder()
        .env("TOLLGATE_XDS_LISTEN", &xds.to_string())
        .env("TOLLGATE_ADMIN_LISTEN", &admin.to_string())
        .env("TOLLGATE_DEMO_LISTEN", &demo.to_string())
        .env("TOLLGATE_NODE_TOKEN", "node-token-canary-0123456789");
    let _control = Process::spawn("tollgate serve", &mut builder.command(&["serve"]));
    let control = Admin::new(admin, ADMIN_KEY);
    eventually("the control plane answers", || {
        control.send(Request::get("/api/gateways"))
    });

    let stranger = builder.clone().without("TOLLGATE_NODE_TOKEN");
    let envoy = Apart::envoy_beside(&stranger, "stranger", admin, xds);
    eventually("Envoy was turned away", || {
        let output = envoy.output();
        if output.contains("gRPC config stream") {
            Ok(())
        } else {
            Err(output)
        }
    });
    let gateways = control.get("/api/gateways");
    assert_eq!(gateways["total"], 0, "{gateways}");
    drop(envoy);

    let _friend = Apart::envoy_beside(&builder, "friend", admin, xds);
    eventually("the one with the token serves", || {
        is_ready(builder.address())
    });
}

#[track_caller]
fn ends_with_one_line(builder: Builder, naming: &str) -> String {
    let mut process = builder.launch();
    let status = process.wait(Duration::from_secs(30));
    let output = process.output();
    assert!(!status.success(), "{output}");
    let lines: Vec<&str> = output
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let [line] = lines[..] else {
        panic!("one line:\n{output}")
    };
    assert!(
        line.to_lowercase().contains(&naming.to_lowercase()),
        "{line}"
    );
    assert!(!line.contains("panicked"), "{line}");
    output
}

#[test]
fn readiness_is_said_only_when_model_calls_are_served() {
    let builder = Gateway::builder();
    let provider = Provider::openai().start();
    let gateway = builder.start();
    let scene = Scene::on(&gateway).channel(&provider).ready();
    let gateway = gateway.restarted();
    // `restarted` returns at the first 200 of /api/status: now, at once, a call must work.
    let answer = scene
        .request(Dialect::OpenAi, "hello")
        .send(gateway.address())
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(gateway.send(&Request::get("/api/status")).status, 200);
}
