//! Databases on SQLite for tests: copies of one that was migrated.

use std::fs::{self, Permissions};
use std::path::Path;

use tokio::sync::OnceCell;

use crate::store::connect::{MAIN, open};
use crate::store::migrate::{self, Kind};

struct Template {
    bytes: Vec<u8>,
    permissions: Permissions,
}

/// Makes a file as the migrations leave it, for whom they leave it.
pub(super) async fn create(path: &Path) {
    static TEMPLATE: OnceCell<Template> = OnceCell::const_new();
    let template = TEMPLATE.get_or_init(template).await;
    fs::write(path, &template.bytes).unwrap();
    fs::set_permissions(path, template.permissions.clone()).unwrap();
}

async fn template() -> Template {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("template.db");
    let (reader, writer) = open(Kind::Sqlite, path.to_str().unwrap(), MAIN)
        .await
        .unwrap();
    migrate::run(&writer, Kind::Sqlite, Kind::Sqlite.migrations())
        .await
        .unwrap();
    // Whoever closes it last moves its log into the file.
    reader.close().await;
    writer.close().await;
    Template {
        bytes: fs::read(&path).unwrap(),
        permissions: fs::metadata(&path).unwrap().permissions(),
    }
}
