//! Arranged turns as the `system` and `messages` of a request.

use crate::anthropic::write_request::{IDS, NAMES};
use crate::dialect::Dialect;
use crate::extras;
use crate::json::JsonWriter;
use crate::neutral::{
    Block, CacheMark, Content, Document, Extra, Image, Role, Source, ToolCall, ToolResult,
};
use crate::problem::Losses;
use crate::text::Text;
use crate::turns::{Piece, Turn};
use crate::{arguments, custom};

/// What every part of the writing needs to see.
pub(super) struct Context {
    pub(super) same_dialect: bool,
    pub(super) losses: Losses,
}

/// Always an array of blocks: joining them would lose their cache marks.
pub(super) fn system(
    context: &mut Context,
    pieces: &[Piece<'_>],
    appendix: Option<&str>,
    w: &mut JsonWriter<'_>,
) {
    if pieces.is_empty() && appendix.is_none() {
        return;
    }
    w.field_array("system", |w| {
        for piece in pieces {
            if extras::is_prompt(piece.block, context.same_dialect, &mut context.losses) {
                self::piece(context, piece, None, w);
            }
        }
        if let Some(text) = appendix {
            w.object(|w| {
                w.field_str("type", "text");
                w.field_str("text", text);
            });
        }
    });
}

pub(super) fn write(context: &mut Context, turns: &[Turn<'_>], w: &mut JsonWriter<'_>) {
    w.array(|w| {
        for (index, turn) in turns.iter().enumerate() {
            let is_last = index + 1 == turns.len();
            w.object(|w| self::turn(context, turn, is_last, w));
        }
    });
}

fn turn(context: &mut Context, turn: &Turn<'_>, is_last: bool, w: &mut JsonWriter<'_>) {
    w.field_str(
        "role",
        match turn.role {
            Role::Assistant => "assistant",
            Role::User => "user",
            Role::System | Role::Developer => "system",
        },
    );
    let is_prefill = is_last && turn.role == Role::Assistant && !context.same_dialect;
    w.field_array("content", |w| {
        for (index, piece) in turn.pieces.iter().enumerate() {
            let ends = index + 1 == turn.pieces.len();
            // "Final assistant content cannot end with trailing whitespace."
            let trimmed = match &piece.block.content {
                Content::Text(text) if is_prefill && ends => Some(text.slice(text.trim_end())),
                _ => None,
            };
            self::piece(context, piece, trimmed.as_ref(), w);
        }
    });
}

fn piece(context: &mut Context, piece: &Piece<'_>, text: Option<&Text>, w: &mut JsonWriter<'_>) {
    let block = piece.block;
    if let Content::Foreign { raw, .. } = &block.content {
        return w.raw(raw.as_str());
    }
    w.object(|w| {
        match (&block.content, text) {
            (Content::Text(_), Some(text)) => text_members(text, w),
            (content, _) => members(context, content, w),
        }
        cache(piece.cache, w);
        context.extras(&block.extras, "messages", w);
    });
}

fn members(context: &mut Context, content: &Content, w: &mut JsonWriter<'_>) {
    match content {
        Content::ToolCall(call) => tool_use(call, &NAMES.fit(&call.name), w),
        Content::ToolResult(result) => tool_result(context, result, w),
        content => content_members(content, w),
    }
}

/// The members of a block that requests and answers write alike.
pub(super) fn content_members(content: &Content, w: &mut JsonWriter<'_>) {
    match content {
        Content::Text(text) | Content::Refusal(text) => text_members(text, w),
        Content::Thinking { text, signature } => {
            w.field_str("type", "thinking");
            w.field_text("thinking", text);
            let signature = signature.as_ref();
            let signature = signature.map(|signature| signature.shown_in(Dialect::Anthropic));
            w.field_str("signature", &signature.unwrap_or_default());
        }
        Content::RedactedThinking { data } => {
            w.field_str("type", "redacted_thinking");
            w.field_text("data", data);
        }
        Content::Image(Image { source }) => {
            w.field_str("type", "image");
            w.field_object("source", |w| self::source(source, w));
        }
        Content::Document(document @ Document { source, name }) => {
            w.field_str("type", "document");
            w.field_object("source", |w| match document.text() {
                // In base64 it takes PDF alone.
                Some(text) => self::source(&Source::Text(text), w),
                None => self::source(source, w),
            });
            if let Some(name) = name {
                w.field_str("title", name);
            }
        }
        Content::ToolCall(_)
        | Content::ToolResult(_)
        | Content::Audio(_)
        | Content::Video(_)
        | Content::Foreign { .. } => {}
    }
}

fn text_members(text: &Text, w: &mut JsonWriter<'_>) {
    w.field_str("type", "text");
    w.field_text("text", text);
}

/// The members of a `tool_use` block; the name is the one to show.
pub(super) fn tool_use(call: &ToolCall, name: &str, w: &mut JsonWriter<'_>) {
    w.field_str("type", "tool_use");
    w.field_str("id", &IDS.fit(&call.id));
    w.field_str("name", name);
    w.key("input");
    arguments::object(&custom::arguments(call), w);
}

fn tool_result(context: &mut Context, result: &ToolResult, w: &mut JsonWriter<'_>) {
    w.field_str("type", "tool_result");
    w.field_str("tool_use_id", &IDS.fit(&result.call_id));
    let is_plain =
        |block: &Block| matches!(block.content, Content::Text(_)) && block.extras.is_empty();
    let sendable = |block: &&Block| match &block.content {
        Content::Text(text) => !text.is_blank(),
        _ => true,
    };
    match result.content.as_slice() {
        [block] if is_plain(block) => {
            if let Content::Text(text) = &block.content {
                w.field_text("content", text);
            }
        }
        blocks if blocks.iter().any(|block| sendable(&block)) => w.field_array("content", |w| {
            for block in blocks.iter().filter(sendable) {
                // Marks inside moved to the result itself: see `turns`.
                let piece = Piece { block, cache: None };
                self::piece(context, &piece, None, w);
            }
        }),
        _ => {}
    }
    if result.is_error {
        w.field_bool("is_error", true);
    }
}

fn source(source: &Source, w: &mut JsonWriter<'_>) {
    match source {
        Source::Url(url) => {
            w.field_str("type", "url");
            w.field_text("url", url);
        }
        Source::Base64 { media_type, data } => {
            w.field_str("type", "base64");
            w.field_str("media_type", media_type);
            w.field_text("data", data);
        }
        Source::Text(text) => {
            w.field_str("type", "text");
            w.field_str("media_type", "text/plain");
            w.field_text("data", text);
        }
        Source::File { id } => {
            w.field_str("type", "file");
            w.field_str("file_id", id);
        }
    }
}

pub(super) fn cache(mark: Option<CacheMark>, w: &mut JsonWriter<'_>) {
    if let Some(mark) = mark {
        w.field_raw("cache_control", mark.as_json());
    }
}

// === impl Context ===

impl Context {
    pub(super) fn extras(&mut self, extras: &[Extra], place: &str, w: &mut JsonWriter<'_>) {
        if self.same_dialect {
            extras::write(extras, w);
        } else {
            extras::note(extras, place, &mut self.losses);
        }
    }
}
