//! Thinking in a dialect that has no standard for it.
//!
//! Providers tell the text as `reasoning_content` (DeepSeek, vLLM, Qwen),
//! `reasoning` (OpenRouter, Groq) or as parts of the content (Mistral); OpenRouter signs it
//! in `reasoning_details`. What must
//! come back unchanged, signatures and redacted thinking, travels beside the text in
//! `thinking_blocks`, an array of Anthropic's own blocks. In a stream the entries
//! are fragments with an `index`, which SDKs join as they join `tool_calls`. A block
//! that is not among the first of its message says its `position` there: text, then
//! calls, with the thinking put in between.

use crate::dialect::Dialect;
use crate::json::{Json, JsonWriter};
use crate::neutral::{Block, Content, Signature, holds_marked};
use crate::openai_chat::details;
use crate::path::Path;
use crate::problem::InvalidRequest;
use crate::read::{self, Read};
use crate::target::{EarlierThinking, Target};
use crate::text::Text;

/// The members of a message that hold thinking in one form or another.
pub(super) const FIELDS: [&str; 4] = [
    "thinking_blocks",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
];

/// Whether a body may hold any of them: a quick look, for bodies that need not be read.
pub(crate) fn may_hold(body: &str) -> bool {
    let find = |name: &str| memchr::memmem::find(body.as_bytes(), name.as_bytes());
    find("\"thinking_blocks\"").is_some() || find("\"reasoning").is_some()
}

/// Why a member of a message must not go to an upstream of the caller's own dialect;
/// nothing where it may, or holds no thinking. `blocks` are the message's
/// `thinking_blocks`, if it has any.
pub(crate) fn refuses(
    key: &str,
    blocks: Option<&str>,
    target: &Target<'_>,
) -> Option<&'static str> {
    if !FIELDS.contains(&key) || target.reasoning_field == Some(key) {
        return None;
    }
    let is_blocks = key == "thinking_blocks";
    match target.earlier_thinking {
        // What others have signed is refused by whoever can read it.
        EarlierThinking::All => {
            let marked = blocks.is_some_and(|blocks| holds_marked(blocks, "signature"));
            (is_blocks && marked).then_some("only its own provider can read it")
        }
        EarlierThinking::OfProviders => (is_blocks || blocks.is_some())
            .then_some("the upstream takes no earlier thinking of others"),
        EarlierThinking::Reasoning if key == "reasoning" => None,
        EarlierThinking::Reasoning | EarlierThinking::None => {
            Some("the upstream refuses earlier thinking")
        }
    }
}

/// Those of them that are read from a stream, best first.
pub(super) const STREAMED: [&str; 4] = [
    "thinking_blocks",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
];

/// The thinking of a message; the blocks count if there are any, else the text.
pub(super) fn read(
    read: Read<'_>,
    message: Json<'_>,
    at: &Path<'_>,
) -> Result<Vec<Placed>, InvalidRequest> {
    if let Some(blocks) = message.get("thinking_blocks").and_then(Json::non_null) {
        let at = at.key("thinking_blocks");
        let blocks = read::array(blocks, &at)?.enumerate();
        let mut placed: Vec<Placed> = Vec::new();
        for (index, json) in blocks {
            if let Some(block) = block(read, json, &at.index(index))? {
                let position = json.get("position").and_then(Json::as_u64);
                let position = position.and_then(|position| usize::try_from(position).ok());
                placed.push(Placed { block, position });
            }
        }
        let blocks = placed;
        if !blocks.is_empty() {
            return Ok(blocks);
        }
    }
    let details = message.get("reasoning_details").and_then(Json::non_null);
    let text = text_of(message).filter(|text| !text.is_empty());
    let text = text.or_else(|| details.map(details::text_of));
    let signature = details
        .filter(|details| details::holds_proof(*details))
        .map(|details| Signature {
            by: Dialect::OpenaiChat,
            data: read.raw(details).into_text(),
        });
    let text = text.unwrap_or_default();
    let says = !text.is_empty() || signature.is_some();
    let block = says.then(|| placed(text, signature));
    Ok(block.into_iter().collect())
}

/// A thinking block, and where it stands if it is not among the first.
pub(super) struct Placed {
    block: Block,
    position: Option<usize>,
}

/// The blocks of a message, from its thinking and the rest.
pub(super) fn join(thinking: Vec<Placed>, rest: Vec<Block>) -> Vec<Block> {
    let (first, amid): (Vec<Placed>, Vec<Placed>) = thinking
        .into_iter()
        .partition(|placed| placed.position.is_none());
    let mut blocks: Vec<Block> = first.into_iter().map(|placed| placed.block).collect();
    blocks.extend(rest);
    for Placed { block, position } in amid {
        let position = position.unwrap_or(0).min(blocks.len());
        blocks.insert(position, block);
    }
    blocks
}

/// Counts blocks as [`join`] will find them.
#[derive(Default)]
pub(super) struct Placement {
    thinking: u64,
    others: u64,
    has_text: bool,
}

impl Placement {
    /// All text of a message is one block.
    pub(super) fn text(&mut self) {
        if !std::mem::replace(&mut self.has_text, true) {
            self.others += 1;
        }
    }

    pub(super) fn call(&mut self) {
        self.others += 1;
    }

    /// Index and position of the thinking block that begins, or goes on.
    pub(super) fn current(&self) -> (u64, Option<u64>) {
        let position = self.thinking + self.others;
        (self.thinking, (self.others > 0).then_some(position))
    }

    pub(super) fn end_thinking(&mut self) {
        self.thinking += 1;
    }
}

fn block(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Option<Block>, InvalidRequest> {
    let kind = json.get("type").and_then(Json::as_str);
    Ok(match kind.as_deref() {
        Some("thinking") => Some(Block::new(Content::Thinking {
            text: read
                .optional_text(json, "thinking", at)?
                .unwrap_or_default(),
            signature: read
                .optional_text(json, "signature", at)?
                .filter(|signature| !signature.is_empty())
                .map(|signature| Signature::read(Dialect::Anthropic, signature)),
        })),
        Some("redacted_thinking") => Some(Block::new(Content::RedactedThinking {
            data: read.text_of(json, "data", at)?,
        })),
        _ => None,
    })
}

/// The plain text of the thinking in a message.
fn text_of(message: Json<'_>) -> Option<String> {
    let text = |key| message.get(key).and_then(Json::as_str);
    let text = text("reasoning_content").or_else(|| text("reasoning"));
    text.map(std::borrow::Cow::into_owned)
}

fn placed(text: String, signature: Option<Signature>) -> Placed {
    let block = Block::new(Content::Thinking {
        text: text.into(),
        signature,
    });
    Placed {
        block,
        position: None,
    }
}

/// Mistral's `{"type": "thinking", "thinking": [{"type": "text", "text": …}]}`.
pub(super) fn mistral_part(part: Json<'_>) -> Content {
    Content::Thinking {
        text: Text::from(mistral_text(part)),
        signature: None,
    }
}

pub(super) fn mistral_text(part: Json<'_>) -> String {
    let Some(thinking) = part.get("thinking") else {
        return String::new();
    };
    if let Some(text) = thinking.as_str() {
        return text.into_owned();
    }
    let texts = thinking
        .items()
        .filter_map(|item| item.get("text")?.as_str());
    texts.collect()
}

/// Writes the members of an answer's message that hold its thinking.
pub(super) fn write(blocks: &[Block], w: &mut JsonWriter<'_>) {
    let texts = blocks.iter().filter_map(|block| match &block.content {
        Content::Thinking { text, .. } if !text.is_empty() => Some(text),
        _ => None,
    });
    let texts: Vec<&Text> = texts.collect();
    if !texts.is_empty() {
        w.key("reasoning_content");
        w.joined(&texts, "");
    }
    if !blocks.iter().any(|block| is_replayable(&block.content)) {
        return;
    }
    w.field_array("thinking_blocks", |w| {
        let mut place = Placement::default();
        for Block { content, .. } in blocks {
            match content {
                Content::Text(_) | Content::Refusal(_) => place.text(),
                Content::ToolCall(_) => place.call(),
                content if is_replayable(content) => {
                    let (_, position) = place.current();
                    w.object(|w| members(content, position, w));
                    place.end_thinking();
                }
                _ => {}
            }
        }
    });
}

fn is_replayable(content: &Content) -> bool {
    match content {
        Content::Thinking { signature, .. } => signature.is_some(),
        Content::RedactedThinking { .. } => true,
        _ => false,
    }
}

fn members(content: &Content, position: Option<u64>, w: &mut JsonWriter<'_>) {
    match content {
        Content::Thinking { text, signature } => {
            w.field_str("type", "thinking");
            w.field_text("thinking", text);
            let signature = signature.as_ref();
            let signature = signature.map(|signature| signature.shown_in(Dialect::Anthropic));
            w.field_str("signature", &signature.unwrap_or_default());
        }
        Content::RedactedThinking { data } => {
            w.field_str("type", "redacted_thinking");
            w.field_text("data", data);
        }
        _ => {}
    }
    if let Some(position) = position {
        w.field_u64("position", position);
    }
}
