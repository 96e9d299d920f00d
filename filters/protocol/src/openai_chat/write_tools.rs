//! Tools and the choice among them.

use crate::alias::Charset;
use crate::custom;
use crate::json::JsonWriter;
use crate::neutral::{CallKind, Tool, ToolChoice, ToolMode};
use crate::openai_chat::context::Context;
use crate::schema;

/// `tools[].function.name`, by the API reference.
pub(super) const NAMES: Charset = Charset::of(64);
/// `tool_call_id`: longer ones are answered with 400.
pub(super) const IDS: Charset = Charset::of(40);

/// Writes `tools` and what only makes sense with them; nothing without tools.
pub(super) fn write(context: &mut Context<'_>, w: &mut JsonWriter<'_>) {
    let request = context.request;
    if request.tools.is_empty() {
        return;
    }
    w.field_array("tools", |w| {
        for tool in &request.tools {
            match tool {
                Tool::Foreign { raw, .. } if context.same_dialect() => w.raw(raw.as_str()),
                Tool::Foreign { .. } => {}
                Tool::Custom { extras, .. } => w.object(|w| {
                    if context.takes_custom() {
                        w.field_str("type", "custom");
                        w.field_object("custom", |w| custom(tool, w));
                    } else {
                        w.field_str("type", "function");
                        w.field_object("function", |w| custom_as_function(tool, w));
                    }
                    context.extras(extras, "tools", w);
                }),
                Tool::Function { cache, extras, .. } => {
                    w.object(|w| {
                        w.field_str("type", "function");
                        w.field_object("function", |w| function(context, tool, w));
                        context.cache(*cache, w);
                        context.extras(extras, "tools", w);
                    });
                }
            }
        }
    });
    tool_choice(context, w);
    if let Some(parallel) = request.parallel_tool_calls {
        w.field_bool("parallel_tool_calls", parallel);
    }
}

fn function(context: &mut Context<'_>, tool: &Tool, w: &mut JsonWriter<'_>) {
    let Tool::Function {
        name,
        description,
        parameters,
        strict,
        ..
    } = tool
    else {
        return;
    };
    w.field_str("name", &NAMES.fit(name));
    if let Some(description) = description {
        w.field_text("description", description);
    }
    match parameters {
        None => {}
        Some(own) if context.same_dialect() => w.field_raw("parameters", own.as_str()),
        parameters => w.field_raw(
            "parameters",
            &schema::parameters(parameters.as_ref(), true, &mut context.losses),
        ),
    }
    let strict = schema::strict_for(
        context.request,
        *strict,
        *strict == Some(true),
        parameters.as_ref(),
        "tools.strict",
        &mut context.losses,
    );
    if let Some(strict) = strict {
        w.field_bool("strict", strict);
    }
}

/// Its format is nested once more than in the Responses API.
fn custom(tool: &Tool, w: &mut JsonWriter<'_>) {
    let Tool::Custom {
        name,
        description,
        format,
        ..
    } = tool
    else {
        return;
    };
    w.field_str("name", &NAMES.fit(name));
    if let Some(description) = description {
        w.field_text("description", description);
    }
    let Some(format) = format else {
        return;
    };
    let is_grammar = format.json().get("syntax").is_some();
    w.field_object("format", |w| {
        if is_grammar {
            w.field_str("type", "grammar");
            w.field_object("grammar", |w| {
                let members = format.json().entries();
                for (key, value) in members.filter(|(key, _)| key != "type") {
                    w.field_raw(&key, value.raw());
                }
            });
        } else {
            for (key, value) in format.json().entries() {
                w.field_raw(&key, value.raw());
            }
        }
    });
}

/// The function that stands for a tool which takes free text.
fn custom_as_function(tool: &Tool, w: &mut JsonWriter<'_>) {
    if let Tool::Custom {
        name, description, ..
    } = tool
    {
        w.field_str("name", &NAMES.fit(name));
        if let Some(description) = description {
            w.field_text("description", description);
        }
        w.field_raw("parameters", custom::PARAMETERS);
    }
}

fn tool_choice(context: &Context<'_>, w: &mut JsonWriter<'_>) {
    let request = context.request;
    let named = |name: &str, w: &mut JsonWriter<'_>| {
        let mut tools = request.tools.iter();
        let tool = tools.find(|tool| tool.name() == Some(name));
        let kind = match tool.map(Tool::kind) {
            Some(CallKind::Custom) if context.takes_custom() => "custom",
            _ => "function",
        };
        w.field_str("type", kind);
        w.field_object(kind, |w| w.field_str("name", &NAMES.fit(name)));
    };
    match &request.tool_choice {
        None => {}
        Some(ToolChoice::Mode(mode)) => w.field_str("tool_choice", mode_name(*mode)),
        Some(ToolChoice::Named(name)) => w.field_object("tool_choice", |w| named(name, w)),
        Some(ToolChoice::Allowed { mode, names }) => w.field_object("tool_choice", |w| {
            w.field_str("type", "allowed_tools");
            w.field_object("allowed_tools", |w| {
                w.field_str("mode", mode_name(*mode));
                w.field_array("tools", |w| {
                    for name in names {
                        w.object(|w| named(name, w));
                    }
                });
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
