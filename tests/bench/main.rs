//! What Tollgate costs: one run on loopback in which bare Envoy and Envoy with Tollgate forward the
//! same calls to the same upstream, in turns, because the machine's noise is larger than the
//! difference. Prints Markdown; ends with 1 on any answer that is not 2xx.
//!
//! `make bench`, or `make bench ARGS="--rounds 9 --seconds 3"`.

mod bare;
mod case;
mod load;
mod memory;
mod report;
mod streams;
mod upstream;

use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::json;
use tollgate_tests::process::children_of;
use tollgate_tests::{Dialect, Gateway, Scene};

use crate::bare::BareEnvoy;
use crate::case::{Case, Way};
use crate::memory::{Cpu, resident_mib};
use crate::report::Report;

/// How long and how often.
struct Effort {
    rounds: usize,
    seconds: f64,
}

/// The two Envoys and how to call them.
struct Field {
    bare: BareEnvoy,
    gateway: Gateway,
    gateway_envoy: u32,
    /// A scene for each dialect of the upstream.
    scenes: [Scene; 2],
}

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
    let upstream = upstream::start().await?;
    let field = tokio::task::spawn_blocking(move || Field::set(upstream)).await?;
    let mut report = Report::default();
    report.memory("before", &field.memory());

    for case in Case::all() {
        for round in 0..effort.rounds {
            // Who is first changes with every round.
            for n in 0..Way::ALL.len() {
                let way = Way::ALL[(round + n) % Way::ALL.len()];
                let target = field.target(way, case);
                let cpu = Cpu::of(field.envoy(way));
                let measured = load::run(&target, case.connections, effort.seconds).await?;
                let spent = Cpu::of(field.envoy(way)) - cpu;
                report.round(case, way, &measured, spent);
            }
        }
        report.memory(case.name, &field.memory());
        eprintln!("{}", report.line(case));
    }
    for way in Way::ALL {
        for _ in 0..effort.rounds.div_ceil(2) {
            let target = field.target(way, Case::streaming());
            report.streams(way, streams::run(&target, effort.seconds).await?);
        }
    }
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    report.memory("after", &field.memory());
    report.print();

    let (booked, calls) = field.booked(report.calls()).await?;
    println!("\nLedger: {booked} of {calls} calls through Tollgate are booked.");
    if booked != calls {
        bail!("the ledger has {booked} of {calls} calls");
    }
    Ok(())
}

impl Effort {
    fn from_arguments() -> anyhow::Result<Self> {
        let mut effort = Self {
            rounds: 5,
            seconds: 1.5,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments
                .next()
                .with_context(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--rounds" => effort.rounds = value.parse()?,
                "--seconds" => effort.seconds = value.parse()?,
                _ => bail!("unknown argument {name}; there are --rounds N and --seconds S"),
            }
        }
        Ok(effort)
    }
}

impl Field {
    fn set(upstream: std::net::SocketAddr) -> Self {
        let bare = BareEnvoy::start(upstream);
        let gateway = Gateway::builder().env("TOLLGATE_CONCURRENCY", "1").start();
        let gateway_envoy = *children_of(gateway.process().pid())
            .first()
            .expect("Envoy runs");
        let base_url = format!("http://{upstream}/v1");
        let scenes = Dialect::ALL.map(|dialect| {
            Scene::on(&gateway)
                .channel_to(dialect, &base_url, json!({}))
                .ready()
        });
        Self {
            bare,
            gateway,
            gateway_envoy,
            scenes,
        }
    }

    fn target(&self, way: Way, case: Case) -> load::Target {
        let (address, scene) = match way {
            Way::Bare => (self.bare.address(), &self.scenes[0]),
            Way::Same | Way::FromAnthropic => (self.gateway.address(), &self.scenes[0]),
            Way::FromOpenAi => (self.gateway.address(), &self.scenes[1]),
        };
        let request = scene.with_token(case.request(way.caller(), &scene.model));
        load::Target {
            address,
            request: request.bytes(address),
        }
    }

    fn envoy(&self, way: Way) -> u32 {
        if way == Way::Bare {
            self.bare.pid()
        } else {
            self.gateway_envoy
        }
    }

    fn memory(&self) -> [f64; 2] {
        [self.bare.pid(), self.gateway_envoy].map(resident_mib)
    }

    /// Waits for the ledger to come to rest, then counts.
    async fn booked(&self, calls: u64) -> anyhow::Result<(u64, u64)> {
        let admin = self.gateway.admin();
        let channels = self.scenes.each_ref().map(|scene| scene.channels[0]);
        let count = tokio::task::spawn_blocking(move || {
            let count = || -> u64 { channels.iter().map(|id| admin.count_attempts(*id)).sum() };
            let mut last = count();
            for _ in 0..120 {
                if last >= calls {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_secs(1));
                last = count();
            }
            last
        });
        Ok((count.await?, calls))
    }
}
