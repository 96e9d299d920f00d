//! Where Envoy is, and whether it is new enough.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

/// Older ones lose body bytes that are written while headers wait, and cannot refresh the cluster
/// on a retry.
const MINIMUM: (u32, u32) = (1, 40);

/// The Envoy that was named, else the one on the PATH, else the one that `make setup` installed.
pub(super) async fn envoy(told: Option<&Path>) -> Result<PathBuf> {
    let path = match told {
        Some(path) if path.is_file() => path.to_owned(),
        Some(path) => bail!("TOLLGATE_ENVOY={} is not there", path.display()),
        None => on_path().or_else(beside_target).context(
            "Envoy was not found on the PATH; install Envoy 1.40 or newer, run `make setup`, or \
             name it in TOLLGATE_ENVOY",
        )?,
    };
    let output = Command::new(&path)
        .arg("--version")
        .output()
        .await
        .with_context(|| path.display().to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    match version(&text) {
        Some(version) if version >= MINIMUM => Ok(path),
        Some((major, minor)) => bail!(
            "{} is version {major}.{minor}; Envoy {}.{} or newer is needed",
            path.display(),
            MINIMUM.0,
            MINIMUM.1
        ),
        None => bail!("{} does not say that it is Envoy", path.display()),
    }
}

/// For tests that ask a real Envoy, if there is one.
#[doc(hidden)]
#[must_use]
pub fn for_tests() -> Option<PathBuf> {
    let told = std::env::var_os("TOLLGATE_ENVOY")
        .map(PathBuf::from)
        .filter(|path| path.is_file());
    told.or_else(on_path).or_else(beside_target)
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join("envoy"))
        .find(|file| file.is_file())
}

/// This program is in `target/<profile>/` or `target/<profile>/deps/`, and set-up tools in
/// `target/tools/`.
fn beside_target() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    program
        .ancestors()
        .skip(2)
        .take(2)
        .map(|folder| folder.join("tools/envoy"))
        .find(|file| file.is_file())
}

/// From `envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL`.
fn version(text: &str) -> Option<(u32, u32)> {
    let version = text.split_once("version: ")?.1.split('/').nth(1)?;
    let mut numbers = version.split(['.', '-']).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let check = |text: &str, expected| assert_eq!(version(text), expected, "{text}");
        check(
            "envoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL",
            Some((1, 40)),
        );
        check(
            "envoy  version: 9e55/1.41.0-dev/Clean/RELEASE/BoringSSL",
            Some((1, 41)),
        );
        check("envoy  version: 9e55", None);
        check("GNU bash", None);
        assert!((1, 9) < MINIMUM && (2, 0) > MINIMUM);
    }
}
