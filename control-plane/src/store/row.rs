//! Reading columns of any of the databases.

use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Error, Result};
use crate::domain::Status;

/// Columns by name and meaning, instead of by driver type.
pub(super) trait Columns {
    fn int(&self, column: &'static str) -> Result<i64>;
    fn optional_int(&self, column: &'static str) -> Result<Option<i64>>;
    fn text(&self, column: &'static str) -> Result<String>;
    fn optional_text(&self, column: &'static str) -> Result<Option<String>>;
    fn bytes(&self, column: &'static str) -> Result<Vec<u8>>;

    fn flag(&self, column: &'static str) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    fn status(&self) -> Result<Status> {
        let number = self.int("status")?;
        Status::from_number(number).ok_or_else(|| unexpected("status", "not a status"))
    }

    fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|error| unexpected(column, error))
    }

    fn narrow<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T> {
        self.int(column)?
            .try_into()
            .map_err(|_| unexpected(column, "out of range"))
    }
}

impl Columns for AnyRow {
    fn int(&self, column: &'static str) -> Result<i64> {
        self.try_get(column)
            .map_err(|error| unexpected(column, error))
    }

    fn optional_int(&self, column: &'static str) -> Result<Option<i64>> {
        self.try_get(column)
            .map_err(|error| unexpected(column, error))
    }

    fn text(&self, column: &'static str) -> Result<String> {
        self.try_get(column)
            .map_err(|error| unexpected(column, error))
    }

    fn optional_text(&self, column: &'static str) -> Result<Option<String>> {
        self.try_get(column)
            .map_err(|error| unexpected(column, error))
    }

    fn bytes(&self, column: &'static str) -> Result<Vec<u8>> {
        self.try_get(column)
            .map_err(|error| unexpected(column, error))
    }
}

/// What can be read of a list. A row that cannot is reported and left out, so that it does not hide
/// the others.
pub(super) fn readable<T>(
    rows: &[AnyRow],
    what: &str,
    key: &str,
    read: impl Fn(&AnyRow) -> Result<T>,
) -> Vec<T> {
    let read = |row: &AnyRow| match read(row) {
        Ok(item) => Some(item),
        Err(error) => {
            let id = match row.try_get::<i64, _>(key) {
                Ok(number) => number.to_string(),
                Err(_) => row.try_get(key).unwrap_or_default(),
            };
            tracing::error!(id, %error, "{what} cannot be read and is left out");
            None
        }
    };
    rows.iter().filter_map(read).collect()
}

pub(super) fn unexpected(column: &str, why: impl std::fmt::Display) -> Error {
    Error::Row {
        column: column.to_owned(),
        why: why.to_string(),
    }
}

/// A list or a map as JSON text.
pub(super) fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    // Strings, and maps with string keys, always have a JSON form.
    serde_json::to_string(value).unwrap_or_default()
}
