//! The neutral form: what all dialects mean, in one vocabulary.
//!
//! It keeps what others lose (thinking signatures, cache marks, tool-call ids) and
//! what it does not understand: unknown fields travel as [`Extra`]s, so that a
//! request read from a dialect and written in the same one says the same.

mod aggregate;
mod event;
mod message;
mod replay;
mod request;
mod response;
mod signature;
mod tier;
mod usage;

pub use self::aggregate::Aggregate;
pub use self::event::StreamEvent;
pub use self::message::{
    Block, CacheMark, CallKind, Content, Document, Extra, Image, Media, Message, Role, Source,
    ToolCall, ToolResult,
};
pub(crate) use self::request::Length;
pub use self::request::{Effort, Format, Reasoning, Request, Sampling, Tool, ToolChoice, ToolMode};
pub(crate) use self::request::{NAME_THERE, NAMESPACE};
pub use self::response::{Choice, Response, StopReason};
pub use self::signature::Signature;
pub(crate) use self::signature::{holds_marked, shown as shown_signature};
pub use self::tier::ServiceTier;
pub use self::usage::Usage;
