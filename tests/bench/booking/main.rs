//! What booking costs, and what lists cost when much was booked: on SQLite, PostgreSQL and MariaDB,
//! two gateways' worth of usage for some seconds, then a million log rows and the admin API over them.
//! Prints Markdown; ends with 1 when a target is missed. MariaDB has none: its planner passes over
//! indexes that hold all that a list asks for.
//!
//! `make bench-booking`, `make bench-lists`, or with `ARGS="--seconds 30 --rows 100000"`. Both
//! programs, this one and the server, share the machine's cores.

mod fill;
mod lists;
mod load;
mod others;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use tollgate::secrets::KeyRing;
use tollgate::store::Store;
use tollgate_tests::mariadb::MariaDb;
use tollgate_tests::postgres::Postgres;

use lists::Measured;

/// How long and how much.
struct Effort {
    seconds: f64,
    rows: i64,
    /// One database alone.
    only: Option<String>,
}

/// Usage events a second that a database must take, and how long a list may take.
const SQLITE_RATE: f64 = 1_000.0;
const POSTGRES_RATE: f64 = 5_000.0;
const LIST_MS: f64 = 100.0;

fn main() -> ExitCode {
    let run = Effort::from_arguments().and_then(|effort| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("no runtime")?;
        runtime.block_on(measure(&effort))
    });
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(effort: &Effort) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("tollgate.db");
    let postgres = tokio::task::spawn_blocking(Postgres::start).await?;
    let mariadb = tokio::task::spawn_blocking(MariaDb::start_large).await?;
    let databases = [
        ("SQLite", path(&file)?.to_owned(), Some(SQLITE_RATE)),
        ("PostgreSQL", postgres.dsn(), Some(POSTGRES_RATE)),
        ("MariaDB", mariadb.dsn(), None),
    ];
    let mut missed = Vec::new();
    if effort.seconds > 0.0 {
        println!("| database | usage events/s | target | batch p50 ms | p99 ms |");
        println!("|--|--:|--:|--:|--:|");
    }
    let mut stores = Vec::new();
    for (name, address, target) in &databases {
        if !effort.takes(name) {
            continue;
        }
        let store = open(address).await?;
        if effort.seconds > 0.0 {
            missed.extend(book(name, &store, *target, effort.seconds).await?);
        }
        stores.push((*name, address.as_str(), store, target.is_some()));
    }
    if effort.rows > 0 {
        for (name, address, store, has_target) in &stores {
            let slow = lists(name, address, store, effort.rows).await?;
            missed.extend(slow.filter(|_| *has_target));
        }
    }
    if !missed.is_empty() {
        bail!("targets are missed: {}", missed.join("; "));
    }
    Ok(())
}

/// Prints a row; answers what is missed.
async fn book(
    name: &str,
    store: &Store,
    target: Option<f64>,
    seconds: f64,
) -> anyhow::Result<Option<String>> {
    let taken = load::run(store, seconds).await?;
    let (rate, p50, p99) = (taken.rate(), taken.percentile(50), taken.percentile(99));
    let aim = target.map_or("none".into(), |target| format!("{target:.0}"));
    println!("| {name} | {rate:.0} | {aim} | {p50:.1} | {p99:.1} |");
    let is_missed = target.is_some_and(|target| rate < target);
    Ok(is_missed.then(|| format!("{name} took {rate:.0} events/s")))
}

/// Prints a table, and each list that takes too long; answers how many those are.
async fn lists(
    name: &str,
    address: &str,
    store: &Store,
    rows: i64,
) -> anyhow::Result<Option<String>> {
    let begun = Instant::now();
    fill::run(store, address, rows).await?;
    eprintln!(
        "{name}: {rows} rows in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    println!("\n| {name}, {rows} rows | questions | p50 ms | slowest p50 | worst | of |");
    println!("|--|--:|--:|--:|--:|--|");
    let mut slow = Vec::new();
    for Measured {
        what,
        mut questions,
    } in lists::run(store, address).await?
    {
        questions.sort_by(|(_, a, _), (_, b, _)| f64::total_cmp(a, b));
        let middle = questions.get(questions.len() / 2).map_or(0.0, |it| it.1);
        let worst = questions.iter().map(|it| it.2).fold(0.0, f64::max);
        if let Some((question, slowest, _)) = questions.last() {
            let number = questions.len();
            println!(
                "| {what} | {number} | {middle:.1} | {slowest:.1} | {worst:.1} | `{question}` |"
            );
        }
        slow.extend(questions.into_iter().filter(|it| it.1 > LIST_MS));
    }
    for (question, time, worst) in &slow {
        println!("- over {LIST_MS} ms: `{question}`, {time:.0} ms, at worst {worst:.0}");
    }
    let number = slow.len();
    Ok((number > 0).then(|| format!("{name} has {number} lists that take too long")))
}

async fn open(address: &str) -> anyhow::Result<Store> {
    Ok(Store::connect(address, KeyRing::random()).await?)
}

fn path(file: &Path) -> anyhow::Result<&str> {
    file.to_str().context("the folder's name is not UTF-8")
}

impl Effort {
    fn from_arguments() -> anyhow::Result<Self> {
        let mut effort = Self {
            seconds: 20.0,
            rows: 1_000_000,
            only: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments
                .next()
                .with_context(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--seconds" => effort.seconds = value.parse()?,
                "--rows" => effort.rows = value.parse()?,
                "--only" => effort.only = Some(value),
                _ => bail!(
                    "unknown argument {name}; there are --seconds S (of booking; 0: none), --rows N \
                     (of lists; 0: none) and --only sqlite|postgresql|mariadb"
                ),
            }
        }
        Ok(effort)
    }

    fn takes(&self, name: &str) -> bool {
        let only = self.only.as_deref();
        only.is_none_or(|only| only.eq_ignore_ascii_case(name))
    }
}
