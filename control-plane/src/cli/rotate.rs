//! Arguments of `tollgate rotate-key`.

use std::path::PathBuf;

use clap::Args;

use super::secret;
use crate::secrets::Secret;

/// The next secret key, and what it is for. Without `--new-…`, a key in the data folder is followed
/// by one that is made there, and of several in `TOLLGATE_SECRET_KEY` the first is the new one. A
/// rotation that was broken off goes on when it is run again.
#[derive(Debug, Args)]
pub struct RotateKeyArgs {
    /// Folder for the database and keys, as of the control plane
    #[arg(
        long,
        env = "TOLLGATE_DATA",
        default_value = "./data",
        value_name = "FOLDER"
    )]
    pub data: PathBuf,

    /// postgres://… or mysql://… instead of SQLite in the data folder, where no control plane may run
    /// meanwhile
    #[arg(long, env = "SQL_DSN", hide_env_values = true, value_name = "DSN", value_parser = secret)]
    pub sql_dsn: Option<Secret>,

    /// The present secret key, if it is not in the data folder; with `--retire`, the new one
    #[arg(
        long, env = "TOLLGATE_SECRET_KEY", hide_env_values = true, value_name = "KEY",
        value_parser = secret
    )]
    pub secret_key: Option<Secret>,

    /// The new secret key, 32 bytes as hex or base64
    #[arg(
        long, env = "TOLLGATE_NEW_SECRET_KEY", hide_env_values = true, value_name = "KEY",
        value_parser = secret
    )]
    pub new_secret_key: Option<Secret>,

    /// File with the new secret key; made with a new one if it is not there
    #[arg(long, value_name = "FILE", conflicts_with = "new_secret_key")]
    pub new_key_file: Option<PathBuf>,

    /// Forget the older secret keys, once every control plane has been started with the new one
    #[arg(long)]
    pub retire: bool,
}
