//! `toolConfig`: the tools and the choice among them.

use super::write_messages::{Context, NAMES, cache_point};
use crate::custom;
use crate::dialect::Dialect;
use crate::function::NO_PARAMETERS;
use crate::json::JsonWriter;
use crate::neutral::{Content, Request, Tool, ToolChoice, ToolMode};
use crate::schema;

pub(super) fn write(context: &mut Context, request: &Request, w: &mut JsonWriter<'_>) {
    let called = called(request);
    let forbidden = matches!(
        request.tool_choice,
        Some(
            ToolChoice::Mode(ToolMode::None)
                | ToolChoice::Allowed {
                    mode: ToolMode::None,
                    ..
                }
        )
    );
    // Without tools none can be called, but calls in the history need theirs defined.
    if called.is_empty() && (request.tools.is_empty() || forbidden) {
        return;
    }
    if forbidden {
        context.losses.note(
            "tool_choice",
            "Converse cannot forbid tools that the conversation has used",
        );
    }
    if request.parallel_tool_calls == Some(false) {
        context.losses.note(
            "parallel_tool_calls",
            "Converse cannot forbid several calls at once",
        );
    }
    w.field_object("toolConfig", |w| {
        w.field_array("tools", |w| {
            for tool in request
                .tools
                .iter()
                .filter(|tool| is_allowed(request, tool))
            {
                self::tool(context, request, tool, w);
            }
            for name in called.iter().filter(|_| request.tools.is_empty()) {
                spec(name, None, NO_PARAMETERS, None, w);
            }
        });
        if !request.tools.is_empty() {
            choice(request, w);
        }
    });
}

/// The names of the tools that were called in the history.
fn called(request: &Request) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for block in request.messages.iter().flat_map(|message| &message.content) {
        if let Content::ToolCall(call) = &block.content
            && !names.contains(&call.name.as_str())
        {
            names.push(&call.name);
        }
    }
    names
}

fn is_allowed(request: &Request, tool: &Tool) -> bool {
    match &request.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => tool
            .name()
            .is_none_or(|name| names.iter().any(|allowed| allowed == name)),
        _ => true,
    }
}

fn tool(context: &mut Context, request: &Request, tool: &Tool, w: &mut JsonWriter<'_>) {
    match tool {
        Tool::Function {
            name,
            description,
            parameters,
            strict,
            cache,
            extras,
        } => {
            let schema = schema::parameters(parameters.as_ref(), false, &mut context.losses);
            let is_own = request.dialect == Dialect::Anthropic;
            if *strict == Some(true) && !is_own {
                context.losses.note(
                    "tools.function.strict",
                    "not every schema that OpenAI takes as strict is one here",
                );
            }
            let strict = strict.filter(|strict| *strict && is_own);
            spec(name, description.as_deref(), &schema, strict, w);
            cache_point(*cache, w);
            context.note_extras(extras, "tools");
        }
        Tool::Custom {
            name,
            description,
            extras,
            ..
        } => {
            spec(name, description.as_deref(), custom::PARAMETERS, None, w);
            context.note_extras(extras, "tools");
        }
        // Refused before.
        Tool::Foreign { .. } => {}
    }
}

fn spec(
    name: &str,
    description: Option<&str>,
    schema: &str,
    strict: Option<bool>,
    w: &mut JsonWriter<'_>,
) {
    w.object(|w| {
        w.field_object("toolSpec", |w| {
            w.field_str("name", &NAMES.fit(name));
            if let Some(description) = description.filter(|text| !text.is_empty()) {
                w.field_str("description", description);
            }
            w.field_object("inputSchema", |w| w.field_raw("json", schema));
            if let Some(strict) = strict {
                w.field_bool("strict", strict);
            }
        });
    });
}

fn choice(request: &Request, w: &mut JsonWriter<'_>) {
    let mode = match &request.tool_choice {
        Some(ToolChoice::Named(name)) => {
            return w.field_object("toolChoice", |w| {
                w.field_object("tool", |w| w.field_str("name", &NAMES.fit(name)));
            });
        }
        Some(ToolChoice::Mode(mode) | ToolChoice::Allowed { mode, .. }) => *mode,
        None => return,
    };
    match mode {
        ToolMode::Auto => w.field_raw("toolChoice", r#"{"auto":{}}"#),
        ToolMode::Required => w.field_raw("toolChoice", r#"{"any":{}}"#),
        ToolMode::None => {}
    }
}
