//! Reading the database of one-api (github.com/songquanpeng/one-api), whose tables are made by its
//! own program. Nothing is ever written there.
//!
//! Every column is cast, because the program's types differ from database to database: flags are
//! numbers here and booleans there, and `char(48)` is padded with spaces.

use sqlx::any::{AnyConnectOptions, AnyRow};
use sqlx::{AnyConnection, AssertSqlSafe, ConnectOptions, Connection};

use super::connect::percent_encode;
use super::row::Columns;
use super::{Error, Result};
use crate::secrets::Secret;

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

/// Reads all of it, as it is at one moment. `address` is `postgres://…` or the path of an SQLite
/// file.
///
/// # Errors
/// `Address` when it is neither, or there is no such database; `Statement` when it has other
/// tables than one-api's.
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
    let (options, quote) = options(address.expose())?;
    let mut connection = options.connect().await.map_err(|error| match error {
        // Its text repeats the address, which may hold a password.
        sqlx::Error::Configuration(_) => {
            Error::Address("one-api's database: the address is not valid".into())
        }
        error => Error::Address(format!("one-api's database does not open: {error}")),
    })?;
    let mut transaction = connection.begin().await?;
    let mut reader = Reader {
        connection: &mut transaction,
        quote,
    };
    let tables = tables(&mut reader).await;
    transaction.rollback().await?;
    let _ = connection.close().await;
    tables
}

/// How to connect, and what stands around names that are words of SQL.
fn options(address: &str) -> Result<(AnyConnectOptions, char)> {
    let refuse = |text: &str| Error::Address(format!("one-api's database: {text}"));
    let url = match address.split_once("://") {
        Some(("postgres" | "postgresql", _)) => address.to_owned(),
        Some(("sqlite", _)) | None => {
            let path = address.strip_prefix("sqlite:").unwrap_or(address);
            // As one-api writes it, with what its driver wants behind the name.
            let path = path.strip_prefix("//").unwrap_or(path);
            let path = path.split('?').next().unwrap_or(path);
            // Never the text: it may be another form of address, with a password in it.
            if path.is_empty() || !std::path::Path::new(path).is_file() {
                return Err(refuse(
                    "there is no file of that name; give postgres://… or the path of an SQLite file",
                ));
            }
            let path = std::path::absolute(path).map_err(|error| refuse(&error.to_string()))?;
            let path = path
                .to_str()
                .ok_or_else(|| refuse("its path is not UTF-8"))?;
            format!("sqlite://{}?mode=ro", percent_encode(path))
        }
        // What follows may be a password, and what is no scheme may be one too.
        Some((scheme, _)) => {
            let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+');
            let what = match !scheme.is_empty() && scheme.bytes().all(plain) {
                true => format!("{scheme}://"),
                false => "such an address".to_owned(),
            };
            return Err(refuse(&format!(
                "{what} is not read here; use postgres:// or the path of an SQLite file"
            )));
        }
    };
    let options = url
        .parse()
        .map_err(|_| refuse("the address is not valid"))?;
    Ok((options, '"'))
}

struct Reader<'a> {
    connection: &'a mut AnyConnection,
    quote: char,
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
        let quote = self.quote;
        let columns: Vec<String> = columns
            .iter()
            .map(|name| {
                let column = format!("{quote}{name}{quote}");
                let value = match *name {
                    "id" | "type" | "status" | "priority" | "quota" | "user_id"
                    | "expired_time" | "remain_quota" => {
                        format!("CAST(coalesce({column}, 0) AS BIGINT)")
                    }
                    "unlimited_quota" => {
                        format!("CAST(CASE WHEN {column} THEN 1 ELSE 0 END AS BIGINT)")
                    }
                    _ => format!("coalesce(CAST({column} AS TEXT), '')"),
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
