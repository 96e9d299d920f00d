//! The order that upstreams demand whose tool results are messages of their own: right
//! after the calls that they answer, with nothing between.
//!
//! Other dialects are not so strict. Results may come in several turns there, with
//! pictures that a tool message cannot hold, and instructions may stand between a call
//! and its result.

use std::collections::HashSet;

use crate::neutral::{Block, Content, Message, Role, ToolResult};
use crate::problem::Losses;

/// One message to write, or a part of one.
pub(crate) enum Step<'r> {
    /// A result, and the message that it stands in.
    Result(&'r Message, &'r Block, &'r ToolResult),
    /// A message without its results.
    Rest(&'r Message),
}

/// The steps of a conversation. `own`: it is in the dialect that it is written in, and
/// keeps its order.
pub(crate) fn steps<'r>(messages: &'r [Message], own: bool, losses: &mut Losses) -> Vec<Step<'r>> {
    let mut walk = Walk::default();
    for message in messages {
        if message.role == Role::Assistant {
            let calls = || calls(message);
            if calls().next().is_some() && !own {
                walk.end_wait();
                walk.steps.push(Step::Rest(message));
                walk.open = calls().collect();
                continue;
            }
        }
        for block in &message.content {
            if let Content::ToolResult(result) = &block.content {
                walk.result(message, block, result, losses);
            }
        }
        if walk.open.is_empty() {
            walk.end_wait();
        }
        walk.add(Step::Rest(message));
    }
    walk.end_wait();
    walk.steps
}

fn calls(message: &Message) -> impl Iterator<Item = &str> {
    let blocks = message.content.iter();
    blocks.filter_map(|block| match &block.content {
        Content::ToolCall(call) => Some(call.id.as_str()),
        _ => None,
    })
}

#[derive(Default)]
struct Walk<'r> {
    steps: Vec<Step<'r>>,
    /// The calls of the model's last turn with calls that have no result yet.
    open: HashSet<&'r str>,
    /// What has to wait for them.
    waiting: Vec<Step<'r>>,
}

// === impl Walk ===

impl<'r> Walk<'r> {
    fn result(
        &mut self,
        message: &'r Message,
        block: &'r Block,
        result: &'r ToolResult,
        losses: &mut Losses,
    ) {
        let step = Step::Result(message, block, result);
        if !self.open.remove(result.call_id.as_str()) {
            // Of no call, or the second of one: the upstream may say what it thinks of it.
            return self.add(step);
        }
        if self.waiting.iter().any(Step::says_more) {
            let reason = "what stood between a tool call and its result follows the result";
            losses.note("messages", reason);
        }
        self.steps.push(step);
    }

    fn add(&mut self, step: Step<'r>) {
        match self.open.is_empty() {
            true => self.steps.push(step),
            false => self.waiting.push(step),
        }
    }

    /// Everything is answered, or nothing more can come for what is not.
    fn end_wait(&mut self) {
        self.open.clear();
        self.steps.append(&mut self.waiting);
    }
}

// === impl Step ===

impl Step<'_> {
    /// Whether there is anything in it beside results.
    fn says_more(&self) -> bool {
        let is_result = |block: &Block| matches!(block.content, Content::ToolResult(_));
        match self {
            Self::Result(..) => true,
            Self::Rest(message) => !message.content.iter().all(is_result),
        }
    }
}
