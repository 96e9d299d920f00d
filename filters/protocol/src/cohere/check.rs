//! What a request holds that Cohere Chat cannot say without changing its meaning. All
//! of it is found before anything is written.

use crate::extras;
use crate::neutral::{Block, Content, Document, Format, Image, Request, Role, Source};
use crate::problem::Unsupported;

/// "A list of up to 5 strings", by the API reference.
const MAX_STOPS: usize = 5;

pub(super) fn check(request: &Request) -> Result<(), Unsupported> {
    if request.choices.is_some_and(|choices| choices > 1) {
        let message = "This model gives one choice; 'n' must be 1.";
        return Err(Unsupported::new("n", message));
    }
    if request.stop.len() > MAX_STOPS {
        let message = format!("This model takes at most {MAX_STOPS} stop sequences.");
        return Err(Unsupported::new(request.names().stop, message));
    }
    let is_json = !matches!(request.format, None | Some(Format::Text));
    if is_json && !request.tools.is_empty() {
        let message = "This model cannot be given tools and an answer format at once.";
        return Err(Unsupported::new(request.names().format, message));
    }
    extras::refuse_foreign_tools(request)?;
    extras::check_blocks(request, false, block_of)
}

fn block_of(role: Role, block: &Block) -> Result<(), String> {
    let reason = match &block.content {
        // Traces of tools that the provider ran: dropped with a note.
        Content::Foreign { .. } if role == Role::Assistant => return Ok(()),
        Content::Foreign { kind, .. } => return Err(extras::no_such_content(kind)),
        Content::ToolResult(result) => {
            let is_text = |block: &Block| matches!(block.content, Content::Text(_));
            if result.content.iter().all(is_text) {
                return Ok(());
            }
            "This model takes only text as the result of a tool."
        }
        Content::Image(Image {
            source: Source::File { .. },
        }) => extras::STORED_FILE,
        Content::Document(Document {
            source: Source::Text(_),
            ..
        }) => return Ok(()),
        Content::Document(_) => "This model takes documents as plain text only.",
        Content::Audio(_) => "This model takes no audio.",
        Content::Video(_) => "This model takes no video.",
        _ => return Ok(()),
    };
    Err(reason.to_owned())
}
