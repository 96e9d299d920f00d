//! The configuration in a file, as an operator keeps it.

use std::fs;
use std::process::Output;

use serde_json::json;
use tollgate_tests::dialect::array;
use tollgate_tests::http::Request;
use tollgate_tests::{Dialect, Gateway, eventually, tools};

/// `tollgate <arguments>` beside a gateway that runs.
fn tollgate(gateway: &Gateway, arguments: &[&str]) -> Output {
    std::process::Command::new(tools::tollgate())
        .args(arguments)
        .env("TOLLGATE_URL", format!("http://{}", gateway.address()))
        .env("ADMIN_KEY", tollgate_tests::gateway::ADMIN_KEY)
        .env("DEMO_KEY", "sk-from-the-environment")
        .current_dir(gateway.data())
        .output()
        .expect("tollgate runs")
}

fn printed(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_file_makes_a_model_that_can_be_called() {
    let gateway = Gateway::start();
    let file = gateway.data().join("configuration.yaml");
    let text = r#"
options: {RetryTimes: 1}
model_configs:
  - {model: from-a-file, owner: us}
channels:
  - {name: from a file, type: fake, key: "${DEMO_KEY}", models: [from-a-file]}
groups:
  - {id: readers, tokens: [{name: app}]}
"#;
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();

    let looked = printed(&tollgate(&gateway, &["apply", "--dry-run", "-f", file]));
    assert!(looked.contains("+ channel from a file"), "{looked}");
    assert!(looked.contains("would change"), "{looked}");
    let applied = printed(&tollgate(&gateway, &["apply", "-f", file]));
    let key = applied
        .lines()
        .find_map(|line| line.trim().strip_prefix("key: "))
        .and_then(|line| line.split(' ').next())
        .expect("the token is shown");
    eventually("the model is served", || {
        let body = Dialect::OpenAi.ask("from-a-file", "hello", false);
        let request = Request::post(Dialect::OpenAi.path(), &body)
            .header("authorization", format!("Bearer {key}"));
        let answer = gateway.send(&request);
        match answer.status {
            200 => Ok(()),
            status => Err(format!("{status} {}", answer.text())),
        }
    });

    let again = printed(&tollgate(&gateway, &["apply", "-f", file]));
    assert_eq!(again, "0 changed, 5 as they were\n");
    let exported = printed(&tollgate(&gateway, &["export"]));
    assert!(!exported.contains("sk-from"), "{exported}");
    let copy = gateway.data().join("exported.yaml");
    fs::write(&copy, exported).unwrap();
    let copy = copy.to_str().unwrap();
    let same = printed(&tollgate(&gateway, &["apply", "--prune", "-f", copy]));
    assert!(same.starts_with("0 changed, "), "{same}");
    let groups = gateway.admin().get("/api/groups/");
    assert!(
        array(&groups["groups"])
            .iter()
            .any(|it| it["id"] == json!("readers"))
    );
}

#[test]
fn a_wrong_file_is_refused_in_one_line_that_names_the_place() {
    let gateway = Gateway::shared();
    let folder = tempfile::tempdir().unwrap();
    for (text, words) in [
        (
            "channels: [{name: x, type: 1, key: k, modles: []}]",
            "channels[0]: modles",
        ),
        ("groups: [", "not YAML"),
        (
            "channels: [{name: x, type: 1, key: \"${NOT_SET}\"}]",
            "NOT_SET is not set",
        ),
    ] {
        let file = folder.path().join("wrong.yaml");
        fs::write(&file, text).unwrap();
        let output = tollgate(gateway, &["apply", "-f", file.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(words), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
