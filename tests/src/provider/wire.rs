//! Which dialect writes what.

use serde_json::Value;

use super::answer::{Answer, Told};
use super::asked::Asked;
use super::server::Piece;
use super::{anthropic, bedrock, claude, cohere, completions, gemini, ollama, openai, responses};
use crate::dialect::Dialect;

/// Why the vendor would answer this call with 400, in the vendor's words. It is what tells a
/// request that is merely JSON from one that the vendor takes.
pub(super) fn refusal(dialect: Dialect, answer: &Answer, asked: &Asked) -> Option<String> {
    match dialect {
        Dialect::OpenAi => openai::refusal(asked),
        Dialect::Completions => completions::refusal(asked),
        Dialect::Anthropic => anthropic::refusal(answer, asked),
        Dialect::Responses => responses::refusal(answer, asked),
        Dialect::Gemini => gemini::refusal(answer, asked),
        Dialect::Bedrock => bedrock::refusal(answer, asked),
        Dialect::Cohere => cohere::refusal(asked),
        Dialect::Ollama => ollama::refusal(asked),
        Dialect::BedrockClaude | Dialect::VertexClaude => claude::refusal(dialect, answer, asked),
    }
}

pub(super) fn whole(dialect: Dialect, answer: &Answer, asked: &Asked) -> Value {
    match dialect {
        Dialect::OpenAi => openai::whole(answer, asked),
        Dialect::Completions => completions::whole(answer, asked),
        Dialect::Anthropic => anthropic::whole(answer, asked),
        Dialect::Responses => responses::whole(answer, asked),
        Dialect::Gemini => gemini::whole(answer, asked),
        Dialect::Bedrock => bedrock::whole(answer, asked),
        Dialect::Cohere => cohere::whole(answer, asked),
        Dialect::Ollama => ollama::whole(answer, asked),
        Dialect::BedrockClaude | Dialect::VertexClaude => anthropic::whole(answer, asked),
    }
}

pub(super) fn stream(dialect: Dialect, answer: &Answer, asked: &Asked) -> Vec<Piece> {
    match dialect {
        Dialect::OpenAi => openai::stream(answer, asked),
        Dialect::Completions => completions::stream(answer, asked),
        Dialect::Anthropic => anthropic::stream(answer, asked),
        Dialect::Responses => responses::stream(answer, asked),
        Dialect::Gemini => gemini::stream(answer, asked),
        Dialect::Bedrock => bedrock::stream(answer, asked),
        Dialect::Cohere => cohere::stream(answer, asked),
        Dialect::Ollama => ollama::stream(answer, asked),
        Dialect::BedrockClaude => claude::bedrock_stream(answer, asked),
        Dialect::VertexClaude => anthropic::stream(answer, asked),
    }
}

pub(super) fn stream_type(dialect: Dialect, asked: &Asked) -> &'static str {
    match dialect {
        Dialect::Gemini if asked.array => "application/json; charset=UTF-8",
        Dialect::Bedrock | Dialect::BedrockClaude => "application/vnd.amazon.eventstream",
        Dialect::Ollama => "application/x-ndjson",
        _ => "text/event-stream; charset=utf-8",
    }
}

/// The body of an error.
pub(super) fn error(dialect: Dialect, status: u16, message: &str) -> Value {
    match dialect {
        Dialect::OpenAi | Dialect::Completions | Dialect::Responses => {
            openai::error(status, message)
        }
        Dialect::Anthropic | Dialect::VertexClaude => anthropic::error(status, message),
        Dialect::Gemini => gemini::error(status, message),
        Dialect::Bedrock | Dialect::BedrockClaude => bedrock::error(message),
        Dialect::Cohere => cohere::error(message),
        Dialect::Ollama => ollama::error(message),
    }
}

/// What an error has besides its body.
pub(super) fn error_headers(dialect: Dialect, status: u16) -> Vec<(String, String)> {
    match dialect {
        Dialect::Bedrock | Dialect::BedrockClaude => {
            vec![("x-amzn-errortype".into(), bedrock::exception(status).into())]
        }
        _ => Vec::new(),
    }
}

/// An error within a stream.
pub(super) fn error_piece(dialect: Dialect, asked: &Asked) -> Vec<u8> {
    match dialect {
        Dialect::OpenAi | Dialect::Completions => openai::error_event().into_bytes(),
        Dialect::Anthropic | Dialect::VertexClaude => anthropic::error_event().into_bytes(),
        Dialect::Responses => responses::error_event().into_bytes(),
        Dialect::Gemini => gemini::error_piece(asked),
        Dialect::Bedrock | Dialect::BedrockClaude => bedrock::error_frame(),
        Dialect::Cohere => cohere::error_event().into_bytes(),
        Dialect::Ollama => ollama::error_line().into_bytes(),
    }
}

/// What of these figures the dialect has words for: the rest is within what it tells.
pub(super) fn tellable(dialect: Dialect, usage: Told) -> Told {
    let mut told = usage;
    if matches!(
        dialect,
        Dialect::Responses | Dialect::Gemini | Dialect::Cohere | Dialect::Ollama
    ) {
        told.input += std::mem::take(&mut told.cache_write);
    }
    // Cohere tells what of the prompt was cached, but bills it like the rest.
    if matches!(dialect, Dialect::Cohere | Dialect::Ollama) {
        told.input += std::mem::take(&mut told.cache_read);
    }
    if matches!(
        dialect,
        Dialect::Bedrock | Dialect::Cohere | Dialect::Ollama
    ) {
        told.reasoning = 0;
    }
    told
}
