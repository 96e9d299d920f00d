//! Which secret key comes next.
//!
//! A key that is made stands in a file before anything is sealed with it, together with the one
//! that it follows, so that wherever a rotation breaks off, the next one goes on with the same keys.

use std::path::Path;

use super::file::{read_or_make, replace_private, secret_key_file};
use super::{InvalidKey, KeyFileError, KeyRing, Secret, random, read_private, secret_key};

/// Where the next secret key comes from.
#[derive(Debug)]
pub enum NewKey<'a> {
    Given(&'a Secret),
    /// A file, which is made if it is not there.
    File(&'a Path),
    /// The first of the present keys if there are several, else a new one in the data folder.
    Next,
}

#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    #[error(transparent)]
    File(#[from] KeyFileError),
    #[error("the new secret key: {0}")]
    Invalid(#[from] InvalidKey),
    #[error("the new secret key is the present one")]
    Same,
    #[error(
        "the secret key is in TOLLGATE_SECRET_KEY, so the new one has to be told: in \
         TOLLGATE_NEW_SECRET_KEY, or with --new-key-file"
    )]
    Untold,
    #[error("the secret key file: {0}")]
    Io(#[from] std::io::Error),
}

/// The keys of a rotation: the new one first, then those that it follows. `env` is the present
/// `TOLLGATE_SECRET_KEY`, if it is set.
///
/// # Errors
/// When a key is missing, is none, or its file cannot be read or written.
pub fn rotation_keys(
    env: Option<&str>,
    data: &Path,
    new: &NewKey<'_>,
) -> Result<KeyRing, RotationError> {
    let env = env.map(str::trim).filter(|text| !text.is_empty());
    let present = secret_key(env, data)?;
    let new = match new {
        NewKey::Given(key) => KeyRing::parse(key)?,
        NewKey::File(path) => KeyRing::parse(&read_or_make(path, make)?)?,
        NewKey::Next if present.has_older() => return Ok(present),
        NewKey::Next if env.is_some() => return Err(RotationError::Untold),
        NewKey::Next => {
            let path = secret_key_file(data);
            let new = make();
            let both = format!("{new},{}", read_private(&path)?.expose());
            replace_private(&path, &both)?;
            KeyRing::parse(&Secret::new(new))?
        }
    };
    if new.id() == present.id() && !present.has_older() {
        return Err(RotationError::Same);
    }
    Ok(new.before(present))
}

/// Takes the older keys out of the data folder's file, if that is where keys come from.
///
/// # Errors
/// When the file cannot be read or written.
pub fn finish_rotation(env: Option<&str>, data: &Path) -> Result<(), RotationError> {
    let path = secret_key_file(data);
    if env.is_some_and(|text| !text.trim().is_empty()) || !path.try_exists()? {
        return Ok(());
    }
    let keys = read_private(&path)?;
    if let Some((first, _)) = keys.expose().split_once(',') {
        replace_private(&path, first.trim())?;
    }
    Ok(())
}

fn make() -> String {
    hex::encode(random::<32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_the_data_folder_is_followed_by_one_made_key() {
        let data = tempfile::tempdir().unwrap();
        let old = secret_key(None, data.path()).unwrap().id();
        let ring = rotation_keys(None, data.path(), &NewKey::Next).unwrap();
        let ids: Vec<_> = ring.each().map(|ring| ring.id()).collect();
        assert_eq!((ids.len(), &ids[1]), (2, &old));
        // As after a crash: no third key.
        let again = rotation_keys(None, data.path(), &NewKey::Next).unwrap();
        assert_eq!(format!("{again:?}"), format!("{ring:?}"));

        finish_rotation(None, data.path()).unwrap();
        let left = secret_key(None, data.path()).unwrap();
        assert_eq!((left.id(), left.has_older()), (ids[0].clone(), false));
        let files = std::fs::read_dir(data.path()).unwrap().count();
        assert_eq!(files, 1, "no drafts stay");
    }

    #[test]
    fn a_key_in_the_environment_is_followed_by_one_that_is_told() {
        let data = tempfile::tempdir().unwrap();
        let (old, new) = ("11".repeat(32), "22".repeat(32));
        let told = Secret::new(new.clone());
        let keys = |env: &str, new: NewKey<'_>| rotation_keys(Some(env), data.path(), &new);
        assert!(matches!(
            keys(&old, NewKey::Next),
            Err(RotationError::Untold)
        ));
        let same = Secret::new(old.clone());
        assert!(matches!(
            keys(&old, NewKey::Given(&same)),
            Err(RotationError::Same)
        ));

        let expected = format!("{:?}", keys(&format!("{new},{old}"), NewKey::Next).unwrap());
        let given = keys(&old, NewKey::Given(&told)).unwrap();
        assert_eq!(format!("{given:?}"), expected);
        let file = data.path().join("next");
        let made = keys(&old, NewKey::File(&file)).unwrap();
        let again = keys(&old, NewKey::File(&file)).unwrap();
        assert_eq!(format!("{made:?}"), format!("{again:?}"));
        assert!(!data.path().join("secret.key").exists());
    }
}
