//! The neutral form into a Chat Completions answer.

use crate::json::{JsonWriter, object_bytes};
use crate::neutral::{Block, CallKind, Choice, Content, Image, Media, Response, Source};
use crate::openai_chat::read_response::finish_reason;
use crate::openai_chat::{thinking, usage};
use crate::reply::Reply;
use crate::text::Text;

pub(super) fn write(response: &Response, reply: &Reply) -> Vec<u8> {
    object_bytes(|w| {
        w.field_str("id", &id(reply));
        w.field_str("object", "chat.completion");
        w.field_u64("created", reply.created_unix_s);
        w.field_str("model", &reply.model);
        w.field_array("choices", |w| {
            for (index, choice) in (0..).zip(&response.choices) {
                w.object(|w| {
                    w.field_u64("index", index);
                    w.field_object("message", |w| message(choice, reply, w));
                    w.field_null("logprobs");
                    w.field_str("finish_reason", finish_reason(choice.stop));
                });
            }
        });
        if let Some(usage) = &response.usage {
            w.field_object("usage", |w| usage::members(usage, w));
        }
    })
}

pub(super) fn id(reply: &Reply) -> String {
    format!("chatcmpl-{}", reply.id)
}

/// The id of a call whose upstream gave none.
pub(super) fn call_id(given: &str, reply: &Reply, call: u32) -> String {
    match given {
        "" => format!("call_{}_{call}", reply.id),
        given => given.to_owned(),
    }
}

fn message(choice: &Choice, reply: &Reply, w: &mut JsonWriter<'_>) {
    let blocks = &choice.content;
    let said: Vec<&Text> = blocks
        .iter()
        .filter_map(|block| text(&block.content))
        .collect();
    let refused: Vec<&Text> = blocks
        .iter()
        .filter_map(|block| refusal(&block.content))
        .collect();
    let calls = || {
        blocks
            .iter()
            .zip(0..)
            .filter(|(block, _)| matches!(block.content, Content::ToolCall(_)))
    };
    let has_calls = calls().next().is_some();

    w.field_str("role", "assistant");
    match said.is_empty() && (has_calls || !refused.is_empty()) {
        true => w.field_null("content"),
        false => {
            w.key("content");
            w.joined(&said, "");
        }
    }
    match refused.is_empty() {
        true => w.field_null("refusal"),
        false => {
            w.key("refusal");
            w.joined(&refused, "");
        }
    }
    let drawn: Vec<_> = blocks.iter().filter_map(media_of).collect();
    if !drawn.is_empty() {
        w.field_array("images", |w| {
            for (media_type, data) in drawn {
                w.object(|w| image(media_type, data, w));
            }
        });
    }
    thinking::write(blocks, w);
    if has_calls {
        w.field_array("tool_calls", |w| {
            for (block, call) in calls() {
                w.object(|w| tool_call(block, call, reply, w));
            }
        });
    }
}

fn media_of(block: &Block) -> Option<(&str, &str)> {
    match &block.content {
        Content::Image(Image { source })
        | Content::Audio(Media { source })
        | Content::Video(Media { source }) => match source {
            Source::Base64 { media_type, data } => Some((media_type, data)),
            _ => None,
        },
        _ => None,
    }
}

/// What a model drew, as OpenRouter tells it: the dialect itself has no place for it.
pub(super) fn media(media_type: &str, data: &str, w: &mut JsonWriter<'_>) {
    w.field_array("images", |w| w.object(|w| image(media_type, data, w)));
}

fn image(media_type: &str, data: &str, w: &mut JsonWriter<'_>) {
    w.field_str("type", "image_url");
    w.field_object("image_url", |w| {
        w.key("url");
        w.strings(&["data:", media_type, ";base64,", data]);
    });
}

fn tool_call(block: &Block, call: u32, reply: &Reply, w: &mut JsonWriter<'_>) {
    let Content::ToolCall(tool) = &block.content else {
        return;
    };
    w.field_str("id", &call_id(&tool.id, reply, call));
    if tool.kind == CallKind::Custom {
        w.field_str("type", "custom");
        return w.field_object("custom", |w| {
            w.field_str("name", reply.aliases.original(&tool.name));
            w.field_str("input", &tool.arguments);
        });
    }
    w.field_str("type", "function");
    w.field_object("function", |w| {
        w.field_str("name", reply.aliases.original(&tool.name));
        match tool.arguments.is_empty() {
            true => w.field_str("arguments", "{}"),
            false => w.field_text("arguments", &tool.arguments),
        }
    });
}

fn text(content: &Content) -> Option<&Text> {
    match content {
        Content::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn refusal(content: &Content) -> Option<&Text> {
    match content {
        Content::Refusal(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}
