//! Keys that live in the data folder: made once, readable by their owner only.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{InvalidKey, KeyRing, Secret, random};

#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{} can be read by others (mode {mode:o}); run `chmod 600 {}`, and change the key if \
         somebody may have read it",
        path.display(), path.display()
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{} is empty; remove it to have a new key made", path.display())]
    Empty { path: PathBuf },
    #[error("{origin}: {source}")]
    Invalid { origin: String, source: InvalidKey },
}

/// The ring that seals secrets: from `TOLLGATE_SECRET_KEY` if it is set (`env`), else from
/// `<data>/secret.key`, which is made if it is not there.
///
/// # Errors
/// When the file cannot be read, is readable by others, or what it holds is no key.
pub fn secret_key(env: Option<&str>, data: &Path) -> Result<KeyRing, KeyFileError> {
    let (origin, text) = match env.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => ("TOLLGATE_SECRET_KEY".into(), Secret::new(text)),
        None => {
            let path = secret_key_file(data);
            (
                path.display().to_string(),
                read_or_make(&path, || hex::encode(random::<32>()))?,
            )
        }
    };
    KeyRing::parse(&text).map_err(|source| KeyFileError::Invalid { origin, source })
}

pub(super) fn secret_key_file(data: &Path) -> PathBuf {
    data.join("secret.key")
}

/// The administrator's key: from `ADMIN_KEY` if it is set (`env`), else from `<data>/admin.key`,
/// which is made if it is not there.
///
/// # Errors
/// When the file cannot be read or written, or is readable by others.
pub fn admin_key(env: Option<&str>, data: &Path) -> Result<Secret, KeyFileError> {
    match env.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => Ok(Secret::new(text)),
        None => read_or_make(&data.join("admin.key"), || hex::encode(random::<24>())),
    }
}

/// Shorter admin keys can be guessed, by whoever has the time.
const SHORT_ADMIN_KEY: usize = 16;

/// What is wrong with an admin key, to be read after these words. It is used all the same: some have
/// had theirs for long.
#[must_use]
pub fn weakness(admin_key: &Secret) -> Option<String> {
    let is_short = admin_key.expose().chars().count() < SHORT_ADMIN_KEY;
    is_short.then(|| {
        format!(
            "has fewer than {SHORT_ADMIN_KEY} characters and can be guessed; set a \
             longer ADMIN_KEY, or none, and one is made"
        )
    })
}

/// What gateways show when the settings name nothing: `<data>/node.token`, which is made if it is
/// not there.
///
/// # Errors
/// When the file cannot be read or written, or is readable by others.
pub fn node_token(data: &Path) -> Result<Secret, KeyFileError> {
    read_or_make(&node_token_file(data), || hex::encode(random::<32>()))
}

#[must_use]
pub fn node_token_file(data: &Path) -> PathBuf {
    data.join("node.token")
}

/// Writes a new file that only its owner can read, whole or not at all.
///
/// # Errors
/// `AlreadyExists` when the file is there; it is not touched then.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    // A link fails if the target exists, so of two processes that start together one wins and
    // neither ever reads a half-written key.
    let draft = draft(path, text)?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    linked
}

/// The same for a file that may be there: readers see the old text or the new one.
///
/// # Errors
/// The old text stands then.
pub(super) fn replace_private(path: &Path, text: &str) -> io::Result<()> {
    let draft = draft(path, text)?;
    let renamed = fs::rename(&draft, path);
    if renamed.is_err() {
        fs::remove_file(&draft)?;
    }
    renamed?;
    // The name is on disk only when its folder is.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The text in a file beside `path`, on disk.
fn draft(path: &Path, text: &str) -> io::Result<PathBuf> {
    let draft = path.with_extension(format!("{}.new", hex::encode(random::<6>())));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let written = writeln!(file, "{text}").and_then(|()| file.sync_all());
    if written.is_err() {
        fs::remove_file(&draft)?;
    }
    written.map(|()| draft)
}

pub(super) fn read_or_make(
    path: &Path,
    make: impl FnOnce() -> String,
) -> Result<Secret, KeyFileError> {
    let io = |source| KeyFileError::Io {
        path: path.to_owned(),
        source,
    };
    if !path.try_exists().map_err(io)? {
        match write_private(path, &make()) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io(error)),
            _ => {}
        }
    }
    read_private(path)
}

/// What somebody keeps in a file of their own, without the line's end.
///
/// # Errors
/// When the file cannot be read, is empty, or is readable by others.
pub fn read_private(path: &Path) -> Result<Secret, KeyFileError> {
    let io = |source| KeyFileError::Io {
        path: path.to_owned(),
        source,
    };
    let mode = fs::metadata(path).map_err(io)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let text = fs::read_to_string(path).map_err(io)?;
    match text.trim() {
        "" => Err(KeyFileError::Empty {
            path: path.to_owned(),
        }),
        key => Ok(Secret::new(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_private() {
        let data = tempfile::tempdir().unwrap();
        let first = admin_key(None, data.path()).unwrap();
        assert_eq!(first.expose().len(), 48);
        assert!(first.matches(admin_key(None, data.path()).unwrap().expose()));
        assert!(
            admin_key(Some(" mine "), data.path())
                .unwrap()
                .matches("mine")
        );

        let token = node_token(data.path()).unwrap();
        assert_eq!(token.expose().len(), 64);
        assert!(
            token.matches(
                read_private(&node_token_file(data.path()))
                    .unwrap()
                    .expose()
            )
        );

        let ring = format!("{:?}", secret_key(None, data.path()).unwrap());
        assert_eq!(
            ring,
            format!("{:?}", secret_key(None, data.path()).unwrap())
        );

        for name in ["admin.key", "secret.key", "node.token"] {
            let mode = fs::metadata(data.path().join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        assert_eq!(
            fs::read_dir(data.path()).unwrap().count(),
            3,
            "no drafts stay"
        );
    }

    #[test]
    fn short_admin_keys_are_warned_of_and_not_shown() {
        for (key, is_weak) in [
            ("hunter2", true),
            ("fifteen letters", true),
            ("ä".repeat(15).as_str(), true),
            ("sixteen letters!", false),
        ] {
            let weakness = weakness(&Secret::new(key));
            assert_eq!(weakness.is_some(), is_weak, "{key}");
            assert!(!weakness.unwrap_or_default().contains(key));
        }
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let data = tempfile::tempdir().unwrap();
        admin_key(None, data.path()).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            let path = data.path().join("admin.key");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = admin_key(None, data.path()).unwrap_err().to_string();
            assert!(error.contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_origin() {
        let data = tempfile::tempdir().unwrap();
        let error = secret_key(Some("canary"), data.path())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("TOLLGATE_SECRET_KEY: ") && !error.contains("canary"),
            "{error}"
        );

        write_private(&data.path().join("secret.key"), "").unwrap();
        assert!(matches!(
            secret_key(None, data.path()),
            Err(KeyFileError::Empty { .. })
        ));
    }
}
