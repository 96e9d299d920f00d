//! Tokens that are rotated: what they were goes on working for a while.

use std::collections::BTreeMap;

use tollgate_config::meter::TokenUpdate;

use super::query::Conditions;
use super::row::Columns;
use super::sql::sql;
use super::tokens::hash;
use super::write::Write;
use super::{Change, Error, Result, Store};
use crate::domain::{Token, now_unix_ms};
use crate::secrets::{NewToken, Secret, TokenHash};

/// Earlier texts of one token that work at the same time.
const MOST: i64 = 8;

impl Store {
    /// Gives a token another text, which is shown this once, and lets the present one work for
    /// `overlap_ms` more milliseconds.
    ///
    /// # Errors
    /// `NotFound` when there is none; `Conflict` when too many earlier texts still work.
    pub async fn rotate_token(
        &self,
        id: i64,
        group: Option<&str>,
        overlap_ms: i64,
    ) -> Result<(Token, Secret)> {
        let group = group.map(str::to_owned);
        self.write(move |write| Box::pin(write.rotate_token(id, group, overlap_ms)))
            .await
    }

    /// The id of the token that had this hash and was rotated; gateways may know that it has ended.
    pub(super) async fn rotated(&self, hash: &TokenHash) -> Result<Option<i64>> {
        let row = sql("SELECT token_id FROM token_overlaps WHERE hash = $1")
            .bind(hash.to_vec())
            .fetch_optional(self.reader())
            .await?;
        row.map(|row| row.int("token_id")).transpose()
    }

    /// Puts beside each token what it was, for gateways to refuse it at the right moment by
    /// themselves.
    pub(super) async fn add_overlaps(
        &self,
        conditions: &Conditions,
        updates: &mut Vec<TokenUpdate>,
    ) -> Result<()> {
        let select = "SELECT token_overlaps.hash AS hash, token_overlaps.token_id AS token_id, \
                      token_overlaps.ends_at AS ends_at \
                      FROM token_overlaps JOIN tokens ON tokens.id = token_overlaps.token_id";
        let rows = conditions
            .statement(select, "")
            .fetch_all(self.reader())
            .await?;
        if rows.is_empty() {
            return Ok(());
        }
        let records: BTreeMap<_, _> = updates
            .iter()
            .filter_map(|update| update.record.clone())
            .map(|record| (record.id, record))
            .collect();
        let now = now_unix_ms();
        for row in &rows {
            let ends_at = row.int("ends_at")?;
            let record = records.get(&row.int("token_id")?);
            let Some(mut record) = record.filter(|_| ends_at > now).cloned() else {
                continue;
            };
            record.ends_unix_ms = ends_at;
            updates.push(TokenUpdate {
                hash: row.bytes("hash")?,
                record: Some(record),
            });
        }
        Ok(())
    }
}

impl Write {
    async fn rotate_token(
        &mut self,
        id: i64,
        group: Option<String>,
        overlap_ms: i64,
    ) -> Result<(Token, Secret)> {
        let now = now_unix_ms();
        // Changes nothing, and keeps others from rotating it at the same time.
        let row = sql(
            "UPDATE tokens SET hint = hint WHERE id = $1 AND group_id = coalesce($2, group_id) \
             RETURNING hash",
        )
        .bind(id)
        .bind(group)
        .fetch_optional(&mut *self.transaction)
        .await?;
        let old = hash(&row.ok_or_else(|| Error::missing("token", id))?)?;
        let fresh = NewToken::random();
        sql("UPDATE tokens SET hash = $2, hint = $3 WHERE id = $1")
            .bind(id)
            .bind(fresh.hash.to_vec())
            .bind(fresh.hint.clone())
            .execute(&mut *self.transaction)
            .await?;
        if overlap_ms > 0 {
            let others = sql(
                "SELECT count(*) AS others FROM token_overlaps WHERE token_id = $1 AND ends_at > $2",
            )
            .bind(id)
            .bind(now)
            .fetch_one(&mut *self.transaction)
            .await?
            .int("others")?;
            if others >= MOST {
                return Err(Error::Conflict(format!(
                    "{MOST} earlier keys of this token still work; wait until one ends, or rotate \
                     without overlap_seconds"
                )));
            }
            sql("INSERT INTO token_overlaps (hash, token_id, ends_at) VALUES ($1, $2, $3)")
                .bind(old.to_vec())
                .bind(id)
                .bind(now.saturating_add(overlap_ms))
                .execute(&mut *self.transaction)
                .await?;
        } else {
            // Whoever wants the present one gone does not want earlier ones to stay.
            let mut revoked = self.end_overlaps(id).await?;
            revoked.push(old);
            self.changed(Change::Revoked(revoked));
        }
        self.changed(Change::Tokens(vec![id]));
        Ok((self.token(id).await?, fresh.secret))
    }

    /// Ends the overlaps of a token; to be announced as revoked.
    pub(super) async fn end_overlaps(&mut self, token: i64) -> Result<Vec<TokenHash>> {
        let rows = sql("DELETE FROM token_overlaps WHERE token_id = $1 RETURNING hash")
            .bind(token)
            .fetch_all(&mut *self.transaction)
            .await?;
        rows.iter().map(hash).collect()
    }
}

#[cfg(test)]
mod tests;
