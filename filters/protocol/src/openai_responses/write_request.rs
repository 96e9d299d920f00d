//! The neutral form into a Responses request.

use crate::alias::Aliases;
use crate::dialect::Dialect;
use crate::extras;
use crate::json::JsonWriter;
use crate::mend;
use crate::neutral::{Content, Effort, Format, Reasoning, Request};
use crate::openai_responses::context::Context;
use crate::openai_responses::{check, write_input, write_tools};
use crate::problem::Unsupported;
use crate::schema;
use crate::target::{Target, Thinking, Written};

const MAX_USER_CHARS: usize = 64;
/// "Expected a value >= 16."
const MIN_OUTPUT_TOKENS: u64 = 16;

/// Top-level fields that Chat Completions has with the same meaning.
const SHARED: [&str; 6] = [
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "service_tier",
    "top_logprobs",
    "verbosity",
];

pub(super) fn write(request: &Request, target: &Target<'_>) -> Result<Written, Unsupported> {
    check::check(request)?;
    let mut context = Context::new(request);
    let shared: &[&str] = match request.dialect {
        Dialect::OpenaiChat => &SHARED,
        _ => &[],
    };
    if !context.same_dialect() {
        extras::settle_except(request, shared, &mut context.losses)?;
        extras::note_foreign_tools(request, &mut context.losses);
    }
    let body = request.written(|w| {
        w.field_str("model", target.model);
        let instructions = write_input::instructions(&mut context);
        if !instructions.is_empty() {
            w.key("instructions");
            w.joined(&instructions, "\n\n");
        }
        if request.messages.len() > request.system_apart {
            w.key("input");
            write_input::write(&mut context, w);
        }
        write_tools::write(request, &mut context.losses, w);
        parameters(&mut context, request, target, w);
        if context.same_dialect() {
            let own = request.extras.iter();
            for extra in own.filter(|extra| !extra.key.contains('.')) {
                let drops = mend::responses_drops(&extra.key, extra.value.json(), target);
                if let Some(reason) = drops {
                    context.losses.note(extra.key.as_str(), reason);
                    continue;
                }
                if target.thinking != Thinking::Never || extra.key != *"reasoning" {
                    w.field_raw(&extra.key, extra.value.as_str());
                }
            }
        } else {
            translated(&mut context, request, target, shared, w);
        }
    });
    Ok(Written {
        body,
        losses: context.losses.into_vec(),
        aliases: Aliases::of_tools(&request.tools, write_tools::NAMES),
    })
}

fn parameters(
    context: &mut Context<'_>,
    request: &Request,
    target: &Target<'_>,
    w: &mut JsonWriter<'_>,
) {
    if let Some(wanted) = request.max_output_tokens {
        let most = target.max_output_tokens.unwrap_or(u64::MAX);
        let least = match context.same_dialect() {
            true => 0,
            false => MIN_OUTPUT_TOKENS,
        };
        let field = request.names().max_output_tokens;
        if wanted > most {
            let reason = "lowered to the most that the model can write";
            context.losses.note(field, reason);
        } else if wanted < least {
            let reason = "raised to the least that the upstream takes";
            context.losses.note(field, reason);
        }
        w.field_u64("max_output_tokens", wanted.min(most).max(least));
    }
    let sampling = &request.sampling;
    let heat = [
        ("temperature", &sampling.temperature),
        ("top_p", &sampling.top_p),
    ];
    for (key, value) in heat {
        match value {
            Some(_) if target.drops_sampling => {
                let reason = "the model takes no sampling parameters";
                context.losses.note(key, reason);
            }
            Some(value) => w.field_raw(key, value.as_str()),
            None => {}
        }
    }
    let unknown = [
        ("top_k", &sampling.top_k),
        ("seed", &sampling.seed),
        ("frequency_penalty", &sampling.frequency_penalty),
        ("presence_penalty", &sampling.presence_penalty),
    ];
    for (key, value) in unknown {
        if value.is_some() {
            let reason = "the Responses API has no such parameter";
            context.losses.note(key, reason);
        }
    }
    if request.stream {
        w.field_bool("stream", true);
    }
}

/// What callers of this dialect say in their own words, and others in theirs.
fn translated(
    context: &mut Context<'_>,
    request: &Request,
    target: &Target<'_>,
    shared: &[&str],
    w: &mut JsonWriter<'_>,
) {
    let shared_field = |key: &str| {
        let found = request.extras.iter().find(|extra| extra.key == *key);
        found.filter(|_| shared.contains(&key))
    };
    let thinks = reasoning(context, request, target, w);
    let verbosity = shared_field("verbosity");
    if request.format.is_some() || verbosity.is_some() {
        w.field_object("text", |w| {
            if let Some(format) = &request.format {
                w.field_object("format", |w| self::format(context, request, format, w));
            }
            if let Some(verbosity) = verbosity {
                w.field_raw("verbosity", verbosity.value.as_str());
            }
        });
    }
    for key in SHARED.iter().filter(|key| **key != "verbosity") {
        if let Some(extra) = shared_field(key) {
            w.field_raw(key, extra.value.as_str());
        }
    }
    match &request.user {
        Some(user) if user.chars().count() > MAX_USER_CHARS => context.losses.note(
            request.names().user,
            "longer than the 64 characters of 'user'",
        ),
        Some(user) => w.field_str("user", user),
        None => {}
    }
    // Nobody would ask for it again; and so the reasoning has to come along.
    w.field_bool("store", false);
    if thinks || has_own_reasoning(request) {
        w.field_raw("include", r#"["reasoning.encrypted_content"]"#);
    }
}

/// Writes `reasoning`; whether the model was asked to think.
///
/// A summary is asked for where the caller's words mean thinking that is shown
/// (Anthropic's `thinking`); a mere effort does not, and not every account may have
/// summaries.
fn reasoning(
    context: &mut Context<'_>,
    request: &Request,
    target: &Target<'_>,
    w: &mut JsonWriter<'_>,
) -> bool {
    let field = request.names().reasoning;
    let Some(reasoning) = &request.reasoning else {
        return false;
    };
    if target.thinking == Thinking::Never {
        if *reasoning != Reasoning::Off {
            context.losses.note(field, "the model cannot think");
        }
        return false;
    }
    let known = target.efforts;
    let effort = match reasoning {
        // Only a model that is known to have a lowest level can be told to use it.
        Reasoning::Off if known.is_empty() => {
            let reason = "the model decides by itself whether to think";
            context.losses.note(field, reason);
            return false;
        }
        Reasoning::Off => Some(Effort::None),
        Reasoning::Effort(effort) => Some(*effort),
        Reasoning::Budget(tokens) => Some(Effort::of_budget(*tokens)),
        Reasoning::Adaptive(effort) => *effort,
    };
    let effort = effort.map(|effort| effort.nearest(known));
    let shown = matches!(reasoning, Reasoning::Budget(_) | Reasoning::Adaptive(_));
    w.field_object("reasoning", |w| {
        if let Some(effort) = effort {
            w.field_str("effort", effort.as_str());
        }
        if shown {
            w.field_str("summary", "auto");
        }
    });
    effort != Some(Effort::None)
}

/// Whether the conversation brings reasoning of this provider along.
fn has_own_reasoning(request: &Request) -> bool {
    let mut blocks = request.messages.iter().flat_map(|message| &message.content);
    blocks.any(|block| match &block.content {
        Content::Thinking {
            signature: Some(signature),
            ..
        } => signature.by == Dialect::OpenaiResponses,
        _ => false,
    })
}

fn format(context: &mut Context<'_>, request: &Request, format: &Format, w: &mut JsonWriter<'_>) {
    match format {
        Format::Text => w.field_str("type", "text"),
        Format::JsonObject => w.field_str("type", "json_object"),
        Format::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => {
            w.field_str("type", "json_schema");
            w.field_str("name", name.as_deref().unwrap_or("answer"));
            if let Some(description) = description {
                w.field_str("description", description);
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
        }
    }
}
