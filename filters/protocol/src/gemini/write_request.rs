//! The neutral form into a generateContent request. The model and whether to stream
//! stand in its path, which is the sender's to write.

use std::collections::BTreeMap;

use crate::alias::{Aliases, Charset};
use crate::dialect::Dialect;
use crate::extras;
use crate::gemini::check;
use crate::gemini::turns::arrange;
use crate::gemini::write_parts::{self, Context};
use crate::gemini::write_tools;
use crate::json::JsonWriter;
use crate::neutral::{Effort, Format, Reasoning, Request};
use crate::problem::{Losses, Unsupported};
use crate::target::{Target, Thinking, Written};

/// "Must start with a letter or an underscore. Must be a-z, A-Z, 0-9, or contain underscores, colons, dots, and dashes, with a
/// maximum length of 64"; Vertex takes no colons, and no model minds an underscore.
pub(super) const NAMES: Charset = Charset {
    max_chars: 64,
    begins_with_letter: true,
};

/// Every model that takes a budget takes one between these.
const BUDGETS: std::ops::RangeInclusive<u64> = 512..=24_576;
/// The levels of `thinkingLevel`, unless the catalogue knows better.
const LEVELS: [Effort; 4] = [Effort::Minimal, Effort::Low, Effort::Medium, Effort::High];

pub(super) fn write(request: &Request, target: &Target<'_>) -> Result<Written, Unsupported> {
    let mut losses = Losses::default();
    let same_dialect = request.dialect == Dialect::Gemini;
    check::check(request)?;
    if !same_dialect {
        extras::settle(request, &mut losses)?;
        extras::note_foreign_tools(request, &mut losses);
    }
    let arranged = arrange(request, &mut losses);
    if !same_dialect && arranged.turns.iter().all(|turn| turn.blocks.is_empty()) {
        return Err(extras::nothing_said(request));
    }
    let mut context = Context {
        same_dialect,
        bypasses: !same_dialect && target.thinking != Thinking::Never,
        losses,
        names: BTreeMap::new(),
    };
    let body = request.written(|w| {
        write_parts::system(&mut context, &arranged.system, w);
        write_parts::contents(&mut context, &arranged.turns, w);
        write_tools::write(&mut context, request, w);
        if same_dialect {
            // Configuration and choice of tools among them, in the caller's words.
            extras::write_whole(&request.extras, w);
        } else {
            generation_config(&mut context, request, target, w);
            if request.user.is_some() {
                let reason = "Gemini is not told who the end user is";
                context.losses.note(request.names().user, reason);
            }
        }
    });
    Ok(Written {
        body,
        losses: context.losses.into_vec(),
        aliases: Aliases::of_tools(&request.tools, NAMES),
    })
}

fn generation_config(
    context: &mut Context<'_>,
    request: &Request,
    target: &Target<'_>,
    w: &mut JsonWriter<'_>,
) {
    let mut config = Vec::new();
    JsonWriter::new(&mut config).object(|w| members(context, request, target, w));
    if let Ok(config) = std::str::from_utf8(&config)
        && config != "{}"
    {
        w.field_raw("generationConfig", config);
    }
}

fn members(
    context: &mut Context<'_>,
    request: &Request,
    target: &Target<'_>,
    w: &mut JsonWriter<'_>,
) {
    if let Some(limit) = request.max_output_tokens {
        let most = target.max_output_tokens.unwrap_or(u64::MAX);
        if limit > most {
            context.losses.note(
                request.names().max_output_tokens,
                "lowered to the most that the model can write",
            );
        }
        w.field_u64("maxOutputTokens", limit.min(most));
    }
    if let Some(choices) = request.choices {
        w.field_u64("candidateCount", choices);
    }
    sampling(context, request, target, w);
    if !request.stop.is_empty() {
        w.field_array("stopSequences", |w| {
            for stop in &request.stop {
                w.string(stop);
            }
        });
    }
    format(request, w);
    thinking(context, request, target, w);
}

fn sampling(
    context: &mut Context<'_>,
    request: &Request,
    target: &Target<'_>,
    w: &mut JsonWriter<'_>,
) {
    let sampling = &request.sampling;
    let heat = [
        ("temperature", "temperature", &sampling.temperature),
        ("top_p", "topP", &sampling.top_p),
        ("top_k", "topK", &sampling.top_k),
    ];
    for (field, key, value) in heat {
        match value {
            Some(_) if target.drops_sampling => {
                let reason = "the model takes no sampling parameters";
                context.losses.note(field, reason);
            }
            Some(value) => w.field_raw(key, value.as_str()),
            None => {}
        }
    }
    let rest = [
        ("seed", &sampling.seed),
        ("frequencyPenalty", &sampling.frequency_penalty),
        ("presencePenalty", &sampling.presence_penalty),
    ];
    for (key, value) in rest {
        if let Some(value) = value {
            w.field_raw(key, value.as_str());
        }
    }
}

fn format(request: &Request, w: &mut JsonWriter<'_>) {
    match &request.format {
        None | Some(Format::Text) => {}
        Some(Format::JsonObject) => w.field_str("responseMimeType", "application/json"),
        Some(Format::JsonSchema { schema, .. }) => {
            w.field_str("responseMimeType", "application/json");
            w.field_raw("responseJsonSchema", schema.as_str());
        }
    }
}

/// A budget, which models of either kind take, or a level where the model is known to
/// want one ([`Thinking::Adaptive`]). Never both: that is answered with 400.
fn thinking(
    context: &mut Context<'_>,
    request: &Request,
    target: &Target<'_>,
    w: &mut JsonWriter<'_>,
) {
    let Some(reasoning) = &request.reasoning else {
        return;
    };
    let effort = match reasoning {
        Reasoning::Off => Some(Effort::None),
        Reasoning::Effort(effort) => Some(*effort),
        Reasoning::Budget(tokens) => Some(Effort::of_budget(*tokens)),
        Reasoning::Adaptive(effort) => *effort,
    };
    let off = effort == Some(Effort::None);
    if target.thinking == Thinking::Never {
        if !off {
            let reason = "the model cannot think";
            context.losses.note(request.names().reasoning, reason);
        }
        return;
    }
    w.field_object("thinkingConfig", |w| {
        if target.thinking == Thinking::Adaptive {
            let levels = match target.efforts {
                [] => &LEVELS,
                known => known,
            };
            if let Some(effort) = effort {
                w.field_str("thinkingLevel", level(effort.nearest(levels)));
            }
        } else {
            match reasoning {
                _ if off => w.field_u64("thinkingBudget", least(context, request, target.efforts)),
                Reasoning::Budget(tokens) => w.field_u64("thinkingBudget", budget(*tokens)),
                _ => match effort {
                    Some(effort) => w.field_u64("thinkingBudget", budget(effort.budget_tokens())),
                    None => w.field_raw("thinkingBudget", "-1"),
                },
            }
        }
        if !off {
            // Callers of other dialects see thinking that was asked for.
            w.field_bool("includeThoughts", true);
        }
    });
}

/// The budget of who wants no thinking: models that cannot do without answer 0 with 400.
fn least(context: &mut Context<'_>, request: &Request, known: &[Effort]) -> u64 {
    match Effort::None.nearest(known) {
        Effort::None => 0,
        least => {
            let reason = "the model cannot do without thinking, and thinks as little as it can";
            context.losses.note(request.names().reasoning, reason);
            budget(least.budget_tokens())
        }
    }
}

fn budget(tokens: u64) -> u64 {
    tokens.clamp(*BUDGETS.start(), *BUDGETS.end())
}

fn level(effort: Effort) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal => "MINIMAL",
        Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High | Effort::XHigh | Effort::Max => "HIGH",
    }
}
