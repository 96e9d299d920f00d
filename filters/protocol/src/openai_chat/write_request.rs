//! The neutral form into a Chat Completions request.

use crate::alias::Aliases;
use crate::dialect::Dialect;
use crate::extras;
use crate::json::JsonWriter;
use crate::neutral::{Effort, Format, Reasoning, Request};
use crate::openai_chat::context::Context;
use crate::openai_chat::{check, write_messages, write_tools};
use crate::problem::{Losses, Unsupported};
use crate::schema;
use crate::target::{Target, Thinking, ThinkingWords, Written};

const MAX_USER_CHARS: usize = 64;

/// Fields of Responses, and what those with the same meaning are called here. `metadata` is not among
/// them: here it is only taken of answers that are stored.
const SHARED: [(&str, &str); 4] = [
    ("prompt_cache_key", "prompt_cache_key"),
    ("prompt_cache_retention", "prompt_cache_retention"),
    ("service_tier", "service_tier"),
    ("text.verbosity", "verbosity"),
];

pub(super) fn write(request: &Request, target: &Target<'_>) -> Result<Written, Unsupported> {
    let mut context = Context {
        request,
        target,
        losses: Losses::default(),
    };
    check::check(request)?;
    let shared: &[(&str, &str)] = match target.shared_fields {
        true if request.dialect == Dialect::OpenaiResponses => &SHARED,
        _ => &[],
    };
    if !context.same_dialect() {
        let known: Vec<&str> = shared.iter().map(|(theirs, _)| *theirs).collect();
        extras::settle_except(request, &known, &mut context.losses)?;
        extras::note_foreign_tools(request, &mut context.losses);
    }
    let body = request.written(|w| {
        w.field_str("model", target.model);
        w.key("messages");
        write_messages::write(&mut context, w);
        parameters(&mut context, w);
        for extra in &request.extras {
            let mut known = shared.iter();
            if let Some((_, own)) = known.find(|(theirs, _)| extra.key == **theirs) {
                w.field_raw(own, extra.value.as_str());
            }
        }
    });
    Ok(Written {
        body,
        losses: context.losses.into_vec(),
        aliases: Aliases::of_tools(&request.tools, write_tools::NAMES),
    })
}

fn parameters(context: &mut Context<'_>, w: &mut JsonWriter<'_>) {
    let (request, target) = (context.request, context.target);
    write_tools::write(context, w);
    if let Some(limit) = request.max_output_tokens {
        let most = target.max_output_tokens.unwrap_or(u64::MAX);
        if limit > most {
            context.losses.note(
                request.names().max_output_tokens,
                "lowered to the most that the model can write",
            );
        }
        let key = match target.legacy_max_tokens {
            true => "max_tokens",
            false => "max_completion_tokens",
        };
        w.field_u64(key, limit.min(most));
    }
    sampling(context, w);
    stop(request, w);
    reasoning(context, w);
    format(context, w);
    user(context, w);
    if let Some(choices) = request.choices {
        w.field_u64("n", choices);
    }
    if request.stream {
        w.field_bool("stream", true);
        // Whether or not the caller wants to see it: what is used is billed.
        if !target.no_stream_options {
            w.field_object("stream_options", |w| w.field_bool("include_usage", true));
        }
    }
    for extra in request.extras.iter().filter(|_| context.same_dialect()) {
        let unwanted = target.thinking == Thinking::Never && extra.key == *"reasoning_effort";
        if !unwanted {
            w.field_raw(&extra.key, extra.value.as_str());
        }
    }
}

fn sampling(context: &mut Context<'_>, w: &mut JsonWriter<'_>) {
    let sampling = &context.request.sampling;
    let heat = [
        ("temperature", &sampling.temperature),
        ("top_p", &sampling.top_p),
    ];
    for (key, value) in heat {
        match value {
            Some(_) if context.target.drops_sampling => {
                context
                    .losses
                    .note(key, "the model takes no sampling parameters");
            }
            Some(value) => w.field_raw(key, value.as_str()),
            None => {}
        }
    }
    match &sampling.top_k {
        Some(top_k) if context.same_dialect() => w.field_raw("top_k", top_k.as_str()),
        Some(_) => context
            .losses
            .note("top_k", "Chat Completions has no such parameter"),
        None => {}
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
}

fn stop(request: &Request, w: &mut JsonWriter<'_>) {
    if !request.stop.is_empty() {
        w.field_array("stop", |w| {
            for stop in &request.stop {
                w.string(stop);
            }
        });
    }
}

fn reasoning(context: &mut Context<'_>, w: &mut JsonWriter<'_>) {
    let Some(reasoning) = &context.request.reasoning else {
        return;
    };
    if context.target.thinking == Thinking::Never {
        return context
            .losses
            .note(context.request.names().reasoning, "the model cannot think");
    }
    if context.same_dialect() {
        // Goes back in the caller's own words.
        return;
    }
    if context.target.thinking_words != ThinkingWords::Effort {
        return thinking_words(context, reasoning, w);
    }
    let known = context.target.efforts;
    let effort = match reasoning {
        // Only a model that is known to have a lowest level can be told to use it.
        Reasoning::Off if known.is_empty() => {
            return context.losses.note(
                context.request.names().reasoning,
                "the model decides by itself whether to think",
            );
        }
        Reasoning::Off => Effort::None,
        Reasoning::Effort(effort) | Reasoning::Adaptive(Some(effort)) => *effort,
        Reasoning::Budget(tokens) => Effort::of_budget(*tokens),
        Reasoning::Adaptive(None) => return,
    };
    w.field_str("reasoning_effort", effort.nearest(known).as_str());
}

/// Thinking, for upstreams that have other words for it than the dialect.
fn thinking_words(context: &mut Context<'_>, reasoning: &Reasoning, w: &mut JsonWriter<'_>) {
    let target = context.target;
    let off = matches!(
        reasoning,
        Reasoning::Off | Reasoning::Effort(Effort::None) | Reasoning::Budget(0)
    );
    let effort = match reasoning {
        Reasoning::Effort(effort) | Reasoning::Adaptive(Some(effort)) => Some(*effort),
        _ => None,
    };
    match target.thinking_words {
        ThinkingWords::Effort => {}
        ThinkingWords::None => context.losses.note(
            context.request.names().reasoning,
            "the upstream cannot be told how hard to think",
        ),
        ThinkingWords::Type => w.field_object("thinking", |w| {
            w.field_str("type", if off { "disabled" } else { "enabled" });
        }),
        ThinkingWords::Enable => {
            w.field_bool("enable_thinking", !off);
            let budget = match reasoning {
                Reasoning::Budget(tokens) => Some(*tokens),
                _ => effort.map(Effort::budget_tokens),
            };
            if let Some(budget) = budget.filter(|_| !off) {
                w.field_u64("thinking_budget", budget);
            }
        }
        ThinkingWords::Object => w.field_object("reasoning", |w| match (reasoning, effort) {
            _ if off => w.field_bool("enabled", false),
            (Reasoning::Budget(tokens), _) => w.field_u64("max_tokens", *tokens),
            (_, Some(effort)) => {
                w.field_str("effort", effort.nearest(target.efforts).as_str());
            }
            _ => w.field_bool("enabled", true),
        }),
    }
}

fn format(context: &mut Context<'_>, w: &mut JsonWriter<'_>) {
    let request = context.request;
    let Some(format) = &request.format else {
        return;
    };
    w.field_object("response_format", |w| match format {
        Format::Text => w.field_str("type", "text"),
        Format::JsonObject => w.field_str("type", "json_object"),
        Format::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => {
            w.field_str("type", "json_schema");
            w.field_object("json_schema", |w| {
                w.field_str("name", name.as_deref().unwrap_or("answer"));
                if let Some(description) = description {
                    w.field_text("description", description);
                }
                w.field_raw("schema", schema.as_str());
                let strict = schema::strict_for(
                    request,
                    *strict,
                    true,
                    Some(schema),
                    request.names().format,
                    &mut context.losses,
                );
                if let Some(strict) = strict {
                    w.field_bool("strict", strict);
                }
            });
        }
    });
}

fn user(context: &mut Context<'_>, w: &mut JsonWriter<'_>) {
    match &context.request.user {
        Some(_) if context.same_dialect() => {}
        Some(user) if user.chars().count() > MAX_USER_CHARS => {
            context.losses.note(
                context.request.names().user,
                "longer than the 64 characters of 'user'",
            );
        }
        Some(user) => w.field_str("user", user),
        None => {}
    }
}
