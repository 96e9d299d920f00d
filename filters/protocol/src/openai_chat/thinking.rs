//! Thinking in a dialect that has no standard for it.
//!
//! Providers tell the text as `reasoning_content` (DeepSeek, vLLM, Qwen),
//! `reasoning` (OpenRouter, Groq) or as parts of the content (Mistral). What must
//! come back unchanged, signatures and redacted thinking, travels beside the text in
//! `thinking_blocks`, an array of Anthropic's own blocks. In a stream the entries
//! are fragments with an `index`, which SDKs join as they join `tool_calls`.

use crate::json::{Json, JsonWriter};
use crate::neutral::{Block, Content};
use crate::path::Path;
use crate::problem::InvalidRequest;
use crate::read::{self, Read};
use crate::text::Text;

/// The members of a message that hold thinking in one form or another.
pub(super) const FIELDS: [&str; 4] = [
    "thinking_blocks",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
];

/// Those of them that are read from a stream, best first.
pub(super) const STREAMED: [&str; 3] = ["thinking_blocks", "reasoning_content", "reasoning"];

/// The thinking of a message; the blocks count if there are any, else the text.
pub(super) fn read(
    read: Read<'_>,
    message: Json<'_>,
    at: &Path<'_>,
) -> Result<Vec<Block>, InvalidRequest> {
    if let Some(blocks) = message.get("thinking_blocks").and_then(Json::non_null) {
        let at = at.key("thinking_blocks");
        let blocks = read::array(blocks, &at)?.enumerate();
        let blocks: Vec<Block> = blocks
            .filter_map(|(index, json)| block(read, json, &at.index(index)).transpose())
            .collect::<Result<_, _>>()?;
        if !blocks.is_empty() {
            return Ok(blocks);
        }
    }
    let text = text_of(message).filter(|text| !text.is_empty());
    Ok(text.map(unsigned).into_iter().collect())
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
                .filter(|signature| !signature.is_empty()),
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

fn unsigned(text: String) -> Block {
    Block::new(Content::Thinking {
        text: text.into(),
        signature: None,
    })
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
    let mut text = String::new();
    for block in blocks {
        if let Content::Thinking { text: more, .. } = &block.content {
            text.push_str(more);
        }
    }
    if !text.is_empty() {
        w.field_str("reasoning_content", &text);
    }
    let replayable = |block: &&Block| match &block.content {
        Content::Thinking { signature, .. } => signature.is_some(),
        Content::RedactedThinking { .. } => true,
        _ => false,
    };
    if blocks.iter().any(|block| replayable(&block)) {
        w.field_array("thinking_blocks", |w| {
            for block in blocks.iter().filter(replayable) {
                w.object(|w| members(&block.content, w));
            }
        });
    }
}

fn members(content: &Content, w: &mut JsonWriter<'_>) {
    match content {
        Content::Thinking { text, signature } => {
            w.field_str("type", "thinking");
            w.field_str("thinking", text);
            w.field_str("signature", signature.as_deref().unwrap_or_default());
        }
        Content::RedactedThinking { data } => {
            w.field_str("type", "redacted_thinking");
            w.field_str("data", data);
        }
        _ => {}
    }
}
