//! A folder that only this user can enter, for Envoy's bootstrap (it holds the node token) and
//! its admin socket. Not in the data folder: a socket's path must be short.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::secrets;

/// Removed when dropped.
#[derive(Debug)]
pub(super) struct Private(PathBuf);

impl Private {
    pub(super) fn create() -> Result<Self> {
        let name = format!("tollgate-{}", hex::encode(secrets::random::<6>()));
        let path = std::env::temp_dir().join(name);
        // It fails if the folder is there, so nobody can have put one there for us.
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
