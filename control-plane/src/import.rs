//! `tollgate import`: what another gateway has in its database, as a document that is applied.

use anyhow::Result;

use crate::cli::{ImportArgs, Origin};
use crate::store::read_one_api;
use crate::{apply, one_api};

/// Prints what it changes, as `apply` does, and what it could not take.
///
/// # Errors
/// When the database cannot be read, or the control plane refuses something or is not there;
/// nothing is changed then.
pub async fn import(args: ImportArgs) -> Result<()> {
    let Origin::OneApi = args.from;
    let tables = read_one_api(&args.source).await?;
    let taken = one_api::taken(&tables);
    tokio::task::spawn_blocking(move || {
        apply::send(&args.api, &taken.document, false, args.dry_run)?;
        for line in &taken.left_out {
            println!("! {line}");
        }
        Ok(())
    })
    .await?
}
