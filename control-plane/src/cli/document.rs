//! Arguments of `tollgate apply` and `tollgate export`.

use std::path::PathBuf;

use clap::Args;

use super::secret;
use crate::secrets::Secret;

/// How to reach a control plane that runs.
#[derive(Debug, Args)]
pub struct ApiArgs {
    /// Where the gateway or its control plane answers
    #[arg(
        long,
        env = "TOLLGATE_URL",
        default_value = "http://127.0.0.1:3000",
        value_name = "URL"
    )]
    pub url: String,

    /// The administrator's key [default: admin.key in the data folder]
    #[arg(long, env = "ADMIN_KEY", hide_env_values = true, value_name = "KEY", value_parser = secret)]
    pub admin_key: Option<Secret>,

    /// The control plane's data folder, if it is on this machine
    #[arg(
        long,
        env = "TOLLGATE_DATA",
        default_value = "./data",
        value_name = "FOLDER"
    )]
    pub data: PathBuf,
}

#[derive(Debug, Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    pub api: ApiArgs,

    /// YAML or JSON, `-` for standard input; `${NAME}` stands for an environment variable
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,

    /// Show what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Remove what the file's lists leave out
    #[arg(long)]
    pub prune: bool,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    pub api: ApiArgs,
}
