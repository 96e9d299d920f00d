//! A call as its dialect reads it: some say in the path what others say in the body.

use serde_json::Value;

use super::Call;
use crate::dialect::Dialect;

#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) model: String,
    pub(super) stream: bool,
    /// Gemini alone: the pieces of a stream are elements of one JSON array, not events.
    pub(super) array: bool,
    /// `null` when it is no JSON.
    pub(super) body: Value,
}

impl Asked {
    pub(super) fn read(dialect: Dialect, call: &Call) -> Self {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or(Value::Null);
        let stream = match dialect {
            Dialect::Gemini => call.path.contains(":streamGenerateContent"),
            Dialect::Bedrock => call.path.ends_with("/converse-stream"),
            Dialect::BedrockClaude => call.path.ends_with("/invoke-with-response-stream"),
            Dialect::VertexClaude => call.path.ends_with(":streamRawPredict"),
            Dialect::Ollama => body["stream"] != false,
            _ => body["stream"] == true,
        };
        Self {
            model: call.model(),
            stream,
            array: dialect == Dialect::Gemini && !call.path.contains("alt=sse"),
            body,
        }
    }
}

/// The model in a path such as `/v1beta/models/{model}:generateContent` or
/// `/model/{model}/converse`.
pub(super) fn model_in(path: &str) -> Option<String> {
    let path = path.split('?').next()?;
    let name = if let Some((_, rest)) = path.split_once("/models/") {
        rest.rsplit_once(':')?.0
    } else {
        path.strip_prefix("/model/")?.rsplit_once('/')?.0
    };
    Some(percent_decoded(name))
}

fn percent_decoded(name: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits: String = bytes.by_ref().take(2).map(char::from).collect();
        out.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
    }
    String::from_utf8_lossy(&out).into_owned()
}
