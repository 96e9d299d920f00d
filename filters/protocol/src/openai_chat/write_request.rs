//! The neutral form into a Chat Completions request.

use crate::alias::{Aliases, Charset};
use crate::dialect::Dialect;
use crate::extras;
use crate::json::{JsonWriter, object_bytes};
use crate::neutral::{
    Block, CacheMark, Content, Effort, Extra, Format, Reasoning, Request, Tool, ToolChoice,
    ToolMode,
};
use crate::openai_chat::{check, write_messages};
use crate::problem::{Losses, Unsupported};
use crate::target::{Target, Thinking, Written};

/// `tools[].function.name`, by the API reference.
pub(super) const NAMES: Charset = Charset { max_chars: 64 };
/// `tool_call_id`: longer ones are answered with 400.
pub(super) const IDS: Charset = Charset { max_chars: 40 };
const MAX_USER_CHARS: usize = 64;

/// What every part of the writing needs to see.
pub(super) struct Context<'r> {
    pub(super) request: &'r Request,
    pub(super) target: &'r Target<'r>,
    pub(super) losses: Losses,
}

pub(super) fn write(request: &Request, target: &Target<'_>) -> Result<Written, Unsupported> {
    let mut context = Context {
        request,
        target,
        losses: Losses::default(),
    };
    check::check(request)?;
    if !context.same_dialect() {
        extras::settle(request, &mut context.losses)?;
    }
    let body = object_bytes(|w| {
        w.field_str("model", target.model);
        w.key("messages");
        write_messages::write(&mut context, w);
        parameters(&mut context, w);
    });
    Ok(Written {
        body,
        losses: context.losses.into_vec(),
        aliases: Aliases::collect(names(request), NAMES),
    })
}

fn parameters(context: &mut Context<'_>, w: &mut JsonWriter<'_>) {
    let (request, target) = (context.request, context.target);
    let tools = tools(context, w);
    if tools {
        tool_choice(request, w);
        if let Some(parallel) = request.parallel_tool_calls {
            w.field_bool("parallel_tool_calls", parallel);
        }
    }
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
    format(request, w);
    user(context, w);
    if let Some(choices) = request.choices {
        w.field_u64("n", choices);
    }
    if request.stream {
        w.field_bool("stream", true);
        // Whether or not the caller wants to see it: what is used is billed.
        w.field_object("stream_options", |w| w.field_bool("include_usage", true));
    }
    for extra in request.extras.iter().filter(|_| context.same_dialect()) {
        let unwanted = target.thinking == Thinking::Never && extra.key == *"reasoning_effort";
        if !unwanted {
            w.field_raw(&extra.key, extra.value.as_str());
        }
    }
}

/// Whether there were any to write.
fn tools(context: &mut Context<'_>, w: &mut JsonWriter<'_>) -> bool {
    let request = context.request;
    if request.tools.is_empty() {
        return false;
    }
    w.field_array("tools", |w| {
        for tool in &request.tools {
            match tool {
                Tool::Foreign { raw, .. } => w.raw(raw.as_str()),
                Tool::Function { cache, extras, .. } => {
                    w.object(|w| {
                        w.field_str("type", "function");
                        w.field_object("function", |w| function(tool, w));
                        context.cache(*cache, w);
                        context.extras(extras, "tools", w);
                    });
                }
            }
        }
    });
    true
}

fn function(tool: &Tool, w: &mut JsonWriter<'_>) {
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
        w.field_str("description", description);
    }
    if let Some(parameters) = parameters {
        w.field_raw("parameters", parameters.as_str());
    }
    if let Some(strict) = strict {
        w.field_bool("strict", *strict);
    }
}

fn tool_choice(request: &Request, w: &mut JsonWriter<'_>) {
    let named = |name: &str, w: &mut JsonWriter<'_>| {
        w.field_str("type", "function");
        w.field_object("function", |w| w.field_str("name", &NAMES.fit(name)));
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

fn format(request: &Request, w: &mut JsonWriter<'_>) {
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
                    w.field_str("description", description);
                }
                w.field_raw("schema", schema.as_str());
                if let Some(strict) = strict {
                    w.field_bool("strict", *strict);
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

fn names(request: &Request) -> impl Iterator<Item = &str> {
    request.tools.iter().filter_map(|tool| match tool {
        Tool::Function { name, .. } => Some(name.as_str()),
        Tool::Foreign { .. } => None,
    })
}

// === impl Context ===

impl Context<'_> {
    pub(super) fn same_dialect(&self) -> bool {
        self.request.dialect == Dialect::OpenaiChat
    }

    fn keeps_marks(&self) -> bool {
        self.same_dialect() || self.target.keeps_cache_control
    }

    pub(super) fn cache(&mut self, mark: Option<CacheMark>, w: &mut JsonWriter<'_>) {
        match mark {
            Some(mark) if self.keeps_marks() => w.field_raw("cache_control", mark.as_json()),
            Some(_) => self.note_mark(),
            None => {}
        }
    }

    pub(super) fn extras(&mut self, extras: &[Extra], place: &str, w: &mut JsonWriter<'_>) {
        if self.same_dialect() {
            extras::write(extras, w);
        } else {
            extras::note(extras, place, &mut self.losses);
        }
    }

    /// What to put between texts, if the upstream wants one string of them.
    pub(super) fn joint(&self, joint: &'static str) -> Option<&'static str> {
        self.target.string_content.then_some(joint)
    }

    /// A tool message of another dialect's caller holds text only.
    pub(super) fn fits_tool_message(&self, block: &Block) -> bool {
        self.same_dialect() || matches!(block.content, Content::Text(_))
    }

    /// Whether what is attached to the block can be written with it.
    pub(super) fn keeps_attachments(&self, block: &Block) -> bool {
        block.cache.is_some() && self.keeps_marks()
            || !block.extras.is_empty() && self.same_dialect()
    }

    /// Notes what a block loses that becomes a part of a plain string.
    pub(super) fn note_attachments(&mut self, block: &Block, place: &str) {
        if block.cache.is_some() {
            self.note_mark();
        }
        extras::note(&block.extras, place, &mut self.losses);
    }

    fn note_mark(&mut self) {
        let reason = "the upstream caches prompts by itself or not at all";
        self.losses.note("cache_control", reason);
    }
}
