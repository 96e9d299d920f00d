//! Medians, and the tables for the README.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::case::{Case, Way};
use crate::memory::Cpu;
use crate::{load, streams};

#[derive(Default)]
pub(crate) struct Report {
    rounds: BTreeMap<(&'static str, Way), Rounds>,
    streams: BTreeMap<Way, streams::Measured>,
    memory: Vec<(&'static str, [f64; 2])>,
    calls_through_tollgate: u64,
}

/// All rounds of one case, one way.
#[derive(Default)]
struct Rounds {
    /// Requests per second, one of each round.
    rates: Vec<f64>,
    latencies: Vec<Duration>,
    cpu_micros: f64,
}

impl Report {
    pub(crate) fn round(&mut self, case: Case, way: Way, measured: &load::Measured, cpu: Cpu) {
        let calls = measured.latencies.len();
        let rounds = self.rounds.entry((case.name, way)).or_default();
        rounds.rates.push(calls as f64 / measured.seconds);
        rounds.latencies.extend(&measured.latencies);
        rounds.cpu_micros += cpu.micros();
        if way != Way::Bare {
            self.calls_through_tollgate += calls as u64;
        }
    }

    pub(crate) fn streams(&mut self, way: Way, measured: streams::Measured) {
        if way != Way::Bare {
            self.calls_through_tollgate += measured.calls;
        }
        let all = self.streams.entry(way).or_default();
        all.first.extend(measured.first);
        all.pieces.extend(measured.pieces);
        all.calls += measured.calls;
    }

    pub(crate) fn memory(&mut self, when: &'static str, mib: &[f64; 2]) {
        self.memory.push((when, *mib));
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls_through_tollgate
    }

    /// Progress, for who waits.
    pub(crate) fn line(&self, case: Case) -> String {
        let rates =
            Way::ALL.map(|way| format!("{:.0}", median(&self.rounds[&(case.name, way)].rates)));
        format!(
            "{}: {} requests/s ({})",
            case.name,
            rates.join(", "),
            Way::ALL.map(Way::name).join(", ")
        )
    }

    pub(crate) fn print(&self) {
        println!(
            "| prompt | way | requests/s | of bare | p50 ms | p99 ms | Envoy CPU µs/request |"
        );
        println!("|--|--|--:|--:|--:|--:|--:|");
        for case in Case::all() {
            let bare = &self.rounds[&(case.name, Way::Bare)];
            for way in Way::ALL {
                let rounds = &self.rounds[&(case.name, way)];
                // Each round against its neighbour in time: what slows the machine slows both.
                let ratios: Vec<f64> = rounds
                    .rates
                    .iter()
                    .zip(&bare.rates)
                    .map(|(t, b)| t / b)
                    .collect();
                println!(
                    "| {} | {} | {:.0} | {:.2} | {} | {} | {:.0} |",
                    case.name,
                    way.name(),
                    median(&rounds.rates),
                    median(&ratios),
                    ms(percentile(&rounds.latencies, 50)),
                    ms(percentile(&rounds.latencies, 99)),
                    rounds.cpu_micros / rounds.latencies.len() as f64,
                );
            }
        }
        println!("\n| stream | first text p50 ms | p99 ms | each piece p50 ms | p99 ms |");
        println!("|--|--:|--:|--:|--:|");
        for (way, measured) in &self.streams {
            println!(
                "| {} | {} | {} | {} | {} |",
                way.name(),
                ms(percentile(&measured.first, 50)),
                ms(percentile(&measured.first, 99)),
                ms(percentile(&measured.pieces, 50)),
                ms(percentile(&measured.pieces, 99)),
            );
        }
        println!("\n| resident memory, MiB | bare Envoy | Envoy with Tollgate |");
        println!("|--|--:|--:|");
        for (when, [bare, tollgate]) in &self.memory {
            let when = if Case::all().iter().any(|c| c.name == *when) {
                format!("under load, {when} prompts")
            } else {
                (*when).to_owned()
            };
            println!("| {when} | {bare:.0} | {tollgate:.0} |");
        }
    }
}

fn ms(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1e3)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn percentile(durations: &[Duration], percent: usize) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort();
    sorted
        .get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}
