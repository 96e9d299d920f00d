//! `control-plane/openapi.json`: written from the routes, their handlers' types and comments, and
//! what their readers ask for; and proved fresh.

mod answers;
mod comments;
mod document;
mod explore;
mod scene;
mod schemas;

use super::*;

const RENEW: &str = "make openapi";

fn file() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json")
}

/// The document as it is committed.
pub(super) fn committed() -> Value {
    let text = std::fs::read_to_string(file()).unwrap_or_else(|_| panic!("run `{RENEW}`"));
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("run `{RENEW}`"))
}

#[tokio::test]
async fn the_document_is_what_the_code_says() {
    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().join("tollgate.db");
    let keys = crate::secrets::KeyRing::random();
    let store = Store::connect(address.to_str().unwrap(), keys).await;
    let written = document::write(&store.unwrap()).await;
    let text = format!("{written:#}\n");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(file(), text).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(file()).unwrap_or_default();
    let differs = text.lines().zip(committed.lines()).find(|(a, b)| a != b);
    assert!(
        text == committed,
        "control-plane/openapi.json is not what the code says: renew it with `{RENEW}`, and commit \
         it. First difference (code, file): {differs:#?}"
    );
}

#[test]
fn every_route_is_in_the_document_and_nothing_else() {
    let routes = all_routes();
    let known: std::collections::BTreeSet<_> = routes
        .operations()
        .iter()
        .flat_map(|(path, operations)| {
            let path = document::path(path);
            operations.iter().map(move |operation| {
                let method = operation.method.as_str().to_ascii_lowercase();
                format!("{method} {path}")
            })
        })
        .chain(
            document::ELSEWHERE
                .iter()
                .map(|(path, _)| format!("get {path}")),
        )
        .collect();
    let document = committed();
    let paths = document["paths"].as_object().unwrap();
    let described: std::collections::BTreeSet<_> = paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| format!("{method} {path}"))
        })
        .collect();
    let missing: Vec<_> = known.difference(&described).collect();
    let unknown: Vec<_> = described.difference(&known).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "run `{RENEW}`: {missing:?} are not in control-plane/openapi.json, {unknown:?} are no routes"
    );
}
