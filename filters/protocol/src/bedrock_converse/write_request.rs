//! The neutral form into a Converse request. The model and whether the answer streams
//! are told by the path, not by the body.

use super::check;
use super::write_messages::{self, Context, NAMES};
use super::write_tools;
use crate::alias::Aliases;
use crate::extras;
use crate::json::{JsonWriter, object_bytes};
use crate::neutral::{Effort, Format, Reasoning, Request};
use crate::plan::{self, Mode, Plan};
use crate::problem::{Losses, Unsupported};
use crate::schema::{self, Answer};
use crate::target::{ModelFields, Target, Thinking, Written};
use crate::turns::{Arranged, arrange};

/// The levels of Nova's `reasoningConfig.maxReasoningEffort`.
const NOVA_EFFORTS: [Effort; 3] = [Effort::Low, Effort::Medium, Effort::High];
/// The levels of `reasoning_effort` of OpenAI's open models.
const OPENAI_EFFORTS: [Effort; 3] = NOVA_EFFORTS;

pub(super) fn write(request: &Request, target: &Target<'_>) -> Result<Written, Unsupported> {
    let mut losses = Losses::default();
    check::check(request)?;
    extras::settle(request, &mut losses)?;
    extras::note_foreign_tools(request, &mut losses);
    let arranged = arrange(request, false, &mut losses);
    if arranged.turns.is_empty() {
        return Err(extras::nothing_said(request));
    }
    let plan = plan(request, target, &arranged, &mut losses);
    let answer = schema::answer(request, &mut losses);
    let mut context = Context::new(losses);
    let body = request.written(|w| {
        write_messages::write(&mut context, &arranged.turns, w);
        write_messages::system(&mut context, &arranged.system, answer.words.as_deref(), w);
        inference_config(&mut context, request, &plan, w);
        write_tools::write(&mut context, request, w);
        model_fields(&mut context, request, target, &plan, w);
        output_config(&answer, request, w);
        for (key, value) in target.extra_body {
            w.field_raw(key, value.as_str());
        }
    });
    if request.user.is_some() {
        let reason = "Converse has no such field";
        context.losses.note(request.names().user, reason);
    }
    Ok(Written {
        body,
        losses: context.losses.into_vec(),
        aliases: Aliases::of_tools(&request.tools, NAMES),
    })
}

fn plan(
    request: &Request,
    target: &Target<'_>,
    arranged: &Arranged<'_>,
    losses: &mut Losses,
) -> Plan {
    match words(target) {
        ModelFields::Anthropic => plan::plan(request, target, arranged, losses),
        _ => plan::plain(request, target, losses),
    }
}

/// Whose words the model understands. Where the catalogue does not say it, the id of a foundation
/// model or of an inference profile does: it names the provider, after the profile's region.
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html>
fn words(target: &Target<'_>) -> ModelFields {
    if target.model_fields != ModelFields::Unknown {
        return target.model_fields;
    }
    // An ARN ends with the id, `…:foundation-model/anthropic.claude-…`.
    let id = target.model.rsplit('/').next().unwrap_or_default();
    let names = || id.split('.').take(3);
    let known = names().zip(names().skip(1)).find_map(|pair| match pair {
        ("anthropic", _) => Some(ModelFields::Anthropic),
        ("openai", _) => Some(ModelFields::OpenAi),
        ("amazon", name) if name.starts_with("nova") => Some(ModelFields::Nova),
        _ => None,
    });
    known.unwrap_or_default()
}

fn inference_config(context: &mut Context, request: &Request, plan: &Plan, w: &mut JsonWriter<'_>) {
    let sampling = &request.sampling;
    let (blank, stops): (Vec<_>, Vec<_>) = request.stop.iter().partition(|stop| stop.is_blank());
    if !blank.is_empty() {
        let reason = "Converse takes no stop sequence of white space only";
        context.losses.note(request.names().stop, reason);
    }
    w.field_object("inferenceConfig", |w| {
        // The model's own limit applies where none is set, unless thinking needs room.
        if request.max_output_tokens.is_some() || plan.thinks() {
            w.field_u64("maxTokens", plan.max_tokens);
        }
        let numbers = [
            ("temperature", "temperature", &sampling.temperature),
            ("topP", "top_p", &sampling.top_p),
        ];
        for (key, field, value) in numbers {
            let Some(value) = value else {
                continue;
            };
            let is_hot = value.as_str().parse().is_ok_and(|heat: f64| heat > 1.0);
            if !plan.sampling {
                context.losses.note(field, no_sampling(plan));
            } else if key == "topP" && !plan.top_p {
            } else if is_hot {
                let reason = "lowered to 1, where Converse's scale ends";
                context.losses.note(field, reason);
                w.field_u64(key, 1);
            } else {
                w.field_raw(key, value.as_str());
            }
        }
        if !stops.is_empty() {
            w.field_array("stopSequences", |w| {
                stops.iter().for_each(|stop| w.text(stop));
            });
        }
    });
    let unknown = [
        ("seed", &sampling.seed),
        ("frequency_penalty", &sampling.frequency_penalty),
        ("presence_penalty", &sampling.presence_penalty),
    ];
    for (field, value) in unknown {
        if value.is_some() {
            let reason = "Converse has no such parameter";
            context.losses.note(field, reason);
        }
    }
}

fn no_sampling(plan: &Plan) -> &'static str {
    match plan.thinks() {
        true => "thinking excludes sampling parameters",
        false => "the model takes no sampling parameters",
    }
}

/// What Converse has no words for goes to the model in the model's own.
fn model_fields(
    context: &mut Context,
    request: &Request,
    target: &Target<'_>,
    plan: &Plan,
    w: &mut JsonWriter<'_>,
) {
    let words = words(target);
    let fields = object_bytes(|w| match words {
        ModelFields::Unknown => {
            if request.reasoning.is_some() {
                let reason = "it is not known how this model is told to think";
                context.losses.note(request.names().reasoning, reason);
            }
            top_k(context, request, None, plan, w);
        }
        ModelFields::Anthropic => {
            thinking(plan, w);
            top_k(context, request, Some("top_k"), plan, w);
        }
        ModelFields::OpenAi => {
            if let Some(effort) = effort(context, request, target, &OPENAI_EFFORTS) {
                w.field_str("reasoning_effort", effort.as_str());
            }
            top_k(context, request, None, plan, w);
        }
        ModelFields::Nova => {
            if let Some(effort) = effort(context, request, target, &NOVA_EFFORTS) {
                w.field_object("reasoningConfig", |w| {
                    w.field_str("type", "enabled");
                    w.field_str("maxReasoningEffort", effort.as_str());
                });
            }
            if let Some(top_k) = &request.sampling.top_k {
                w.field_object("inferenceConfig", |w| w.field_raw("topK", top_k.as_str()));
            }
        }
    });
    if fields != b"{}" {
        let fields = String::from_utf8_lossy(&fields);
        w.field_raw("additionalModelRequestFields", &fields);
    }
    if words == ModelFields::Anthropic && !request.stop.is_empty() {
        // Otherwise nobody says which of them was met.
        w.field_raw("additionalModelResponseFieldPaths", r#"["/stop_sequence"]"#);
    }
}

fn thinking(plan: &Plan, w: &mut JsonWriter<'_>) {
    match plan.thinking {
        None => {}
        Some(Mode::Disabled) => w.field_raw("thinking", r#"{"type":"disabled"}"#),
        Some(Mode::Adaptive) => w.field_raw("thinking", r#"{"type":"adaptive"}"#),
        Some(Mode::Enabled { budget_tokens }) => w.field_object("thinking", |w| {
            w.field_str("type", "enabled");
            w.field_u64("budget_tokens", budget_tokens);
        }),
    }
    if let Some(effort) = plan.effort {
        w.field_object("output_config", |w| w.field_str("effort", effort.as_str()));
    }
}

/// The effort to ask a model for that knows nothing else.
fn effort(
    context: &mut Context,
    request: &Request,
    target: &Target<'_>,
    usual: &[Effort],
) -> Option<Effort> {
    let wanted = match request.reasoning.as_ref()? {
        Reasoning::Off | Reasoning::Effort(Effort::None) => return None,
        Reasoning::Effort(effort) => *effort,
        Reasoning::Budget(tokens) => Effort::of_budget(*tokens),
        Reasoning::Adaptive(effort) => effort.unwrap_or(Effort::Medium),
    };
    if target.thinking == Thinking::Never {
        let reason = "the model cannot think";
        context.losses.note(request.names().reasoning, reason);
        return None;
    }
    let levels = match target.efforts {
        [] => usual,
        known => known,
    };
    Some(wanted.nearest(levels))
}

fn top_k(
    context: &mut Context,
    request: &Request,
    key: Option<&str>,
    plan: &Plan,
    w: &mut JsonWriter<'_>,
) {
    let Some(value) = &request.sampling.top_k else {
        return;
    };
    match key {
        _ if !plan.sampling => context.losses.note("top_k", no_sampling(plan)),
        Some(key) => w.field_raw(key, value.as_str()),
        None => {
            let reason = "Converse has no such parameter";
            context.losses.note("top_k", reason);
        }
    }
}

fn output_config(answer: &Answer<'_>, request: &Request, w: &mut JsonWriter<'_>) {
    let (
        Some(schema),
        Some(Format::JsonSchema {
            name, description, ..
        }),
    ) = (&answer.schema, &request.format)
    else {
        return;
    };
    w.field_object("outputConfig", |w| {
        w.field_object("textFormat", |w| {
            w.field_str("type", "json_schema");
            w.field_object("structure", |w| {
                w.field_object("jsonSchema", |w| {
                    if let Some(name) = name {
                        w.field_str("name", name);
                    }
                    if let Some(description) = description {
                        w.field_str("description", description);
                    }
                    // A JSON text as a string.
                    w.field_str("schema", schema);
                });
            });
        });
    });
}
