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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::domain::ChannelPatch;

    fn args(arguments: &[&str]) -> RotateKeyArgs {
        let fixed = ["tollgate", "rotate-key"];
        let Command::RotateKey(args) = Cli::parse_from(fixed.iter().chain(arguments)).command
        else {
            panic!("rotate-key")
        };
        args
    }

    async fn open(data: &std::path::Path) -> Store {
        let keys = secrets::secret_key(None, data).unwrap();
        let dsn = dsn(None, data).unwrap();
        Store::connect(&dsn, keys).await.unwrap()
    }

    #[tokio::test]
    async fn a_key_in_the_data_folder_is_changed_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        let store = open(folder.path()).await;
        let channel = ChannelPatch {
            kind: Some(1),
            key: Some(Secret::new("sk-canary")),
            ..ChannelPatch::default()
        };
        store.create_channels(vec![channel]).await.unwrap();
        store.close().await;
        let file = folder.path().join("secret.key");
        let first = std::fs::read_to_string(&file).unwrap();

        let early = rotate_key(&args(&["--data", data, "--retire"])).await;
        assert!(early.is_ok(), "there is nothing to forget: {early:?}");
        rotate_key(&args(&["--data", data])).await.unwrap();
        let both = std::fs::read_to_string(&file).unwrap();
        assert!(both.contains(first.trim()) && both.len() > first.len());
        rotate_key(&args(&["--data", data, "--retire"]))
            .await
            .unwrap();
        let new = std::fs::read_to_string(&file).unwrap();
        assert!(new != first && both.starts_with(new.trim()));

        let store = open(folder.path()).await;
        let channels = store.published_channels().await.unwrap();
        assert_eq!(channels[0].key.expose(), "sk-canary");
        store.close().await;
        std::fs::write(&file, first).unwrap();
        let keys = secrets::secret_key(None, folder.path()).unwrap();
        let old = Store::connect(&dsn(None, folder.path()).unwrap(), keys).await;
        assert!(matches!(old, Err(store::Error::SecretKey(_))), "{old:?}");
    }

    #[tokio::test]
    async fn a_control_plane_on_sqlite_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let dsn = dsn(None, folder.path()).unwrap();
        let _serving = store::claim(&dsn).unwrap();
        let data = folder.path().to_str().unwrap();
        let refused = rotate_key(&args(&["--data", data])).await.unwrap_err();
        assert!(
            refused.to_string().contains("another tollgate"),
            "{refused}"
        );
        assert!(!folder.path().join("secret.key").exists());
    }
}
