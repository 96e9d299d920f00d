//! A person starts it for the first time.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use tollgate_tests::admin::Admin;
use tollgate_tests::dialect::array;
use tollgate_tests::http::Request;
use tollgate_tests::scene::Answered;
use tollgate_tests::{Dialect, Gateway, eventually};

#[test]
fn the_first_screen_has_calls_that_work_when_pasted() {
    let gateway = Gateway::start();
    let screen = eventually("the first screen", || {
        let screen = gateway.process().output();
        if pasted(&screen).len() >= 2 {
            Ok(screen)
        } else {
            Err(screen)
        }
    });
    assert!(screen.lines().count() <= 40, "it is one screen:\n{screen}");
    assert!(
        screen.contains(&format!(":{}", gateway.address().port())),
        "the URL:\n{screen}"
    );
    assert!(
        screen.contains("admin key"),
        "where the admin key is:\n{screen}"
    );
    assert!(screen.contains("sk-"), "a ready token:\n{screen}");
    assert!(
        !screen.contains(tollgate_tests::gateway::ADMIN_KEY),
        "but not the key:\n{screen}"
    );

    let mut streamed = 0;
    for call in pasted(&screen) {
        let output = Command::new("sh")
            .args(["-c", &call])
            .output()
            .expect("sh runs");
        let answer = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{call}\n{answer}");
        assert!(
            answer.contains("\"content\"") || answer.contains("text_delta"),
            "{call}\n{answer}"
        );
        streamed += usize::from(answer.matches("data: ").count() > 3);
    }
    assert!(streamed > 0, "streaming included");
}

#[test]
fn the_demo_model_answers_in_every_dialect_and_its_token_is_kept_privately() {
    let gateway = Gateway::start();
    let screen = eventually("the first screen", || {
        let screen = gateway.process().output();
        if screen.contains("sk-") {
            Ok(screen)
        } else {
            Err(screen)
        }
    });
    let token = screen.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    let token = token
        .filter(|word| word.starts_with("sk-"))
        .max_by_key(|word| word.len())
        .unwrap();
    for dialect in Dialect::ALL {
        for stream in [false, true] {
            let request = Request::post(dialect.path(), &dialect.ask("demo", "hello", stream));
            let request = request.header("authorization", format!("Bearer {token}"));
            let answer = Answered {
                dialect,
                response: gateway.send(&request),
            };
            assert_eq!(answer.status(), 200, "{}", answer.response.text());
            answer.assert_served(&answer.text());
            assert!(!answer.text().is_empty());
        }
    }
    let again = gateway.restarted();
    let screen = eventually("the screen of the second start", || {
        let screen = again.process().output();
        if screen.contains("sk-") {
            Ok(screen)
        } else {
            Err(screen)
        }
    });
    assert!(screen.contains(token), "the same token:\n{screen}");
}

#[test]
fn the_admin_key_is_made_once_and_only_its_owner_can_read_it() {
    let builder = Gateway::builder().without("ADMIN_KEY");
    let gateway = builder.start();
    let key_in = |gateway: &Gateway| {
        let files = fs::read_dir(gateway.data())
            .unwrap()
            .flatten()
            .map(|entry| entry.path());
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
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(key.len() >= 32, "a key that nobody guesses");
    assert!(
        !gateway.process().output().contains(&key),
        "where it is, not what it is"
    );
    let gateway = gateway.restarted();
    assert_eq!(key_in(&gateway), (file, key));
}

#[test]
fn nobody_administers_without_the_key() {
    let gateway = Gateway::shared();
    for path in [
        "/api/channels/",
        "/api/tokens/",
        "/api/logs/",
        "/api/gateways",
        "/api/nothing",
    ] {
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
        let found = channels
            .iter()
            .find(|channel| channel["type"] == dialect.channel_type());
        let channel = found.unwrap_or_else(|| panic!("no channel for {dialect:?}: {listed}"));
        assert!(!array(&channel["models"]).is_empty(), "{channel}");
    }
    assert!(!listed.to_string().contains("sk-canary"), "{listed}");
    let again = gateway.restarted();
    let listed = again.admin().get("/api/channels/?per_page=100");
    assert_eq!(
        array(&listed["channels"]).len(),
        channels.len(),
        "once, at the first start"
    );
}

#[test]
fn the_front_page_says_what_this_is_without_secrets() {
    let gateway = Gateway::shared();
    let page = gateway.send(&Request::get("/"));
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-type")
            .is_some_and(|t| t.starts_with("text/html"))
    );
    assert!(
        page.text().contains("/v1/chat/completions"),
        "{}",
        page.text()
    );
    assert!(!page.text().contains(tollgate_tests::gateway::ADMIN_KEY));
}

/// The `curl` commands on the screen, with all their lines.
fn pasted(screen: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut lines = screen.lines();
    while let Some(line) = lines.next() {
        if !line.trim_start().starts_with("curl ") {
            continue;
        }
        let mut command = line.to_owned();
        while command.ends_with('\\') {
            command.push('\n');
            command.push_str(lines.next().unwrap_or_default());
        }
        commands.push(command);
    }
    commands
}
