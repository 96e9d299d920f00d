//! Pictures, sound, films and documents: inline, or as a file that Gemini fetches.

use crate::json::{JsonWriter, Piece};
use crate::neutral::{Block, Content, Source};

pub(super) fn media(
    source: &Source,
    name: Option<&str>,
    content: &Content,
    block: &Block,
    same_dialect: bool,
    w: &mut JsonWriter<'_>,
) {
    match source {
        Source::Text(text) => {
            w.key("text");
            match name {
                Some(name) => {
                    w.pieces(&[Piece::Plain(name), Piece::Plain("\n\n"), text.piece()]);
                }
                None => w.text(text),
            }
        }
        Source::Base64 { media_type, data } => w.field_object("inlineData", |w| {
            w.field_str("mimeType", media_type);
            w.field_text("data", data);
            display_name(name, same_dialect, w);
        }),
        Source::Url(uri) | Source::File { id: uri } => w.field_object("fileData", |w| {
            let own = block.extras.iter().find(|extra| extra.key == *"mimeType");
            match own {
                Some(own) => w.field_raw("mimeType", own.value.as_str()),
                None => {
                    if let Some(media_type) = guessed_type(uri, content) {
                        w.field_str("mimeType", media_type);
                    }
                }
            }
            w.field_str("fileUri", uri);
            display_name(name, same_dialect, w);
        }),
    }
}

fn display_name(name: Option<&str>, same_dialect: bool, w: &mut JsonWriter<'_>) {
    if let Some(name) = name.filter(|_| same_dialect) {
        w.field_str("displayName", name);
    }
}

/// By the end of the path; nothing where that tells nothing, as with YouTube.
fn guessed_type(uri: &str, content: &Content) -> Option<&'static str> {
    const TYPES: [(&str, &str); 14] = [
        (".png", "image/png"),
        (".jpg", "image/jpeg"),
        (".jpeg", "image/jpeg"),
        (".webp", "image/webp"),
        (".heic", "image/heic"),
        (".heif", "image/heif"),
        (".pdf", "application/pdf"),
        (".mp3", "audio/mpeg"),
        (".wav", "audio/wav"),
        (".mp4", "video/mp4"),
        (".webm", "video/webm"),
        (".mov", "video/quicktime"),
        (".mpeg", "video/mpeg"),
        (".txt", "text/plain"),
    ];
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let path = path.to_ascii_lowercase();
    let known = TYPES.iter().find(|(ending, _)| path.ends_with(ending));
    known.map(|(_, media_type)| *media_type).or(match content {
        Content::Image(_) => Some("image/jpeg"),
        Content::Document(_) => Some("application/pdf"),
        _ => None,
    })
}
