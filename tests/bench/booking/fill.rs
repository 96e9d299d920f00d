//! A million log rows in little time: some are booked as usage is, and then copied, each copy of
//! them on an earlier day, with the summaries that they add up to. As many rows of other lists are made
//! from them.

use anyhow::Context;
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyPool, AssertSqlSafe, Column, Executor, Row};
use tollgate::domain::Tally;
use tollgate::store::Store;

use super::{load, others};

/// Rows that are booked; there are copies enough of them for a month or two.
const BOOKED: i64 = 20_000;

const DAY_MS: i64 = 86_400_000;

/// Columns that the database fills in.
const ITS_OWN: [&str; 2] = ["id", "failed"];

/// Books and copies until there are so many rows.
pub(crate) async fn run(store: &Store, address: &str, rows: i64) -> anyhow::Result<()> {
    let tokens = load::scene(store).await?;
    let pool = pool(address).await?;
    let there = number(&pool, "SELECT count(*) FROM logs").await?;
    if there < BOOKED.min(rows) {
        load::book(store, &tokens, BOOKED.min(rows) - there).await?;
    }
    let booked = "SELECT max(id) FROM (SELECT id FROM logs ORDER BY id LIMIT 20000) AS first_ones";
    let last = number(&pool, booked).await?;
    let columns = columns(&pool).await?;
    let mut day = 0;
    while number(&pool, "SELECT count(*) FROM logs").await? < rows {
        day += 1;
        run_one(&pool, copy(&columns, day, last)).await?;
    }
    for summaries in summaries() {
        run_one(&pool, summaries).await?;
    }
    while store.fill_addresses().await? {}
    others::run(store, &pool).await?;
    // What the databases do by themselves in the background.
    let tidy = match pool.acquire().await?.backend_name() {
        "PostgreSQL" => "VACUUM ANALYZE",
        "MySQL" => {
            "ANALYZE TABLE logs, group_summaries, channel_summaries, address_groups, audit_logs, \
             transactions, postings, charges"
        }
        _ => "PRAGMA optimize",
    };
    pool.execute(tidy).await?;
    pool.close().await;
    Ok(())
}

/// Makes a state that no method makes.
pub(crate) async fn execute(address: &str, text: &'static str) -> anyhow::Result<()> {
    let pool = pool(address).await?;
    pool.execute(text).await?;
    pool.close().await;
    Ok(())
}

async fn pool(address: &str) -> anyhow::Result<AnyPool> {
    let address = match address.contains("://") {
        true => address.to_owned(),
        false => format!("sqlite://{address}"),
    };
    let pool = AnyPoolOptions::new().max_connections(1);
    let pool = pool.connect(&address).await;
    pool.context("the database cannot be reached a second time")
}

/// The booked rows once more, over a whole day of those before.
fn copy(columns: &[String], day: i64, last: i64) -> String {
    let values: Vec<String> = columns
        .iter()
        .map(|column| match column.as_str() {
            "request_id" | "upstream_id" => format!("CONCAT('{day}-', {column})"),
            "created_at" | "request_at" => {
                format!("{column} - {} + (id * 7919 % 86400) * 1000", day * DAY_MS)
            }
            _ => column.clone(),
        })
        .collect();
    format!(
        "INSERT INTO logs ({}) SELECT {} FROM logs WHERE id <= {last}",
        columns.join(", "),
        values.join(", ")
    )
}

/// What all of them add up to, by minute for the last week, by hour and by day. Copies lie in the
/// minutes of what was booked, too, so it is summed anew.
fn summaries() -> Vec<String> {
    let spans = [(60_000, 7), (3_600_000, 1_000), (86_400_000, 1_000)];
    let tables = [
        ("group_summaries", "group_id, token_name, model"),
        ("channel_summaries", "channel_id, model"),
    ];
    let mut statements = Vec::new();
    for (table, of) in tables {
        statements.push(format!("DELETE FROM {table}"));
        for (span, days) in spans {
            let sums: Vec<String> = Tally::FIELDS.iter().map(|field| sum(field)).collect();
            statements.push(format!(
                "INSERT INTO {table} (span, start_at, {of}, {}) \
                 SELECT {span}, created_at - created_at % {span}, {of}, {} FROM logs \
                 WHERE created_at > (SELECT max(created_at) FROM logs) - {} \
                 GROUP BY created_at - created_at % {span}, {of}",
                Tally::FIELDS.join(", "),
                sums.join(", "),
                days * DAY_MS,
            ));
        }
    }
    statements
}

fn sum(field: &str) -> String {
    match field {
        "request_count" => "count(*)".to_owned(),
        "exception_count" => "sum(CASE WHEN code = 200 THEN 0 ELSE 1 END)".to_owned(),
        "used_amount" => "sum(amount)".to_owned(),
        "input_tokens" | "output_tokens" => format!("sum({field})"),
        "total_time_milliseconds" => "sum(duration_ms)".to_owned(),
        _ => "0".to_owned(),
    }
}

async fn columns(pool: &AnyPool) -> anyhow::Result<Vec<String>> {
    let row = pool.fetch_one("SELECT * FROM logs LIMIT 1").await?;
    let names = row.columns().iter().map(|column| column.name().to_owned());
    Ok(names
        .filter(|name| !ITS_OWN.contains(&name.as_str()))
        .collect())
}

async fn number(pool: &AnyPool, text: &'static str) -> anyhow::Result<i64> {
    Ok(pool.fetch_one(text).await?.try_get(0)?)
}

async fn run_one(pool: &AnyPool, text: String) -> anyhow::Result<()> {
    pool.execute(AssertSqlSafe(text)).await?;
    Ok(())
}
