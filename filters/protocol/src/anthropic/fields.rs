//! What this dialect's own top-level fields mean elsewhere.

use crate::dialect::Without;
use crate::neutral::Extra;

pub(super) fn without(extra: &Extra) -> Without {
    match extra.key.as_str() {
        "container" => Without::Unsupported("This model has no containers to continue in."),
        "mcp_servers" => Without::Unsupported("This model cannot call MCP servers by itself."),
        "inference_geo" => {
            Without::Unsupported("The region of inference cannot be chosen for this model.")
        }
        "cache_control" => Without::Loss("the upstream caches prompts by itself or not at all"),
        _ => Without::Loss("the upstream's dialect has no such parameter"),
    }
}
