//! Calls to the control plane that a request waits for.

use tollgate_config::names::{CONTROL_CLUSTER, NODE_TOKEN_KEY};
use tollgate_host::{Call, Host, Level};

/// Begins one, and says its id. `None` where the control plane cannot be reached.
pub(super) fn call(
    host: &dyn Host,
    (service, method): (&str, &str),
    message: &[u8],
    timeout_ms: u32,
) -> Option<u32> {
    let bearer = host.shared(NODE_TOKEN_KEY);
    let metadata: Vec<(&str, &[u8])> = bearer
        .iter()
        .map(|bearer| ("authorization", bearer.as_slice()))
        .collect();
    let call = host.call(Call {
        cluster: CONTROL_CLUSTER,
        service,
        method,
        metadata: &metadata,
        message,
        timeout_ms,
    });
    match call {
        Ok(call) => Some(call),
        Err(error) => {
            host.log(Level::Error, &format!("{service} not asked: {error}"));
            None
        }
    }
}
