//! What a request holds that Gemini cannot be told without changing its meaning. All
//! of it is found before anything is written.

use crate::dialect::Dialect;
use crate::extras;
use crate::neutral::{Block, Content, Document, Image, Media, Request, Role, Source};
use crate::problem::Unsupported;

/// <https://ai.google.dev/gemini-api/docs/image-understanding>
const IMAGES: [&str; 5] = [
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/heic",
    "image/heif",
];
/// "Up to 5", by the API reference.
const MAX_STOPS: usize = 5;

pub(super) fn check(request: &Request) -> Result<(), Unsupported> {
    if request.dialect == Dialect::Gemini {
        return Ok(());
    }
    if request.stop.len() > MAX_STOPS {
        let message = format!("This model takes at most {MAX_STOPS} stop sequences.");
        return Err(Unsupported::new(request.names().stop, message));
    }
    extras::refuse_foreign_tools(request)?;
    extras::check_blocks(request, request.dialect == Dialect::Gemini, block_of)
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
        Content::Image(Image { source }) => match source {
            Source::Base64 { media_type, .. } if !IMAGES.contains(&media_type.as_str()) => {
                Err(format!("Images must be one of {}.", IMAGES.join(", ")))
            }
            source => stored(source),
        },
        Content::Document(Document { source, .. }) => match source {
            Source::Base64 { media_type, .. }
                if media_type != "application/pdf" && !media_type.starts_with("text/") =>
            {
                Err("Documents must be PDF or text.".to_owned())
            }
            source => stored(source),
        },
        Content::Audio(Media { source }) | Content::Video(Media { source }) => stored(source),
        _ => Ok(()),
    }
}

fn stored(source: &Source) -> Result<(), String> {
    match source {
        Source::File { .. } => Err(extras::STORED_FILE.to_owned()),
        _ => Ok(()),
    }
}
