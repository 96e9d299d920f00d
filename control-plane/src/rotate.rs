//! `tollgate rotate-key`: another secret key for the database.

use anyhow::Result;

use crate::cli::RotateKeyArgs;
use crate::secrets::{self, NewKey, Secret};
use crate::serve::dsn;
use crate::store::{self, Store};

/// Seals everything with the new secret key, or forgets the old ones, and says what is next.
///
/// # Errors
/// One line that says what is in the way. What was done so far stays, and the same command goes on.
pub async fn rotate_key(args: &RotateKeyArgs) -> Result<()> {
    let dsn = dsn(args.sql_dsn.as_ref(), &args.data)?;
    let _claim = store::claim(&dsn)?;
    let env = args.secret_key.as_ref().map(Secret::expose);
    if args.retire {
        let store = Store::connect(&dsn, secrets::secret_key(env, &args.data)?).await?;
        store.retire_keys().await?;
        store.close().await;
        secrets::finish_rotation(env, &args.data)?;
        println!("older secret keys open nothing any more");
        return Ok(());
    }
    let given = args.new_secret_key.as_ref().filter(|key| !key.is_empty());
    let new = match (given, &args.new_key_file) {
        (Some(key), _) => NewKey::Given(key),
        (None, Some(path)) => NewKey::File(path),
        (None, None) => NewKey::Next,
    };
    let ring = secrets::rotation_keys(env, &args.data, &new)?;
    let id = ring.id();
    let store = Store::connect(&dsn, ring).await?;
    let done = store.rotate_keys().await?;
    store.close().await;
    println!(
        "everything is sealed for the secret key {id} ({} values anew); the older one opens it too",
        done.resealed
    );
    if done.unreadable > 0 {
        println!(
            "{} values open with no key; the log names them",
            done.unreadable
        );
    }
    println!(
        "start every control plane with the new secret key, then run rotate-key --retire with it"
    );
    Ok(())
}
