//! What a request holds that Converse cannot say without changing its meaning. All of
//! it is found before anything is written.

use super::formats;
use crate::extras;
use crate::neutral::{Block, Content, Document, Image, Media, Request, Role, Source};
use crate::problem::Unsupported;

pub(super) fn check(request: &Request) -> Result<(), Unsupported> {
    extras::refuse_choices(request)?;
    extras::refuse_foreign_tools(request)?;
    extras::check_blocks(request, false, block_of)
}

fn block_of(role: Role, block: &Block) -> Result<(), String> {
    match &block.content {
        // The history of another provider's own tools: dropped with a note.
        Content::Foreign { .. } if role == Role::Assistant => Ok(()),
        Content::Foreign { kind, .. } => Err(extras::no_such_content(kind)),
        Content::ToolResult(result) => {
            let mut inside = result.content.iter();
            inside.try_for_each(|block| block_of(role, block))
        }
        Content::Image(Image { source }) => source_of(source, "Images", formats::image),
        Content::Document(Document { source, .. }) => {
            source_of(source, "Documents", formats::document)
        }
        Content::Audio(Media { source }) => source_of(source, "Audio", formats::audio),
        Content::Video(Media { source }) => source_of(source, "Video", formats::video),
        _ => Ok(()),
    }
}

fn source_of(
    source: &Source,
    what: &str,
    format: fn(&str) -> Option<&'static str>,
) -> Result<(), String> {
    match source {
        Source::Base64 { media_type, .. } if format(media_type).is_none() => Err(format!(
            "{what} of type '{}' cannot be sent to this model.",
            media_type.as_str()
        )),
        // The type of what is stored there would have to be guessed.
        Source::Url(_) => Err(format!(
            "This model takes {} as base64, not by URL.",
            what.to_ascii_lowercase()
        )),
        Source::File { .. } => Err(extras::STORED_FILE.to_owned()),
        Source::Base64 { .. } | Source::Text(_) => Ok(()),
    }
}
