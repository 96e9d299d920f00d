//! Where one-api's database is: an address, a path, or what one-api itself has in `SQL_DSN`.

use sqlx::any::AnyConnectOptions;
use url::Url;

use crate::store::connect::percent_encode;
use crate::store::{Error, Result};

/// Databases that one-api runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
    Mysql,
}

/// How to connect.
pub(super) fn options(address: &str) -> Result<(AnyConnectOptions, Kind)> {
    let own = mysql_url(address).map(String::from);
    let address = own.as_deref().unwrap_or(address);
    let (url, kind) = match address.split_once("://") {
        Some(("postgres" | "postgresql", _)) => (address.to_owned(), Kind::Postgres),
        Some(("mysql" | "mariadb", _)) => {
            if !Url::parse(address).is_ok_and(|url| url.path().len() > 1) {
                let rule = "the mysql:// address is not valid, or does not name the database";
                return Err(refused(rule));
            }
            (address.to_owned(), Kind::Mysql)
        }
        Some(("sqlite", _)) | None => (file_url(address)?, Kind::Sqlite),
        // What follows may be a password, and what is no scheme may be one too.
        Some((scheme, _)) => {
            let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+');
            let what = match !scheme.is_empty() && scheme.bytes().all(plain) {
                true => format!("{scheme}://"),
                false => "such an address".to_owned(),
            };
            return Err(refused(&format!(
                "{what} is not read here; use postgres://, mysql:// or the path of an SQLite file"
            )));
        }
    };
    let options = url
        .parse()
        .map_err(|_| refused("the address is not valid"))?;
    Ok((options, kind))
}

/// The `mysql://` of what one-api's driver takes (github.com/go-sql-driver/mysql, "DSN"):
/// `user:password@tcp(host:port)/database?…`. Its parameters are about how Go reads, and are left out.
/// `None` when it is none.
#[must_use]
pub fn mysql_url(dsn: &str) -> Option<Url> {
    let (front, database) = dsn.rsplit_once('/')?;
    let database = database.split('?').next().unwrap_or_default();
    // The password may have any letter, so the last of each counts.
    let (account, place) = front.rsplit_once('@')?;
    let (user, password) = account.split_once(':').unwrap_or((account, ""));
    let place = place.strip_prefix("tcp(")?.strip_suffix(')')?;
    if user.is_empty() || place.is_empty() {
        return None;
    }
    let mut url = Url::parse(&format!("mysql://{place}/")).ok()?;
    url.set_username(user).ok()?;
    url.set_password(Some(password).filter(|it| !it.is_empty()))
        .ok()?;
    url.set_path(database);
    Some(url)
}

fn file_url(address: &str) -> Result<String> {
    let path = address.strip_prefix("sqlite:").unwrap_or(address);
    // As one-api writes it, with what its driver wants behind the name.
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split('?').next().unwrap_or(path);
    // Never the text: it may be another form of address, with a password in it.
    if path.is_empty() || !std::path::Path::new(path).is_file() {
        return Err(refused(
            "there is no file of that name; give postgres://…, mysql://…, one-api's own \
             user:password@tcp(host:port)/database, or the path of an SQLite file",
        ));
    }
    let path = std::path::absolute(path).map_err(|error| refused(&error.to_string()))?;
    let path = path
        .to_str()
        .ok_or_else(|| refused("its path is not UTF-8"))?;
    Ok(format!("sqlite://{}?mode=ro", percent_encode(path)))
}

fn refused(text: &str) -> Error {
    Error::Address(format!("one-api's database: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_apis_own_address_is_understood() {
        for (dsn, url) in [
            (
                "root:123456@tcp(localhost:3306)/oneapi",
                Some("mysql://root:123456@localhost:3306/oneapi"),
            ),
            (
                "u:p@ss:w/rd#?@tcp(10.0.0.7:3307)/d?charset=utf8mb4&parseTime=true",
                Some("mysql://u:p%40ss%3Aw%2Frd%23%3F@10.0.0.7:3307/d"),
            ),
            ("root@tcp([::1]:3306)/d", Some("mysql://root@[::1]:3306/d")),
            ("root:x@unix(/run/mysqld.sock)/d", None),
            ("postgres://u:p@h/d", None),
            ("mysql://u:p@h/d", None),
            ("/var/lib/one-api.db", None),
            ("@tcp(h)/d", None),
        ] {
            let found = mysql_url(dsn).map(String::from);
            assert_eq!(found.as_deref(), url, "{dsn}");
        }
    }
}
