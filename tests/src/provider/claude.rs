//! Anthropic Messages in the envelopes of Bedrock and Vertex AI.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::answer::Answer;
use super::asked::Asked;
use super::server::Piece;
use super::{anthropic, bedrock};
use crate::dialect::Dialect;

/// What the envelope demands besides what Anthropic does.
pub(super) fn refusal(dialect: Dialect, answer: &Answer, asked: &Asked) -> Option<String> {
    let body = &asked.body;
    let version = match dialect {
        Dialect::BedrockClaude => "bedrock-2023-05-31",
        _ => "vertex-2023-10-16",
    };
    if body["anthropic_version"] != version {
        return Some(format!("anthropic_version: Input should be '{version}'"));
    }
    let foreign = match dialect {
        Dialect::BedrockClaude => &["model", "stream"][..],
        _ => &["model"],
    };
    if let Some(name) = foreign.iter().find(|name| body.get(**name).is_some()) {
        return Some(format!("{name}: Extra inputs are not permitted"));
    }
    if dialect == Dialect::VertexClaude && asked.stream != (body["stream"] == true) {
        return Some("stream: does not fit the method in the path".into());
    }
    anthropic::refusal(answer, asked)
}

/// Each event is the payload of a frame.
pub(super) fn bedrock_stream(answer: &Answer, asked: &Asked) -> Vec<Piece> {
    let events = anthropic::stream(answer, asked).into_iter();
    events.map(|event| event.wrapped(chunk)).collect()
}

fn chunk(event: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(event);
    let data = text
        .split_once("data: ")
        .map_or("", |(_, data)| data.trim());
    let payload = json!({"bytes": STANDARD.encode(data), "p": "abcdefgh"});
    bedrock::frame(
        &[
            (":event-type", "chunk"),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ],
        payload.to_string().as_bytes(),
    )
}
