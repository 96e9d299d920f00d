//! Errors in the shape that a caller of embeddings expects.

use crate::dialect::{Dialect, caller};
use crate::embeddings::Shape;
use crate::error::ErrorInfo;
use crate::json::object_bytes;

/// Status and JSON body of an error in the caller's shape.
pub fn write_error(shape: Shape, error: &ErrorInfo) -> (u16, Vec<u8>) {
    match shape {
        Shape::Openai | Shape::Ollama => caller(Dialect::OpenaiChat).write_error(error),
        Shape::Gemini | Shape::GeminiBatch | Shape::Vertex => {
            caller(Dialect::Gemini).write_error(error)
        }
        Shape::Cohere | Shape::Titan => {
            let body = object_bytes(|w| {
                if let Some(id) = &error.request_id {
                    w.field_str("id", id);
                }
                w.field_str("message", &error.message);
            });
            (error.status, body)
        }
        // Their SDKs read `detail`, but OpenAI's SDK, with a field of theirs put into
        // its body, reads `error`.
        Shape::Voyage | Shape::Jina => {
            let (status, body) = caller(Dialect::OpenaiChat).write_error(error);
            (status, with_detail(body, &error.message))
        }
    }
}

fn with_detail(body: Vec<u8>, message: &str) -> Vec<u8> {
    let detail = object_bytes(|w| w.field_str("detail", message));
    // Both are objects that are not empty.
    let head = detail.strip_suffix(b"}").unwrap_or_default();
    let tail = body.strip_prefix(b"{").unwrap_or_default();
    [head, b",", tail].concat()
}
