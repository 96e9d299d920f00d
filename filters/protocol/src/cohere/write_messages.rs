//! Neutral messages as Cohere's `messages`: tool results are messages of their own, and
//! what the model says before it calls tools is its `tool_plan`.

use super::write_request::{IDS, NAMES};
use crate::after_calls::{self, Step};
use crate::custom;
use crate::extras;
use crate::json::JsonWriter;
use crate::neutral::{Block, Content, Image, Message, Request, Role, Source, ToolResult};
use crate::problem::Losses;
use crate::target::Target;
use crate::text::Text;

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
                    tool_result(result, losses, w);
                    continue;
                }
                Step::Rest(message) => message,
            };
            extras::note(&message.extras, "messages", losses);
            for block in &message.content {
                extras::note(&block.extras, "messages", losses);
            }
            match message.role {
                Role::System | Role::Developer => {
                    for block in &message.content {
                        extras::is_prompt(block, false, losses);
                    }
                    plain("system", "\n", message.content.iter(), w);
                }
                Role::User => user(message, w),
                Role::Assistant => assistant(request, message, target, losses, w),
            }
        }
    });
}

/// A message of these texts only, if there is any.
fn plain<'r>(
    role: &str,
    joint: &str,
    blocks: impl Iterator<Item = &'r Block>,
    w: &mut JsonWriter<'_>,
) {
    let texts = texts(joint, blocks);
    if !texts.is_empty() {
        w.object(|w| {
            w.field_str("role", role);
            w.key("content");
            w.joined(&texts, joint);
        });
    }
}

fn tool_result(result: &ToolResult, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    let texts: Vec<&Text> = result.content.iter().filter_map(text).collect();
    w.object(|w| {
        w.field_str("role", "tool");
        w.field_str("tool_call_id", &IDS.fit(&result.call_id));
        w.key("content");
        w.joined(&texts, "\n");
    });
    if result.is_error {
        losses.note(
            "messages.is_error",
            "that a tool failed is only told by its text",
        );
    }
}

fn user(message: &Message, w: &mut JsonWriter<'_>) {
    let is_result = |block: &&Block| matches!(block.content, Content::ToolResult(_));
    let blocks = message.content.iter();
    let rest: Vec<&Block> = blocks.filter(|block| !is_result(block)).collect();
    let has_images = |block: &&Block| matches!(block.content, Content::Image(_));
    if !rest.iter().any(has_images) {
        return plain("user", "\n", rest.into_iter(), w);
    }
    w.object(|w| {
        w.field_str("role", "user");
        w.field_array("content", |w| {
            for block in rest {
                match &block.content {
                    Content::Image(Image { source }) => w.object(|w| image(source, w)),
                    _ => text_part(block, w),
                }
            }
        });
    });
}

fn assistant(
    request: &Request,
    message: &Message,
    target: &Target<'_>,
    losses: &mut Losses,
    w: &mut JsonWriter<'_>,
) {
    let has = |wanted: fn(&Content) -> bool| {
        let mut blocks = message.content.iter();
        blocks.any(|block| wanted(&block.content))
    };
    let calls = has(|content| matches!(content, Content::ToolCall(_)));
    let thoughts = has(|content| matches!(content, Content::Thinking { .. }));
    let thinks = thoughts && target.reasoning_field.is_some();
    for block in &message.content {
        match &block.content {
            Content::Thinking { .. } if thinks => {}
            Content::Thinking { .. } | Content::RedactedThinking { .. }
                if request.misses(&block.content) =>
            {
                losses.note(
                    "messages.thinking",
                    "the model is not known to take its earlier thinking back",
                );
            }
            Content::Foreign { kind, .. } => losses.note(
                format!("messages.{}", &**kind),
                "only its own provider can read it",
            ),
            _ => {}
        }
    }
    if !calls && !thinks {
        return plain("assistant", "", message.content.iter(), w);
    }
    let texts = texts("", message.content.iter());
    w.object(|w| {
        w.field_str("role", "assistant");
        if calls && !texts.is_empty() {
            w.key("tool_plan");
            w.joined(&texts, "");
        }
        if thinks {
            w.field_array("content", |w| {
                for block in &message.content {
                    match &block.content {
                        Content::Thinking { text, .. } if !text.is_empty() => w.object(|w| {
                            w.field_str("type", "thinking");
                            w.field_text("thinking", text);
                        }),
                        Content::Text(_) | Content::Refusal(_) if !calls => text_part(block, w),
                        _ => {}
                    }
                }
            });
        }
        if calls {
            w.field_array("tool_calls", |w| {
                for block in &message.content {
                    tool_call(block, w);
                }
            });
        }
    });
}

fn tool_call(block: &Block, w: &mut JsonWriter<'_>) {
    let Content::ToolCall(call) = &block.content else {
        return;
    };
    w.object(|w| {
        w.field_str("id", &IDS.fit(&call.id));
        w.field_str("type", "function");
        w.field_object("function", |w| {
            w.field_str("name", &NAMES.fit(&call.name));
            let arguments = custom::arguments(call);
            let arguments = Some(&*arguments).filter(|arguments| !arguments.trim().is_empty());
            w.field_str("arguments", arguments.unwrap_or("{}"));
        });
    });
}

/// The texts of a message, unless there is nothing in them. Where nothing parts them they are pieces
/// of one, and what is blank among them is a part of it too.
fn texts<'r>(joint: &str, blocks: impl Iterator<Item = &'r Block>) -> Vec<&'r Text> {
    let text = |block: &'r Block| match &block.content {
        Content::Text(text) | Content::Refusal(text) => Some(text),
        _ => None,
    };
    let mut texts: Vec<&Text> = blocks.filter_map(text).collect();
    if !joint.is_empty() || texts.iter().all(|text| text.is_blank()) {
        texts.retain(|text| !text.is_blank());
    }
    texts
}

/// Text that is not blank.
fn text(block: &Block) -> Option<&Text> {
    match &block.content {
        Content::Text(text) | Content::Refusal(text) if !text.is_blank() => Some(text),
        _ => None,
    }
}

fn text_part(block: &Block, w: &mut JsonWriter<'_>) {
    if let Some(text) = text(block) {
        w.object(|w| {
            w.field_str("type", "text");
            w.field_text("text", text);
        });
    }
}

fn image(source: &Source, w: &mut JsonWriter<'_>) {
    w.field_str("type", "image_url");
    w.field_object("image_url", |w| match source {
        Source::Url(url) => w.field_text("url", url),
        Source::Base64 { media_type, data } => {
            w.key("url");
            w.pieces(&[
                "data:".into(),
                media_type.into(),
                ";base64,".into(),
                data.into(),
            ]);
        }
        // Refused before, or no image.
        Source::Text(_) | Source::File { .. } => {}
    });
}

/// Documents stand beside the messages: `[{"data": {title, text}}]`.
pub(super) fn documents(request: &Request, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    let blocks = request.messages.iter().flat_map(|message| &message.content);
    let mut found = blocks.filter_map(|block| match &block.content {
        Content::Document(document) => Some((&document.name, document.text()?)),
        _ => None,
    });
    let Some(first) = found.next() else {
        return;
    };
    losses.note(
        "messages.document",
        "documents stand beside the conversation, not in it",
    );
    w.field_array("documents", |w| {
        for (name, text) in std::iter::once(first).chain(found) {
            w.object(|w| {
                w.field_object("data", |w| {
                    if let Some(name) = name {
                        w.field_str("title", name);
                    }
                    w.field_text("text", &text);
                });
            });
        }
    });
}
