//! The neutral form into an Anthropic Messages request.

use crate::alias::{Aliases, Charset};
use crate::anthropic::check;
use crate::anthropic::platform::Platform;
use crate::anthropic::write_messages::{self, Context};
use crate::custom;
use crate::dialect::Dialect;
use crate::extras;
use crate::function::NO_PARAMETERS;
use crate::json::JsonWriter;
use crate::neutral::{Content, Request, Tool, ToolChoice, ToolMode};
use crate::plan::{self, Mode, Plan};
use crate::problem::{Losses, Unsupported};
use crate::schema::{self, Answer};
use crate::target::{Target, Written};
use crate::turns::arrange;

/// `^[a-zA-Z0-9_-]{1,128}$`, by the API reference.
pub(super) const NAMES: Charset = Charset::of(128);
/// `^[a-zA-Z0-9_-]+$`; the length is ours.
pub(super) const IDS: Charset = Charset::of(64);

pub(super) fn write(
    request: &Request,
    target: &Target<'_>,
    platform: Platform,
) -> Result<Written, Unsupported> {
    let mut losses = Losses::default();
    let same_dialect = request.dialect == Dialect::Anthropic;
    check::check(request)?;
    if !same_dialect {
        extras::settle(request, &mut losses)?;
        extras::note_foreign_tools(request, &mut losses);
    }
    let arranged = arrange(request, same_dialect, &mut losses);
    if arranged.turns.is_empty() && !same_dialect {
        return Err(extras::nothing_said(request));
    }
    let plan = if same_dialect {
        plan::plain(request, target, &mut losses)
    } else {
        plan::plan(request, target, &arranged, &mut losses)
    };
    let answer = match same_dialect {
        true => Answer::default(),
        false => schema::answer(request, &mut losses),
    };
    let mut context = Context {
        same_dialect,
        losses,
    };
    let body = request.written(|w| {
        platform.head(target.model, w);
        w.field_u64("max_tokens", plan.max_tokens);
        write_messages::system(&mut context, &arranged.system, answer.words.as_deref(), w);
        w.key("messages");
        write_messages::write(&mut context, &arranged.turns, w);
        tools(&mut context, request, w);
        tool_choice(request, w);
        sampling(&mut context, request, &plan, w);
        stop(&mut context, request, w);
        if request.stream && platform.tells_stream() {
            w.field_bool("stream", true);
        }
        if same_dialect {
            // Thinking, effort, format and metadata among them, in the caller's words.
            extras::write_whole(&request.extras, w);
        } else {
            thinking(&plan, w);
            output_config(&answer, &plan, w);
            user(&mut context, request, w);
        }
    });
    Ok(Written {
        body,
        losses: context.losses.into_vec(),
        aliases: Aliases::of_tools(&request.tools, NAMES),
    })
}

fn tools(context: &mut Context, request: &Request, w: &mut JsonWriter<'_>) {
    let stubs = stubs(request);
    if request.tools.is_empty() && stubs.is_empty() {
        return;
    }
    let allowed = |tool: &Tool| match &request.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => tool
            .name()
            .is_none_or(|name| names.iter().any(|allowed| allowed == name)),
        _ => true,
    };
    w.field_array("tools", |w| {
        for tool in &request.tools {
            match tool {
                Tool::Foreign { raw, .. } if context.same_dialect => w.raw(raw.as_str()),
                Tool::Foreign { .. } => {}
                tool if allowed(tool) => w.object(|w| function(context, tool, w)),
                _ => {}
            }
        }
        for name in stubs {
            w.object(|w| {
                w.field_str("name", &NAMES.fit(name));
                w.field_raw("input_schema", NO_PARAMETERS);
            });
        }
    });
}

/// Calls in the history need their tools defined, even when no more shall be made.
fn stubs(request: &Request) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    if request.tools.is_empty() && request.dialect != Dialect::Anthropic {
        for block in request.messages.iter().flat_map(|message| &message.content) {
            if let Content::ToolCall(call) = &block.content
                && !names.contains(&call.name.as_str())
            {
                names.push(&call.name);
            }
        }
    }
    names
}

fn function(context: &mut Context, tool: &Tool, w: &mut JsonWriter<'_>) {
    if let Tool::Custom {
        name,
        description,
        extras,
        ..
    } = tool
    {
        w.field_str("name", &NAMES.fit(name));
        if let Some(description) = description {
            w.field_text("description", description);
        }
        w.field_raw("input_schema", custom::PARAMETERS);
        return context.extras(extras, "tools", w);
    }
    let Tool::Function {
        name,
        description,
        parameters,
        strict,
        cache,
        extras,
    } = tool
    else {
        return;
    };
    w.field_str("name", &NAMES.fit(name));
    if let Some(description) = description {
        w.field_text("description", description);
    }
    match parameters {
        Some(own) if context.same_dialect => w.field_raw("input_schema", own.as_str()),
        parameters => w.field_raw(
            "input_schema",
            &schema::parameters(parameters.as_ref(), false, &mut context.losses),
        ),
    }
    match strict {
        Some(strict) if context.same_dialect => w.field_bool("strict", *strict),
        Some(true) => context.losses.note(
            "tools.function.strict",
            "not every schema that OpenAI takes as strict is one here",
        ),
        _ => {}
    }
    write_messages::cache(*cache, w);
    context.extras(extras, "tools", w);
}

fn tool_choice(request: &Request, w: &mut JsonWriter<'_>) {
    // The API rejects a choice among nothing.
    if request.tools.is_empty() {
        return;
    }
    let serial = request.parallel_tool_calls.map(|parallel| !parallel);
    let mode = match &request.tool_choice {
        Some(ToolChoice::Named(_)) => "tool",
        Some(ToolChoice::Mode(mode) | ToolChoice::Allowed { mode, .. }) => match mode {
            ToolMode::Auto => "auto",
            ToolMode::None => "none",
            ToolMode::Required => "any",
        },
        None if serial == Some(true) => "auto",
        None => return,
    };
    w.field_object("tool_choice", |w| {
        w.field_str("type", mode);
        if let Some(ToolChoice::Named(name)) = &request.tool_choice {
            w.field_str("name", &NAMES.fit(name));
        }
        if let Some(serial) = serial.filter(|_| mode != "none") {
            w.field_bool("disable_parallel_tool_use", serial);
        }
    });
}

fn sampling(context: &mut Context, request: &Request, plan: &Plan, w: &mut JsonWriter<'_>) {
    let sampling = &request.sampling;
    let parameters = [
        ("temperature", &sampling.temperature),
        ("top_p", &sampling.top_p),
        ("top_k", &sampling.top_k),
    ];
    for (key, value) in parameters {
        let Some(value) = value else {
            continue;
        };
        let hot = key == "temperature" && value.as_str().parse().is_ok_and(|heat: f64| heat > 1.0);
        if !plan.sampling {
            let reason = match plan.thinks() {
                true => "thinking excludes sampling parameters",
                false => "the model takes no sampling parameters",
            };
            context.losses.note(key, reason);
        } else if key == "top_p" && !plan.top_p {
        } else if hot && !context.same_dialect {
            context
                .losses
                .note(key, "lowered to 1, where Anthropic's scale ends");
            w.field_u64(key, 1);
        } else {
            w.field_raw(key, value.as_str());
        }
    }
    let unknown = [
        ("seed", &sampling.seed),
        ("frequency_penalty", &sampling.frequency_penalty),
        ("presence_penalty", &sampling.presence_penalty),
    ];
    for (key, value) in unknown {
        if value.is_some() {
            context
                .losses
                .note(key, "Anthropic Messages has no such parameter");
        }
    }
}

fn stop(context: &mut Context, request: &Request, w: &mut JsonWriter<'_>) {
    let (blank, kept): (Vec<_>, Vec<_>) = request.stop.iter().partition(|stop| stop.is_blank());
    if !blank.is_empty() {
        context.losses.note(
            request.names().stop,
            "Anthropic takes no stop sequence of white space only",
        );
    }
    if !kept.is_empty() {
        w.field_array("stop_sequences", |w| {
            for stop in kept {
                w.string(stop);
            }
        });
    }
}

fn thinking(plan: &Plan, w: &mut JsonWriter<'_>) {
    let Some(mode) = plan.thinking else {
        return;
    };
    w.field_object("thinking", |w| match mode {
        Mode::Disabled => w.field_str("type", "disabled"),
        Mode::Adaptive => w.field_str("type", "adaptive"),
        Mode::Enabled { budget_tokens } => {
            w.field_str("type", "enabled");
            w.field_u64("budget_tokens", budget_tokens);
        }
    });
}

fn output_config(answer: &Answer<'_>, plan: &Plan, w: &mut JsonWriter<'_>) {
    if answer.schema.is_none() && plan.effort.is_none() {
        return;
    }
    w.field_object("output_config", |w| {
        if let Some(effort) = plan.effort {
            w.field_str("effort", effort.as_str());
        }
        if let Some(schema) = &answer.schema {
            w.field_object("format", |w| {
                w.field_str("type", "json_schema");
                w.field_raw("schema", schema);
            });
        }
    });
}

fn user(context: &mut Context, request: &Request, w: &mut JsonWriter<'_>) {
    match &request.user {
        Some(user) if is_personal(user) => {
            let reason = "Anthropic refuses ids that look like an e-mail address or a phone number";
            context.losses.note(request.names().user, reason);
        }
        Some(user) => w.field_object("metadata", |w| w.field_str("user_id", user)),
        None => {}
    }
}

/// "user_id appears to contain an email address", or "a phone number".
fn is_personal(user: &str) -> bool {
    let number = user.strip_prefix('+').unwrap_or(user);
    let dialled = |char: char| char.is_ascii_digit() || matches!(char, ' ' | '(' | ')' | '-');
    user.contains('@') || number.len() >= 7 && number.chars().all(dialled)
}
