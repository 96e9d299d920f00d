//! The admin API is what its document says. Schemathesis calls every operation, with good and with
//! bad data, and checks each answer against the document: what that forbids is refused. The control
//! plane alone, on SQLite.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};
use tollgate_tests::admin::Admin;
use tollgate_tests::gateway::{ADMIN_KEY, Gateway};
use tollgate_tests::http::Request;
use tollgate_tests::ports::free_address;
use tollgate_tests::process::Process;
use tollgate_tests::{eventually, tools};

/// What belongs to whoever is signed in: the admin key owns nothing.
const OWN: &str = "^/api/(self|keys|auth/logout)";

/// They end the session that the rest is called with.
const ENDS_THE_SESSION: &str = "^/api/(self/password|auth/logout)";

/// They are 503 without a gateway, and nothing else.
const NEEDS_A_GATEWAY: &str = "^/api/(status$|channels?/.*test)";

#[test]
fn every_operation_answers_as_the_document_says() {
    let [admin, xds, demo, unavailable] = [(); 4].map(|()| free_address());
    let builder = Gateway::builder()
        // It asks as often as it can.
        .env("API_REQUESTS_PER_MINUTE", "0")
        .env("TOLLGATE_ADMIN_LISTEN", &admin.to_string())
        .env("TOLLGATE_XDS_LISTEN", &xds.to_string())
        .env("TOLLGATE_DEMO_LISTEN", &demo.to_string())
        .env("TOLLGATE_UNAVAILABLE_PORT", &unavailable.port().to_string());
    let control = Process::spawn("tollgate serve", &mut builder.command(&["serve"]));
    eventually("the control plane answers", || {
        Request::get("/api/status").send(admin)
    });
    let session = sign_in(admin);
    let own = [
        "--include-path-regex",
        OWN,
        "--exclude-path-regex",
        ENDS_THE_SESSION,
    ];
    let others = format!("{OWN}|{NEEDS_A_GATEWAY}");
    for (key, what) in [
        (session.as_str(), &own[..]),
        (ADMIN_KEY, &["--exclude-path-regex", &others]),
    ] {
        // It writes what it learnt where it is run.
        let mut schemathesis = schemathesis(admin, key);
        let output = schemathesis.args(what).current_dir(builder.data()).output();
        let output = output.expect("schemathesis can be started");
        assert!(
            output.status.success(),
            "{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            control.output(),
        );
    }
}

fn schemathesis(address: SocketAddr, key: &str) -> Command {
    let mut command = Command::new(tools::schemathesis());
    let url = format!("http://{address}");
    command
        .args(["run", &format!("{url}/swagger/openapi.json"), "--url", &url])
        .args(["--header", &format!("Authorization:Bearer {key}")])
        .args(["--phases", "fuzzing", "--max-examples", "6"])
        .args(["--seed", "1", "--no-shrink", "--continue-on-failure"])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,\
             response_schema_conformance,negative_data_rejection,ignored_auth",
        ]);
    command
}

/// The access token of an administrator.
fn sign_in(address: SocketAddr) -> String {
    let admin = Admin::new(address, ADMIN_KEY);
    let (username, password) = ("documented", "correct horse battery");
    let user = json!({ "username": username, "password": password, "role": "administrator" });
    admin.call("POST", "/api/users/", Some(&user));
    let login = json!({ "username": username, "password": password });
    let session: Value = admin.call("POST", "/api/auth/login", Some(&login));
    session["access_token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

#[test]
fn the_document_is_read_and_tried_on_the_one_port() {
    let gateway = Gateway::shared();
    let page = gateway.send(&Request::get("/swagger/index.html"));
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-security-policy")
            .is_some_and(|it| it.starts_with("default-src 'none'"))
    );
    for path in ["/swagger/openapi.json", "/doc.json"] {
        let document = gateway.send(&Request::get(path));
        assert_eq!(document.json()["openapi"], "3.1.0", "{path}");
    }
}
