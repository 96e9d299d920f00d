//! The items of `input`, and of an answer's `output`, which have the same shapes.
//!
//! Items of the model's turn become blocks of one assistant message, so that calls
//! with reasoning between them stay parallel calls. What an item has beside its
//! content is kept with its first block, as extras whose keys begin with [`ITEM`].

use crate::json::{Json, Kind};
use crate::neutral::{
    Block, CallKind, Content, Extra, Message, NAME_THERE, NAMESPACE, Role, ToolCall, ToolResult,
};
use crate::openai_responses::read_parts::{content, foreign};
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
