//! Where the things under test are. `make` says it by environment variables; without them the
//! places into which `make` builds are tried. A missing one fails the test that needs it and names
//! the command that makes it: no test passes for want of its subject.

use std::env;
use std::path::PathBuf;

#[must_use]
#[track_caller]
pub fn tollgate() -> PathBuf {
    find(
        "TOLLGATE_BIN",
        &["debug/tollgate", "server/tollgate", "release/tollgate"],
        "make build",
    )
}

#[must_use]
#[track_caller]
pub fn wasm() -> PathBuf {
    find(
        "TOLLGATE_WASM",
        &["filter/tollgate_gateway.wasm"],
        "make build",
    )
}

#[must_use]
#[track_caller]
pub fn envoy() -> PathBuf {
    find("TOLLGATE_ENVOY", &["tools/envoy"], "make setup")
}

#[must_use]
#[track_caller]
pub fn python(generation: crate::sdk::Generation) -> PathBuf {
    match generation {
        crate::sdk::Generation::Current => find(
            "TOLLGATE_SDK_CURRENT",
            &["sdk-current/bin/python"],
            "make test",
        ),
        crate::sdk::Generation::Previous => find(
            "TOLLGATE_SDK_PREVIOUS",
            &["sdk-previous/bin/python"],
            "make test",
        ),
    }
}

#[must_use]
#[track_caller]
pub fn schemathesis() -> PathBuf {
    find(
        "TOLLGATE_SCHEMATHESIS",
        &["schemathesis/bin/schemathesis"],
        "make test",
    )
}

/// The folder in which npm put the agents' packages.
#[must_use]
#[track_caller]
pub fn agents() -> PathBuf {
    find(
        "TOLLGATE_AGENTS",
        &["agents/node_modules"],
        "make test-agents",
    )
}

/// The folder with `initdb` and `postgres`.
#[must_use]
#[track_caller]
pub fn postgres() -> PathBuf {
    folder("TOLLGATE_POSTGRES_BIN", "tools/postgres-bin")
}

/// The folder with `mariadbd`.
#[must_use]
#[track_caller]
pub fn mariadb() -> PathBuf {
    folder("TOLLGATE_MARIADB_BIN", "tools/mariadb-bin")
}

/// A folder that a variable names, or a file which the set-up has written.
#[track_caller]
fn folder(variable: &str, record: &str) -> PathBuf {
    let recorded = targets().into_iter().find_map(|target| {
        let path = std::fs::read_to_string(target.join(record)).ok()?;
        Some(PathBuf::from(path.trim()))
    });
    let found = given(variable).or(recorded);
    found.unwrap_or_else(|| panic!("{variable} is not set. Run: make test"))
}

/// The program `redis-server`.
#[must_use]
#[track_caller]
pub fn redis() -> PathBuf {
    let recorded = targets().into_iter().find_map(|target| {
        let path = std::fs::read_to_string(target.join("tools/redis-server")).ok()?;
        Some(PathBuf::from(path.trim()))
    });
    let found = given("TOLLGATE_REDIS_SERVER").or(recorded);
    found.unwrap_or_else(|| panic!("TOLLGATE_REDIS_SERVER is not set. Run: make test"))
}

#[track_caller]
fn find(variable: &str, places: &[&str], command: &str) -> PathBuf {
    if let Some(path) = given(variable) {
        assert!(
            path.exists(),
            "{variable}={} does not exist. Run: {command}",
            path.display()
        );
        return path;
    }
    let candidates = targets()
        .into_iter()
        .flat_map(|t| places.iter().map(move |p| t.join(p)));
    candidates
        .into_iter()
        .find(|path| path.exists())
        .unwrap_or_else(|| {
            panic!(
                "{variable} is not set and target/{} not there. Run: {command}",
                places[0]
            )
        })
}

fn given(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .filter(|v| !v.is_empty())
        .map(PathBuf::from)
}

/// Cargo's output folder, as told or as usual.
fn targets() -> Vec<PathBuf> {
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(|w| w.join("target"));
    given("CARGO_TARGET_DIR")
        .into_iter()
        .chain(workspace)
        .collect()
}
