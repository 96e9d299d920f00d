//! A Chat Completions request into the neutral form.

use crate::body::Body;
use crate::dialect::Dialect;
use crate::json::{Json, JsonWriter, Kind};
use crate::neutral::{CacheMark, Effort, Format, Reasoning, Request, Tool, ToolChoice, ToolMode};
use crate::openai_chat::read_messages;
use crate::path::Path;
use crate::problem::InvalidRequest;
use crate::read::{self, Read};
use crate::text::{Raw, Text};

pub(super) fn read(body: &Body) -> Result<Request, InvalidRequest> {
    let read = Read::new(body);
    let mut request = Request::new(Dialect::OpenaiChat);
    // Null means the same as absent.
    let members = read.body().entries().filter(|(_, value)| !value.is_null());
    for (key, value) in members {
        field(&mut request, &key, value, read)?;
    }
    if request.model.is_blank() {
        return Err(InvalidRequest::must_be("model", "a non-empty string"));
    }
    if request.messages.is_empty() {
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
        "messages" => request.messages = read_messages::messages(read, value, at)?,
        "stream" => request.stream = read::flag(value, at)?,
        "stream_options" => {
            let include = value.get("include_usage").and_then(Json::as_bool);
            request.include_usage = include.unwrap_or(false);
        }
        "tools" => {
            for (index, json) in read::array(value, at)?.enumerate() {
                request.tools.push(tool(read, json, &at.index(index))?);
            }
        }
        "tool_choice" => match tool_choice(read, value, at)? {
            Some(choice) => request.tool_choice = Some(choice),
            None => request.extras.push(read.extra(key, value)),
        },
        "parallel_tool_calls" => request.parallel_tool_calls = Some(read::flag(value, at)?),
        // Both names at once: the newer one counts, wherever it stands.
        "max_completion_tokens" => request.max_output_tokens = Some(read::count(value, at)?),
        "max_tokens" => {
            let limit = read::count(value, at)?;
            let newer = read
                .body()
                .get("max_completion_tokens")
                .and_then(Json::non_null);
            if newer.is_none() {
                request.max_output_tokens = Some(limit);
            }
        }
        "n" => request.choices = Some(read::count(value, at)?),
        "temperature" => request.sampling.temperature = Some(read.number(value, at)?),
        "top_p" => request.sampling.top_p = Some(read.number(value, at)?),
        "top_k" => request.sampling.top_k = Some(read.number(value, at)?),
        "seed" => request.sampling.seed = Some(read.number(value, at)?),
        "frequency_penalty" => request.sampling.frequency_penalty = Some(read.number(value, at)?),
        "presence_penalty" => request.sampling.presence_penalty = Some(read.number(value, at)?),
        "stop" => request.stop = stop(read, value, at)?,
        "response_format" => request.format = Some(format(read, value, at)?),
        "reasoning_effort" => {
            // A level that nobody knows yet is left to the model's default.
            let effort = value.as_str().and_then(|name| Effort::read(&name));
            request.extras.push(match effort {
                Some(_) => read.mirrored(key, value),
                None => read.extra(key, value),
            });
            request.reasoning = effort.map(Reasoning::Effort).or(request.reasoning.take());
        }
        "reasoning" | "thinking" => {
            request.reasoning = request.reasoning.take().or_else(|| reasoning(value));
            request.extras.push(read.mirrored(key, value));
        }
        "safety_identifier" | "user" => {
            let user = read.text(value, at)?;
            if key == "safety_identifier" || request.user.is_none() {
                request.user = Some(user);
            }
            request.extras.push(read.mirrored(key, value));
        }
        _ => request.extras.push(read.extra(key, value)),
    }
    Ok(())
}

fn tool(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Tool, InvalidRequest> {
    let kind = read.optional_text(read::object(json, at)?, "type", at)?;
    if let Some(custom) = json.get("custom").and_then(Json::non_null) {
        return custom_tool(read, json, custom, at);
    }
    let function = json.get("function").and_then(Json::non_null);
    let Some(function) = function.filter(|_| kind.as_deref().is_none_or(|kind| kind == "function"))
    else {
        return Ok(Tool::Foreign {
            kind: kind.ok_or_else(|| read::missing(&at.key("function")))?,
            raw: read.raw(json),
        });
    };
    let at = at.key("function");
    let mut extras = Vec::new();
    let mut cache = None;
    for (key, value) in json.entries().filter(|(_, value)| !value.is_null()) {
        match &*key {
            "type" | "function" => {}
            "cache_control" => cache = CacheMark::read(value),
            _ => extras.push(read.extra(&key, value)),
        }
    }
    let parameters = function.get("parameters").and_then(Json::non_null);
    Ok(Tool::Function {
        name: read.text_of(function, "name", &at)?,
        description: read.optional_text(function, "description", &at)?,
        parameters: parameters.map(|schema| read.raw(schema)),
        strict: function.get("strict").and_then(Json::as_bool),
        cache,
        extras,
    })
}

/// A tool that takes free text. The grammar stands one level deeper than in the
/// Responses API, whose form is the neutral one.
fn custom_tool(
    read: Read<'_>,
    json: Json<'_>,
    custom: Json<'_>,
    at: &Path<'_>,
) -> Result<Tool, InvalidRequest> {
    let inside = at.key("custom");
    let format = custom.get("format").and_then(Json::non_null);
    let grammar = format.and_then(|format| format.get("grammar")?.non_null());
    let format = match grammar {
        Some(grammar) => {
            let mut flat = Vec::new();
            JsonWriter::new(&mut flat).object(|w| {
                w.field_str("type", "grammar");
                for (key, value) in grammar.entries() {
                    w.field_raw(&key, value.raw());
                }
            });
            Raw::parse(&String::from_utf8(flat).unwrap_or_default())
        }
        None => format.map(|format| read.raw(format)),
    };
    let others = json
        .entries()
        .filter(|(key, value)| !value.is_null() && !matches!(key.as_ref(), "type" | "custom"));
    Ok(Tool::Custom {
        name: read.text_of(custom, "name", &inside)?,
        description: read.optional_text(custom, "description", &inside)?,
        format,
        extras: others.map(|(key, value)| read.extra(&key, value)).collect(),
    })
}

/// Nothing for a kind of choice that is not known here.
fn tool_choice(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
) -> Result<Option<ToolChoice>, InvalidRequest> {
    if let Some(mode) = json.as_str() {
        let known = mode_named(&mode).map(ToolChoice::Mode);
        return known.map(Some).ok_or_else(|| {
            InvalidRequest::must_be(at.to_string(), "'auto', 'none', 'required' or an object")
        });
    }
    let kind = read.optional_text(read::object(json, at)?, "type", at)?;
    match kind.as_deref().unwrap_or("function") {
        kind @ ("function" | "custom") => {
            let tool = json.get(kind).unwrap_or(json);
            let name = read.text_of(tool, "name", &at.key(kind))?;
            Ok(Some(ToolChoice::Named(name)))
        }
        "allowed_tools" => {
            let allowed = json.get("allowed_tools").unwrap_or(json);
            let at = at.key("allowed_tools");
            let mode = allowed.get("mode").and_then(Json::as_str);
            let tools = allowed
                .get("tools")
                .ok_or_else(|| read::missing(&at.key("tools")))?;
            let mut names = Vec::new();
            for tool in read::array(tools, &at.key("tools"))? {
                let inside = tool.get("function").or_else(|| tool.get("custom"));
                names.push(read.text_of(inside.unwrap_or(tool), "name", &at.key("tools"))?);
            }
            let mode = mode
                .as_deref()
                .and_then(mode_named)
                .unwrap_or(ToolMode::Auto);
            Ok(Some(ToolChoice::Allowed { mode, names }))
        }
        _ => Ok(None),
    }
}

fn mode_named(name: &str) -> Option<ToolMode> {
    Some(match name {
        "auto" => ToolMode::Auto,
        "none" => ToolMode::None,
        // The second is Mistral's word.
        "required" | "any" => ToolMode::Required,
        _ => return None,
    })
}

fn stop(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Vec<Text>, InvalidRequest> {
    if json.kind() == Kind::String {
        return Ok(vec![read.text(json, at)?]);
    }
    let items = read::array(json, at)?.enumerate();
    items
        .map(|(index, item)| read.text(item, &at.index(index)))
        .collect()
}

fn format(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Format, InvalidRequest> {
    let kind = read.text_of(read::object(json, at)?, "type", at)?;
    match kind.as_str() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::JsonObject),
        "json_schema" => {
            let at = at.key("json_schema");
            let inner = json.get("json_schema").ok_or_else(|| read::missing(&at))?;
            let schema = inner.get("schema").and_then(Json::non_null);
            Ok(Format::JsonSchema {
                name: read.optional_text(inner, "name", &at)?,
                description: read.optional_text(inner, "description", &at)?,
                schema: read.raw(schema.ok_or_else(|| read::missing(&at.key("schema")))?),
                strict: inner.get("strict").and_then(Json::as_bool),
            })
        }
        _ => Err(InvalidRequest::must_be(
            at.key("type").to_string(),
            "'text', 'json_object' or 'json_schema'",
        )),
    }
}

/// Extensions: OpenRouter's `reasoning: {effort, max_tokens, enabled}`, and
/// `thinking: {type, budget_tokens}` as Anthropic has it.
fn reasoning(json: Json<'_>) -> Option<Reasoning> {
    let text = |key| json.get(key).and_then(Json::as_str);
    let budget = json.get("max_tokens").or_else(|| json.get("budget_tokens"));
    if text("type").as_deref() == Some("disabled")
        || json.get("enabled").and_then(Json::as_bool) == Some(false)
    {
        return Some(Reasoning::Off);
    }
    let effort = text("effort").and_then(|name| Effort::read(&name));
    let budget = budget.and_then(Json::as_u64).map(Reasoning::Budget);
    effort
        .map(Reasoning::Effort)
        .or(budget)
        .or(Some(Reasoning::Adaptive(None)))
}
