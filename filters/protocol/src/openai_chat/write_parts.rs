//! What a message says, as one string or as the parts of a Chat Completions message.

use crate::json::{JsonWriter, Piece};
use crate::neutral::{Block, Content, Document, Image, Media, Source};
use crate::openai_chat::context::Context;
use crate::text::Text;

/// Where the losses of messages are.
pub(super) const PLACE: &str = "messages";

/// One string where that says it all, or where `joint` says how to make it one;
/// else an array of parts.
pub(super) fn content(
    context: &mut Context<'_>,
    blocks: &[&Block],
    joint: Option<&str>,
    w: &mut JsonWriter<'_>,
) {
    let texts = blocks.iter().map(|block| match &block.content {
        Content::Text(text) => Some(text),
        _ => None,
    });
    let texts: Option<Vec<&Text>> = texts.collect();
    let alone = match blocks {
        [] => true,
        [block] => !context.keeps_attachments(block),
        _ => false,
    };
    match (texts, joint) {
        (Some(texts), joint) if alone || joint.is_some() => {
            w.joined(&texts, joint.unwrap_or_default());
            for block in blocks {
                context.note_attachments(block, PLACE);
            }
        }
        _ => w.array(|w| {
            for block in blocks {
                part(context, block, w);
            }
        }),
    }
}

fn part(context: &mut Context<'_>, block: &Block, w: &mut JsonWriter<'_>) {
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
                    // The only field of an image that is kept apart, `detail`, stands here.
                    // The Responses API has it too, with a level that is not known here.
                    let own = block.extras.iter().find(|extra| extra.key == *"detail");
                    match own.filter(|detail| detail.value.as_str() != r#""original""#) {
                        Some(detail) => w.field_raw("detail", detail.value.as_str()),
                        None => context.extras(&block.extras, PLACE, w),
                    }
                });
                return context.cache(block.cache, w);
            }
            Content::Video(Media { source }) => {
                w.field_str("type", "video_url");
                w.field_object("video_url", |w| {
                    w.key("url");
                    url(source, w);
                    context.extras(&block.extras, PLACE, w);
                });
                return context.cache(block.cache, w);
            }
            Content::Document(document) => self::document(context, document, w),
            Content::Text(text) | Content::Refusal(text) => {
                w.field_str("type", "text");
                w.field_text("text", text);
            }
            Content::Audio(media) => audio(media, w),
            // Not among parts: see `user` and `assistant`.
            _ => {}
        }
        context.cache(block.cache, w);
        context.extras(&block.extras, PLACE, w);
    });
}

fn url(source: &Source, w: &mut JsonWriter<'_>) {
    match source {
        Source::Base64 { media_type, data } => {
            w.pieces(&[
                Piece::Plain("data:"),
                media_type.piece(),
                Piece::Plain(";base64,"),
                data.piece(),
            ]);
        }
        Source::Url(text) | Source::Text(text) | Source::File { id: text } => w.text(text),
    }
}

fn audio(media: &Media, w: &mut JsonWriter<'_>) {
    if let Source::Base64 { media_type, data } = &media.source {
        // Other callers' formats are the two; its own may be what a provider takes.
        let format = audio_format(media_type);
        let format = format.or_else(|| media_type.strip_prefix("audio/"));
        let format = format.unwrap_or("wav");
        w.field_str("type", "input_audio");
        w.field_object("input_audio", |w| {
            w.field_str("data", data);
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

fn document(context: &Context<'_>, document: &Document, w: &mut JsonWriter<'_>) {
    // As a file it takes PDF alone.
    let is_text = matches!(document.source, Source::Text(_)) || !context.same_dialect();
    if let Some(text) = document.text().filter(|_| is_text) {
        w.field_str("type", "text");
        w.key("text");
        return match &document.name {
            Some(name) => w.joined(&[name, &text], "\n\n"),
            None => w.text(&text),
        };
    }
    w.field_str("type", "file");
    w.field_object("file", |w| match &document.source {
        Source::File { id } => w.field_str("file_id", id),
        source => {
            // A name is required with data.
            let name = document.name.as_deref().unwrap_or("document.pdf");
            w.field_str("filename", name);
            w.key("file_data");
            url(source, w);
        }
    });
}
