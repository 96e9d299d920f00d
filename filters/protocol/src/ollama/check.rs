//! What a request holds that Ollama cannot say without changing its meaning. All of it
//! is found before anything is written.

use crate::extras;
use crate::neutral::{Block, Content, Image, Request, Role, Source};
use crate::problem::Unsupported;

pub(super) fn check(request: &Request) -> Result<(), Unsupported> {
    extras::refuse_choices(request)?;
    extras::refuse_foreign_tools(request)?;
    extras::check_blocks(request, false, block_of)
}

fn block_of(role: Role, block: &Block) -> Result<(), String> {
    let reason = match &block.content {
        // Traces of tools that the provider ran: dropped with a note.
        Content::Foreign { .. } if role == Role::Assistant => return Ok(()),
        Content::Foreign { kind, .. } => return Err(extras::no_such_content(kind)),
        Content::ToolResult(result) => {
            let mut inside = result.content.iter();
            return inside.try_for_each(|block| block_of(role, block));
        }
        Content::Image(Image { source }) => match source {
            Source::Url(_) => "This model takes images as base64, not by URL.",
            Source::File { .. } => extras::STORED_FILE,
            Source::Base64 { .. } | Source::Text(_) => return Ok(()),
        },
        Content::Document(document) if document.text().is_some() => return Ok(()),
        Content::Document(_) => "This model takes documents as plain text only.",
        Content::Audio(_) => "This model takes no audio.",
        Content::Video(_) => "This model takes no video.",
        _ => return Ok(()),
    };
    Err(reason.to_owned())
}
