//! Another secret key for a database, while control planes work with it.
//!
//! 1. Every data key is wrapped by the new secret key too, and a new data key is made, for all of
//!    them: one transaction.
//! 2. What older keys sealed is sealed anew, row by row, each only if nobody changed it meanwhile.
//! 3. When every control plane was started with the new secret key, what the old ones open is
//!    removed: one transaction.
//!
//! Whatever is read between any two of these opens with the old secret key and with the new one.
//! Each step does what is left to do, so that after a crash the same command goes on.

use sqlx::any::AnyRow;

use super::{DataKey, Place, SealedWith, key_id};
use crate::store::channels::{key_place, proxy_place};
use crate::store::row::Columns;
use crate::store::sessions::signing_secret_place;
use crate::store::sql::sql;
use crate::store::wallets::service_place;
use crate::store::{Error, Result, Store};

/// What a rotation did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Values that were sealed anew.
    pub resealed: u64,
    /// Values that no key opens. They are left as they are.
    pub unreadable: u64,
}

/// A column with sealed values.
struct Sealed {
    place: fn(i64) -> Place,
    select: &'static str,
    /// Only if it is still what was read.
    update: &'static str,
}

/// Every column with sealed values.
const SEALED: &[Sealed] = &[
    Sealed {
        place: key_place,
        select: "SELECT id, key_sealed AS sealed FROM channels WHERE id > $1 ORDER BY id LIMIT $2",
        update: "UPDATE channels SET key_sealed = $3 WHERE id = $1 AND key_sealed = $2",
    },
    Sealed {
        place: proxy_place,
        select: "SELECT id, proxy_sealed AS sealed FROM channels \
                 WHERE id > $1 AND length(proxy_sealed) > 0 ORDER BY id LIMIT $2",
        update: "UPDATE channels SET proxy_sealed = $3 WHERE id = $1 AND proxy_sealed = $2",
    },
    Sealed {
        place: service_place,
        select: "SELECT id, secret_sealed AS sealed FROM balance_services WHERE id > $1 \
                 ORDER BY id LIMIT $2",
        update: "UPDATE balance_services SET secret_sealed = $3 \
                 WHERE id = $1 AND secret_sealed = $2",
    },
    Sealed {
        place: signing_secret_place,
        select: "SELECT CAST(1 AS BIGINT) AS id, value AS sealed FROM meta \
                 WHERE name = 'jwt_secret' AND CAST(1 AS BIGINT) > $1 LIMIT $2",
        update: "UPDATE meta SET value = $3 \
                 WHERE name = 'jwt_secret' AND value = $2 AND CAST(1 AS BIGINT) = $1",
    },
];

const BATCH: i64 = 100;

/// Changes nothing, and is alone with the row until the transaction ends.
const LOCK: &str = "UPDATE meta SET value = value WHERE name = 'data_key' RETURNING value";

/// Tries for one value that is written at the same time.
const TRIES: u32 = 10;

impl Store {
    /// Has everything sealed with a data key that came with the first of this store's secret keys.
    /// What the others open they go on opening, until [`Store::retire_keys`].
    ///
    /// # Errors
    /// When the database is away, or a data key opens with none of the secret keys.
    pub async fn rotate_keys(&self) -> Result<Rotation> {
        let key = self.renew_data_key().await?;
        self.reseal(&key, i64::MAX).await
    }

    /// Forgets every secret key but the first of this store's. Control planes that run go on; they
    /// start again only with that one.
    ///
    /// # Errors
    /// `Conflict` when the database was not rotated to that key, or holds what opens with none.
    pub async fn retire_keys(&self) -> Result<Rotation> {
        let ours = self.0.keys.ring.id();
        let row = sql(
            "SELECT id, wrapped FROM data_keys WHERE made_for = $1 AND master = $1 \
             ORDER BY created_at DESC",
        )
        .bind(ours.clone())
        .fetch_optional(self.writer())
        .await?;
        let current = self.current_data_key().await?;
        let Some(row) = row.filter(|row| row.int("id").ok() == current) else {
            return Err(Error::Conflict(
                "the database is not sealed with this secret key yet; run rotate-key without \
                 --retire first"
                    .into(),
            ));
        };
        let id = row.int("id")?;
        let key = DataKey::unwrap(id, &row.bytes("wrapped")?, &self.0.keys.ring);
        let done = self
            .reseal(&key.map_err(Error::SecretKey)?, i64::MAX)
            .await?;
        if done.unreadable > 0 {
            return Err(Error::Conflict(format!(
                "{} sealed values open with no key that is known here; write them again, or remove \
                 them, before older keys are forgotten",
                done.unreadable
            )));
        }
        let mut transaction = self.writer().begin().await?;
        sql("DELETE FROM data_keys WHERE id <> $1 OR master <> $2")
            .bind(id)
            .bind(ours)
            .execute(&mut *transaction)
            .await?;
        sql("DELETE FROM meta WHERE name = 'seal'")
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(done)
    }

    async fn current_data_key(&self) -> Result<Option<i64>> {
        let row = sql("SELECT value FROM meta WHERE name = 'data_key'")
            .fetch_optional(self.writer())
            .await?;
        row.as_ref().map(key_id).transpose()
    }

    /// The data key that came with our first secret key; made if it is not there.
    pub(super) async fn renew_data_key(&self) -> Result<DataKey> {
        self.read_data_keys().await?;
        let ours = self.0.keys.ring.id();
        let key = DataKey::random();
        let mut transaction = self.writer().begin().await?;
        // Waits for whoever is sealing, and keeps everybody else from it. An insert comes only where there
        // is nothing yet: in MySQL one that is refused holds the row for reading, and whoever waits to
        // write it stands in the way of our own next step.
        let there = sql(LOCK).fetch_optional(&mut *transaction).await?;
        let none = there.is_none()
            && sql("INSERT INTO meta (name, value) VALUES ('data_key', $1) ON CONFLICT DO NOTHING")
                .bind(key.id().to_be_bytes().to_vec())
                .execute(&mut *transaction)
                .await?
                .rows_affected()
                == 1;
        let row = match there {
            Some(row) => row,
            None => sql(LOCK).fetch_one(&mut *transaction).await?,
        };
        let current = key_id(&row)?;
        let rows = sql("SELECT id, made_for FROM data_keys ORDER BY id")
            .fetch_all(&mut *transaction)
            .await?;
        let mut made_for_us = None;
        for row in &rows {
            let (id, made_for) = (row.int("id")?, row.text("made_for")?);
            let Some(known) = self.0.keys.get(id) else {
                continue;
            };
            self.keep_data_key(&mut transaction, &known, &made_for)
                .await?;
            if id == current && made_for == ours {
                made_for_us = Some(known);
            }
        }
        if let (Some(known), false) = (made_for_us, none) {
            transaction.commit().await?;
            return Ok(known);
        }
        self.keep_data_key(&mut transaction, &key, &ours).await?;
        sql("UPDATE meta SET value = $1 WHERE name = 'data_key'")
            .bind(key.id().to_be_bytes().to_vec())
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        self.0.keys.add(key.clone());
        Ok(key)
    }

    /// Seals with `key` what is sealed with another one, `most` values at most.
    pub(super) async fn reseal(&self, key: &DataKey, most: i64) -> Result<Rotation> {
        let mut done = Rotation::default();
        for column in SEALED {
            let mut last = 0;
            loop {
                let rows = sql(column.select)
                    .bind(last)
                    .bind(BATCH)
                    .fetch_all(self.writer())
                    .await?;
                self.know_keys(&rows, "sealed").await?;
                for row in &rows {
                    if i64::try_from(done.resealed).is_ok_and(|resealed| resealed >= most) {
                        return Ok(done);
                    }
                    last = row.int("id")?;
                    self.reseal_row(key, column, row, &mut done).await?;
                }
                if rows.is_empty() {
                    break;
                }
            }
        }
        Ok(done)
    }

    async fn reseal_row(
        &self,
        key: &DataKey,
        column: &Sealed,
        row: &AnyRow,
        done: &mut Rotation,
    ) -> Result<()> {
        let id = row.int("id")?;
        let mut sealed = row.bytes("sealed")?;
        for _ in 0..TRIES {
            if SealedWith::of(&sealed) == SealedWith::DataKey(key.id()) {
                return Ok(());
            }
            let place = (column.place)(id);
            let secret = match self.open(place, &sealed) {
                Ok(secret) => secret,
                Err(error) => {
                    tracing::error!(%place, %error, "a sealed value does not open");
                    done.unreadable += 1;
                    return Ok(());
                }
            };
            let anew = key.seal(place, &secret).map_err(Error::SecretKey)?;
            let written = sql(column.update)
                .bind(id)
                .bind(sealed)
                .bind(anew)
                .execute(self.writer())
                .await?;
            if written.rows_affected() == 1 {
                done.resealed += 1;
                return Ok(());
            }
            // Somebody wrote it meanwhile, or removed it.
            let now = sql(column.select)
                .bind(id - 1)
                .bind(1_i64)
                .fetch_optional(self.writer())
                .await?;
            let Some(now) = now.filter(|now| now.int("id").ok() == Some(id)) else {
                return Ok(());
            };
            sealed = now.bytes("sealed")?;
        }
        Err(Error::Conflict(
            "a sealed value was changed again and again; try again".into(),
        ))
    }
}
