//! Databases on PostgreSQL for tests: copies of one that was migrated.

use sqlx::{AnyPool, AssertSqlSafe, Executor};
use tokio::sync::OnceCell;

use super::connect;
use super::server::Server;
use crate::store::migrate::{self, Kind};

const TEMPLATE: &str = "migrated";

/// Makes a database as the migrations leave it, in place of those that are used no more.
pub(super) async fn create(server: &'static Server, name: &str) {
    static MIGRATED: OnceCell<()> = OnceCell::const_new();
    MIGRATED.get_or_init(|| migrate_template(server)).await;
    let mut connection = connect(&server.address("postgres")).await;
    for left in server.left() {
        // Whoever still has it open is a task of a test that has ended.
        let drop = AssertSqlSafe(format!("DROP DATABASE {left} WITH (FORCE)"));
        connection.execute(drop).await.unwrap();
    }
    let copy = AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}"));
    connection.execute(copy).await.unwrap();
}

async fn migrate_template(server: &Server) {
    let mut connection = connect(&server.address("postgres")).await;
    let template = AssertSqlSafe(format!("CREATE DATABASE {TEMPLATE}"));
    connection.execute(template).await.unwrap();
    let pool = AnyPool::connect(&server.address(TEMPLATE)).await.unwrap();
    migrate::run(&pool, Kind::Postgres, Kind::Postgres.migrations())
        .await
        .unwrap();
    // It cannot be copied while somebody has it open.
    pool.close().await;
}
