//! What this dialect's own top-level fields and tools mean elsewhere.

use crate::dialect::Without;
use crate::neutral::Extra;

pub(super) fn without(extra: &Extra) -> Without {
    let is_true = extra.value.json().as_bool() == Some(true);
    match extra.key.as_str() {
        "previous_response_id" => Without::Unsupported(
            "Responses of this model are not stored; send the whole conversation as 'input'.",
        ),
        "conversation" => Without::Unsupported(
            "Conversations with this model are not stored; send the whole of it as 'input'.",
        ),
        "background" if is_true => {
            Without::Unsupported("This model does not answer in the background by itself.")
        }
        "prompt" => Without::Unsupported("This model has no stored prompts."),
        "tool_choice" => Without::Unsupported("This kind of tool choice is not available here."),
        // The default, where nothing is stored either way, is no loss.
        "store" if is_true => Without::Loss("the answer is not stored, and says so"),
        "include" => Without::Loss("the upstream's answer does not hold all that was asked for"),
        _ => Without::Loss("the upstream's dialect has no such parameter"),
    }
}

/// Tools that the provider runs, by the API reference, with the versions that end some
/// of their types. The others (`local_shell`, `shell`, `apply_patch`, `computer`) are
/// the caller's to run.
pub(super) fn hosts(tool_type: &str) -> bool {
    const HOSTED: [&str; 7] = [
        "web_search",
        "file_search",
        "code_interpreter",
        "image_generation",
        "mcp",
        "tool_search",
        // Without functions in it; see `read_tools`.
        "namespace",
    ];
    HOSTED.iter().any(|hosted| tool_type.starts_with(hosted))
}
