//! About how many tokens a request has, where nobody can be asked.

use crate::neutral::{Block, Content, Document, Image, Media, Request, Source, Tool};

/// English and code have about four bytes to a token.
const BYTES_PER_TOKEN: u64 = 4;

/// What marks the beginning and the end of a message.
const TOKENS_PER_MESSAGE: u64 = 4;

/// A picture of the largest size that providers do not scale down has about so many.
const TOKENS_PER_MEDIUM: u64 = 1_500;

/// An estimate from the length of the texts; never zero.
pub fn estimate(request: &Request) -> u64 {
    let mut sum = Sum::default();
    for message in &request.messages {
        sum.tokens(TOKENS_PER_MESSAGE);
        message.content.iter().for_each(|block| sum.block(block));
    }
    request.tools.iter().for_each(|tool| sum.tool(tool));
    let of_text = sum.bytes.div_ceil(BYTES_PER_TOKEN);
    sum.tokens.saturating_add(of_text).max(1)
}

#[derive(Default)]
struct Sum {
    bytes: u64,
    tokens: u64,
}

// === impl Sum ===

impl Sum {
    fn bytes(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn tokens(&mut self, tokens: u64) {
        self.tokens = self.tokens.saturating_add(tokens);
    }

    fn block(&mut self, block: &Block) {
        match &block.content {
            Content::Text(text) | Content::Refusal(text) => self.bytes(text.most_bytes()),
            Content::Thinking { text, .. } => self.bytes(text.most_bytes()),
            Content::Image(Image { source })
            | Content::Document(Document { source, .. })
            | Content::Audio(Media { source })
            | Content::Video(Media { source }) => self.source(source),
            Content::ToolCall(call) => {
                self.bytes(call.name.most_bytes());
                self.bytes(call.arguments.most_bytes());
            }
            Content::ToolResult(result) => {
                result.content.iter().for_each(|block| self.block(block));
            }
            Content::Foreign { raw, .. } => self.bytes(raw.as_str().len()),
            Content::RedactedThinking { .. } => {}
        }
    }

    fn source(&mut self, source: &Source) {
        match source {
            Source::Text(text) => self.bytes(text.most_bytes()),
            Source::Url(_) | Source::Base64 { .. } | Source::File { .. } => {
                self.tokens(TOKENS_PER_MEDIUM);
            }
        }
    }

    fn tool(&mut self, tool: &Tool) {
        match tool {
            Tool::Function {
                name,
                description,
                parameters,
                ..
            } => {
                self.bytes(name.most_bytes());
                self.bytes(description.as_ref().map_or(0, |text| text.most_bytes()));
                self.bytes(parameters.as_ref().map_or(0, |raw| raw.as_str().len()));
            }
            Tool::Custom {
                name,
                description,
                format,
                ..
            } => {
                self.bytes(name.most_bytes());
                self.bytes(description.as_ref().map_or(0, |text| text.most_bytes()));
                self.bytes(format.as_ref().map_or(0, |raw| raw.as_str().len()));
            }
            Tool::Foreign { raw, .. } => self.bytes(raw.as_str().len()),
        }
    }
}
