//! From a whole answer to the events of a stream that might have brought it.

use crate::neutral::{Content, Image, Media, Response, Source, StreamEvent};

// === impl Response ===

impl Response {
    /// The stream that this answer might have been.
    pub fn replay<'a>(&'a self, emit: &mut dyn FnMut(StreamEvent<'a>)) {
        emit(StreamEvent::Start {
            model: self.model.as_str().into(),
        });
        if let Some(usage) = self.usage {
            emit(StreamEvent::Usage(usage));
        }
        for (choice, whole) in (0..).zip(&self.choices) {
            for (call, block) in (0..).zip(&whole.content) {
                replay_block(choice, call, &block.content, emit);
                emit(StreamEvent::BlockEnd { choice });
            }
            emit(StreamEvent::Finish {
                choice,
                stop: whole.stop,
                stop_sequence: whole.stop_sequence.as_deref().map(Into::into),
            });
        }
        emit(StreamEvent::End);
    }
}

fn replay_block<'a>(
    choice: u32,
    call: u32,
    content: &'a Content,
    emit: &mut dyn FnMut(StreamEvent<'a>),
) {
    match content {
        Content::Text(text) => emit(StreamEvent::Text {
            choice,
            text: text.as_str().into(),
        }),
        Content::Refusal(text) => emit(StreamEvent::Refusal {
            choice,
            text: text.as_str().into(),
        }),
        Content::Thinking { text, signature } => {
            if !text.is_empty() || signature.is_none() {
                emit(StreamEvent::Thinking {
                    choice,
                    text: text.as_str().into(),
                });
            }
            if let Some(signature) = signature {
                emit(StreamEvent::Signature {
                    choice,
                    by: signature.by,
                    signature: signature.data.as_str().into(),
                });
            }
        }
        Content::RedactedThinking { data } => emit(StreamEvent::RedactedThinking {
            choice,
            data: data.as_str().into(),
        }),
        Content::ToolCall(tool) => {
            emit(StreamEvent::ToolCall {
                choice,
                call,
                id: tool.id.as_str().into(),
                name: tool.name.as_str().into(),
                kind: tool.kind,
            });
            emit(StreamEvent::Arguments {
                choice,
                call,
                json: tool.arguments.as_str().into(),
            });
        }
        Content::Image(Image { source })
        | Content::Audio(Media { source })
        | Content::Video(Media { source }) => {
            if let Source::Base64 { media_type, data } = source {
                emit(StreamEvent::Media {
                    choice,
                    media_type: media_type.as_str().into(),
                    data: data.as_str().into(),
                });
            }
        }
        // Models do not answer with these, or only their own dialect knows them.
        Content::Document(_) | Content::ToolResult(_) | Content::Foreign { .. } => {}
    }
}
