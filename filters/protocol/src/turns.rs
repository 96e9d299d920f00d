//! Neutral messages, arranged as Anthropic Messages and Bedrock Converse want them:
//! system prompts apart, turns of alternating roles, tool results first in theirs, and no
//! blank text anywhere.
//!
//! Nothing is copied; what changes is the order and where the cache marks sit.

use std::mem;

use crate::dialect::Dialect;
use crate::extras;
use crate::neutral::{Block, CacheMark, Content, Message, Request, Role};
use crate::problem::Losses;

/// The conversation as it will be written.
pub(crate) struct Arranged<'r> {
    pub(crate) system: Vec<Piece<'r>>,
    pub(crate) turns: Vec<Turn<'r>>,
}

pub(crate) struct Turn<'r> {
    pub(crate) role: Role,
    pub(crate) pieces: Vec<Piece<'r>>,
}

/// A block with the cache mark that it will carry.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'r> {
    pub(crate) block: &'r Block,
    pub(crate) cache: Option<CacheMark>,
}

/// `own`: the request is in the dialect that it is arranged for.
pub(crate) fn arrange<'r>(request: &'r Request, own: bool, losses: &mut Losses) -> Arranged<'r> {
    let mut system = Vec::new();
    let mut turns: Vec<Turn<'r>> = Vec::new();
    let mut last_system: Option<&Message> = None;
    for message in &request.messages {
        let mut pieces = pieces(request, message, own, losses);
        if !own {
            extras::note(&message.extras, "messages", losses);
        }
        if pieces.is_empty() {
            continue;
        }
        let hoisted =
            matches!(message.role, Role::System | Role::Developer) && (turns.is_empty() || !own);
        if hoisted {
            if !turns.is_empty() {
                losses.note(
                    "messages.role",
                    "a system message amid the others went to the top",
                );
            }
            last_system = Some(message);
            system.append(&mut pieces);
            continue;
        }
        match turns.last_mut() {
            Some(turn) if turn.role == message.role => turn.pieces.append(&mut pieces),
            _ => turns.push(Turn {
                role: message.role,
                pieces,
            }),
        }
    }
    for turn in &mut turns {
        // Results keep their order, and so does everything else.
        let all = mem::take(&mut turn.pieces);
        let is_result = |piece: &Piece<'_>| matches!(piece.block.content, Content::ToolResult(_));
        let (mut results, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_result);
        results.extend(others);
        turn.pieces = results;
    }
    if turns.is_empty()
        && let Some(message) = last_system
    {
        // Only instructions: the last of them becomes what the user says.
        let pieces = pieces(request, message, own, losses);
        system.truncate(system.len().saturating_sub(pieces.len()));
        turns.push(Turn {
            role: Role::User,
            pieces,
        });
    }
    Arranged { system, turns }
}

/// The blocks of a message that can be sent. A cache mark on one that cannot moves
/// to the block before it.
fn pieces<'r>(
    request: &Request,
    message: &'r Message,
    own: bool,
    losses: &mut Losses,
) -> Vec<Piece<'r>> {
    let mut pieces: Vec<Piece<'r>> = Vec::with_capacity(message.content.len());
    for block in &message.content {
        let mut piece = Piece {
            block,
            cache: block.cache,
        };
        match &block.content {
            Content::Text(text) | Content::Refusal(text) if text.is_blank() => {
                move_mark(block.cache, &mut pieces);
                continue;
            }
            Content::Thinking { signature, .. }
                if signature
                    .as_ref()
                    .and_then(|signature| signature.readable_by(Dialect::Anthropic))
                    .is_none() =>
            {
                if request.misses(&block.content) {
                    losses.note(
                        "messages.thinking",
                        "only thinking that the provider signed itself can be sent back",
                    );
                }
                continue;
            }
            // Thinking cannot bear a mark, and must stay exactly as it was.
            Content::Thinking { .. } | Content::RedactedThinking { .. } => piece.cache = None,
            Content::ToolResult(result) => {
                let inner = result.content.iter().rev().find_map(|block| block.cache);
                piece.cache = block.cache.or(inner);
            }
            Content::Foreign { kind, .. } if !own && message.role == Role::Assistant => {
                losses.note(
                    format!("messages.{}", &**kind),
                    "only its own provider can read it",
                );
                continue;
            }
            _ => {}
        }
        pieces.push(piece);
    }
    pieces
}

fn move_mark(mark: Option<CacheMark>, pieces: &mut [Piece<'_>]) {
    let before = pieces.iter_mut().rev().find(|piece| !is_thinking(piece));
    if let (Some(mark), Some(before)) = (mark, before) {
        before.cache = before.cache.or(Some(mark));
    }
}

fn is_thinking(piece: &Piece<'_>) -> bool {
    matches!(
        piece.block.content,
        Content::Thinking { .. } | Content::RedactedThinking { .. }
    )
}

// === impl Arranged ===

impl Arranged<'_> {
    /// Whether the tool loop that is still open was begun without signed thinking:
    /// then thinking cannot be switched on for this call.
    pub(crate) fn open_loop_lacks_thinking(&self) -> bool {
        let answers_tools = |turn: &Turn<'_>| {
            turn.role == Role::User
                && turn
                    .pieces
                    .iter()
                    .any(|piece| matches!(piece.block.content, Content::ToolResult(_)))
        };
        if !self.turns.last().is_some_and(answers_tools) {
            return false;
        }
        let assistant = self
            .turns
            .iter()
            .rev()
            .find(|turn| turn.role == Role::Assistant);
        let first = assistant.and_then(|turn| turn.pieces.first());
        !first.is_some_and(is_thinking)
    }
}
