//! The arguments of tool calls where a dialect takes objects only.

use crate::json::{JsonWriter, is_json_object};

/// What a model wrote that is no object (cut by the token limit, or malformed) is not
/// repaired but wrapped, so that the conversation can go on and the model can see what it
/// did.
pub(crate) fn object(arguments: &str, w: &mut JsonWriter<'_>) {
    if arguments.trim().is_empty() {
        w.raw("{}");
    } else if is_json_object(arguments) {
        w.raw(arguments.trim());
    } else {
        w.object(|w| w.field_str("malformed_arguments", arguments));
    }
}
