//! Databases on MariaDB for tests. It copies no database: one is migrated, and every other gets the
//! tables that the migrations left.

use sqlx::{AnyPool, AssertSqlSafe, Executor, Row};
use tokio::sync::OnceCell;

use super::connect;
use super::server::Server;
use crate::store::migrate::{self, Kind};

const TEMPLATE: &str = "template";

/// Makes a database as the migrations leave it, in place of those that are used no more.
pub(super) async fn create(server: &'static Server, name: &str) {
    static STATEMENTS: OnceCell<Vec<String>> = OnceCell::const_new();
    let statements = STATEMENTS.get_or_init(|| statements(server)).await;
    let mut connection = connect(&server.address("")).await;
    for left in server.left() {
        let drop = AssertSqlSafe(format!("DROP DATABASE {left}"));
        connection.execute(drop).await.unwrap();
    }
    // Tables that refer to each other come in any order.
    let prepare = format!(
        "SET foreign_key_checks = 0; CREATE DATABASE {name} CHARACTER SET utf8mb4 \
         COLLATE utf8mb4_nopad_bin; USE {name}"
    );
    connection.execute(AssertSqlSafe(prepare)).await.unwrap();
    for statement in statements {
        let statement = AssertSqlSafe(statement.clone());
        connection.execute(statement).await.unwrap();
    }
}

/// What makes such a database.
async fn statements(server: &Server) -> Vec<String> {
    let mut connection = connect(&server.address("")).await;
    let template = AssertSqlSafe(format!("CREATE DATABASE {TEMPLATE}"));
    connection.execute(template).await.unwrap();
    let pool = AnyPool::connect(&server.address(TEMPLATE)).await.unwrap();
    migrate::run(&pool, Kind::Mysql, Kind::Mysql.migrations())
        .await
        .unwrap();
    let tables = sqlx::query(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
    );
    let mut statements = Vec::new();
    for row in tables.fetch_all(&pool).await.unwrap() {
        let table: String = row.get(0);
        let show = AssertSqlSafe(format!("SHOW CREATE TABLE `{table}`"));
        let row = sqlx::query(show).fetch_one(&pool).await.unwrap();
        statements.push(row.get(1));
        let count = AssertSqlSafe(format!("SELECT count(*) FROM `{table}`"));
        let rows: i64 = sqlx::query(count).fetch_one(&pool).await.unwrap().get(0);
        if rows > 0 {
            statements.push(format!(
                "INSERT INTO `{table}` SELECT * FROM {TEMPLATE}.`{table}`"
            ));
        }
    }
    pool.close().await;
    statements
}
