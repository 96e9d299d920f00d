//! `tools` and `toolConfig`.

use crate::gemini::fields::{elements, member, named, text};
use crate::gemini::schema;
use crate::json::{Json, JsonWriter};
use crate::neutral::{Request, Tool, ToolChoice, ToolMode};
use crate::path::Path;
use crate::problem::InvalidRequest;
use crate::read::{self, Read};
use crate::text::{Raw, Text};

pub(super) fn tools(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
    tools: &mut Vec<Tool>,
) -> Result<(), InvalidRequest> {
    let all = elements(json).ok_or_else(|| InvalidRequest::must_be(at.to_string(), "an array"))?;
    for (index, tool) in all.into_iter().enumerate() {
        let at = at.index(index);
        let members = read::object(tool, &at)?.entries();
        for (key, value) in members.filter(|(_, value)| !value.is_null()) {
            if !named(&key, "functionDeclarations") {
                tools.push(foreign(&key, value));
                continue;
            }
            let at = at.key("functionDeclarations");
            let declared = elements(value)
                .ok_or_else(|| InvalidRequest::must_be(at.to_string(), "an array"))?;
            for (index, function) in declared.into_iter().enumerate() {
                tools.push(self::function(read, function, &at.index(index))?);
            }
        }
    }
    Ok(())
}

/// One object may hold tools of several kinds; here each is a tool of its own.
fn foreign(key: &str, value: Json<'_>) -> Tool {
    let mut raw = Vec::new();
    JsonWriter::new(&mut raw).object(|w| w.field_raw(key, value.raw()));
    Tool::Foreign {
        kind: key.into(),
        raw: Raw::trusted(String::from_utf8(raw).unwrap_or_default().into()),
    }
}

fn function(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Tool, InvalidRequest> {
    let mut parameters = None;
    let mut extras = Vec::new();
    let members = read::object(json, at)?.entries();
    for (key, value) in members.filter(|(_, value)| !value.is_null()) {
        match &*key {
            "name" | "description" => {}
            key if named(key, "parametersJsonSchema") => {
                parameters = Some(read.raw(value));
                extras.push(read.mirrored(key, value));
            }
            "parameters" => {
                parameters = schema::to_json_schema(value);
                extras.push(read.mirrored(&key, value));
            }
            _ => extras.push(read.extra(&key, value)),
        }
    }
    Ok(Tool::Function {
        name: read.text_of(json, "name", at)?,
        description: read.optional_text(json, "description", at)?,
        parameters,
        strict: None,
        cache: None,
        extras,
    })
}

pub(super) fn config(
    read: Read<'_>,
    key: &str,
    json: Json<'_>,
    request: &mut Request,
) -> Result<(), InvalidRequest> {
    let at = Path::Top(key);
    for (key, value) in read::object(json, &at)?.entries() {
        if named(&key, "functionCallingConfig") {
            request.tool_choice = choice(read, value, &at.key("functionCallingConfig"))?;
            let known = |key: &str| named(key, "mode") || named(key, "allowedFunctionNames");
            for (inner, value) in value.entries().filter(|(inner, _)| !known(inner)) {
                let path = format!("toolConfig.{key}.{inner}");
                request.extras.push(read.extra(&path, value));
            }
        } else if !value.is_null() {
            let extra = read.extra(&format!("toolConfig.{key}"), value);
            request.extras.push(extra);
        }
    }
    request.extras.push(read.mirrored(key, json));
    Ok(())
}

fn choice(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
) -> Result<Option<ToolChoice>, InvalidRequest> {
    let mut names: Vec<Text> = Vec::new();
    let at_names = at.key("allowedFunctionNames");
    if let Some(allowed) = member(json, "allowedFunctionNames") {
        for (index, name) in read::array(allowed, &at_names)?.enumerate() {
            names.push(read.text(name, &at_names.index(index))?);
        }
    }
    let mode = match text(json, "mode").as_deref() {
        Some("ANY" | "any") => ToolMode::Required,
        Some("NONE" | "none") => ToolMode::None,
        None if names.is_empty() => return Ok(None),
        // Automatic with or without a guarantee that arguments fit the schema.
        _ => ToolMode::Auto,
    };
    Ok(Some(match (mode, names.len()) {
        (mode, 0) => ToolChoice::Mode(mode),
        (ToolMode::Required, 1) => ToolChoice::Named(names.remove(0)),
        (mode, _) => ToolChoice::Allowed { mode, names },
    }))
}
