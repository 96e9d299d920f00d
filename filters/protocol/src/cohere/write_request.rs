//! The neutral form into a Cohere Chat request.

use super::{check, write_messages};
use crate::alias::{Aliases, Charset};
use crate::extras;
use crate::function;
use crate::json::JsonWriter;
use crate::neutral::{Effort, Format, Reasoning, Request, Tool, ToolChoice, ToolMode};
use crate::problem::{Losses, Unsupported};
use crate::target::{Target, Thinking, Written};

/// The lengths are ours.
pub(super) const NAMES: Charset = Charset::of(64);
pub(super) const IDS: Charset = Charset::of(64);

pub(super) fn write(request: &Request, target: &Target<'_>) -> Result<Written, Unsupported> {
    let mut losses = Losses::default();
    check::check(request)?;
    extras::settle(request, &mut losses)?;
    extras::note_foreign_tools(request, &mut losses);
    let body = request.written(|w| {
        w.field_str("model", target.model);
        // No default here: the version of the API decides it.
        w.field_bool("stream", request.stream);
        write_messages::write(request, target, &mut losses, w);
        write_messages::documents(request, &mut losses, w);
        tools(request, &mut losses, w);
        limits(request, target, &mut losses, w);
        sampling(request, target, &mut losses, w);
        thinking(request, target, &mut losses, w);
        format(request, w);
    });
    if request.user.is_some() {
        losses.note(request.names().user, "Cohere has no such field");
    }
    Ok(Written {
        body,
        losses: losses.into_vec(),
        aliases: Aliases::of_tools(&request.tools, NAMES),
    })
}

fn tools(request: &Request, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    if request.tools.is_empty() {
        return;
    }
    if request.parallel_tool_calls == Some(false) {
        let reason = "Cohere cannot forbid several calls at once";
        losses.note("parallel_tool_calls", reason);
    }
    // Neither one tool nor some can be chosen, but the others can be left out.
    let is_allowed = |tool: &&Tool| {
        let named = |wanted: &str| tool.name() == Some(wanted);
        match &request.tool_choice {
            Some(ToolChoice::Named(wanted)) => named(wanted),
            Some(ToolChoice::Allowed { names, .. }) => names.iter().any(|wanted| named(wanted)),
            _ => true,
        }
    };
    let allowed: Vec<&Tool> = request.tools.iter().filter(is_allowed).collect();
    w.field_array("tools", |w| {
        for tool in &allowed {
            function::write(tool, NAMES, false, losses, w);
        }
    });
    let is_strict = |tool: &&Tool| {
        matches!(
            tool,
            Tool::Function {
                strict: Some(true),
                ..
            }
        )
    };
    if !allowed.is_empty() && allowed.iter().all(is_strict) {
        w.field_bool("strict_tools", true);
    } else if allowed.iter().any(is_strict) {
        let reason = "all tools are strict here, or none";
        losses.note("tools.function.strict", reason);
    }
    match &request.tool_choice {
        Some(ToolChoice::Named(_)) => w.field_str("tool_choice", "REQUIRED"),
        Some(ToolChoice::Mode(mode) | ToolChoice::Allowed { mode, .. }) => match mode {
            ToolMode::Auto => {}
            ToolMode::Required => w.field_str("tool_choice", "REQUIRED"),
            ToolMode::None => w.field_str("tool_choice", "NONE"),
        },
        None => {}
    }
}

fn limits(request: &Request, target: &Target<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    if let Some(limit) = request.max_output_tokens {
        let most = target.max_output_tokens.unwrap_or(u64::MAX);
        if limit > most {
            losses.note(
                request.names().max_output_tokens,
                "lowered to the most that the model can write",
            );
        }
        w.field_u64("max_tokens", limit.min(most));
    }
    if !request.stop.is_empty() {
        w.field_array("stop_sequences", |w| {
            request.stop.iter().for_each(|stop| w.text(stop));
        });
    }
}

fn sampling(request: &Request, target: &Target<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    let sampling = &request.sampling;
    // Name, caller's name, value, and Cohere's range of it.
    let parameters = [
        (
            "temperature",
            "temperature",
            &sampling.temperature,
            0.0,
            f64::MAX,
        ),
        ("p", "top_p", &sampling.top_p, 0.01, 0.99),
        ("k", "top_k", &sampling.top_k, 0.0, 500.0),
        ("seed", "seed", &sampling.seed, 0.0, f64::MAX),
        (
            "frequency_penalty",
            "frequency_penalty",
            &sampling.frequency_penalty,
            0.0,
            1.0,
        ),
        (
            "presence_penalty",
            "presence_penalty",
            &sampling.presence_penalty,
            0.0,
            1.0,
        ),
    ];
    for (key, field, value, least, most) in parameters {
        let Some(value) = value else {
            continue;
        };
        let number: f64 = value.as_str().parse().unwrap_or(least);
        if target.drops_sampling && matches!(key, "temperature" | "p" | "k") {
            losses.note(field, "the model takes no sampling parameters");
        } else if (least..=most).contains(&number) {
            w.field_raw(key, value.as_str());
        } else {
            losses.note(field, "moved into the range that Cohere takes");
            w.field_raw(key, &number.clamp(least, most).to_string());
        }
    }
}

fn thinking(request: &Request, target: &Target<'_>, losses: &mut Losses, w: &mut JsonWriter<'_>) {
    let Some(reasoning) = &request.reasoning else {
        return;
    };
    let is_off = matches!(reasoning, Reasoning::Off | Reasoning::Effort(Effort::None));
    if target.thinking == Thinking::Never {
        if !is_off {
            losses.note(request.names().reasoning, "the model cannot think");
        }
        return;
    }
    let budget = match reasoning {
        Reasoning::Budget(tokens) => Some(*tokens),
        Reasoning::Effort(effort) | Reasoning::Adaptive(Some(effort)) => {
            Some(effort.budget_tokens())
        }
        Reasoning::Off | Reasoning::Adaptive(None) => None,
    };
    w.field_object("thinking", |w| {
        w.field_str("type", if is_off { "disabled" } else { "enabled" });
        if let Some(budget) = budget.filter(|_| !is_off) {
            w.field_u64("token_budget", budget);
        }
    });
}

fn format(request: &Request, w: &mut JsonWriter<'_>) {
    let schema = match &request.format {
        Some(Format::JsonSchema { schema, .. }) => Some(schema),
        Some(Format::JsonObject) => None,
        Some(Format::Text) | None => return,
    };
    w.field_object("response_format", |w| {
        w.field_str("type", "json_object");
        if let Some(schema) = schema {
            w.field_raw("json_schema", schema.as_str());
        }
    });
}
