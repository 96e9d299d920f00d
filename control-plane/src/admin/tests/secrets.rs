//! Secrets are looked for everywhere that they could have ended up.

use super::*;

#[tokio::test]
async fn secrets_stay_where_they_belong() {
    on_each_database(async |database| {
        const CANARY: &str = "sk-CANARY-provider-key-0123456789";
        let store = database.open().await;
        let api = Api::new(&store);
        let body = json!({"type": 1, "key": CANARY, "name": "c", "models": ["m"]});
        let mut texts = vec![api.call("POST", "/channel/", body.to_string()).await.text];
        let token = api
            .ok(
                "POST",
                "/token/g?auto_create_group=true",
                json!({"name": "t"}),
            )
            .await;
        let token = token["key"].as_str().unwrap();
        let bare = token.strip_prefix("sk-").unwrap();

        // Answers, and errors that are about the secret itself.
        let bad = json!({"type": 1, "key": format!("{CANARY}\u{1}"), "name": "c"});
        texts.push(api.call("POST", "/channel/", bad.to_string()).await.text);
        texts.push(
            api.call("POST", "/channel/", format!("{{\"key\":{CANARY}}}"))
                .await
                .text,
        );
        let proxy = format!("http://CANARY-user:{CANARY}@proxy.example");
        let proxied = json!({"proxy_url": proxy}).to_string();
        texts.push(api.call("PUT", "/channel/1", proxied).await.text);
        for bad in [format!("{proxy}/path"), proxy.replace("http:", "socks5:")] {
            let bad = json!({"proxy_url": bad}).to_string();
            texts.push(api.call("PUT", "/channel/1", bad).await.text);
        }
        let url = json!({"base_url": format!("https://{CANARY}@a.example")});
        texts.push(api.call("PUT", "/channel/1", url.to_string()).await.text);
        texts.push(
            api.call("PUT", "/channel/1", json!({"key": CANARY}).to_string())
                .await
                .text,
        );
        for path in [
            "/channels/",
            "/channels/all",
            "/channel/1",
            "/channels/search?keyword=CANARY",
            "/tokens/",
            "/token/g",
            "/token/g/1",
            "/tokens/1",
            "/groups/",
            "/logs/",
            "/models/enabled",
            "/config/export",
            "/audit_logs",
        ] {
            texts.push(api.call("GET", path, "").await.text);
        }
        let search = api
            .call("GET", &format!("/tokens/search?key={token}"), "")
            .await
            .text;
        texts.push(search);
        texts.push(format!(
            "{:?} {:?}",
            store.published_channels().await,
            store.all_channels().await
        ));
        texts.push(format!(
            "{store:?} {:?}",
            State::new(store.clone(), Secret::new(KEY))
        ));

        for text in &texts {
            for secret in ["CANARY", KEY, bare] {
                assert!(!text.contains(secret), "{}: {text}", database.name);
            }
        }
        // Open, with its write-ahead log, and closed.
        no_file_holds(database.folder.path(), &["CANARY", bare]);
        store.close().await;
        no_file_holds(database.folder.path(), &["CANARY", bare]);
    })
    .await;
}

pub(super) fn no_file_holds(folder: &std::path::Path, secrets: &[&str]) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for secret in secrets {
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
}
