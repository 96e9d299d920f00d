//! The tokens of a request: its texts, and what the vendors say of all else.

use tollgate_protocol::neutral::{
    Block, Content, Document, Image, Media, Message, Request, Role, Source, Tool,
};

use super::Counter;
use super::tools;

/// Who made a model, as far as its name tells; others are counted as OpenAI's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vendor {
    Openai,
    Anthropic,
    Google,
}

/// What a vendor wraps around texts.
struct Wrapping {
    message: u64,
    system_message: u64,
    /// Before the answer begins.
    request: u64,
    /// A document or a recording of a length that is not known: about a page, or a minute.
    medium: u64,
}

/// With any tool, Claude gets a system prompt of this length.
/// <https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview>
const CLAUDE_TOOLS: u64 = 346;

/// Claude sees pictures scaled to 1.15 megapixels at most, a token every 750.
/// <https://docs.anthropic.com/en/docs/build-with-claude/vision>
const CLAUDE_IMAGE: u64 = 1_600;

/// Gemini's media in medium resolution. <https://ai.google.dev/gemini-api/docs/media-resolution>
const GEMINI_MEDIUM: u64 = 560;

/// What stands between the parts of a call to a tool and its result.
const CALL: u64 = 3;

/// All of a request.
pub(super) fn tokens(request: &Request, model: &str) -> u64 {
    let mut prompt = Prompt {
        vendor: Vendor::of(model),
        model,
        counter: Counter::new(model),
    };
    prompt.counter.tokens(prompt.wrapping().request);
    request.messages.iter().for_each(|m| prompt.message(m));
    prompt.tools(&request.tools);
    prompt.counter.sum()
}

/// The words of an answer's blocks.
pub(super) fn answer<'a>(blocks: impl Iterator<Item = &'a Block>, model: &str) -> u64 {
    let mut prompt = Prompt {
        vendor: Vendor::of(model),
        model,
        counter: Counter::new(model),
    };
    blocks.for_each(|block| prompt.answered(block));
    prompt.counter.sum()
}

struct Prompt<'m> {
    vendor: Vendor,
    model: &'m str,
    counter: Counter,
}

// === impl Vendor ===

impl Vendor {
    pub(super) fn of(model: &str) -> Self {
        let is = |name| model.contains(name);
        match () {
            () if is("claude") => Self::Anthropic,
            () if is("gemini") || is("gemma") => Self::Google,
            () => Self::Openai,
        }
    }
}

// === impl Prompt ===

impl Prompt<'_> {
    fn wrapping(&self) -> Wrapping {
        match self.vendor {
            // <https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb>
            Vendor::Openai => Wrapping {
                message: 4,
                system_message: 4,
                request: 3,
                medium: 1_500,
            },
            // By counts that its own endpoint gave.
            Vendor::Anthropic => Wrapping {
                message: 4,
                system_message: 0,
                request: 3,
                medium: 1_500,
            },
            Vendor::Google => Wrapping {
                message: 0,
                system_message: 0,
                request: 0,
                medium: GEMINI_MEDIUM,
            },
        }
    }

    fn message(&mut self, message: &Message) {
        let wrapping = self.wrapping();
        self.counter.tokens(match message.role {
            Role::System | Role::Developer => wrapping.system_message,
            Role::User | Role::Assistant => wrapping.message,
        });
        let name = message.extras.iter().find(|extra| extra.key == *"name");
        if let Some(name) = name.and_then(|name| name.value.json().as_str()) {
            self.counter.tokens(1);
            self.counter.text(&name);
        }
        message.content.iter().for_each(|block| self.block(block));
    }

    fn block(&mut self, block: &Block) {
        match &block.content {
            Content::Text(text) | Content::Refusal(text) | Content::Thinking { text, .. } => {
                self.counter.text(text);
            }
            Content::Image(Image {
                source: Source::Text(text),
            }) => self.counter.text(text),
            Content::Image(_) => {
                let detail = block.extras.iter().find(|extra| extra.key == *"detail");
                let detail = detail.and_then(|detail| detail.value.json().as_str());
                self.counter
                    .tokens(self.image(detail.as_deref() == Some("low")));
            }
            Content::Document(Document { source, .. })
            | Content::Audio(Media { source })
            | Content::Video(Media { source }) => match source {
                Source::Text(text) => self.counter.text(text),
                Source::Url(_) | Source::Base64 { .. } | Source::File { .. } => {
                    self.counter.tokens(self.wrapping().medium);
                }
            },
            Content::ToolCall(call) => {
                self.counter.tokens(CALL);
                self.counter.text(&call.name);
                self.counter.text(&call.arguments);
            }
            Content::ToolResult(result) => {
                self.counter.tokens(CALL);
                result.content.iter().for_each(|block| self.block(block));
            }
            Content::Foreign { raw, .. } => self.counter.text(raw.as_str()),
            Content::RedactedThinking { .. } => {}
        }
    }

    /// OpenAI's and Gemini's figures are those of AI Proxy, which looks at no picture either: one of
    /// 2,048 × 2,048, which is scaled to four tiles.
    /// <https://platform.openai.com/docs/guides/images-vision#calculating-costs>
    fn image(&self, is_low: bool) -> u64 {
        let is_mini = self.model.contains("gpt-4o-mini");
        match (self.vendor, is_low) {
            (Vendor::Openai, true) if is_mini => 2_833,
            (Vendor::Openai, true) => 85,
            (Vendor::Openai, false) if is_mini => 2_833 + 4 * 5_667,
            (Vendor::Openai, false) => 85 + 4 * 170,
            (Vendor::Anthropic, _) => CLAUDE_IMAGE,
            (Vendor::Google, _) => GEMINI_MEDIUM,
        }
    }

    fn tools(&mut self, tools: &[Tool]) {
        if self.vendor == Vendor::Anthropic && !tools.is_empty() {
            self.counter.tokens(CLAUDE_TOOLS);
        }
        match self.vendor {
            Vendor::Openai => tools::typed(&mut self.counter, tools),
            Vendor::Anthropic | Vendor::Google => tools::plain(&mut self.counter, tools),
        }
    }

    /// What a model writes is its words, without what is wrapped around them.
    fn answered(&mut self, block: &Block) {
        match &block.content {
            Content::ToolCall(call) => {
                self.counter.text(&call.name);
                self.counter.text(&call.arguments);
            }
            _ => self.block(block),
        }
    }
}
