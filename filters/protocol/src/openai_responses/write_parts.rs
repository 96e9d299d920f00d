//! Blocks as the parts of a message's `content`, or of a tool's `output`.
//!
//! Text of the model's turn is `output_text`, all other text `input_text`.

use crate::json::JsonWriter;
use crate::neutral::{Block, Content, Document, Image, Media, Source};
use crate::openai_responses::context::Context;
use crate::text::Text;

pub(super) fn part(context: &mut Context<'_>, role: &str, block: &Block, w: &mut JsonWriter<'_>) {
    if let Content::Foreign { raw, .. } = &block.content {
        return w.raw(raw.as_str());
    }
    w.object(|w| {
        match &block.content {
            Content::Text(text) => {
                let kind = if role == "assistant" {
                    "output_text"
                } else {
                    "input_text"
                };
                text_part(kind, text, w);
            }
            Content::Refusal(text) if role == "assistant" => {
                w.field_str("type", "refusal");
                w.field_text("refusal", text);
            }
            Content::Refusal(text) => text_part("input_text", text, w),
            Content::Image(Image { source }) => {
                w.field_str("type", "input_image");
                match source {
                    Source::File { id } => w.field_str("file_id", id),
                    source => {
                        w.key("image_url");
                        url(source, w);
                    }
                }
                let has_detail = block.extras.iter().any(|extra| extra.key == *"detail");
                if !context.same_dialect() {
                    match block.extras.iter().find(|extra| extra.key == *"detail") {
                        // Chat Completions has the same levels.
                        Some(detail) if has_detail => {
                            w.field_raw("detail", detail.value.as_str());
                            return;
                        }
                        _ => w.field_str("detail", "auto"),
                    }
                }
            }
            Content::Document(document) => self::document(document, w),
            Content::Audio(media) => audio(media, w),
            // Not among parts: see `user` and `assistant`.
            _ => {}
        }
        context.extras(block, w);
    });
}

fn text_part(kind: &str, text: &Text, w: &mut JsonWriter<'_>) {
    w.field_str("type", kind);
    w.field_text("text", text);
}

fn url(source: &Source, w: &mut JsonWriter<'_>) {
    match source {
        Source::Base64 { media_type, data } => {
            let (media_type, data) = (media_type.piece(), data.piece());
            w.pieces(&["data:".into(), media_type, ";base64,".into(), data]);
        }
        Source::Url(text) | Source::Text(text) | Source::File { id: text } => w.text(text),
    }
}

fn document(document: &Document, w: &mut JsonWriter<'_>) {
    if let Source::Text(text) = &document.source {
        w.field_str("type", "input_text");
        w.key("text");
        return match &document.name {
            Some(name) => w.pieces(&[name.piece(), "\n\n".into(), text.piece()]),
            None => w.text(text),
        };
    }
    w.field_str("type", "input_file");
    let name = document.name.as_deref();
    match &document.source {
        Source::File { id } => w.field_str("file_id", id),
        Source::Url(url) => w.field_str("file_url", url),
        source => {
            // A name is required with data.
            w.field_str("filename", name.unwrap_or("document.pdf"));
            w.key("file_data");
            return url(source, w);
        }
    }
    if let Some(name) = name {
        w.field_str("filename", name);
    }
}

fn audio(media: &Media, w: &mut JsonWriter<'_>) {
    if let Source::Base64 { media_type, data } = &media.source
        && let Some(format) = audio_format(media_type)
    {
        w.field_str("type", "input_audio");
        w.field_object("input_audio", |w| {
            w.field_text("data", data);
            w.field_str("format", format);
        });
    }
}

/// The name of a format of `input_audio`; there are two.
pub(super) fn audio_format(media_type: &str) -> Option<&'static str> {
    match media_type {
        "audio/wav" | "audio/x-wav" | "audio/wave" => Some("wav"),
        "audio/mpeg" | "audio/mp3" => Some("mp3"),
        _ => None,
    }
}
