//! Tools and the choice among them.

use crate::alias::Charset;
use crate::dialect::Dialect;
use crate::extras;
use crate::json::JsonWriter;
use crate::neutral::{CallKind, Extra, NAMESPACE, Request, Tool, ToolChoice, ToolMode};
use crate::openai_responses::read_tools::{GROUP, LOADED};
use crate::problem::Losses;
use crate::schema;
use crate::text::Text;

/// Names of tools: `^[a-zA-Z0-9_-]+$`, at most 64 of them, by the API reference.
pub(super) const NAMES: Charset = Charset::of(64);
/// `call_id`: longer ones are answered with 400.
pub(super) const IDS: Charset = Charset::of(64);

/// Writes `tools` and what only makes sense with them; nothing without tools.
pub(super) fn write(request: &Request, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    let same_dialect = request.dialect == Dialect::OpenaiResponses;
    let written = |tool: &&Tool| match tool {
        Tool::Foreign { .. } => same_dialect,
        tool => find(tool.extras(), LOADED).is_none() || !same_dialect,
    };
    if request.tools.iter().any(|tool| written(&tool)) {
        w.field_array("tools", |w| {
            for tool in request.tools.iter().filter(written) {
                self::tool(request, tool, losses, w);
            }
        });
    }
    // A choice among nothing is rejected.
    if !request.tools.is_empty() || same_dialect {
        tool_choice(request, w);
        if let Some(parallel) = request.parallel_tool_calls {
            w.field_bool("parallel_tool_calls", parallel);
        }
    }
}

fn tool(request: &Request, tool: &Tool, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    let same_dialect = request.dialect == Dialect::OpenaiResponses;
    if let Some(group) = find(tool.extras(), GROUP) {
        return w.raw(group.value.as_str());
    }
    if find(tool.extras(), NAMESPACE).is_some() {
        // Stands in the group that was written with the first of it.
        return;
    }
    match tool {
        Tool::Foreign { raw, .. } => w.raw(raw.as_str()),
        Tool::Function {
            name,
            description,
            parameters,
            strict,
            cache,
            extras,
        } => w.object(|w| {
            w.field_str("type", "function");
            head(name, description.as_ref(), w);
            let parameters = parameters.as_ref();
            match (parameters, same_dialect) {
                (None, true) => {}
                (Some(own), true) => w.field_raw("parameters", own.as_str()),
                (parameters, _) => {
                    w.field_raw("parameters", &schema::parameters(parameters, true, losses));
                }
            }
            if !same_dialect {
                let wanted = *strict == Some(true);
                let field = "tools.strict";
                let strict =
                    schema::strict_for(request, *strict, wanted, parameters, field, losses);
                // Elsewhere functions are not strict unless they say so; here they are.
                w.field_bool("strict", strict.unwrap_or(false));
                if cache.is_some() {
                    losses.note("cache_control", super::context::CACHES_ITSELF);
                }
            }
            own_extras(extras, same_dialect, losses, w);
        }),
        Tool::Custom {
            name,
            description,
            format,
            extras,
        } => w.object(|w| {
            w.field_str("type", "custom");
            head(name, description.as_ref(), w);
            if let Some(format) = format {
                w.field_raw("format", format.as_str());
            }
            own_extras(extras, same_dialect, losses, w);
        }),
    }
}

fn head(name: &str, description: Option<&Text>, w: &mut JsonWriter<'_>) {
    w.field_str("name", &NAMES.fit(name));
    if let Some(description) = description {
        w.field_text("description", description);
    }
}

fn own_extras(extras: &[Extra], same_dialect: bool, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    if same_dialect {
        extras::write(extras, w);
    } else {
        extras::note(extras, "tools", losses);
    }
}

fn find<'e>(extras: &'e [Extra], key: &str) -> Option<&'e Extra> {
    extras.iter().find(|extra| extra.key == *key)
}

fn tool_choice(request: &Request, w: &mut JsonWriter<'_>) {
    let named = |name: &str, w: &mut JsonWriter<'_>| {
        let mut tools = request.tools.iter();
        let tool = tools.find(|tool| tool.name() == Some(name));
        let kind = match tool.map(Tool::kind) {
            Some(CallKind::Custom) => "custom",
            _ => "function",
        };
        w.field_str("type", kind);
        w.field_str("name", &NAMES.fit(name));
    };
    match &request.tool_choice {
        None => {}
        Some(ToolChoice::Mode(mode)) => w.field_str("tool_choice", mode_name(*mode)),
        Some(ToolChoice::Named(name)) => w.field_object("tool_choice", |w| named(name, w)),
        Some(ToolChoice::Allowed { mode, names }) => w.field_object("tool_choice", |w| {
            w.field_str("type", "allowed_tools");
            w.field_str("mode", mode_name(*mode));
            w.field_array("tools", |w| {
                for name in names {
                    w.object(|w| named(name, w));
                }
            });
        }),
    }
}

fn mode_name(mode: ToolMode) -> &'static str {
    match mode {
        ToolMode::Auto => "auto",
        ToolMode::None => "none",
        ToolMode::Required => "required",
    }
}
