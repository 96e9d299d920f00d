//! The keys that seal what is secret in this database.
//!
//! A new database gets a data key at its first start. One from before there were data keys goes on
//! with the secret key itself until the first rotation, so that control planes of the version
//! before can read along while they are replaced.

mod rotate;

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

pub use rotate::Rotation;

use super::row::{Columns, unexpected};
use super::sql::sql;
use super::write::Write;
use super::{Error, Result, Store};
use crate::domain::now_unix_ms;
use crate::secrets::{DataKey, KeyRing, Place, SealedWith, Secret, UnsealError};

/// Secret keys as they were given, and the data keys that they open.
pub(super) struct Keys {
    ring: KeyRing,
    data: RwLock<BTreeMap<i64, DataKey>>,
}

/// Sealed at the first start of a database from before there were data keys.
const SEAL: Place = Place {
    table: "meta",
    column: "seal",
    row: 0,
};

impl Keys {
    pub(super) fn new(ring: KeyRing) -> Self {
        Self {
            ring,
            data: RwLock::default(),
        }
    }

    fn get(&self, id: i64) -> Option<DataKey> {
        let data = self.data.read().unwrap_or_else(PoisonError::into_inner);
        data.get(&id).cloned()
    }

    fn add(&self, key: DataKey) {
        let mut data = self.data.write().unwrap_or_else(PoisonError::into_inner);
        data.insert(key.id(), key);
    }
}

impl Store {
    /// A wrong secret key is found now, not when the first channel is published without its key.
    pub(super) async fn check_keys(&self) -> Result<()> {
        if self.read_data_keys().await? {
            return Ok(());
        }
        let seal = sql("SELECT value FROM meta WHERE name = 'seal'")
            .fetch_optional(self.writer())
            .await?;
        if let Some(row) = seal {
            let opened = self.0.keys.ring.open(SEAL, &row.bytes("value")?);
            return opened.map(drop).map_err(Error::SecretKey);
        }
        let key = DataKey::random();
        let mut transaction = self.writer().begin().await?;
        // Of two that start at once, one waits here and then finds the other one's.
        let first =
            sql("INSERT INTO meta (name, value) VALUES ('data_key', $1) ON CONFLICT DO NOTHING")
                .bind(key.id().to_be_bytes().to_vec())
                .execute(&mut *transaction)
                .await?;
        if first.rows_affected() == 1 {
            self.keep_data_key(&mut transaction, &key, &self.0.keys.ring.id())
                .await?;
            transaction.commit().await?;
            self.0.keys.add(key);
            return Ok(());
        }
        transaction.rollback().await?;
        self.read_data_keys().await.map(drop)
    }

    /// Opens every data key; false when there are none. One that none of our secret keys opens is an
    /// error.
    async fn read_data_keys(&self) -> Result<bool> {
        let rows = sql("SELECT id, wrapped FROM data_keys")
            .fetch_all(self.writer())
            .await?;
        let mut closed = BTreeMap::new();
        for row in &rows {
            let id = row.int("id")?;
            match DataKey::unwrap(id, &row.bytes("wrapped")?, &self.0.keys.ring) {
                Ok(key) => self.0.keys.add(key),
                Err(error) => drop(closed.insert(id, error)),
            }
        }
        closed.retain(|id, _| self.0.keys.get(*id).is_none());
        match closed.into_values().next() {
            Some(error) => Err(Error::SecretKey(error)),
            None => Ok(!rows.is_empty()),
        }
    }

    /// Writes a data key down, once for each of our secret keys.
    async fn keep_data_key(
        &self,
        transaction: &mut Transaction<'static, Any>,
        key: &DataKey,
        made_for: &str,
    ) -> Result<()> {
        for ring in self.0.keys.ring.each() {
            sql(
                "INSERT INTO data_keys (id, master, wrapped, made_for, created_at) \
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            )
            .bind(key.id())
            .bind(ring.id())
            .bind(key.wrap(&ring).map_err(Error::SecretKey)?)
            .bind(made_for.to_owned())
            .bind(now_unix_ms())
            .execute(&mut **transaction)
            .await?;
        }
        Ok(())
    }

    /// To be called before [`Store::open`], with rows that hold sealed values: another control
    /// plane, or a rotation, may have sealed them with a data key that is news to us.
    pub(super) async fn know_keys(&self, rows: &[AnyRow], column: &'static str) -> Result<()> {
        for row in rows {
            // What cannot be read is reported by whoever opens it.
            if let Ok(sealed) = row.bytes(column)
                && let SealedWith::DataKey(id) = SealedWith::of(&sealed)
                && self.0.keys.get(id).is_none()
            {
                match self.read_data_keys().await {
                    // Likewise.
                    Ok(_) | Err(Error::SecretKey(_)) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Opens a sealed value.
    pub(super) fn open(
        &self,
        place: Place,
        sealed: &[u8],
    ) -> std::result::Result<Secret, UnsealError> {
        match SealedWith::of(sealed) {
            SealedWith::SecretKey => self.0.keys.ring.open(place, sealed),
            SealedWith::DataKey(id) => match self.0.keys.get(id) {
                Some(key) => key.open(place, sealed),
                None => Err(UnsealError::UnknownKey(format!("{id:016x}"))),
            },
        }
    }
}

impl Write {
    /// Seals a secret with the present data key.
    pub(super) async fn seal(&mut self, place: Place, secret: &Secret) -> Result<Vec<u8>> {
        let sealed = match self.data_key().await? {
            Some(key) => key.seal(place, secret),
            None => self.store.0.keys.ring.seal(place, secret),
        };
        sealed.map_err(Error::SecretKey)
    }

    /// The data key that seals now. A rotation waits with the next one until we are done, so that
    /// nothing is sealed with an old key after it looked for that.
    async fn data_key(&mut self) -> Result<Option<DataKey>> {
        let row = sql("UPDATE meta SET value = value WHERE name = 'data_key' RETURNING value")
            .fetch_optional(&mut *self.transaction)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let id = key_id(&row)?;
        if let Some(key) = self.store.0.keys.get(id) {
            return Ok(Some(key));
        }
        let rows = sql("SELECT wrapped FROM data_keys WHERE id = $1")
            .bind(id)
            .fetch_all(&mut *self.transaction)
            .await?;
        let mut why = UnsealError::UnknownKey(format!("{id:016x}"));
        for row in &rows {
            match DataKey::unwrap(id, &row.bytes("wrapped")?, &self.store.0.keys.ring) {
                Ok(key) => {
                    self.store.0.keys.add(key.clone());
                    return Ok(Some(key));
                }
                Err(error) => why = error,
            }
        }
        Err(Error::SecretKey(why))
    }
}

/// Of meta's row `data_key`.
fn key_id(row: &AnyRow) -> Result<i64> {
    let bytes: [u8; 8] = row
        .bytes("value")?
        .try_into()
        .map_err(|_| unexpected("value", "not the id of a data key"))?;
    Ok(i64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests;
