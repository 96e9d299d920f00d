//! What an API can be asked for.

use serde::{Deserialize, Serialize};

/// One kind of request. AI Proxy calls it a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI's older completions.
    Completions,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Anthropic,
    /// Gemini generateContent.
    Gemini,
    Embeddings,
    Moderations,
    Images,
    ImageEdits,
    /// Text to sound.
    Speech,
    /// Sound to text.
    Transcription,
    /// Sound to English text.
    Translation,
    Rerank,
    Video,
}
