//! An answer as it comes into being.

use std::borrow::Cow;

use crate::dialect::Dialect;
use crate::error::ErrorInfo;
use crate::neutral::{CallKind, StopReason, Usage};

/// One step of a stream. Grammar, per choice (events of choices may interleave):
///
/// ```text
/// stream = Start *(piece / Usage) 1*Finish *Usage End
/// piece  = Text / Refusal / RedactedThinking / ToolCall / Arguments / BlockEnd
///        / Thinking / Signature / Media
/// ```
///
/// Pieces of the same kind continue one block until another kind, another call or
/// a `BlockEnd` comes. `Error` may come anywhere and is the last.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamEvent<'a> {
    Start {
        /// The upstream's name of its model.
        model: Cow<'a, str>,
    },
    Text {
        choice: u32,
        text: Cow<'a, str>,
    },
    Refusal {
        choice: u32,
        text: Cow<'a, str>,
    },
    Thinking {
        choice: u32,
        text: Cow<'a, str>,
    },
    /// Belongs to the thinking before it, and closes that block; without thinking
    /// before it, it is a block of its own.
    Signature {
        choice: u32,
        by: Dialect,
        signature: Cow<'a, str>,
    },
    RedactedThinking {
        choice: u32,
        data: Cow<'a, str>,
    },
    /// A new call. `call` tells the calls of a choice apart.
    ToolCall {
        choice: u32,
        call: u32,
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        kind: CallKind,
    },
    /// More of a call's arguments: a fragment of JSON (of a custom tool's text), cut
    /// anywhere.
    Arguments {
        choice: u32,
        call: u32,
        json: Cow<'a, str>,
    },
    /// A picture or sound, whole: a block of its own.
    Media {
        choice: u32,
        media_type: Cow<'a, str>,
        /// Standard base64.
        data: Cow<'a, str>,
    },
    BlockEnd {
        choice: u32,
    },
    /// Some upstreams say it more than once: the last one counts.
    Finish {
        choice: u32,
        stop: StopReason,
        stop_sequence: Option<Cow<'a, str>>,
    },
    /// Cumulative: the last one counts.
    Usage(Usage),
    /// The upstream closed its stream as its dialect demands.
    End,
    Error(ErrorInfo),
}
