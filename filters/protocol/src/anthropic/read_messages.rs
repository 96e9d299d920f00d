//! Messages and content blocks, of requests and of answers.

use crate::dialect::Dialect;
use crate::json::{Json, Kind};
use crate::media;
use crate::neutral::{
    Block, CacheMark, CallKind, Content, Document, Image, Message, Role, Signature, Source,
    ToolCall, ToolResult,
};
use crate::path::Path;
use crate::problem::InvalidRequest;
use crate::read::{self, Read};
use crate::text::Text;

pub(super) fn messages(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
) -> Result<Vec<Message>, InvalidRequest> {
    read::array(json, at)?
        .enumerate()
        .map(|(index, json)| message(read, json, &at.index(index)))
        .collect()
}

fn message(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Message, InvalidRequest> {
    let role = read.text_of(read::object(json, at)?, "role", at)?;
    let role = match role.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => {
            return Err(InvalidRequest::must_be(
                at.key("role").to_string(),
                "'user', 'assistant' or 'system'",
            ));
        }
    };
    let at_content = at.key("content");
    let inside = json
        .get("content")
        .ok_or_else(|| read::missing(&at_content))?;
    let mut message = Message::new(role, content(read, inside, &at_content)?);
    for (key, value) in json.entries().filter(|(_, value)| !value.is_null()) {
        if !matches!(&*key, "role" | "content") {
            message.extras.push(read.extra(&key, value));
        }
    }
    Ok(message)
}

/// A string, or an array of blocks.
pub(super) fn content(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
) -> Result<Vec<Block>, InvalidRequest> {
    if json.kind() == Kind::String {
        return Ok(vec![Block::text(read.text(json, at)?)]);
    }
    read::array(json, at)?
        .enumerate()
        .map(|(index, json)| block(read, json, &at.index(index)))
        .collect()
}

fn block(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Block, InvalidRequest> {
    let kind = read.text_of(read::object(json, at)?, "type", at)?;
    let known: &[&str] = match kind.as_str() {
        "text" => &["text"],
        "thinking" => &["thinking", "signature"],
        "redacted_thinking" => &["data"],
        "image" => &["source"],
        "document" => &["source", "title"],
        "tool_use" => &["id", "name", "input"],
        "tool_result" => &["tool_use_id", "content", "is_error"],
        _ => &[],
    };
    let mut block = Block::new(match kind.as_str() {
        "text" => Content::Text(read.text_of(json, "text", at)?),
        "thinking" => Content::Thinking {
            text: read.text_of(json, "thinking", at)?,
            signature: read
                .optional_text(json, "signature", at)?
                .filter(|signature| !signature.is_empty())
                .map(|signature| Signature::read(Dialect::Anthropic, signature)),
        },
        "redacted_thinking" => Content::RedactedThinking {
            data: read.text_of(json, "data", at)?,
        },
        "tool_use" => Content::ToolCall(tool_use(read, json, at)?),
        "tool_result" => Content::ToolResult(tool_result(read, json, at)?),
        "image" => match source(read, json, at)? {
            Some(source) => Content::Image(Image { source }),
            None => return Ok(foreign(read, json, kind)),
        },
        "document" => match source(read, json, at)? {
            Some(source) => Content::Document(Document {
                source,
                name: read.optional_text(json, "title", at)?,
            }),
            None => return Ok(foreign(read, json, kind)),
        },
        _ => return Ok(foreign(read, json, kind)),
    });
    for (key, value) in json.entries().filter(|(_, value)| !value.is_null()) {
        match &*key {
            "type" => {}
            "cache_control" => block.cache = CacheMark::read(value),
            key if known.contains(&key) => {}
            _ => block.extras.push(read.extra(&key, value)),
        }
    }
    Ok(block)
}

fn tool_use(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<ToolCall, InvalidRequest> {
    Ok(ToolCall {
        id: read.text_of(json, "id", at)?,
        name: read.text_of(json, "name", at)?,
        arguments: match json.get("input").and_then(Json::non_null) {
            Some(input) => read.raw(input).into_text(),
            None => Text::default(),
        },
        kind: CallKind::Function,
    })
}

fn tool_result(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
) -> Result<ToolResult, InvalidRequest> {
    let inside = json.get("content").and_then(Json::non_null);
    let inside = inside.map(|inside| content(read, inside, &at.key("content")));
    Ok(ToolResult {
        call_id: read.text_of(json, "tool_use_id", at)?,
        content: inside.transpose()?.unwrap_or_default(),
        is_error: json.get("is_error").and_then(Json::as_bool) == Some(true),
    })
}

/// Nothing for a kind of source that is not known here.
fn source(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Option<Source>, InvalidRequest> {
    let at = at.key("source");
    let source = json.get("source").ok_or_else(|| read::missing(&at))?;
    let kind = read.text_of(read::object(source, &at)?, "type", &at)?;
    Ok(Some(match kind.as_str() {
        "url" => Source::Url(read.text_of(source, "url", &at)?),
        "file" => Source::File {
            id: read.text_of(source, "file_id", &at)?,
        },
        "text" => Source::Text(read.text_of(source, "data", &at)?),
        "base64" => Source::Base64 {
            media_type: media::media_type(&read.text_of(source, "media_type", &at)?),
            data: read.text_of(source, "data", &at)?,
        },
        _ => return Ok(None),
    }))
}

fn foreign(read: Read<'_>, json: Json<'_>, kind: Text) -> Block {
    Block::new(Content::Foreign {
        dialect: Dialect::Anthropic,
        kind,
        raw: read.raw(json),
    })
}
