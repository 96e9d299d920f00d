//! Neutral messages as the items of `input`.
//!
//! System messages stay where they are, as items with their own role; only those that
//! stood in a field of their own become `instructions`. So the order is the caller's,
//! and what is at the front of a prompt stays there from turn to turn.
//!
//! Which blocks share an item is decided here; what is one by itself is in
//! [`write_items`](super::write_items), what is inside a message in
//! [`write_parts`](super::write_parts).

use crate::dialect::Dialect;
use crate::extras;
use crate::json::JsonWriter;
use crate::neutral::{Block, Content, Extra, Message, Role};
use crate::openai_responses::context::{CACHES_ITSELF, Context, PLACE};
use crate::openai_responses::read_input::ITEM;
use crate::openai_responses::write_items::{alone, tool_result};
use crate::openai_responses::write_parts::part;
use crate::text::Text;

/// The texts of `instructions`.
pub(super) fn instructions<'r>(context: &mut Context<'r>) -> Vec<&'r Text> {
    let request = context.request;
    let mut texts: Vec<&Text> = Vec::new();
    for message in request.messages.iter().take(request.system_apart) {
        for block in &message.content {
            if extras::is_billing_header(block) && !context.same_dialect() {
                let reason = "the client's billing header is not for this upstream";
                context.losses.note("system", reason);
                continue;
            }
            if block.cache.is_some() {
                context.losses.note("cache_control", CACHES_ITSELF);
            }
            extras::note(&block.extras, "system", &mut context.losses);
            if extras::is_prompt(block, false, &mut context.losses)
                && let Content::Text(text) = &block.content
            {
                texts.push(text);
            }
        }
    }
    texts
}

pub(super) fn write(context: &mut Context<'_>, w: &mut JsonWriter<'_>) {
    let messages = context
        .request
        .messages
        .get(context.request.system_apart..)
        .unwrap_or_default();
    w.array(|w| {
        for (index, message) in messages.iter().enumerate() {
            let next = messages.get(index + 1);
            let goes_on = next.is_some_and(|next| next.role == Role::Assistant);
            match message.role {
                Role::System => said(context, "system", message, w),
                Role::Developer => said(context, "developer", message, w),
                Role::User => user(context, message, w),
                Role::Assistant => assistant(context, message, goes_on, w),
            }
        }
    });
}

fn said(context: &mut Context<'_>, role: &str, message: &Message, w: &mut JsonWriter<'_>) {
    let blocks: Vec<&Block> = message.content.iter().collect();
    item(context, role, &blocks, &message.extras, w);
}

/// Results are items of their own, in their place among the rest.
fn user(context: &mut Context<'_>, message: &Message, w: &mut JsonWriter<'_>) {
    let mut run: Vec<&Block> = Vec::new();
    let mut extras = message.extras.as_slice();
    for block in &message.content {
        match &block.content {
            Content::ToolResult(result) => {
                if !run.is_empty() {
                    item(context, "user", &std::mem::take(&mut run), extras, w);
                    extras = &[];
                }
                tool_result(context, block, result, w);
            }
            Content::Foreign { kind, raw, .. } if kind.as_str() == "item_reference" => {
                w.raw(raw.as_str());
            }
            _ => run.push(block),
        }
    }
    if !run.is_empty() {
        item(context, "user", &run, extras, w);
    } else {
        extras::note(extras, PLACE, &mut context.losses);
    }
}

fn item(
    context: &mut Context<'_>,
    role: &str,
    blocks: &[&Block],
    extras: &[Extra],
    w: &mut JsonWriter<'_>,
) {
    w.object(|w| {
        w.field_str("type", "message");
        w.field_str("role", role);
        w.field_array("content", |w| {
            for block in blocks {
                part(context, role, block, w);
            }
        });
        context.message_extras(extras, w);
    });
}

/// Blocks in their order: what is said side by side makes one message item, unless the
/// caller had several.
fn assistant(context: &mut Context<'_>, message: &Message, goes_on: bool, w: &mut JsonWriter<'_>) {
    extras::note(&message.extras, PLACE, &mut context.losses);
    let mut run: Vec<&Block> = Vec::new();
    for (index, block) in message.content.iter().enumerate() {
        if is_empty(block) && !context.same_dialect() {
            continue;
        }
        let is_said = !matches!(
            block.content,
            Content::ToolCall(_)
                | Content::Thinking { .. }
                | Content::RedactedThinking { .. }
                | Content::Foreign { .. }
        ) || is_part(block);
        if !is_said || block.extras.iter().any(|extra| extra.key == *"item.type") {
            flush(context, &mut run, w);
        }
        if is_said {
            run.push(block);
            continue;
        }
        let rest = message.content.get(index + 1..).unwrap_or_default();
        let followed = goes_on || rest.iter().any(can_follow);
        alone(context, block, followed, w);
    }
    flush(context, &mut run, w);
}

/// A part of a message that only this dialect knows, and not an item.
fn is_part(block: &Block) -> bool {
    matches!(&block.content, Content::Foreign { kind, .. } if kind.starts_with("output_"))
}

/// Chat Completions says nothing in so many words.
fn is_empty(block: &Block) -> bool {
    matches!(&block.content, Content::Text(text) if text.is_empty())
}

/// Whether the provider takes it as what reasoning led to.
fn can_follow(block: &Block) -> bool {
    match &block.content {
        Content::Thinking { .. } | Content::RedactedThinking { .. } => false,
        Content::Foreign { dialect, .. } => *dialect == Dialect::OpenaiResponses,
        _ => !is_empty(block),
    }
}

fn flush(context: &mut Context<'_>, run: &mut Vec<&Block>, w: &mut JsonWriter<'_>) {
    let blocks = std::mem::take(run);
    if let Some(first) = blocks.first() {
        let own = first.extras.iter();
        let extras: Vec<Extra> = own
            .filter(|extra| extra.key.starts_with(ITEM))
            .cloned()
            .collect();
        item(context, "assistant", &blocks, &extras, w);
    }
}
