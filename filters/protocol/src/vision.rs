//! Where a request holds a picture, for models that cannot see.

use crate::neutral::{Block, Content, Request};

/// The message, in the caller's numbering, that holds the first image.
pub fn image_field(request: &Request) -> Option<String> {
    let mut messages = request.messages.iter();
    let index = messages.position(|message| message.content.iter().any(has_image))?;
    Some(request.field_of(index))
}

fn has_image(block: &Block) -> bool {
    match &block.content {
        Content::Image(_) => true,
        // Tool results do not nest.
        Content::ToolResult(result) => {
            let mut parts = result.content.iter();
            parts.any(|part| matches!(part.content, Content::Image(_)))
        }
        _ => false,
    }
}
