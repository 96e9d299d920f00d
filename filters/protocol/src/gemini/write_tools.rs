//! Functions and the choice among them.

use crate::custom;
use crate::dialect::Dialect;
use crate::extras;
use crate::gemini::write_parts::Context;
use crate::gemini::write_request::NAMES;
use crate::json::JsonWriter;
use crate::neutral::{Request, Tool, ToolChoice, ToolMode};

pub(super) fn write(context: &mut Context<'_>, request: &Request, w: &mut JsonWriter<'_>) {
    let functions: Vec<&Tool> = request
        .tools
        .iter()
        .filter(|tool| tool.name().is_some_and(|name| may_be_called(request, name)))
        .collect();
    let foreign = || {
        request.tools.iter().filter_map(|tool| match tool {
            Tool::Foreign { raw, .. } if request.dialect == Dialect::Gemini => Some(raw),
            _ => None,
        })
    };
    if functions.is_empty() && foreign().next().is_none() {
        return;
    }
    w.field_array("tools", |w| {
        if !functions.is_empty() {
            w.object(|w| {
                w.field_array("functionDeclarations", |w| {
                    for tool in &functions {
                        w.object(|w| declaration(context, tool, w));
                    }
                });
            });
        }
        foreign().for_each(|raw| w.raw(raw.as_str()));
    });
    if !context.same_dialect {
        choice(request, w);
        if request.parallel_tool_calls == Some(false) {
            let reason = "Gemini has no such parameter: it may call several at once";
            context.losses.note("parallel_tool_calls", reason);
        }
    }
}

/// Names are only allowed beside a mode that forces a call; else the others are left
/// out of the list.
fn may_be_called(request: &Request, name: &str) -> bool {
    match &request.tool_choice {
        Some(ToolChoice::Allowed {
            mode: ToolMode::Auto | ToolMode::None,
            names,
        }) => names.iter().any(|allowed| allowed == name),
        _ => true,
    }
}

fn declaration(context: &mut Context<'_>, tool: &Tool, w: &mut JsonWriter<'_>) {
    let (name, description, extras) = match tool {
        Tool::Function {
            name,
            description,
            extras,
            ..
        }
        | Tool::Custom {
            name,
            description,
            extras,
            ..
        } => (name, description, extras),
        Tool::Foreign { .. } => return,
    };
    w.field_str("name", &NAMES.fit(name));
    if let Some(description) = description {
        w.field_text("description", description);
    }
    if context.same_dialect {
        // The parameters among them, in the caller's own words.
        return extras::write(extras, w);
    }
    extras::note(extras, "tools", &mut context.losses);
    match tool {
        Tool::Function {
            parameters,
            strict,
            cache,
            ..
        } => {
            if let Some(parameters) = parameters {
                w.field_raw("parametersJsonSchema", parameters.as_str());
            }
            if *strict == Some(true) {
                let reason = "Gemini does not promise that arguments fit their schema";
                context.losses.note("tools.function.strict", reason);
            }
            if cache.is_some() {
                let reason = "the upstream caches prompts by itself or not at all";
                context.losses.note("cache_control", reason);
            }
        }
        _ => w.field_raw("parametersJsonSchema", custom::PARAMETERS),
    }
}

fn choice(request: &Request, w: &mut JsonWriter<'_>) {
    let Some(choice) = &request.tool_choice else {
        return;
    };
    let mode = match choice {
        ToolChoice::Named(_) => ToolMode::Required,
        ToolChoice::Mode(mode) | ToolChoice::Allowed { mode, .. } => *mode,
    };
    let names = match choice {
        ToolChoice::Named(name) => std::slice::from_ref(name),
        ToolChoice::Allowed { names, .. } if mode == ToolMode::Required => names.as_slice(),
        _ => &[],
    };
    w.field_object("toolConfig", |w| {
        w.field_object("functionCallingConfig", |w| {
            w.field_str(
                "mode",
                match mode {
                    ToolMode::Auto => "AUTO",
                    ToolMode::None => "NONE",
                    ToolMode::Required => "ANY",
                },
            );
            if !names.is_empty() {
                w.field_array("allowedFunctionNames", |w| {
                    for name in names {
                        w.string(&NAMES.fit(name));
                    }
                });
            }
        });
    });
}
