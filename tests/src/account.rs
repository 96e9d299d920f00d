//! The account that runs a database server: none of them runs as root.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Who runs it.
#[derive(Debug)]
pub(crate) struct Account {
    /// Of the user and group; none: whoever we are.
    ids: Option<(u32, u32)>,
}

impl Account {
    /// This account where there is one, else one that may nothing.
    pub(crate) fn other_than_root(name: &str) -> Self {
        let id = |flag: &str, who: &[&str]| -> Option<u32> {
            let output = Command::new("id").arg(flag).args(who).output().ok()?;
            String::from_utf8_lossy(&output.stdout).trim().parse().ok()
        };
        if id("-u", &[]) != Some(0) {
            return Self { ids: None };
        }
        let someone = [name, "nobody"]
            .into_iter()
            .find_map(|name| Some((id("-u", &[name])?, id("-g", &[name])?)));
        Self {
            ids: Some(someone.expect("an account other than root")),
        }
    }

    /// Makes a folder the account's.
    pub(crate) fn give(&self, folder: &Path) {
        let Some((user, group)) = self.ids else {
            return;
        };
        chown(folder, Some(user), Some(group)).expect("root may give a folder away");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder, mode).expect("and set its mode");
    }

    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
        command
    }
}
