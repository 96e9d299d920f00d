//! An Anthropic Messages request into the neutral form.

use crate::anthropic::read_messages;
use crate::body::Body;
use crate::dialect::Dialect;
use crate::json::{Json, Kind};
use crate::neutral::{
    CacheMark, Effort, Format, Message, Reasoning, Request, Role, Tool, ToolChoice, ToolMode,
};
use crate::path::Path;
use crate::problem::InvalidRequest;
use crate::read::{self, Read};

pub(super) fn read(body: &Body) -> Result<Request, InvalidRequest> {
    let read = Read::new(body);
    let mut request = Request::new(Dialect::Anthropic);
    // Its streams always report usage.
    request.include_usage = true;
    // Null means the same as absent.
    let members = read.body().entries().filter(|(_, value)| !value.is_null());
    for (key, value) in members {
        field(&mut request, &key, value, read)?;
    }
    request.reasoning = reasoning(read.body());
    if request.model.is_blank() {
        return Err(InvalidRequest::must_be("model", "a non-empty string"));
    }
    if request
        .messages
        .iter()
        .all(|message| message.role == Role::System)
    {
        return Err(InvalidRequest::must_be("messages", "a non-empty array"));
    }
    Ok(request)
}

fn field(
    request: &mut Request,
    key: &str,
    value: Json<'_>,
    read: Read<'_>,
) -> Result<(), InvalidRequest> {
    let at = &Path::Top(key);
    match key {
        "model" => request.model = read.text(value, at)?,
        "system" => {
            let blocks = read_messages::content(read, value, at)?;
            request
                .messages
                .insert(0, Message::new(Role::System, blocks));
            request.system_apart = 1;
        }
        "messages" => {
            let messages = read_messages::messages(read, value, at)?;
            request.messages.extend(messages);
        }
        "max_tokens" => request.max_output_tokens = Some(read::count(value, at)?),
        "stream" => request.stream = read::flag(value, at)?,
        "stop_sequences" => {
            for (index, stop) in read::array(value, at)?.enumerate() {
                request.stop.push(read.text(stop, &at.index(index))?);
            }
        }
        "temperature" => request.sampling.temperature = Some(read.number(value, at)?),
        "top_p" => request.sampling.top_p = Some(read.number(value, at)?),
        "top_k" => request.sampling.top_k = Some(read.number(value, at)?),
        "tools" => {
            for (index, json) in read::array(value, at)?.enumerate() {
                request.tools.push(tool(read, json, &at.index(index))?);
            }
        }
        "tool_choice" => {
            request.tool_choice = Some(tool_choice(read, value, at)?);
            let serial = value
                .get("disable_parallel_tool_use")
                .and_then(Json::as_bool);
            request.parallel_tool_calls = serial.map(|serial| !serial);
        }
        "metadata" => {
            request.user = read.optional_text(value, "user_id", at)?;
            request.extras.push(read.mirrored(key, value));
        }
        "thinking" => {
            request.extras.push(read.mirrored(key, value));
            unknown(request, read, key, value, |key, _| {
                matches!(key, "type" | "budget_tokens")
            });
        }
        "output_config" => {
            if let Some(format) = value.get("format").and_then(Json::non_null) {
                request.format = Some(self::format(read, format, &at.key("format"))?);
            }
            request.extras.push(read.mirrored(key, value));
            unknown(request, read, key, value, |key, value| match key {
                "effort" => value
                    .as_str()
                    .is_some_and(|name| Effort::read(&name).is_some()),
                key => key == "format",
            });
        }
        // The name of `output_config.format` while it was in beta.
        "output_format" => {
            request.format = Some(format(read, value, at)?);
            request.extras.push(read.mirrored(key, value));
        }
        _ => request.extras.push(read.extra(key, value)),
    }
    Ok(())
}

/// Keeps what other dialects are not told of a member with others in it, by its path.
fn unknown(
    request: &mut Request,
    read: Read<'_>,
    key: &str,
    json: Json<'_>,
    is_known: fn(&str, Json<'_>) -> bool,
) {
    for (inner, value) in json.entries() {
        if !value.is_null() && !is_known(&inner, value) {
            request
                .extras
                .push(read.extra(&format!("{key}.{inner}"), value));
        }
    }
}

fn tool(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Tool, InvalidRequest> {
    let kind = read.optional_text(read::object(json, at)?, "type", at)?;
    if let Some(kind) = kind.filter(|kind| kind != "custom") {
        let raw = read.raw(json);
        return Ok(Tool::Foreign { kind, raw });
    }
    let mut extras = Vec::new();
    let (mut cache, mut strict, mut parameters) = (None, None, None);
    for (key, value) in json.entries().filter(|(_, value)| !value.is_null()) {
        match &*key {
            "type" | "name" | "description" => {}
            "input_schema" => parameters = Some(read.raw(value)),
            "strict" => strict = value.as_bool(),
            "cache_control" => cache = CacheMark::read(value),
            _ => extras.push(read.extra(&key, value)),
        }
    }
    Ok(Tool::Function {
        name: read.text_of(json, "name", at)?,
        description: read.optional_text(json, "description", at)?,
        parameters,
        strict,
        cache,
        extras,
    })
}

fn tool_choice(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
) -> Result<ToolChoice, InvalidRequest> {
    let kind = read.text_of(read::object(json, at)?, "type", at)?;
    Ok(match kind.as_str() {
        "auto" => ToolChoice::Mode(ToolMode::Auto),
        "any" => ToolChoice::Mode(ToolMode::Required),
        "none" => ToolChoice::Mode(ToolMode::None),
        "tool" => ToolChoice::Named(read.text_of(json, "name", at)?),
        _ => {
            return Err(InvalidRequest::must_be(
                at.key("type").to_string(),
                "'auto', 'any', 'tool' or 'none'",
            ));
        }
    })
}

fn format(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Format, InvalidRequest> {
    let schema = json.get("schema").and_then(Json::non_null);
    match schema.filter(|schema| schema.kind() == Kind::Object) {
        Some(schema) => Ok(Format::JsonSchema {
            name: None,
            description: None,
            schema: read.raw(schema),
            strict: None,
        }),
        None => Err(read::missing(&at.key("schema"))),
    }
}

/// From `thinking` and `output_config.effort`, which belong together.
fn reasoning(body: Json<'_>) -> Option<Reasoning> {
    let effort = body
        .get("output_config")
        .and_then(|config| config.get("effort")?.as_str());
    let effort = effort.and_then(|name| Effort::read(&name));
    let thinking = body.get("thinking").and_then(Json::non_null);
    let kind = thinking.and_then(|thinking| thinking.get("type")?.as_str());
    match kind.as_deref() {
        Some("disabled") => Some(Reasoning::Off),
        Some("enabled") => {
            let budget = thinking.and_then(|thinking| thinking.get("budget_tokens")?.as_u64());
            Some(budget.map_or(Reasoning::Adaptive(effort), Reasoning::Budget))
        }
        Some(_) => Some(Reasoning::Adaptive(effort)),
        None => effort.map(Reasoning::Effort),
    }
}
