//! What this dialect's own top-level fields and tools mean elsewhere.

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

/// Server tools, by the API reference; a version such as `_20250305` ends their types.
/// The others (`bash`, `text_editor`, `computer`, `memory`) are the caller's to run.
pub(super) fn hosts(tool_type: &str) -> bool {
    const SERVER_TOOLS: [&str; 5] = [
        "web_search_",
        "web_fetch_",
        "code_execution_",
        "tool_search_tool_",
        "mcp_toolset",
    ];
    SERVER_TOOLS.iter().any(|tool| tool_type.starts_with(tool))
}
