//! Neutral messages as Ollama's `messages`: a text each, images beside it, tool results
//! as messages of their own.

use crate::after_calls::{self, Step};
use crate::custom;
use crate::extras;
use crate::json::JsonWriter;
use crate::neutral::{Block, Content, Message, Request, Role, Source, ToolResult};
use crate::problem::Losses;
use crate::target::Target;
use crate::text::Text;
use crate::{alias::Charset, arguments};

/// The length is ours.
pub(super) const NAMES: Charset = Charset::of(64);

pub(super) fn write(
    request: &Request,
    target: &Target<'_>,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) {
    w.field_array("messages", |w| {
        for step in after_calls::steps(&request.messages, false, losses) {
            let message = match step {
                Step::Result(_, _, result) => {
                    tool_result(request, result, losses, w);
                    continue;
                }
                Step::Rest(message) => message,
            };
            extras::note(&message.extras, "messages", losses);
            for block in &message.content {
                extras::note(&block.extras, "messages", losses);
            }
            self::message(request, message, target, losses, w);
        }
    });
}

fn message(
    request: &Request,
    message: &Message,
    target: &Target<'_>,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) {
    let is_result = |block: &&Block| matches!(block.content, Content::ToolResult(_));
    let blocks = message.content.iter();
    let rest: Vec<&Block> = blocks.filter(|block| !is_result(block)).collect();
    if rest.is_empty() {
        return;
    }
    w.object(|w| {
        w.field_str(
            "role",
            match message.role {
                Role::System | Role::Developer => "system",
                Role::User => "user",
                Role::Assistant => "assistant",
            },
        );
        // What a model said may be cut anywhere.
        let joint = match message.role {
            Role::Assistant => "",
            _ => "\n",
        };
        content(&rest, joint, losses, w);
        if message.role == Role::Assistant {
            thinking(request, &rest, target, losses, w);
            tool_calls(&rest, w);
        }
    });
}

/// The texts as one, and the images.
fn content(blocks: &[&Block], joint: &str, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    let mut texts: Vec<Text> = Vec::new();
    let mut images = Vec::new();
    for block in blocks {
        let more = match &block.content {
            Content::Text(more) | Content::Refusal(more) => more.clone(),
            Content::Document(document) => {
                losses.note("messages.document", "a document is a part of the text");
                document.text().unwrap_or_default()
            }
            Content::Image(image) => {
                if let Source::Base64 { data, .. } = &image.source {
                    images.push(data);
                }
                continue;
            }
            Content::Foreign { kind, .. } => {
                losses.note(
                    format!("messages.{}", &**kind),
                    "only its own provider can read it",
                );
                continue;
            }
            _ => continue,
        };
        texts.push(more);
    }
    w.key("content");
    w.joined(&texts.iter().collect::<Vec<_>>(), joint);
    if !images.is_empty() {
        w.field_array("images", |w| {
            images.iter().for_each(|image| w.text(image));
        });
    }
}

fn thinking(
    request: &Request,
    blocks: &[&Block],
    target: &Target<'_>,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) {
    let mut told: Vec<&Text> = Vec::new();
    for block in blocks {
        match &block.content {
            Content::Thinking { text, .. } if target.reasoning_field.is_some() => {
                told.push(text);
            }
            Content::Thinking { .. } | Content::RedactedThinking { .. }
                if request.misses(&block.content) =>
            {
                losses.note(
                    "messages.thinking",
                    "the model is not known to take its earlier thinking back",
                );
            }
            _ => {}
        }
    }
    if !told.is_empty() {
        w.key("thinking");
        w.joined(&told, "");
    }
}

fn tool_calls(blocks: &[&Block], w: &mut JsonWriter<'_>) {
    let is_call = |block: &&&Block| matches!(block.content, Content::ToolCall(_));
    let calls: Vec<_> = blocks.iter().filter(is_call).collect();
    if calls.is_empty() {
        return;
    }
    w.field_array("tool_calls", |w| {
        for (index, block) in (0..).zip(calls) {
            let Content::ToolCall(call) = &block.content else {
                continue;
            };
            w.object(|w| {
                w.field_text("id", &call.id);
                w.field_object("function", |w| {
                    w.field_u64("index", index);
                    w.field_str("name", &NAMES.fit(&call.name));
                    w.key("arguments");
                    arguments::object(&custom::arguments(call), w);
                });
            });
        }
    });
}

fn tool_result(
    request: &Request,
    result: &ToolResult,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) {
    // Older versions know results by the tool's name alone.
    let blocks = request.messages.iter().flat_map(|message| &message.content);
    let mut calls = blocks.filter_map(|block| match &block.content {
        Content::ToolCall(call) if call.id == result.call_id => Some(call),
        _ => None,
    });
    let call = calls.next_back();
    w.object(|w| {
        w.field_str("role", "tool");
        if let Some(call) = call {
            w.field_str("tool_name", &NAMES.fit(&call.name));
        }
        w.field_text("tool_call_id", &result.call_id);
        let blocks: Vec<&Block> = result.content.iter().collect();
        content(&blocks, "\n", losses, w);
    });
    if result.is_error {
        losses.note(
            "messages.is_error",
            "that a tool failed is only told by its text",
        );
    }
}
