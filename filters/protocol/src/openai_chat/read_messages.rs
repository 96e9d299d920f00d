//! Messages of a Chat Completions request, and the message of an answer, which has
//! the same shape.

use crate::dialect::Dialect;
use crate::json::{Json, Kind};
use crate::media;
use crate::neutral::{
    Block, CacheMark, CallKind, Content, Document, Image, Media, Message, Role, Signature, Source,
    ToolCall, ToolResult,
};
use crate::openai_chat::calls::google_signature;
use crate::openai_chat::thinking;
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
    let mut message = match role.as_str() {
        "system" => Message::new(Role::System, content(read, json, at)?),
        "developer" => Message::new(Role::Developer, content(read, json, at)?),
        "user" => Message::new(Role::User, content(read, json, at)?),
        "assistant" => assistant(read, json, at)?,
        "tool" => tool_result(read, json, at)?,
        _ => {
            return Err(InvalidRequest::must_be(
                at.key("role").to_string(),
                "'system', 'developer', 'user', 'assistant' or 'tool'",
            ));
        }
    };
    for (key, value) in json.entries().filter(|(_, value)| !value.is_null()) {
        match &*key {
            "role" | "content" | "tool_calls" | "tool_call_id" | "refusal" => {}
            // An extension: a mark on the whole message is one on its last block.
            "cache_control" => {
                if let Some(last) = message.content.last_mut() {
                    last.cache = CacheMark::read(value).or(last.cache);
                }
            }
            key if thinking::FIELDS.contains(&key) => {
                message.extras.push(read.mirrored(key, value));
            }
            _ => message.extras.push(read.extra(&key, value)),
        }
    }
    Ok(message)
}

/// Thinking first, then what was said, then what was called: the order in which
/// the model must have produced them.
pub(super) fn assistant(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
) -> Result<Message, InvalidRequest> {
    let thinking = thinking::read(read, json, at)?;
    let mut blocks = content(read, json, at)?;
    if let Some(refusal) = read.optional_text(json, "refusal", at)? {
        blocks.push(Block::new(Content::Refusal(refusal)));
    }
    if let Some(calls) = json.get("tool_calls").and_then(Json::non_null) {
        let at = at.key("tool_calls");
        for (index, call) in read::array(calls, &at)?.enumerate() {
            if let Some(signature) = google_signature(call) {
                let data = Text::from(&*signature);
                let by = Dialect::Gemini;
                blocks.push(Block::new(Content::Thinking {
                    text: Text::default(),
                    signature: Some(Signature { by, data }),
                }));
            }
            blocks.push(tool_call(read, call, &at.index(index))?);
        }
    }
    let blocks = thinking::join(thinking, blocks);
    Ok(Message::new(Role::Assistant, blocks))
}

fn tool_call(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Block, InvalidRequest> {
    let kind = read.optional_text(read::object(json, at)?, "type", at)?;
    if let Some(custom) = json.get("custom").and_then(Json::non_null) {
        return custom_call(read, json, custom, at);
    }
    let Some(function) = json.get("function").and_then(Json::non_null) else {
        return Ok(Block::new(Content::Foreign {
            dialect: Dialect::OpenaiChat,
            kind: kind.ok_or_else(|| read::missing(&at.key("function")))?,
            raw: read.raw(json),
        }));
    };
    let in_function = at.key("function");
    let arguments = function.get("arguments").and_then(Json::non_null);
    let mut block = Block::new(Content::ToolCall(ToolCall {
        id: read.optional_text(json, "id", at)?.unwrap_or_default(),
        name: read.text_of(function, "name", &in_function)?,
        arguments: match arguments {
            None => Text::default(),
            // Some providers send the object itself.
            Some(object) if object.kind() == Kind::Object => object.raw().into(),
            Some(text) => read.text(text, &in_function.key("arguments"))?,
        },
        kind: CallKind::Function,
    }));
    attachments(read, json, &mut block);
    Ok(block)
}

fn custom_call(
    read: Read<'_>,
    json: Json<'_>,
    custom: Json<'_>,
    at: &Path<'_>,
) -> Result<Block, InvalidRequest> {
    let inside = at.key("custom");
    let mut block = Block::new(Content::ToolCall(ToolCall {
        id: read.optional_text(json, "id", at)?.unwrap_or_default(),
        name: read.text_of(custom, "name", &inside)?,
        arguments: read
            .optional_text(custom, "input", &inside)?
            .unwrap_or_default(),
        kind: CallKind::Custom,
    }));
    attachments(read, json, &mut block);
    Ok(block)
}

/// What a call has beside the call itself.
fn attachments(read: Read<'_>, json: Json<'_>, block: &mut Block) {
    for (key, value) in json.entries().filter(|(_, value)| !value.is_null()) {
        match &*key {
            "id" | "type" | "function" | "custom" | "index" => {}
            "cache_control" => block.cache = CacheMark::read(value),
            "extra_content" if google_signature(json).is_some() => {
                block.extras.push(read.mirrored(&key, value));
            }
            _ => block.extras.push(read.extra(&key, value)),
        }
    }
}

fn tool_result(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Message, InvalidRequest> {
    let result = Content::ToolResult(ToolResult {
        call_id: read.text_of(json, "tool_call_id", at)?,
        content: content(read, json, at)?,
        is_error: false,
    });
    Ok(Message::new(Role::User, vec![Block::new(result)]))
}

fn content(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Vec<Block>, InvalidRequest> {
    let at = at.key("content");
    let Some(content) = json.get("content").and_then(Json::non_null) else {
        return Ok(Vec::new());
    };
    if content.kind() == Kind::String {
        return Ok(vec![Block::text(read.text(content, &at)?)]);
    }
    read::array(content, &at)?
        .enumerate()
        .map(|(index, json)| part(read, json, &at.index(index)))
        .collect()
}

fn part(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Block, InvalidRequest> {
    let kind = read.text_of(read::object(json, at)?, "type", at)?;
    let mut block = Block::new(match kind.as_str() {
        "text" => Content::Text(read.text_of(json, "text", at)?),
        "refusal" => Content::Refusal(read.text_of(json, "refusal", at)?),
        "thinking" => thinking::mistral_part(json),
        "image_url" => image(read, json, at)?,
        "file" => return file(read, json, at, kind),
        "input_audio" => audio(read, json, at)?,
        "video_url" => return video(read, json, at),
        _ => return Ok(foreign(read, json, kind)),
    });
    block.cache = json.get("cache_control").and_then(CacheMark::read);
    let detail = json.get("image_url").and_then(|image| image.get("detail"));
    if let Some(detail) = detail.and_then(Json::non_null) {
        block.extras.push(read.extra("detail", detail));
    }
    Ok(block)
}

fn image(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Content, InvalidRequest> {
    let at = at.key("image_url");
    let inner = json.get("image_url").ok_or_else(|| read::missing(&at))?;
    let url = match inner.kind() {
        // Not in the specification, but sent.
        Kind::String => read.text(inner, &at)?,
        _ => read.text_of(inner, "url", &at)?,
    };
    let source = if media::is_data_uri(&url) {
        media::from_data_uri(&url).ok_or_else(|| {
            InvalidRequest::must_be(at.to_string(), "a URL or a valid base64 data URI")
        })?
    } else {
        Source::Url(url)
    };
    Ok(Content::Image(Image { source }))
}

fn audio(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Content, InvalidRequest> {
    let at = at.key("input_audio");
    let inner = json.get("input_audio").ok_or_else(|| read::missing(&at))?;
    let media_type = match read.text_of(inner, "format", &at)?.as_str() {
        "mp3" => Text::from_static("audio/mpeg"),
        format => format!("audio/{format}").into(),
    };
    let data = read.text_of(inner, "data", &at)?;
    let source = Source::Base64 { media_type, data };
    Ok(Content::Audio(Media { source }))
}

/// Not in the specification; what several providers of models that see films take.
fn video(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Block, InvalidRequest> {
    let at = at.key("video_url");
    let inner = json.get("video_url").ok_or_else(|| read::missing(&at))?;
    let url = match inner.kind() {
        Kind::String => read.text(inner, &at)?,
        _ => read.text_of(inner, "url", &at)?,
    };
    let source = media::from_data_uri(&url).unwrap_or(Source::Url(url));
    let mut block = Block::new(Content::Video(Media { source }));
    block.cache = json.get("cache_control").and_then(CacheMark::read);
    for (key, value) in inner.entries().filter(|(key, _)| key != "url") {
        block.extras.push(read.extra(&key, value));
    }
    Ok(block)
}

fn file(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
    kind: Text,
) -> Result<Block, InvalidRequest> {
    let at = at.key("file");
    let inner = json.get("file").ok_or_else(|| read::missing(&at))?;
    let name = read.optional_text(inner, "filename", &at)?;
    let id = read.optional_text(inner, "file_id", &at)?;
    let source = match (read.optional_text(inner, "file_data", &at)?, id) {
        (Some(data), _) => match media::from_data_uri(&data) {
            Some(source) => source,
            // Bare base64, or a URL: what some providers accept beside the standard.
            None => return Ok(foreign(read, json, kind)),
        },
        (None, Some(id)) => Source::File { id },
        (None, None) => return Err(read::missing(&at.key("file_data"))),
    };
    let mut block = Block::new(Content::Document(Document { source, name }));
    block.cache = json.get("cache_control").and_then(CacheMark::read);
    Ok(block)
}

fn foreign(read: Read<'_>, json: Json<'_>, kind: Text) -> Block {
    Block::new(Content::Foreign {
        dialect: Dialect::OpenaiChat,
        kind,
        raw: read.raw(json),
    })
}
