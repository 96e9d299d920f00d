//! Thinking, effort, sampling and `max_tokens`: parameters that Anthropic's models tie to
//! each other, decided together so that no invalid combination is ever sent, whichever
//! dialect it is sent in.

use crate::neutral::{Effort, Reasoning, Request, ToolChoice, ToolMode};
use crate::problem::Losses;
use crate::target::{Target, Thinking};
use crate::turns::Arranged;

/// What will be sent.
pub(crate) struct Plan {
    pub(crate) max_tokens: u64,
    pub(crate) thinking: Option<Mode>,
    pub(crate) effort: Option<Effort>,
    /// Whether `temperature`, `top_p` and `top_k` may be sent.
    pub(crate) sampling: bool,
    /// Whether `top_p` may be sent, where the others may.
    pub(crate) top_p: bool,
}

/// The value of `thinking`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Disabled,
    Enabled { budget_tokens: u64 },
    Adaptive,
}

/// "Must be ≥ 1024 and less than max_tokens."
const MIN_BUDGET: u64 = 1_024;
/// What every current model can write, for models that the catalogue knows nothing
/// about.
const MAX_TOKENS_UNKNOWN: u64 = 8_192;
/// The levels of `output_config.effort`, unless the catalogue knows better.
const EFFORTS: [Effort; 4] = [Effort::Low, Effort::Medium, Effort::High, Effort::Max];

/// The plan of a call that does not think, or whose thinking goes on in the caller's own
/// words.
pub(crate) fn plain(request: &Request, target: &Target<'_>, losses: &mut Losses) -> Plan {
    let sampling = &request.sampling;
    let top_p = !(target.one_of_sampling && sampling.temperature.is_some());
    if !top_p && sampling.top_p.is_some() {
        losses.note("top_p", "the model takes temperature or top_p, not both");
    }
    Plan {
        max_tokens: max_tokens(request, target, losses),
        thinking: None,
        effort: None,
        sampling: !target.drops_sampling,
        top_p,
    }
}

pub(crate) fn plan(
    request: &Request,
    target: &Target<'_>,
    arranged: &Arranged<'_>,
    losses: &mut Losses,
) -> Plan {
    let mut plan = plain(request, target, losses);
    let Some(reasoning) = &request.reasoning else {
        return plan;
    };
    if target.thinking == Thinking::Never {
        if *reasoning != Reasoning::Off {
            losses.note(request.names().reasoning, "the model cannot think");
        }
        return plan;
    }
    choose(&mut plan, reasoning, target);
    if plan.thinks() {
        let why_not = why_not(request, target, arranged);
        if let Some(why_not) = why_not {
            losses.note(request.names().reasoning, why_not);
            plan.thinking = Some(Mode::Disabled);
        }
    }
    if plan.thinks() {
        fit_budget(&mut plan, request, target, losses);
        plan.sampling = false;
    }
    plan
}

fn max_tokens(request: &Request, target: &Target<'_>, losses: &mut Losses) -> u64 {
    let most = target.max_output_tokens;
    match (request.max_output_tokens, most) {
        (Some(wanted), Some(most)) if wanted > most => {
            losses.note(
                request.names().max_output_tokens,
                "lowered to the most that the model can write",
            );
            most
        }
        (Some(wanted), _) => wanted,
        (None, most) => most.unwrap_or(MAX_TOKENS_UNKNOWN),
    }
}

fn choose(plan: &mut Plan, reasoning: &Reasoning, target: &Target<'_>) {
    let levels = match target.efforts {
        [] => &EFFORTS,
        known => known,
    };
    let adaptive = target.thinking == Thinking::Adaptive;
    let (effort, budget_tokens) = match reasoning {
        Reasoning::Off | Reasoning::Effort(Effort::None) => {
            plan.thinking = Some(Mode::Disabled);
            return;
        }
        Reasoning::Effort(effort) => (Some(*effort), effort.budget_tokens()),
        Reasoning::Budget(tokens) => (Some(Effort::of_budget(*tokens)), *tokens),
        Reasoning::Adaptive(effort) => (*effort, effort.unwrap_or(Effort::High).budget_tokens()),
    };
    if adaptive {
        plan.thinking = Some(Mode::Adaptive);
        plan.effort = effort.map(|effort| effort.nearest(levels));
    } else {
        plan.thinking = Some(Mode::Enabled { budget_tokens });
    }
}

/// Why this call cannot think although the caller wants it to.
fn why_not(
    request: &Request,
    target: &Target<'_>,
    arranged: &Arranged<'_>,
) -> Option<&'static str> {
    let forced = matches!(
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
    if forced {
        return Some("a forced tool choice excludes thinking");
    }
    let strict = target.thinking == Thinking::Default;
    if strict && arranged.open_loop_lacks_thinking() {
        return Some("the tool calls being answered were made without signed thinking");
    }
    None
}

/// A budget leaves room for the answer; where there is no room at all, the limit
/// grows instead.
fn fit_budget(plan: &mut Plan, request: &Request, target: &Target<'_>, losses: &mut Losses) {
    let Some(Mode::Enabled { budget_tokens }) = plan.thinking else {
        return;
    };
    if plan.max_tokens < 2 * MIN_BUDGET {
        let raised = plan.max_tokens.saturating_add(MIN_BUDGET);
        let most = target.max_output_tokens.unwrap_or(u64::MAX);
        if raised > most || most <= MIN_BUDGET {
            plan.thinking = Some(Mode::Disabled);
            return losses.note(
                request.names().reasoning,
                "the limit on the output leaves no room to think",
            );
        }
        losses.note(
            request.names().max_output_tokens,
            "raised to leave room for the answer beside the thinking",
        );
        plan.max_tokens = raised;
    }
    let room = plan.max_tokens.saturating_sub(MIN_BUDGET).max(MIN_BUDGET);
    let fitted = budget_tokens.clamp(MIN_BUDGET, room);
    plan.thinking = Some(Mode::Enabled {
        budget_tokens: fitted,
    });
}

// === impl Plan ===

impl Plan {
    pub(crate) fn thinks(&self) -> bool {
        matches!(self.thinking, Some(Mode::Enabled { .. } | Mode::Adaptive))
    }
}
