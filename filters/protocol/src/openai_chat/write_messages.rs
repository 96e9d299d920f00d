//! Neutral messages as the `messages` of a Chat Completions request.
//!
//! Tool results leave their user message and become `tool` messages before it. What
//! such a message cannot hold (images) moves to the user message after it.

use crate::json::JsonWriter;
use crate::neutral::{
    Block, Content, Document, Image, Message, Role, Source, ToolCall, ToolResult,
};
use crate::openai_chat::write_request::{Context, IDS, NAMES, is_thinking};
use crate::path::Path;
use crate::problem::Unsupported;

type Result = std::result::Result<(), Unsupported>;

pub(super) fn write(context: &mut Context<'_>, w: &mut JsonWriter<'_>) -> Result {
    let request = context.request;
    let mut outcome = Ok(());
    w.array(|w| {
        for (index, message) in request.messages.iter().enumerate() {
            let messages = Path::Top("messages");
            let at = messages.index(index);
            outcome = match message.role {
                Role::System | Role::Developer => system(context, message, &at, w),
                Role::User => user(context, message, &at, w),
                Role::Assistant => assistant(context, message, &at, w),
            };
            if outcome.is_err() {
                return;
            }
        }
    });
    outcome
}

fn system(
    context: &mut Context<'_>,
    message: &Message,
    at: &Path<'_>,
    w: &mut JsonWriter<'_>,
) -> Result {
    let role = match message.role {
        Role::Developer if !context.target.no_developer_role => "developer",
        _ => "system",
    };
    let blocks: Vec<&Block> = message
        .content
        .iter()
        .filter(|block| !is_billing_header(block))
        .collect();
    if blocks.len() < message.content.len() {
        // It changes with every request, and would void the upstream's prompt cache.
        context.losses.note(
            "system",
            "the client's billing header is not for this upstream",
        );
    }
    if blocks.is_empty() && !message.content.is_empty() {
        return Ok(());
    }
    check(context, &blocks, at)?;
    w.object(|w| {
        w.field_str("role", role);
        w.key("content");
        content(context, &blocks, at, context.joint("\n\n"), w);
        context.extras(&message.extras, at, w);
    });
    Ok(())
}

/// Claude Code's first system block, meant for Anthropic alone.
fn is_billing_header(block: &Block) -> bool {
    let Content::Text(text) = &block.content else {
        return false;
    };
    text.starts_with("x-anthropic-billing-header")
}

fn user(
    context: &mut Context<'_>,
    message: &Message,
    at: &Path<'_>,
    w: &mut JsonWriter<'_>,
) -> Result {
    let mut rest: Vec<&Block> = Vec::new();
    let mut moved: Vec<&Block> = Vec::new();
    for block in &message.content {
        match &block.content {
            Content::ToolResult(result) => {
                let (stays, moves): (Vec<&Block>, Vec<&Block>) = result
                    .content
                    .iter()
                    .partition(|block| context.same_dialect() || fits_tool_message(&block.content));
                check(context, &stays, at)?;
                tool_result(context, message, block, result, &stays, at, w);
                moved.extend(moves);
            }
            _ => rest.push(block),
        }
    }
    if !moved.is_empty() {
        context.losses.note(
            "messages.content.tool_result",
            "images moved to the user message after it",
        );
    }
    moved.extend(rest);
    if moved.is_empty() {
        return Ok(());
    }
    check(context, &moved, at)?;
    w.object(|w| {
        w.field_str("role", "user");
        w.key("content");
        content(context, &moved, at, None, w);
        context.extras(&message.extras, at, w);
    });
    Ok(())
}

fn fits_tool_message(content: &Content) -> bool {
    matches!(content, Content::Text(_) | Content::Foreign { .. })
}

fn tool_result(
    context: &mut Context<'_>,
    message: &Message,
    block: &Block,
    result: &ToolResult,
    blocks: &[&Block],
    at: &Path<'_>,
    w: &mut JsonWriter<'_>,
) {
    if result.is_error {
        context.losses.note(
            "messages.content.is_error",
            "only the text says that the tool failed",
        );
    }
    w.object(|w| {
        w.field_str("role", "tool");
        w.field_str("tool_call_id", &IDS.fit(&result.call_id));
        w.key("content");
        content(context, blocks, at, context.joint("\n"), w);
        context.cache(block.cache, w);
        context.extras(&block.extras, at, w);
        if message.content.len() == 1 {
            context.extras(&message.extras, at, w);
        }
    });
}

fn assistant(
    context: &mut Context<'_>,
    message: &Message,
    at: &Path<'_>,
    w: &mut JsonWriter<'_>,
) -> Result {
    let mut said: Vec<&Block> = Vec::new();
    let mut calls: Vec<&Block> = Vec::new();
    let mut refusal = String::new();
    for block in &message.content {
        match &block.content {
            Content::ToolCall(_) => calls.push(block),
            Content::Foreign { .. } if context.same_dialect() => calls.push(block),
            // Traces of tools that the provider ran; what came of them is in the text.
            Content::Foreign { kind, .. } => {
                context
                    .losses
                    .note(at.key(kind).to_string(), "a tool that only Anthropic runs");
            }
            Content::Refusal(text) => refusal.push_str(text),
            content if is_thinking(content) => {}
            _ => said.push(block),
        }
    }
    check(context, &said, at)?;
    w.object(|w| {
        w.field_str("role", "assistant");
        w.key("content");
        match said.is_empty() {
            true if calls.is_empty() && refusal.is_empty() => w.string(""),
            true => w.raw("null"),
            // Blocks may part in the middle of a word, so they are joined as they are.
            false if context.same_dialect() => content(context, &said, at, context.joint(""), w),
            false => content(context, &said, at, Some(""), w),
        }
        if !refusal.is_empty() {
            w.field_str("refusal", &refusal);
        }
        if !calls.is_empty() {
            w.field_array("tool_calls", |w| {
                for block in &calls {
                    tool_call(context, block, at, w);
                }
            });
        }
        thinking(context, message, w);
        context.extras(&message.extras, at, w);
    });
    Ok(())
}

fn tool_call(context: &mut Context<'_>, block: &Block, at: &Path<'_>, w: &mut JsonWriter<'_>) {
    match &block.content {
        Content::ToolCall(ToolCall {
            id,
            name,
            arguments,
        }) => w.object(|w| {
            w.field_str("id", &IDS.fit(id));
            w.field_str("type", "function");
            w.field_object("function", |w| {
                w.field_str("name", &NAMES.fit(name));
                w.field_str(
                    "arguments",
                    if arguments.is_empty() {
                        "{}"
                    } else {
                        arguments
                    },
                );
            });
            context.cache(block.cache, w);
            context.extras(&block.extras, at, w);
        }),
        Content::Foreign { raw, .. } => w.raw(raw.as_str()),
        _ => {}
    }
}

/// Earlier thinking goes back only to upstreams that ask for it; in the caller's
/// own dialect it is among the message's fields.
fn thinking(context: &mut Context<'_>, message: &Message, w: &mut JsonWriter<'_>) {
    if context.same_dialect() {
        return;
    }
    let mut text = String::new();
    for block in &message.content {
        match &block.content {
            Content::Thinking { text: more, .. } => text.push_str(more),
            Content::RedactedThinking { .. } => context.losses.note(
                "messages.content.redacted_thinking",
                "only its own provider can read it",
            ),
            _ => {}
        }
    }
    match context.target.reasoning_field {
        _ if text.is_empty() => {}
        Some(field) => w.field_str(field, &text),
        None => context.losses.note(
            "messages.content.thinking",
            "the upstream takes no earlier thinking",
        ),
    }
}

/// One string where that says it all, or where `joint` says how to make it one;
/// else an array of parts.
fn content(
    context: &mut Context<'_>,
    blocks: &[&Block],
    at: &Path<'_>,
    joint: Option<&str>,
    w: &mut JsonWriter<'_>,
) {
    let texts = blocks.iter().map(|block| match &block.content {
        Content::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let texts: Option<Vec<&str>> = texts.collect();
    let alone = match blocks {
        [] => true,
        [block] => !context.keeps_attachments(block),
        _ => false,
    };
    match (texts, joint) {
        (Some(texts), joint) if alone || joint.is_some() => {
            w.string(&texts.join(joint.unwrap_or_default()));
            for block in blocks {
                context.note_attachments(block, at);
            }
        }
        _ => w.array(|w| {
            for block in blocks {
                part(context, block, at, w);
            }
        }),
    }
}

fn part(context: &mut Context<'_>, block: &Block, at: &Path<'_>, w: &mut JsonWriter<'_>) {
    if let Content::Foreign { raw, .. } = &block.content {
        return w.raw(raw.as_str());
    }
    w.object(|w| {
        match &block.content {
            Content::Image(Image { source }) => {
                w.field_str("type", "image_url");
                w.field_object("image_url", |w| {
                    w.key("url");
                    url(source, w);
                    context.extras(&block.extras, at, w);
                });
                return context.cache(block.cache, w);
            }
            Content::Document(document) => self::document(document, w),
            Content::Text(text) | Content::Refusal(text) => {
                w.field_str("type", "text");
                w.field_str("text", text);
            }
            // Told apart before this: see `user` and `assistant`.
            _ => {}
        }
        context.cache(block.cache, w);
        context.extras(&block.extras, at, w);
    });
}

fn url(source: &Source, w: &mut JsonWriter<'_>) {
    match source {
        Source::Base64 { media_type, data } => {
            w.strings(&["data:", media_type, ";base64,", data]);
        }
        Source::Url(text) | Source::Text(text) | Source::File { id: text } => w.string(text),
    }
}

fn document(document: &Document, w: &mut JsonWriter<'_>) {
    if let Source::Text(text) = &document.source {
        w.field_str("type", "text");
        w.key("text");
        return match &document.name {
            Some(name) => w.strings(&[name, "\n\n", text]),
            None => w.string(text),
        };
    }
    w.field_str("type", "file");
    w.field_object("file", |w| match &document.source {
        Source::File { id } => w.field_str("file_id", id),
        source => {
            // A name is required with data.
            w.field_str(
                "filename",
                document.name.as_deref().unwrap_or("document.pdf"),
            );
            w.key("file_data");
            url(source, w);
        }
    });
}

/// Refuses what has no counterpart, before anything of the message is written.
fn check(context: &Context<'_>, blocks: &[&Block], at: &Path<'_>) -> Result {
    if context.same_dialect() {
        return Ok(());
    }
    for block in blocks {
        let reason = match &block.content {
            Content::Foreign { kind, .. } => {
                let message = format!(
                    "Content of type '{}' cannot be sent to this model.",
                    &**kind
                );
                return Err(Unsupported::new(at.to_string(), message));
            }
            Content::Image(Image {
                source: Source::File { .. },
            })
            | Content::Document(Document {
                source: Source::File { .. },
                ..
            }) => "Stored files belong to the provider that stores them; send the content instead.",
            Content::Document(Document {
                source: Source::Url(_),
                ..
            }) => "This model takes documents as base64 or text, not by URL.",
            _ => continue,
        };
        return Err(Unsupported::new(at.to_string(), reason));
    }
    Ok(())
}
