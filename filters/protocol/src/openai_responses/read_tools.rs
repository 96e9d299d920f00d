//! `tools` and `tool_choice`.
//!
//! Functions in a `namespace` become functions with a name made of both, because no
//! other dialect groups tools. What it takes to group them again is kept in (mirrored)
//! extras: see [`crate::neutral::NAMESPACE`] and [`GROUP`].

use crate::json::Json;
use crate::neutral::{Extra, NAME_THERE, NAMESPACE, Tool, ToolChoice, ToolMode};
use crate::openai_responses::read_input::qualified;
use crate::path::Path;
use crate::problem::InvalidRequest;
use crate::read::{self, Read};
use crate::schema::is_strict;
use crate::text::Raw;

/// The whole namespace, with the first of its tools.
pub(super) const GROUP: &str = "namespace.group";
/// On a tool that stands in an item of the input and not among the tools.
pub(super) const LOADED: &str = "item.loaded";

type Result<T> = std::result::Result<T, InvalidRequest>;

pub(super) fn tools(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
    tools: &mut Vec<Tool>,
) -> Result<()> {
    for (index, json) in read::array(json, at)?.enumerate() {
        let at = &at.index(index);
        let kind = read.text_of(read::object(json, at)?, "type", at)?;
        match kind.as_str() {
            "namespace" if is_known(json) => namespace(read, json, at, tools)?,
            "function" => tools.push(function(read, json, at)?),
            "custom" => tools.push(custom(read, json, at)?),
            _ => {
                let raw = read.raw(json);
                tools.push(Tool::Foreign { kind, raw });
            }
        }
    }
    Ok(())
}

/// Tools that items of the input bring along (`additional_tools`, and what a tool
/// search found): for models that know nothing of that, they are tools like others.
pub(super) fn loaded(read: Read<'_>, input: Json<'_>, tools: &mut Vec<Tool>) -> Result<()> {
    let at = Path::Top("input");
    for (index, item) in input.items().enumerate() {
        let [kind, list] = item.members(["type", "tools"]);
        let kind = kind.and_then(Json::as_str);
        let (Some("additional_tools" | "tool_search_output"), Some(list)) = (kind.as_deref(), list)
        else {
            continue;
        };
        let mut found = Vec::new();
        self::tools(read, list, &at.index(index).key("tools"), &mut found)?;
        for mut tool in found {
            let known = tools.iter().any(|known| known.name() == tool.name());
            if let Tool::Function { extras, .. } | Tool::Custom { extras, .. } = &mut tool
                && !known
            {
                extras.extend(Raw::parse("true").map(|raw| Extra::mirrored(LOADED, raw)));
                tools.push(tool);
            }
        }
    }
    Ok(())
}

/// Whether the tools of a namespace are of types that are known outside of one.
fn is_known(namespace: Json<'_>) -> bool {
    let mut tools = namespace
        .get("tools")
        .map(Json::items)
        .into_iter()
        .flatten();
    let mut some = false;
    let all = tools.all(|tool| {
        some = true;
        let kind = tool.get("type").and_then(Json::as_str);
        matches!(kind.as_deref(), Some("function" | "custom"))
    });
    some && all
}

fn namespace(read: Read<'_>, json: Json<'_>, at: &Path<'_>, tools: &mut Vec<Tool>) -> Result<()> {
    let [name, description, list] = json.members(["name", "description", "tools"]);
    let at_name = at.key("name");
    let name_json = name.ok_or_else(|| read::missing(&at_name))?;
    let namespace = read.text(name_json, &at_name)?;
    let at = at.key("tools");
    let list = list.ok_or_else(|| read::missing(&at))?;
    for (index, inner) in read::array(list, &at)?.enumerate() {
        let at = &at.index(index);
        let kind = inner.get("type").and_then(Json::as_str);
        let mut tool = match kind.as_deref() {
            Some("custom") => custom(read, inner, at)?,
            _ => function(read, inner, at)?,
        };
        if let Tool::Function { name, extras, .. } | Tool::Custom { name, extras, .. } = &mut tool {
            extras.push(read.mirrored(NAMESPACE, name_json));
            if let Some(name) = inner.get("name") {
                extras.push(read.mirrored(NAME_THERE, name));
            }
            if index == 0 {
                extras.push(read.mirrored(GROUP, json));
                let description = description.and_then(Json::non_null);
                extras.extend(
                    description.map(|description| read.extra("namespace.description", description)),
                );
            }
            *name = qualified(&namespace, name);
        }
        tools.push(tool);
    }
    Ok(())
}

fn function(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Tool> {
    let mut extras = Vec::new();
    let (mut strict, mut parameters) = (None, None);
    for (key, value) in json.entries() {
        match &*key {
            "type" | "name" | "description" => {}
            "parameters" => parameters = value.non_null(),
            "strict" => {
                strict = value.as_bool();
                extras.push(read.mirrored(&key, value));
            }
            _ if value.is_null() => {}
            _ => extras.push(read.extra(&key, value)),
        }
    }
    Ok(Tool::Function {
        name: read.text_of(json, "name", at)?,
        description: read.optional_text(json, "description", at)?,
        // Functions are strict here unless told otherwise, but only as far as their schema allows:
        // elsewhere a strict function with another schema would be refused.
        strict: strict.or_else(|| parameters.is_some_and(is_strict).then_some(true)),
        parameters: parameters.map(|schema| read.raw(schema)),
        cache: None,
        extras,
    })
}

fn custom(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Tool> {
    let mut extras = Vec::new();
    for (key, value) in json.entries().filter(|(_, value)| !value.is_null()) {
        if !matches!(&*key, "type" | "name" | "description" | "format") {
            extras.push(read.extra(&key, value));
        }
    }
    let format = json.get("format").and_then(Json::non_null);
    Ok(Tool::Custom {
        name: read.text_of(json, "name", at)?,
        description: read.optional_text(json, "description", at)?,
        format: format.map(|format| read.raw(format)),
        extras,
    })
}

/// Nothing for a choice that only this dialect knows, such as a hosted tool.
pub(super) fn tool_choice(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
) -> Result<Option<ToolChoice>> {
    if let Some(mode) = json.as_str() {
        let known = mode_named(&mode).map(ToolChoice::Mode);
        return known.map(Some).ok_or_else(|| {
            InvalidRequest::must_be(at.to_string(), "'auto', 'none', 'required' or an object")
        });
    }
    match read.text_of(read::object(json, at)?, "type", at)?.as_str() {
        "function" | "custom" => Ok(Some(ToolChoice::Named(read.text_of(json, "name", at)?))),
        "allowed_tools" => {
            let at_tools = at.key("tools");
            let tools = json.get("tools").ok_or_else(|| read::missing(&at_tools))?;
            let mut names = Vec::new();
            for tool in read::array(tools, &at_tools)? {
                let kind = tool.get("type").and_then(Json::as_str);
                match kind.as_deref() {
                    Some("function" | "custom") => {
                        names.push(read.text_of(tool, "name", &at_tools)?);
                    }
                    _ => return Ok(None),
                }
            }
            let mode = json.get("mode").and_then(Json::as_str);
            let mode = mode.as_deref().and_then(mode_named);
            Ok(Some(ToolChoice::Allowed {
                mode: mode.unwrap_or(ToolMode::Auto),
                names,
            }))
        }
        _ => Ok(None),
    }
}

fn mode_named(name: &str) -> Option<ToolMode> {
    Some(match name {
        "auto" => ToolMode::Auto,
        "none" => ToolMode::None,
        "required" => ToolMode::Required,
        _ => return None,
    })
}
