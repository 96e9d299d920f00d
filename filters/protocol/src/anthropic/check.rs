//! What a request holds that Anthropic Messages cannot say without changing its
//! meaning. All of it is found before anything is written.

use crate::dialect::Dialect;
use crate::extras;
use crate::neutral::{Block, Content, Document, Image, Request, Role, Source};
use crate::problem::Unsupported;

/// Supported image types, by the API reference.
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

pub(super) fn check(request: &Request) -> Result<(), Unsupported> {
    if request.dialect == Dialect::Anthropic {
        return Ok(());
    }
    extras::refuse_choices(request)?;
    extras::refuse_foreign_tools(request)?;
    extras::check_blocks(request, request.dialect == Dialect::Anthropic, block_of)
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
        Content::Image(Image { source }) => image(source),
        Content::Document(document) if document.text().is_some() => Ok(()),
        Content::Document(Document { source, .. }) => self::document(source),
        Content::Audio(_) => Err("This model takes no audio.".to_owned()),
        Content::Video(_) => Err("This model takes no video.".to_owned()),
        _ => Ok(()),
    }
}

fn image(source: &Source) -> Result<(), String> {
    match source {
        Source::Base64 { media_type, .. } if !IMAGES.contains(&media_type.as_str()) => {
            Err(format!("Images must be one of {}.", IMAGES.join(", ")))
        }
        Source::File { .. } => Err(extras::STORED_FILE.to_owned()),
        _ => Ok(()),
    }
}

fn document(source: &Source) -> Result<(), String> {
    match source {
        Source::Base64 { media_type, .. } if media_type != "application/pdf" => {
            Err("Documents must be PDF or plain text.".to_owned())
        }
        Source::File { .. } => Err(extras::STORED_FILE.to_owned()),
        _ => Ok(()),
    }
}
