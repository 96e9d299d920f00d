//! A whole answer.

use crate::neutral::{Block, Usage};
use crate::text::Text;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// The upstream's own name of its model: for logs, never for callers.
    pub model: Text,
    /// At least one in every legal answer; in the order of their indexes.
    pub choices: Vec<Choice>,
    pub usage: Option<Usage>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    pub content: Vec<Block>,
    pub stop: StopReason,
    /// The stop sequence that was met, where the provider tells.
    pub stop_sequence: Option<Text>,
}

/// Why the model stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopReason {
    #[default]
    EndOfTurn,
    StopSequence,
    MaxTokens,
    /// The context window is full.
    ContextWindow,
    ToolUse,
    /// The provider's filter or the model itself refused.
    Refusal,
    /// The provider's own tools need another round; send the answer back to go on.
    Pause,
}
