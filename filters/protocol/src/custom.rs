//! Custom tools for models that know only functions: a function with one string.

use std::borrow::Cow;

use crate::json::JsonWriter;
use crate::neutral::{CallKind, ToolCall};

/// JSON Schema of the function that stands for a custom tool.
pub(crate) const PARAMETERS: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// The arguments of a call as JSON, as functions have them; empty where the model
/// wrote none.
pub(crate) fn arguments(call: &ToolCall) -> Cow<'_, str> {
    match call.kind {
        CallKind::Function => Cow::Borrowed(call.arguments.as_str()),
        CallKind::Custom => {
            let mut json = Vec::with_capacity(call.arguments.most_bytes() + 16);
            JsonWriter::new(&mut json).object(|w| w.field_text("input", &call.arguments));
            Cow::Owned(String::from_utf8(json).unwrap_or_default())
        }
    }
}
