//! What a process takes, from /proc; zeros where there is none.

use std::fs;
use std::ops::Sub;
use std::time::Duration;

/// Resident memory in MiB.
pub(crate) fn resident_mib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line
        .and_then(|l| l.split_whitespace().next()?.parse().ok())
        .unwrap_or(0.0);
    kib / 1024.0
}

/// Processor time, in user and system mode together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    ticks: u64,
}

impl Cpu {
    /// A tick is 10 ms on every Linux that Envoy runs on (`USER_HZ`).
    const TICK: Duration = Duration::from_millis(10);

    pub(crate) fn of(pid: u32) -> Self {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // Fields 14 and 15, proc_pid_stat(5); the second field may hold spaces, and ends with ')'.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|f| f.parse::<u64>().ok());
        Self { ticks: ticks.sum() }
    }

    pub(crate) fn micros(self) -> f64 {
        Self::TICK.as_secs_f64() * 1e6 * self.ticks as f64
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            ticks: self.ticks.saturating_sub(earlier.ticks),
        }
    }
}
