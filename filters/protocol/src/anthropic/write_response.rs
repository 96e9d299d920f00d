//! The neutral form into an Anthropic answer. It has one choice: the first.

use crate::anthropic::read_response::stop_name;
use crate::anthropic::write_request::IDS;
use crate::anthropic::{usage, write_messages};
use crate::json::{JsonWriter, object_bytes};
use crate::neutral::{Block, Choice, Content, Image, Media, Response, Source, ToolCall};
use crate::reply::{Reply, unshown};
use crate::text::Text;

pub(super) fn write(response: &Response, reply: &Reply) -> Vec<u8> {
    let nothing = Choice::default();
    let choice = response.choices.first().unwrap_or(&nothing);
    object_bytes(|w| {
        head(reply, w);
        w.field_array("content", |w| {
            for (block, call) in ended(&choice.content).iter().zip(0..) {
                if let Some(content) = sayable(&block.content) {
                    w.object(|w| members(content, reply, call, w));
                }
            }
        });
        w.field_str("stop_reason", stop_name(choice.stop));
        match &choice.stop_sequence {
            Some(stop) => w.field_str("stop_sequence", stop),
            None => w.field_null("stop_sequence"),
        }
        w.field_object("usage", |w| {
            usage::members(&response.usage.unwrap_or_default(), w);
        });
    })
}

/// The members that begin a message, whole or streamed.
pub(super) fn head(reply: &Reply, w: &mut JsonWriter<'_>) {
    w.field_str("id", &format!("msg_{}", reply.id));
    w.field_str("type", "message");
    w.field_str("role", "assistant");
    w.field_str("model", &reply.model);
}

/// A turn without the signatures at its end that no block follows: clients take the last
/// block for the answer. A turn with calls goes on, and keeps them.
fn ended(blocks: &[Block]) -> &[Block] {
    let calls = |block: &Block| matches!(block.content, Content::ToolCall(_));
    let only_signs = |block: &Block| matches!(&block.content, Content::Thinking { text, signature: Some(_) } if text.is_empty());
    if blocks.iter().any(calls) {
        return blocks;
    }
    let mut ended = blocks;
    while let [before @ .., last] = ended
        && only_signs(last)
    {
        ended = before;
    }
    ended
}

/// A legal id for a call: the upstream's if it gave one.
pub(super) fn call_id(given: &str, reply: &Reply, call: u32) -> String {
    match given {
        "" => format!("toolu_{}_{call}", reply.id),
        given => IDS.fit(given).into_owned(),
    }
}

/// Blank text is no content here, and other dialects' blocks mean nothing.
fn sayable(content: &Content) -> Option<&Content> {
    match content {
        Content::Text(text) | Content::Refusal(text) if text.is_empty() => None,
        Content::Document(_) | Content::ToolResult(_) => None,
        Content::Foreign { .. } => None,
        content => Some(content),
    }
}

fn members(content: &Content, reply: &Reply, call: u32, w: &mut JsonWriter<'_>) {
    match content {
        Content::ToolCall(tool) => {
            let tool = ToolCall {
                id: Text::from(call_id(&tool.id, reply, call)),
                ..tool.clone()
            };
            write_messages::tool_use(&tool, reply.aliases.original(&tool.name), w);
        }
        Content::Image(Image { source })
        | Content::Audio(Media { source })
        | Content::Video(Media { source }) => {
            let media_type = match source {
                Source::Base64 { media_type, .. } => media_type.as_str(),
                _ => "unknown",
            };
            let note = Content::Text(unshown(media_type).into());
            write_messages::content_members(&note, w);
        }
        content => write_messages::content_members(content, w),
    }
}
