//! The last test of each model of a channel.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;

use super::error::OnConflict;
use super::query::Conditions;
use super::row::{Columns, readable, unexpected};
use super::sql::sql;
use super::{Result, Store};
use crate::domain::{ChannelTest, TestKind};

const COLUMNS: &str = "SELECT channel_id, model, test_at, actual_model, response, took, success, \
    mode, code FROM channel_tests";

impl Store {
    /// Keeps a test in the place of the one before it.
    ///
    /// # Errors
    /// `Conflict` when the channel is gone.
    pub async fn save_channel_test(&self, test: &ChannelTest) -> Result<()> {
        sql(
            "INSERT INTO channel_tests (channel_id, model, test_at, actual_model, response, took, \
             success, mode, code) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (channel_id, model) DO UPDATE SET test_at = excluded.test_at, \
             actual_model = excluded.actual_model, response = excluded.response, \
             took = excluded.took, success = excluded.success, mode = excluded.mode, \
             code = excluded.code",
        )
        .bind(test.channel_id)
        .bind(test.model.clone())
        .bind(test.test_at_ms)
        .bind(test.actual_model.clone())
        .bind(test.response.clone())
        .bind(test.took_ms)
        .bind(i64::from(test.success))
        .bind(test.kind.number())
        .bind(test.code)
        .execute(self.writer())
        .await
        .on_conflict(|| format!("channel {} is gone", test.channel_id))?;
        Ok(())
    }

    /// The tests of these channels, by channel, each channel's by model.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn channel_tests(&self, channels: &[i64]) -> Result<BTreeMap<i64, Vec<ChannelTest>>> {
        let mut conditions = Conditions::default();
        conditions.ids("channel_id", channels);
        let rows = conditions
            .statement(COLUMNS, " ORDER BY channel_id, model")
            .fetch_all(self.reader())
            .await?;
        let mut tests: BTreeMap<i64, Vec<ChannelTest>> = BTreeMap::new();
        for test in readable(&rows, "a test of a channel", "channel_id", channel_test) {
            tests.entry(test.channel_id).or_default().push(test);
        }
        Ok(tests)
    }
}

fn channel_test(row: &AnyRow) -> Result<ChannelTest> {
    let kind = TestKind::from_number(row.int("mode")?);
    Ok(ChannelTest {
        channel_id: row.int("channel_id")?,
        model: row.text("model")?,
        test_at_ms: row.int("test_at")?,
        actual_model: row.text("actual_model")?,
        response: row.text("response")?,
        took_ms: row.int("took")?,
        success: row.flag("success")?,
        kind: kind.ok_or_else(|| unexpected("mode", "a kind of test that is not known"))?,
        code: row.int("code")?,
    })
}
