//! Whether model calls are served.

use super::{Gateway, Registry};
use crate::xds::Kind;

/// Without any of these a gateway serves nothing.
const NEEDED: [Kind; 4] = [Kind::Cluster, Kind::Listener, Kind::Route, Kind::Extension];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// Gateways with an xDS stream.
    pub connected: usize,
    /// Those that have taken a whole configuration and all tokens.
    pub ready: usize,
}

impl Registry {
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let gateways = self.lock();
        Readiness {
            connected: gateways
                .values()
                .filter(|gateway| gateway.xds.is_some())
                .count(),
            ready: gateways
                .values()
                .filter(|gateway| gateway.is_ready())
                .count(),
        }
    }

    /// Whether this gateway serves.
    pub(super) fn is_ready(&self, node: &str) -> bool {
        self.lock().get(node).is_some_and(Gateway::is_ready)
    }

    /// Waits until a gateway serves.
    pub async fn wait_until_ready(&self) {
        let mut changes = self.changes();
        while self.readiness().ready == 0 {
            // The sender lives as long as `self`.
            let _ = changes.changed().await;
        }
    }
}

impl Gateway {
    /// It has taken *a* version of everything, not always the newest: one that refused a change
    /// serves on with the last good version, and is not to be taken out of service for it.
    pub(super) fn is_ready(&self) -> bool {
        let configured = |xds: &super::Xds| {
            NEEDED.iter().all(|kind| {
                xds.resources
                    .get(kind.label())
                    .is_some_and(|progress| !progress.acked.is_empty())
            })
        };
        let has_tokens = |meter: &super::Meter| {
            meter.snapshot_version != 0 && meter.tokens_applied >= meter.snapshot_version
        };
        self.xds.as_ref().is_some_and(configured) && self.meter.as_ref().is_some_and(has_tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xds::delta::{Refusal, Status};

    fn acked(version: &str) -> Option<Status> {
        Some(Status {
            published: version.into(),
            acked: true,
        })
    }

    #[test]
    fn a_gateway_is_ready_when_it_has_everything() {
        let registry = Registry::new();
        let xds = registry.xds_connected("n");
        let meter = registry.meter_connected("n");
        for kind in NEEDED {
            assert_eq!(
                registry.readiness(),
                Readiness {
                    connected: 1,
                    ready: 0
                }
            );
            xds.progress(kind, acked("1"));
        }
        assert_eq!(registry.readiness().ready, 0, "no tokens yet");
        meter.sent(7);
        meter.applied(6);
        assert_eq!(registry.readiness().ready, 0, "an older snapshot");
        meter.applied(7);
        assert_eq!(registry.readiness().ready, 1);

        meter.sent(8);
        xds.progress(
            Kind::Cluster,
            Some(Status {
                published: "2".into(),
                acked: false,
            }),
        );
        let refusal = Refusal {
            version: "2".into(),
            message: "bad".into(),
        };
        xds.refused(Kind::Cluster, &refusal);
        assert_eq!(
            registry.readiness().ready,
            1,
            "it serves on with what it has"
        );

        drop(xds);
        assert_eq!(
            registry.readiness(),
            Readiness {
                connected: 0,
                ready: 0
            }
        );
        assert_eq!(registry.gateways()["n"].refusals["clusters"].message, "bad");
    }

    #[test]
    fn an_old_stream_that_ends_late_does_not_disturb_the_new_one() {
        let registry = Registry::new();
        let old = registry.xds_connected("n");
        let new = registry.xds_connected("n");
        old.progress(Kind::Cluster, acked("old"));
        drop(old);
        assert_eq!(registry.readiness().connected, 1);
        assert!(
            registry.gateways()["n"]
                .xds
                .as_ref()
                .is_some_and(|xds| xds.resources.is_empty())
        );
        drop(new);
        assert_eq!(registry.readiness().connected, 0);
    }

    #[test]
    fn a_refused_key_is_not_quoted() {
        let registry = Registry::new();
        let xds = registry.xds_connected("n");
        let refusal = Refusal {
            version: "1".into(),
            message: "sk-canary".into(),
        };
        xds.refused(Kind::Secret, &refusal);
        assert!(!format!("{:?}", registry.gateways()).contains("canary"));
    }
}
