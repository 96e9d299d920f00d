//! What the gateway, not the upstream, decides about an answer.

use std::sync::Arc;

use crate::alias::Aliases;

/// Identity of an answer towards the caller: the same in every chunk of a stream,
/// and free of anything internal (upstream ids, names of mapped models).
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The model name that the caller asked for.
    pub model: String,
    /// Unique per request, `[A-Za-z0-9_-]`; each dialect puts its own prefix
    /// before it (`chatcmpl-`, `msg_`).
    pub id: String,
    /// Seconds since 1970-01-01 UTC.
    pub created_unix_s: u64,
    /// Whether the caller asked for usage in the stream (Chat Completions only).
    pub include_usage: bool,
    /// From [`crate::Written`]: gives tools their own names back.
    pub aliases: Aliases,
    /// How a stream is cut into pieces.
    pub framing: Framing,
    /// Whether the gateway keeps the answer, so that it can be continued (Responses only).
    pub stored: bool,
    /// The answer that this one continues (Responses only).
    pub previous_response_id: Option<String>,
    /// The conversation that it belongs to (Responses only).
    pub conversation: Option<String>,
    /// What the answer repeats of its request, as [`crate::conversation::echo`] makes it
    /// (Responses only).
    pub echo: Option<Arc<str>>,
}

/// How a stream is cut into pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    #[default]
    Events,
    /// One JSON array, element by element (Gemini without `alt=sse`).
    Array,
}

/// Stands in for what a model drew or spoke, for which a dialect has no place in answers.
pub(crate) fn unshown(media_type: &str) -> String {
    format!("[The model answered with {media_type}, which cannot be shown here.]")
}
