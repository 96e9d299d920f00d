//! A person starts it for the first time.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use tollgate_tests::admin::Admin;
use tollgate_tests::dialect::array;
use tollgate_tests::http::Request;
use tollgate_tests::{Dialect, Gateway, eventually};

#[test]
fn the_first_screen_has_a_call_that_works_when_pasted() {
    let gateway = Gateway::start();
    let screen = eventually("the first screen", || {
        let screen = gateway.process().output();
        if pasted(&screen).is_some() { Ok(screen) } else { Err(screen) }
    });
    assert!(screen.lines().count() <= 40, "it is one screen:\n{screen}");
    assert!(screen.contains(&format!(":{}", gateway.address().port())), "the URL:\n{screen}");
    assert!(screen.to_lowercase().contains("admin key"), "where the admin key is:\n{screen}");
    assert!(screen.contains("sk-"), "a ready token:\n{screen}");

    let call = pasted(&screen).unwrap();
    let output = Command::new("sh").args(["-c", &call]).output().expect("sh runs");
    let answer = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{call}\n{answer}");
    assert!(answer.contains("\"content\""), "{call}\n{answer}");
}

#[test]
fn the_same_call_streams() {
    let gateway = Gateway::start();
    let screen = eventually("the first screen", || {
        let screen = gateway.process().output();
        if pasted(&screen).is_some() { Ok(screen) } else { Err(screen) }
    });
    let token = screen.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    let token = token.filter(|w| w.starts_with("sk-")).max_by_key(|w| w.len()).unwrap();
    let auth = format!("Bearer {token}");
    let models = gateway.send(&Request::get("/v1/models").header("authorization", &auth)).json();
    let model = models["data"][0]["id"].as_str().unwrap_or_else(|| panic!("no model: {models}"));
    for dialect in Dialect::ALL {
        let request = Request::post(dialect.path(), &dialect.ask(model, "hello", true));
        let answer = gateway.send(&request.header("authorization", &auth));
        let events = answer.events();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(!dialect.text_of_stream(&events).is_empty(), "{}", answer.text());
        assert!(dialect.is_ended(&events), "{}", answer.text());
        assert!(events.len() > 3, "in pieces: {}", answer.text());
    }
}

#[test]
fn the_admin_key_is_made_once_and_only_its_owner_can_read_it() {
    let builder = Gateway::builder().without("ADMIN_KEY");
    let gateway = builder.start();
    let key_in = |gateway: &Gateway| {
        let files = fs::read_dir(gateway.data()).unwrap().flatten().map(|entry| entry.path());
        files
            .filter(|file| file.is_file())
            .find_map(|file| {
                let key = fs::read_to_string(&file).ok()?.trim().to_owned();
                let admin = Admin::new(gateway.address(), &key);
                let usable = !key.is_empty() && key.is_ascii() && !key.contains(['\n', '\r']);
                let answer = usable.then(|| admin.send(Request::get("/api/channels/")).ok())??;
                (answer.status == 200).then_some((file, key))
            })
            .expect("a file with the admin key")
    };
    let (file, key) = key_in(&gateway);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(key.len() >= 32, "a key that nobody guesses");
    assert!(!gateway.process().output().contains(&key), "where it is, not what it is");
    let gateway = gateway.restarted();
    assert_eq!(key_in(&gateway), (file, key));
}

#[test]
fn nobody_administers_without_the_key() {
    let gateway = Gateway::shared();
    for path in ["/api/channels/", "/api/tokens/", "/api/logs/", "/api/gateways", "/api/nothing"] {
        for key in ["", "wrong", "Bearer wrong"] {
            let answer = gateway.send(&Request::get(path).header("authorization", key));
            assert_eq!(answer.status, 401, "{path} {key}: {}", answer.text());
            assert_eq!(answer.json()["success"], false);
        }
        let answer = gateway.send(&Request::get(path));
        assert_eq!(answer.status, 401, "{path}: {}", answer.text());
    }
}

#[test]
fn provider_keys_in_the_environment_become_channels() {
    let gateway = Gateway::builder()
        .env("OPENAI_API_KEY", "sk-canary-openai")
        .env("ANTHROPIC_API_KEY", "sk-canary-anthropic")
        .start();
    let listed = gateway.admin().get("/api/channels/?per_page=100");
    let channels = array(&listed["channels"]);
    for dialect in Dialect::ALL {
        let found = channels.iter().find(|channel| channel["type"] == dialect.channel_type());
        let channel = found.unwrap_or_else(|| panic!("no channel for {dialect:?}: {listed}"));
        assert!(!array(&channel["models"]).is_empty(), "{channel}");
    }
    assert!(!listed.to_string().contains("sk-canary"), "{listed}");
    let again = gateway.restarted();
    let listed = again.admin().get("/api/channels/?per_page=100");
    assert_eq!(array(&listed["channels"]).len(), channels.len(), "once, at the first start");
}

#[test]
fn the_front_page_says_what_this_is_without_secrets() {
    let gateway = Gateway::shared();
    let page = gateway.send(&Request::get("/"));
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").is_some_and(|t| t.starts_with("text/html")));
    assert!(page.text().contains("/v1/chat/completions"), "{}", page.text());
    assert!(!page.text().contains(tollgate_tests::gateway::ADMIN_KEY));
}

/// The `curl` command on the screen, with all its lines.
fn pasted(screen: &str) -> Option<String> {
    let begin = screen.lines().position(|line| line.trim_start().starts_with("curl "))?;
    let mut command = String::new();
    for line in screen.lines().skip(begin) {
        command.push_str(line);
        command.push('\n');
        // It is whole when the shell can read it and nothing is continued.
        let readable = Command::new("sh").args(["-n", "-c", &command]).output().ok()?;
        if readable.status.success() && !line.trim_end().ends_with('\\') {
            return Some(command);
        }
    }
    None
}
