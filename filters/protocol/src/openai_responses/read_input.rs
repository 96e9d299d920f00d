//! The items of `input`, and of an answer's `output`, which have the same shapes.
//!
//! Items of the model's turn become blocks of one assistant message, so that calls
//! with reasoning between them stay parallel calls. What an item has beside its
//! content is kept with its first block, as extras whose keys begin with [`ITEM`].

use crate::dialect::Dialect;
use crate::json::{Json, Kind};
use crate::media;
use crate::neutral::{
    Block, CacheMark, CallKind, Content, Document, Extra, Image, Media, Message, NAME_THERE,
    NAMESPACE, Role, Source, ToolCall, ToolResult,
};
use crate::openai_responses::reasoning;
use crate::path::Path;
use crate::problem::InvalidRequest;
use crate::read::{self, Read};
use crate::text::{Raw, Text};

/// Before the keys of an item's own fields.
pub(super) const ITEM: &str = "item.";

type Result<T> = std::result::Result<T, InvalidRequest>;

/// A string, or an array of items.
pub(super) fn input(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
    messages: &mut Vec<Message>,
) -> Result<()> {
    if json.kind() == Kind::String {
        let text = Block::text(read.text(json, at)?);
        messages.push(Message::new(Role::User, vec![text]));
        return Ok(());
    }
    for (index, json) in read::array(json, at)?.enumerate() {
        item(read, json, &at.index(index), messages)?;
    }
    Ok(())
}

pub(super) fn item(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
    messages: &mut Vec<Message>,
) -> Result<()> {
    let kind = read.optional_text(read::object(json, at)?, "type", at)?;
    let kind = kind.unwrap_or_else(|| Text::from_static("message"));
    match kind.as_str() {
        "message" => message(read, json, at, messages)?,
        "function_call" => {
            let call = call(read, json, at, CallKind::Function)?;
            say(vec![call], messages);
        }
        "custom_tool_call" => {
            let call = call(read, json, at, CallKind::Custom)?;
            say(vec![call], messages);
        }
        "reasoning" => {
            let block = reasoning::read(read, json, at)?;
            say(vec![block], messages);
        }
        "function_call_output" | "custom_tool_call_output" => {
            let block = call_output(read, json, at)?;
            messages.push(Message::new(Role::User, vec![block]));
        }
        // It stands for something that only the provider has: never left out.
        "item_reference" => {
            let block = foreign(read, json, kind);
            messages.push(Message::new(Role::User, vec![block]));
        }
        // Traces of tools that the provider runs.
        _ => say(vec![foreign(read, json, kind)], messages),
    }
    Ok(())
}

/// Adds to the model's turn at the end of the conversation.
fn say(mut blocks: Vec<Block>, messages: &mut Vec<Message>) {
    match messages.last_mut() {
        Some(last) if last.role == Role::Assistant => last.content.append(&mut blocks),
        _ => messages.push(Message::new(Role::Assistant, blocks)),
    }
}

fn message(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
    messages: &mut Vec<Message>,
) -> Result<()> {
    let role = match read.text_of(json, "role", at)?.as_str() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => {
            return Err(InvalidRequest::must_be(
                at.key("role").to_string(),
                "'user', 'assistant', 'system' or 'developer'",
            ));
        }
    };
    let at_content = at.key("content");
    let inside = json
        .get("content")
        .ok_or_else(|| read::missing(&at_content))?;
    let mut blocks = content(read, inside, &at_content)?;
    let mut extras = Vec::new();
    for (key, value) in json.entries().filter(|(_, value)| !value.is_null()) {
        if !matches!(&*key, "type" | "role" | "content") {
            extras.push(read.mirrored(&format!("{ITEM}{key}"), value));
        }
    }
    if role != Role::Assistant {
        let mut message = Message::new(role, blocks);
        message.extras = extras;
        messages.push(message);
        return Ok(());
    }
    if let Some(first) = blocks.first_mut() {
        // Says where an item begins, even one without fields of its own.
        let begins = Raw::parse("\"message\"").map(|raw| Extra::mirrored("item.type", raw));
        first.extras.extend(begins.into_iter().chain(extras));
    }
    let is_said = |block: &Block| matches!(block.content, Content::Text(_) | Content::Refusal(_));
    let is_call = |block: &Block| matches!(block.content, Content::ToolCall(_));
    if let Some(last) = messages.last()
        && last.role == Role::Assistant
        && last.content.iter().any(is_said)
        && !last.content.iter().any(is_call)
    {
        // Said in two messages, so two they stay; calls and their results stay together.
        messages.push(Message::new(Role::Assistant, Vec::new()));
    }
    if !blocks.is_empty() {
        say(blocks, messages);
    }
    Ok(())
}

fn content(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Vec<Block>> {
    if json.kind() == Kind::String {
        return Ok(vec![Block::text(read.text(json, at)?)]);
    }
    read::array(json, at)?
        .enumerate()
        .map(|(index, json)| part(read, json, &at.index(index)))
        .collect()
}

fn part(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Block> {
    let kind = read.text_of(read::object(json, at)?, "type", at)?;
    let (content, known): (Option<Content>, &[&str]) = match kind.as_str() {
        "input_text" | "output_text" | "text" => (
            Some(Content::Text(read.text_of(json, "text", at)?)),
            &["text"],
        ),
        "refusal" => (
            Some(Content::Refusal(read.text_of(json, "refusal", at)?)),
            &["refusal"],
        ),
        "input_image" => (image(read, json, at)?, &["image_url", "file_id"]),
        "input_file" => (
            file(read, json, at)?,
            &["file_data", "file_url", "file_id", "filename"],
        ),
        "input_audio" => (audio(json, read, at)?, &["input_audio"]),
        _ => (None, &[]),
    };
    let Some(content) = content else {
        return Ok(foreign(read, json, kind));
    };
    let mut block = Block::new(content);
    for (key, value) in json.entries().filter(|(_, value)| !value.is_null()) {
        match &*key {
            "type" => {}
            key if known.contains(&key) => {}
            "prompt_cache_breakpoint" => {
                block.cache = Some(CacheMark::Default);
                block.extras.push(read.mirrored(&key, value));
            }
            // Nothing stands in them, nothing is lost with them.
            "annotations" | "logprobs" if value.items().next().is_none() => {
                block.extras.push(read.mirrored(&key, value));
            }
            _ => block.extras.push(read.extra(&key, value)),
        }
    }
    Ok(block)
}

fn image(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Option<Content>> {
    let url = read.optional_text(json, "image_url", at)?;
    let source = match (url, read.optional_text(json, "file_id", at)?) {
        (Some(url), _) if media::is_data_uri(&url) => {
            media::from_data_uri(&url).ok_or_else(|| {
                let field = at.key("image_url").to_string();
                InvalidRequest::must_be(field, "a URL or a valid base64 data URI")
            })?
        }
        (Some(url), _) => Source::Url(url),
        (None, Some(id)) => Source::File { id },
        (None, None) => return Err(read::missing(&at.key("image_url"))),
    };
    Ok(Some(Content::Image(Image { source })))
}

/// Nothing for data that is no data URI.
fn file(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Option<Content>> {
    let text = |key| read.optional_text(json, key, at);
    let source = match (text("file_data")?, text("file_url")?, text("file_id")?) {
        (Some(data), _, _) => match media::from_data_uri(&data) {
            Some(source) => source,
            None => return Ok(None),
        },
        (None, Some(url), _) => Source::Url(url),
        (None, None, Some(id)) => Source::File { id },
        (None, None, None) => return Err(read::missing(&at.key("file_data"))),
    };
    let name = text("filename")?;
    Ok(Some(Content::Document(Document { source, name })))
}

fn audio(json: Json<'_>, read: Read<'_>, at: &Path<'_>) -> Result<Option<Content>> {
    let at = at.key("input_audio");
    let inner = json.get("input_audio").ok_or_else(|| read::missing(&at))?;
    let media_type = match read.text_of(inner, "format", &at)?.as_str() {
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        _ => return Ok(None),
    };
    let source = Source::Base64 {
        media_type: Text::from_static(media_type),
        data: read.text_of(inner, "data", &at)?,
    };
    Ok(Some(Content::Audio(Media { source })))
}

fn call(read: Read<'_>, json: Json<'_>, at: &Path<'_>, kind: CallKind) -> Result<Block> {
    let key = match kind {
        CallKind::Function => "arguments",
        CallKind::Custom => "input",
    };
    let name = read.text_of(json, "name", at)?;
    let namespace = read.optional_text(json, "namespace", at)?;
    let arguments = read.optional_text(json, key, at)?.unwrap_or_default();
    let mut block = Block::new(Content::ToolCall(ToolCall {
        id: read.text_of(json, "call_id", at)?,
        name: match &namespace {
            Some(namespace) => qualified(namespace, &name),
            None => name,
        },
        arguments,
        kind,
    }));
    for (member, value) in json.entries().filter(|(_, value)| !value.is_null()) {
        match &*member {
            "type" | "call_id" => {}
            "name" if namespace.is_some() => {
                block.extras.push(read.mirrored(NAME_THERE, value));
            }
            "namespace" => block.extras.push(read.mirrored(NAMESPACE, value)),
            "name" => {}
            member if member == key => {}
            "id" | "status" => block.extras.push(read.mirrored(&member, value)),
            _ => block.extras.push(read.extra(&member, value)),
        }
    }
    Ok(block)
}

/// The one name of a tool that is known by namespace and name.
pub(super) fn qualified(namespace: &str, name: &str) -> Text {
    match namespace {
        // Functions that were searched for are given a namespace of their own name.
        namespace if namespace == name => name.into(),
        namespace if namespace.ends_with("__") => format!("{namespace}{name}").into(),
        namespace => format!("{namespace}__{name}").into(),
    }
}

fn call_output(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Block> {
    let at_output = at.key("output");
    let output = json
        .get("output")
        .ok_or_else(|| read::missing(&at_output))?;
    let mut block = Block::new(Content::ToolResult(ToolResult {
        call_id: read.text_of(json, "call_id", at)?,
        content: content(read, output, &at_output)?,
        is_error: false,
    }));
    for (key, value) in json.entries().filter(|(_, value)| !value.is_null()) {
        match &*key {
            "call_id" | "output" => {}
            "type" | "id" | "status" => block.extras.push(read.mirrored(&key, value)),
            _ => block.extras.push(read.extra(&key, value)),
        }
    }
    Ok(block)
}

fn foreign(read: Read<'_>, json: Json<'_>, kind: Text) -> Block {
    Block::new(Content::Foreign {
        dialect: Dialect::OpenaiResponses,
        kind,
        raw: read.raw(json),
    })
}
