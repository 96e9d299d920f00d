//! What this dialect's own top-level fields mean elsewhere.

use crate::dialect::Without;
use crate::json::Json;
use crate::neutral::Extra;

pub(super) fn without(extra: &Extra) -> Without {
    let value = extra.value.json();
    match extra.key.as_str() {
        "modalities" if asks_for_audio(value) => {
            Without::Unsupported("This model cannot answer with audio.")
        }
        "audio" => Without::Unsupported("This model cannot answer with audio."),
        "functions" | "function_call" => {
            Without::Unsupported("Functions are deprecated and not translated; use 'tools'.")
        }
        "web_search_options" => {
            Without::Unsupported("The web search of Chat Completions is not available here.")
        }
        "tool_choice" => Without::Unsupported("This kind of tool choice is not available here."),
        "store" | "background" if value.as_bool() == Some(true) => {
            Without::Loss("the upstream stores nothing")
        }
        _ => Without::Loss("the upstream's dialect has no such parameter"),
    }
}

fn asks_for_audio(modalities: Json<'_>) -> bool {
    modalities
        .items()
        .any(|modality| modality.as_str().as_deref() != Some("text"))
}
