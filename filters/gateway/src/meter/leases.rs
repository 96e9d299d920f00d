//! Leases that the control plane wants back.

use tollgate_config::leases::{HOLDER_KEY, Lease, Leases};
use tollgate_host::{Level, MeterHost};

use crate::accounts::change;

/// The name under which this Envoy process holds leases. A meter that was made anew finds the one
/// that the workers know.
pub(super) fn holder(host: &dyn MeterHost) -> String {
    if let Some(known) = host.shared(HOLDER_KEY) {
        return String::from_utf8_lossy(&known).into_owned();
    }
    let holder = format!("{:016x}{:016x}", host.random(), host.random());
    if let Err(error) = host.set_shared(HOLDER_KEY, Some(holder.as_bytes())) {
        host.log(
            Level::Error,
            &format!("workers cannot have leases: {error}"),
        );
    }
    holder
}

/// Gives back what no call has reserved, and says how much that is by now.
pub(super) fn give_back(host: &dyn MeterHost, holder: String, recalled: &[Lease]) -> Leases {
    let now = host.now_unix_ms();
    let mut leases = Vec::new();
    for Lease { budget, id, .. } in recalled {
        let mut report = Lease::default();
        change(host, budget, &mut |account| {
            account.give_back(now);
            report = account.report(budget, 0);
            report.id != 0
        });
        if report.id != *id {
            // What was granted with this one never came here.
            report = Lease {
                budget: budget.clone(),
                id: *id,
                ..Lease::default()
            };
        }
        leases.push(report);
    }
    Leases { holder, leases }
}
