//! Arranged turns as the `system` and `messages` of a Converse request.

use super::formats;
use crate::alias::Charset;
use crate::extras;
use crate::json::JsonWriter;
use crate::neutral::{Block, CacheMark, Content, Document, Extra, Media, Role, Source, ToolResult};
use crate::problem::Losses;
use crate::turns::{Piece, Turn};
use crate::{arguments, base64, custom};

/// `[a-zA-Z0-9_-]{1,64}`, by the API reference.
pub(super) const NAMES: Charset = Charset::of(64);
/// The same for the ids of tool calls.
const IDS: Charset = Charset::of(64);

/// `DocumentBlock.name`.
const MAX_NAME_CHARS: usize = 200;

/// What every part of the writing needs to see.
pub(super) struct Context {
    pub(super) losses: Losses,
    /// Of the documents so far: no two may have the same.
    names: Vec<String>,
}

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
            if let Content::Text(text) | Content::Refusal(text) = &piece.block.content {
                w.object(|w| w.field_text("text", text));
            } else {
                let reason = "system prompts are text here";
                context.losses.note("system", reason);
            }
            context.note_extras(&piece.block.extras, "messages");
            cache_point(piece.cache, w);
        }
        if let Some(text) = appendix {
            w.object(|w| w.field_str("text", text));
        }
    });
}

pub(super) fn write(context: &mut Context, turns: &[Turn<'_>], w: &mut JsonWriter<'_>) {
    w.field_array("messages", |w| {
        for (index, turn) in turns.iter().enumerate() {
            let is_last = index + 1 == turns.len();
            w.object(|w| self::turn(context, turn, is_last, w));
        }
    });
}

fn turn(context: &mut Context, turn: &Turn<'_>, is_last: bool, w: &mut JsonWriter<'_>) {
    let is_assistant = turn.role == Role::Assistant;
    w.field_str("role", if is_assistant { "assistant" } else { "user" });
    w.field_array("content", |w| {
        for (index, piece) in turn.pieces.iter().enumerate() {
            let ends = is_last && is_assistant && index + 1 == turn.pieces.len();
            match &piece.block.content {
                // What the answer continues cannot end with white space.
                Content::Text(text) if ends => w.object(|w| w.field_str("text", text.trim_end())),
                _ => block(context, piece.block, w),
            }
            extras::note(&piece.block.extras, "messages", &mut context.losses);
            cache_point(piece.cache, w);
        }
        let has = |wanted: fn(&Content) -> bool| {
            turn.pieces.iter().any(|piece| wanted(&piece.block.content))
        };
        let has_document = has(|content| matches!(content, Content::Document(_)));
        if has_document && !has(|content| matches!(content, Content::Text(_))) {
            // A document has to be accompanied by a text.
            let name = context.names.last().map_or("Document", String::as_str);
            w.object(|w| w.field_str("text", name));
        }
    });
}

fn block(context: &mut Context, block: &Block, w: &mut JsonWriter<'_>) {
    match &block.content {
        Content::Text(text) | Content::Refusal(text) => w.object(|w| w.field_text("text", text)),
        Content::Thinking { text, signature } => w.object(|w| {
            w.field_object("reasoningContent", |w| {
                w.field_object("reasoningText", |w| {
                    w.field_text("text", text);
                    if let Some(signature) = signature {
                        w.field_text("signature", &signature.data);
                    }
                });
            });
        }),
        Content::RedactedThinking { data } => w.object(|w| {
            w.field_object("reasoningContent", |w| {
                w.field_str("redactedContent", &base64::encode(data.as_bytes()));
            });
        }),
        Content::Image(image) => media("image", &image.source, formats::image, w),
        Content::Audio(Media { source }) => media("audio", source, formats::audio, w),
        Content::Video(Media { source }) => media("video", source, formats::video, w),
        Content::Document(document) => self::document(context, document, w),
        Content::ToolCall(call) => w.object(|w| {
            w.field_object("toolUse", |w| {
                w.field_str("toolUseId", &IDS.fit(&call.id));
                w.field_str("name", &NAMES.fit(&call.name));
                w.key("input");
                arguments::object(&custom::arguments(call), w);
            });
        }),
        Content::ToolResult(result) => w.object(|w| {
            w.field_object("toolResult", |w| tool_result(context, result, w));
        }),
        // Dropped or refused before.
        Content::Foreign { .. } => {}
    }
}

fn tool_result(context: &mut Context, result: &ToolResult, w: &mut JsonWriter<'_>) {
    w.field_str("toolUseId", &IDS.fit(&result.call_id));
    w.field_array("content", |w| {
        for block in &result.content {
            match &block.content {
                Content::Text(text) if text.is_blank() => {}
                _ => self::block(context, block, w),
            }
            // Marks inside moved to the result itself: see `turns`.
            extras::note(&block.extras, "messages", &mut context.losses);
        }
    });
    if result.is_error {
        w.field_str("status", "error");
    }
}

fn media(
    kind: &str,
    source: &Source,
    format: fn(&str) -> Option<&'static str>,
    w: &mut JsonWriter<'_>,
) {
    if let Source::Base64 { media_type, data } = source {
        w.object(|w| {
            w.field_object(kind, |w| {
                w.field_str("format", format(media_type).unwrap_or_default());
                w.field_object("source", |w| w.field_text("bytes", data));
            });
        });
    }
}

fn document(context: &mut Context, document: &Document, w: &mut JsonWriter<'_>) {
    let name = context.document_name(document.name.as_deref());
    w.object(|w| {
        w.field_object("document", |w| {
            let format = match &document.source {
                Source::Base64 { media_type, .. } => formats::document(media_type),
                _ => Some("txt"),
            };
            w.field_str("format", format.unwrap_or_default());
            w.field_str("name", &name);
            w.field_object("source", |w| match &document.source {
                Source::Base64 { data, .. } => w.field_text("bytes", data),
                Source::Text(text) => w.field_str("bytes", &base64::encode(text.as_bytes())),
                // Refused before.
                Source::Url(_) | Source::File { .. } => {}
            });
        });
    });
}

pub(super) fn cache_point(mark: Option<CacheMark>, w: &mut JsonWriter<'_>) {
    let ttl = match mark {
        None => return,
        Some(CacheMark::Default) => None,
        Some(CacheMark::FiveMinutes) => Some("5m"),
        Some(CacheMark::OneHour) => Some("1h"),
    };
    w.object(|w| {
        w.field_object("cachePoint", |w| {
            w.field_str("type", "default");
            if let Some(ttl) = ttl {
                w.field_str("ttl", ttl);
            }
        });
    });
}

// === impl Context ===

impl Context {
    pub(super) fn new(losses: Losses) -> Self {
        Self {
            losses,
            names: Vec::new(),
        }
    }

    pub(super) fn note_extras(&mut self, extras: &[Extra], place: &str) {
        extras::note(extras, place, &mut self.losses);
    }

    /// A name of letters, digits, single spaces, hyphens and brackets that no other
    /// document has. It depends on what came before alone, so that prompt caches stay
    /// warm.
    fn document_name(&mut self, wanted: Option<&str>) -> String {
        let wanted = wanted.map(str::trim).filter(|name| !name.is_empty());
        let mut name = String::new();
        for char in wanted.unwrap_or("Document").chars() {
            let char = match char {
                char if char.is_ascii_alphanumeric() || "-()[]".contains(char) => char,
                char if char.is_whitespace() => ' ',
                _ => '-',
            };
            if !(char == ' ' && name.ends_with(' ')) {
                name.push(char);
            }
        }
        // ASCII only, so that characters are bytes; room is left for the number.
        name.truncate(MAX_NAME_CHARS - 20);
        let mut unique = name.clone();
        let mut number = 2_u64;
        while self.names.contains(&unique) {
            unique = format!("{name} ({number})");
            number = number.saturating_add(1);
        }
        self.names.push(unique.clone());
        unique
    }
}
