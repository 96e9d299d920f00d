//! The neutral form into an Ollama chat request.

use super::check;
use super::write_messages::{self, NAMES};
use crate::alias::Aliases;
use crate::extras;
use crate::function;
use crate::json::{JsonWriter, object_bytes};
use crate::neutral::{Effort, Format, Reasoning, Request, Tool, ToolChoice, ToolMode};
use crate::problem::{Losses, Unsupported};
use crate::target::{Target, Thinking, Written};

pub(super) fn write(request: &Request, target: &Target<'_>) -> Result<Written, Unsupported> {
    let mut losses = Losses::default();
    check::check(request)?;
    extras::settle(request, &mut losses)?;
    extras::note_foreign_tools(request, &mut losses);
    let body = request.written(|w| {
        w.field_str("model", target.model);
        // It streams unless it is told not to.
        w.field_bool("stream", request.stream);
        write_messages::write(request, target, &mut losses, w);
        tools(request, &mut losses, w);
        think(request, target, &mut losses, w);
        match &request.format {
            Some(Format::JsonObject) => w.field_str("format", "json"),
            Some(Format::JsonSchema { schema, .. }) => w.field_raw("format", schema.as_str()),
            Some(Format::Text) | None => {}
        }
        options(request, target, &mut losses, w);
    });
    if request.user.is_some() {
        losses.note(request.names().user, "Ollama has no such field");
    }
    Ok(Written {
        body,
        losses: losses.into_vec(),
        aliases: Aliases::of_tools(&request.tools, NAMES),
    })
}

/// There is no choice here, but tools that may not be called can be left out.
fn tools(request: &Request, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    let is_allowed = |tool: &&Tool| {
        let named = |wanted: &str| tool.name() == Some(wanted);
        match &request.tool_choice {
            Some(ToolChoice::Mode(ToolMode::None))
            | Some(ToolChoice::Allowed {
                mode: ToolMode::None,
                ..
            }) => false,
            Some(ToolChoice::Named(wanted)) => named(wanted),
            Some(ToolChoice::Allowed { names, .. }) => names.iter().any(|wanted| named(wanted)),
            Some(ToolChoice::Mode(_)) | None => true,
        }
    };
    let allowed: Vec<&Tool> = request.tools.iter().filter(is_allowed).collect();
    if allowed.is_empty() {
        return;
    }
    let is_forced = matches!(
        request.tool_choice,
        Some(
            ToolChoice::Named(_)
                | ToolChoice::Mode(ToolMode::Required)
                | ToolChoice::Allowed {
                    mode: ToolMode::Required,
                    ..
                }
        )
    );
    if is_forced {
        let reason = "the model decides by itself whether to call a tool";
        losses.note("tool_choice", reason);
    }
    if request.parallel_tool_calls == Some(false) {
        let reason = "Ollama cannot forbid several calls at once";
        losses.note("parallel_tool_calls", reason);
    }
    w.field_array("tools", |w| {
        for tool in allowed {
            if let Tool::Function {
                strict: Some(true), ..
            } = tool
            {
                let reason = "Ollama has no strict tools";
                losses.note("tools.function.strict", reason);
            }
            // Of a property it reads the type, the description and what is inside.
            function::write(tool, NAMES, true, losses, w);
        }
    });
}

/// A level for models that are known to have some, else yes or no.
fn think(request: &Request, target: &Target<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    let effort = match &request.reasoning {
        None => return,
        Some(Reasoning::Off | Reasoning::Effort(Effort::None)) => {
            if target.thinking != Thinking::Never {
                w.field_bool("think", false);
            }
            return;
        }
        Some(Reasoning::Effort(effort) | Reasoning::Adaptive(Some(effort))) => Some(*effort),
        Some(Reasoning::Budget(tokens)) => Some(Effort::of_budget(*tokens)),
        Some(Reasoning::Adaptive(None)) => None,
    };
    if target.thinking == Thinking::Never {
        return losses.note(request.names().reasoning, "the model cannot think");
    }
    match effort.filter(|_| !target.efforts.is_empty()) {
        Some(effort) => w.field_str("think", effort.nearest(target.efforts).as_str()),
        None => w.field_bool("think", true),
    }
}

fn options(request: &Request, target: &Target<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    let sampling = &request.sampling;
    let options = object_bytes(|w| {
        if let Some(limit) = request.max_output_tokens {
            let most = target.max_output_tokens.unwrap_or(u64::MAX);
            if limit > most {
                losses.note(
                    request.names().max_output_tokens,
                    "lowered to the most that the model can write",
                );
            }
            w.field_u64("num_predict", limit.min(most));
        }
        let heat = [
            ("temperature", &sampling.temperature),
            ("top_p", &sampling.top_p),
            ("top_k", &sampling.top_k),
        ];
        for (key, value) in heat {
            match value {
                Some(_) if target.drops_sampling => {
                    losses.note(key, "the model takes no sampling parameters");
                }
                Some(value) => w.field_raw(key, value.as_str()),
                None => {}
            }
        }
        let rest = [
            ("seed", &sampling.seed),
            ("frequency_penalty", &sampling.frequency_penalty),
            ("presence_penalty", &sampling.presence_penalty),
        ];
        for (key, value) in rest {
            if let Some(value) = value {
                w.field_raw(key, value.as_str());
            }
        }
        if !request.stop.is_empty() {
            w.field_array("stop", |w| {
                request.stop.iter().for_each(|stop| w.text(stop));
            });
        }
    });
    if options != b"{}" {
        w.field_raw("options", &String::from_utf8_lossy(&options));
    }
}
