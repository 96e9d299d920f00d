//! Reading the database of one-api (github.com/songquanpeng/one-api), whose tables are made by its
//! own program. Nothing is ever written there.
//!
//! Every column is cast, because the program's types differ from database to database: flags are
//! numbers here and booleans there, and `char(48)` is padded with spaces.

mod address;

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, ConnectOptions, Connection, Executor};

use self::address::{Kind, options};
use super::row::Columns;
use super::{Error, Result};
use crate::secrets::Secret;

pub use self::address::mysql_url;

/// All that an import looks at.
#[derive(Debug, Default)]
pub struct Tables {
    pub channels: Vec<ChannelRow>,
    pub users: Vec<UserRow>,
    pub tokens: Vec<TokenRow>,
    pub options: Vec<(String, String)>,
    /// Redemption codes that can still be used.
    pub unused_codes: i64,
}

#[derive(Debug, Clone, Default)]
pub struct ChannelRow {
    pub id: i64,
    pub kind: i64,
    pub name: String,
    pub key: Secret,
    /// 1 is enabled.
    pub status: i64,
    pub base_url: String,
    /// With commas between them.
    pub models: String,
    /// Likewise.
    pub groups: String,
    /// JSON, or empty.
    pub model_mapping: String,
    pub priority: i64,
    /// JSON, or empty. It may hold keys.
    pub config: Secret,
    pub system_prompt: String,
}

#[derive(Debug, Clone, Default)]
pub struct UserRow {
    pub id: i64,
    pub name: String,
    /// 1 enabled, 2 disabled, 3 deleted.
    pub status: i64,
    /// In units of which 500,000 are a dollar.
    pub quota: i64,
    pub group: String,
}

#[derive(Debug, Clone, Default)]
pub struct TokenRow {
    pub id: i64,
    pub user: i64,
    pub key: Secret,
    /// 1 enabled, 2 disabled, 3 expired, 4 used up.
    pub status: i64,
    pub name: String,
    /// Unix seconds; -1: never.
    pub expires_s: i64,
    pub remain_quota: i64,
    pub unlimited: bool,
    /// With commas between them; empty: all.
    pub models: String,
    /// CIDR blocks, with commas between them; empty: everywhere.
    pub subnets: String,
}

/// Rows of one table that are read at most. Of channels, no more could be applied at once.
const MOST_CHANNELS: usize = 10_000;
const MOST_ROWS: usize = 1_000_000;

/// Reads all of it, as it is at one moment. `address` is `postgres://…`, `mysql://…` (also for
/// MariaDB), what one-api has in `SQL_DSN`, or the path of an SQLite file.
///
/// # Errors
/// `Address` when it is none of these, or there is no such database, or it has other tables than
/// one-api's.
pub async fn read_one_api(address: &Secret) -> Result<Tables> {
    read(address, async |reader| reader.tables().await).await
}

/// Reads the channels and nothing else.
///
/// # Errors
/// As [`read_one_api`].
pub async fn read_one_api_channels(address: &Secret) -> Result<Tables> {
    read(address, async |reader| {
        Ok(Tables {
            channels: reader.channels().await?,
            ..Tables::default()
        })
    })
    .await
}

async fn read(
    address: &Secret,
    tables: impl AsyncFnOnce(&mut Reader<'_>) -> Result<Tables>,
) -> Result<Tables> {
    sqlx::any::install_default_drivers();
    let (options, kind) = options(address.expose())?;
    let mut connection = options.connect().await.map_err(|error| match error {
        // Its text repeats the address, which may hold a password.
        sqlx::Error::Configuration(_) => {
            Error::Address("one-api's database: the address is not valid".into())
        }
        error => Error::Address(format!("one-api's database does not open: {error}")),
    })?;
    // All tables at one moment: SQLite does so by itself; of the others, MySQL wants to hear it before.
    if kind == Kind::Mysql {
        let session = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        connection.execute(session).await?;
    }
    let mut transaction = connection.begin().await?;
    if kind == Kind::Postgres {
        let this_one = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
        transaction.execute(this_one).await?;
    }
    let mut reader = Reader {
        connection: &mut transaction,
        kind,
    };
    let tables = tables(&mut reader).await;
    transaction.rollback().await?;
    let _ = connection.close().await;
    tables
}

struct Reader<'a> {
    connection: &'a mut AnyConnection,
    kind: Kind,
}

impl Reader<'_> {
    async fn channels(&mut self) -> Result<Vec<ChannelRow>> {
        let channel = [
            "id",
            "type",
            "name",
            "key",
            "status",
            "base_url",
            "models",
            "group",
            "model_mapping",
            "priority",
            "config",
            "system_prompt",
        ];
        self.rows("channels", &channel, MOST_CHANNELS, ChannelRow::read)
            .await
    }

    async fn tables(&mut self) -> Result<Tables> {
        let user = ["id", "username", "status", "quota", "group"];
        let token = [
            "id",
            "user_id",
            "key",
            "status",
            "name",
            "expired_time",
            "remain_quota",
            "unlimited_quota",
            "models",
            "subnet",
        ];
        Ok(Tables {
            channels: self.channels().await?,
            users: self.rows("users", &user, MOST_ROWS, UserRow::read).await?,
            tokens: self
                .rows("tokens", &token, MOST_ROWS, TokenRow::read)
                .await?,
            options: self
                .rows("options", &["key", "value"], MOST_ROWS, |row| {
                    Ok((row.text("c_key")?, row.text("c_value")?))
                })
                .await?,
            unused_codes: self
                .rows("redemptions", &["status"], MOST_ROWS, |row| {
                    row.int("c_status")
                })
                .await?
                .into_iter()
                .filter(|status| *status == 1)
                .count()
                .try_into()
                .unwrap_or_default(),
        })
    }

    /// The rows of a table in the order of their ids; columns are called `c_…`.
    async fn rows<T>(
        &mut self,
        table: &str,
        columns: &[&str],
        most: usize,
        read: impl Fn(&AnyRow) -> Result<T>,
    ) -> Result<Vec<T>> {
        // What stands around names that are words of SQL, and what types are called in a cast.
        let (quote, number, text) = match self.kind {
            Kind::Mysql => ('`', "SIGNED", "CHAR"),
            Kind::Sqlite | Kind::Postgres => ('"', "BIGINT", "TEXT"),
        };
        let columns: Vec<String> = columns
            .iter()
            .map(|name| {
                let column = format!("{quote}{name}{quote}");
                let value = match *name {
                    "id" | "type" | "status" | "priority" | "quota" | "user_id"
                    | "expired_time" | "remain_quota" => {
                        format!("CAST(coalesce({column}, 0) AS {number})")
                    }
                    "unlimited_quota" => {
                        format!("CAST(CASE WHEN {column} THEN 1 ELSE 0 END AS {number})")
                    }
                    _ => format!("coalesce(CAST({column} AS {text}), '')"),
                };
                format!("{value} AS c_{name}")
            })
            .collect();
        // All of it stands in this file.
        let statement = format!(
            "SELECT {} FROM {table} ORDER BY 1 LIMIT {}",
            columns.join(", "),
            most + 1
        );
        let rows = sqlx::query(AssertSqlSafe(statement))
            .fetch_all(&mut *self.connection)
            .await
            .map_err(|error| match Error::from(error) {
                Error::Statement(cause) => Error::Address(format!(
                    "one-api's database has no such table {table} as its newest version makes; \
                     start that once ({cause})"
                )),
                away => away,
            })?;
        if rows.len() > most {
            return Err(Error::Address(format!(
                "one-api's database has more than {most} {table}"
            )));
        }
        rows.iter().map(read).collect()
    }
}

impl ChannelRow {
    fn read(row: &AnyRow) -> Result<Self> {
        Ok(Self {
            id: row.int("c_id")?,
            kind: row.int("c_type")?,
            name: row.text("c_name")?,
            key: Secret::new(row.text("c_key")?),
            status: row.int("c_status")?,
            base_url: row.text("c_base_url")?,
            models: row.text("c_models")?,
            groups: row.text("c_group")?,
            model_mapping: row.text("c_model_mapping")?,
            priority: row.int("c_priority")?,
            config: Secret::new(row.text("c_config")?),
            system_prompt: row.text("c_system_prompt")?,
        })
    }
}

impl UserRow {
    fn read(row: &AnyRow) -> Result<Self> {
        Ok(Self {
            id: row.int("c_id")?,
            name: row.text("c_username")?,
            status: row.int("c_status")?,
            quota: row.int("c_quota")?,
            group: row.text("c_group")?,
        })
    }
}

impl TokenRow {
    fn read(row: &AnyRow) -> Result<Self> {
        Ok(Self {
            id: row.int("c_id")?,
            user: row.int("c_user_id")?,
            key: Secret::new(row.text("c_key")?.trim_end()),
            status: row.int("c_status")?,
            name: row.text("c_name")?,
            expires_s: row.int("c_expired_time")?,
            remain_quota: row.int("c_remain_quota")?,
            unlimited: row.flag("c_unlimited_quota")?,
            models: row.text("c_models")?,
            subnets: row.text("c_subnet")?,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
