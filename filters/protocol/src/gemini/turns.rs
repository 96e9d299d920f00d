//! Neutral messages, arranged as Gemini wants them: instructions apart, contents of
//! alternating roles, results of functions first in theirs.
//!
//! Nothing is copied; what changes is the order.

use std::mem;

use crate::dialect::Dialect;
use crate::neutral::{Block, Content, Request, Role};
use crate::problem::Losses;

/// The conversation as it will be written.
pub(super) struct Arranged<'r> {
    pub(super) system: Vec<&'r Block>,
    pub(super) turns: Vec<Turn<'r>>,
}

pub(super) struct Turn<'r> {
    pub(super) is_model: bool,
    pub(super) blocks: Vec<&'r Block>,
}

pub(super) fn arrange<'r>(request: &'r Request, losses: &mut Losses) -> Arranged<'r> {
    let same_dialect = request.dialect == Dialect::Gemini;
    let mut system: Vec<&Block> = Vec::new();
    let mut turns: Vec<Turn<'r>> = Vec::new();
    // Where the blocks of the last message of instructions begin.
    let mut last_system = 0;
    for message in &request.messages {
        if !same_dialect {
            crate::extras::note(&message.extras, "messages", losses);
        }
        let sendable = |block: &&Block| same_dialect || !is_blank(block);
        let blocks = message.content.iter().filter(sendable);
        if matches!(message.role, Role::System | Role::Developer) {
            let before = system.len();
            system.extend(blocks.filter(|block| keeps(block, losses)));
            if !turns.is_empty() && system.len() > before {
                let reason = "a system message amid the others went to the top";
                losses.note("messages.role", reason);
            }
            last_system = before;
            continue;
        }
        let is_model = message.role == Role::Assistant;
        let blocks: Vec<&Block> = blocks.collect();
        match turns.last_mut() {
            Some(turn) if turn.is_model == is_model => turn.blocks.extend(blocks),
            _ if blocks.is_empty() => {}
            _ => turns.push(Turn { is_model, blocks }),
        }
    }
    for turn in turns.iter_mut().filter(|_| !same_dialect) {
        // Results keep their order, and so does everything else.
        let all = mem::take(&mut turn.blocks);
        let is_result = |block: &&Block| matches!(block.content, Content::ToolResult(_));
        let (mut results, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_result);
        results.extend(others);
        turn.blocks = results;
    }
    if turns.is_empty() {
        // Only instructions: the last of them become what the user says.
        let blocks = system.split_off(last_system);
        turns.push(Turn {
            is_model: false,
            blocks,
        });
    }
    Arranged { system, turns }
}

fn is_blank(block: &Block) -> bool {
    match &block.content {
        Content::Text(text) | Content::Refusal(text) => text.is_blank(),
        _ => false,
    }
}

/// Claude Code's first system block is meant for Anthropic alone, and would void the
/// upstream's prompt cache, because it changes with every request.
fn keeps(block: &Block, losses: &mut Losses) -> bool {
    let Content::Text(text) = &block.content else {
        return true;
    };
    let is_billing = text.begins_with("x-anthropic-billing-header");
    if is_billing {
        let reason = "the client's billing header is not for this upstream";
        losses.note("system", reason);
    }
    !is_billing
}
