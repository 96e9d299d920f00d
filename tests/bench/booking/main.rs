//! What booking costs, and what lists cost when much was booked: on SQLite and on PostgreSQL, two
//! gateways' worth of usage for some seconds, then a million log rows and the admin API over them.
//! Prints Markdown; ends with 1 when a target is missed.
//!
//! `make bench-booking`, or `make bench-booking ARGS="--seconds 30 --rows 100000"`. Both programs,
//! this one and the server, share the machine's cores.

mod lists;
mod load;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use tollgate::secrets::KeyRing;
use tollgate::store::Store;
use tollgate_tests::postgres::Postgres;

/// How long and how much.
struct Effort {
    seconds: f64,
    rows: i64,
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
    let server = tokio::task::spawn_blocking(Postgres::start).await?;
    let sqlite = open(path(&file)?).await?;
    let postgres = open(&server.dsn()).await?;
    let databases = [
        ("SQLite", &sqlite, SQLITE_RATE),
        ("PostgreSQL", &postgres, POSTGRES_RATE),
    ];
    let mut missed = Vec::new();

    println!("| database | usage events/s | target | batch p50 ms | p99 ms |");
    println!("|--|--:|--:|--:|--:|");
    for (name, store, target) in databases {
        let taken = load::run(store, effort.seconds).await?;
        let (rate, p50, p99) = (taken.rate(), taken.percentile(50), taken.percentile(99));
        println!("| {name} | {rate:.0} | {target:.0} | {p50:.1} | {p99:.1} |");
        if rate < target {
            missed.push(format!("{name} took {rate:.0} events/s"));
        }
    }

    println!(
        "\n| list over {} rows | SQLite ms | PostgreSQL ms |",
        effort.rows
    );
    println!("|--|--:|--:|");
    let mut columns = Vec::new();
    for (name, store, _) in databases {
        eprintln!("{name}: {} rows", effort.rows);
        load::fill(store, effort.rows).await?;
        columns.push(lists::run(store).await?);
    }
    let [sqlite, postgres] = columns.as_slice() else {
        bail!("two databases have two columns");
    };
    for ((list, first), (_, second)) in sqlite.iter().zip(postgres) {
        println!("| `{list}` | {first:.1} | {second:.1} |");
        if first.max(*second) > LIST_MS {
            missed.push(format!("{list} took {:.0} ms", first.max(*second)));
        }
    }
    if !missed.is_empty() {
        bail!("targets are missed: {}", missed.join("; "));
    }
    Ok(())
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
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments
                .next()
                .with_context(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--seconds" => effort.seconds = value.parse()?,
                "--rows" => effort.rows = value.parse()?,
                _ => bail!("unknown argument {name}; there are --seconds S and --rows N"),
            }
        }
        Ok(effort)
    }
}
