//! What a request holds that Chat Completions cannot say without changing its
//! meaning. All of it is found before anything is written.

use crate::dialect::Dialect;
use crate::extras;
use crate::neutral::{Block, Content, Document, Image, Media, Request, Role, Source};
use crate::openai_chat::write_parts::audio_format;
use crate::problem::Unsupported;

/// "Up to 4 sequences", by the API reference.
const MAX_STOPS: usize = 4;

pub(super) fn check(request: &Request) -> Result<(), Unsupported> {
    if request.dialect == Dialect::OpenaiChat {
        return Ok(());
    }
    stop(request)?;
    extras::refuse_foreign_tools(request)?;
    extras::check_blocks(request, request.dialect == Dialect::OpenaiChat, block_of)
}

fn stop(request: &Request) -> Result<(), Unsupported> {
    if request.stop.len() <= MAX_STOPS {
        return Ok(());
    }
    let message = format!("This model takes at most {MAX_STOPS} stop sequences.");
    Err(Unsupported::new(request.names().stop, message))
}

fn block_of(role: Role, block: &Block) -> Result<(), String> {
    let reason = match &block.content {
        // Traces of tools that the provider ran: dropped, because what came of them
        // is in the text.
        Content::Foreign { .. } if role == Role::Assistant => return Ok(()),
        Content::Foreign { kind, .. } => return Err(extras::no_such_content(kind)),
        Content::ToolResult(result) => {
            let mut inside = result.content.iter();
            return inside.try_for_each(|block| block_of(role, block));
        }
        Content::Image(Image {
            source: Source::File { .. },
        })
        | Content::Document(Document {
            source: Source::File { .. },
            ..
        }) => extras::STORED_FILE,
        Content::Document(Document {
            source: Source::Url(_),
            ..
        }) => "This model takes documents as base64 or text, not by URL.",
        Content::Audio(Media { source }) => match source {
            Source::Base64 { media_type, .. } if audio_format(media_type).is_some() => {
                return Ok(());
            }
            _ => "Audio must be WAV or MP3 as base64.",
        },
        Content::Video(_) => "This model takes no video.",
        _ => return Ok(()),
    };
    Err(reason.to_owned())
}
