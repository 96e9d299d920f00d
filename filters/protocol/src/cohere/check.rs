//! What a request holds that Cohere Chat cannot say without changing its meaning. All
//! of it is found before anything is written.

use crate::extras;
use crate::neutral::{Block, Content, Format, Image, Request, Role, Source};
use crate::problem::Unsupported;

/// "A list of up to 5 strings", by the API reference.
const MAX_STOPS: usize = 5;

pub(super) fn check(request: &Request) -> Result<(), Unsupported> {
    extras::refuse_choices(request)?;
    if request.stop.len() > MAX_STOPS {
        let message = format!("This model takes at most {MAX_STOPS} stop sequences.");
        return Err(Unsupported::new(request.names().stop, message));
    }
    let is_json = !matches!(request.format, None | Some(Format::Text));
    if is_json && !request.tools.is_empty() {
        let message = "This model cannot be given tools and an answer format at once.";
        return Err(Unsupported::new(request.names().format, message));
    }
    let mut said = request.messages.iter().flat_map(|message| &message.content);
    if said.all(is_blank) {
        return Err(extras::nothing_said(request));
    }
    extras::refuse_foreign_tools(request)?;
    extras::check_blocks(request, false, block_of)
}

fn is_blank(block: &Block) -> bool {
    match &block.content {
        Content::Text(text) | Content::Refusal(text) => text.is_blank(),
        _ => false,
    }
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
        Content::Document(document) if document.text().is_some() => return Ok(()),
        Content::Document(_) => "This model takes documents as plain text only.",
        Content::Audio(_) => "This model takes no audio.",
        Content::Video(_) => "This model takes no video.",
        _ => return Ok(()),
    };
    Err(reason.to_owned())
}
