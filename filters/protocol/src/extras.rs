//! What another dialect does not know: noted as a loss, or refused.

use crate::dialect::{Without, caller};
use crate::json::JsonWriter;
use crate::neutral::{Block, Content, Extra, Request, Role, Tool, ToolChoice};
use crate::problem::{Losses, Unsupported};

/// Stands in for JSON mode where a dialect has none.
pub(crate) const JSON_ONLY: &str =
    "Answer with one valid JSON object and nothing else: no words around it, no code fence.";

pub(crate) const STORED_FILE: &str =
    "Stored files belong to the provider that stores them; send the content instead.";

/// Accounts for the top-level fields that are not written in a foreign dialect.
pub(crate) fn settle(request: &Request, losses: &mut Losses) -> Result<(), Unsupported> {
    settle_except(request, &[], losses)
}

/// As [`settle`], for an upstream that knows some of the fields all the same.
pub(crate) fn settle_except(
    request: &Request,
    known: &[&str],
    losses: &mut Losses,
) -> Result<(), Unsupported> {
    let unknown = |extra: &&Extra| !extra.mirrored && !known.contains(&extra.key.as_str());
    for extra in request.extras.iter().filter(unknown) {
        match caller(request.dialect).without(extra) {
            Without::Loss(reason) => losses.note(extra.key.as_str(), reason),
            Without::Unsupported(message) => {
                return Err(Unsupported::new(extra.key.as_str(), message));
            }
        }
    }
    Ok(())
}

/// Items and blocks that stand for all that was said before (Responses, Anthropic).
const COMPACTED: [&str; 3] = ["compaction", "compaction_summary", "context_compaction"];

/// For upstreams that answer once.
pub(crate) fn refuse_choices(request: &Request) -> Result<(), Unsupported> {
    if request.choices.is_none_or(|choices| choices <= 1) {
        return Ok(());
    }
    let field = request.names().choices;
    let message = format!("This model gives one choice; '{field}' must be 1.");
    Err(Unsupported::new(field, message))
}

/// For conversations of which nothing is left to send: no upstream takes an empty list.
pub(crate) fn nothing_said(request: &Request) -> Unsupported {
    let last = request.messages.len().saturating_sub(1);
    Unsupported::new(
        request.field_of(last),
        "This model needs a text that is not blank.",
    )
}

/// Asks of every block of the conversation whether it can be said; the answer is why not.
/// `own`: the request is in the dialect that it is checked for.
pub(crate) fn check_blocks(
    request: &Request,
    own: bool,
    block_of: fn(Role, &Block) -> Result<(), String>,
) -> Result<(), Unsupported> {
    for (index, message) in request.messages.iter().enumerate() {
        for block in &message.content {
            if let Content::Foreign { kind, .. } = &block.content
                && COMPACTED.contains(&kind.as_str())
                && !own
            {
                let reason =
                    "What was said before stands in it, and only its own provider can read it.";
                return Err(Unsupported::new(request.field_of(index), reason));
            }
            block_of(message.role, block)
                .map_err(|reason| Unsupported::new(request.field_of(index), reason))?;
        }
    }
    Ok(())
}

/// Whether a request can do without its tools that only its own dialect knows.
///
/// A tool that the provider itself runs (`web_search`) and that is merely offered
/// among others can be left out: agents list such tools always, and a model that may
/// use one may as well not. That is a loss, see [`note_foreign_tools`]. Refused are
/// one that is forced by the tool choice, one that is all there is, and one that the
/// caller would run itself: there the request means something else without it.
pub(crate) fn refuse_foreign_tools(request: &Request) -> Result<(), Unsupported> {
    let alone = request.tools.iter().all(is_foreign);
    for (index, tool) in request.tools.iter().enumerate() {
        let Tool::Foreign { kind, raw } = tool else {
            continue;
        };
        let hosted = caller(request.dialect).hosts(kind);
        let name = raw.json().get("name").and_then(crate::json::Json::as_str);
        if alone || !hosted || name.is_some_and(|name| is_forced(request, &name)) {
            let kind = kind.as_str();
            let message = format!("Tools of type '{kind}' are not available for this model.");
            return Err(Unsupported::new(format!("tools[{index}]"), message));
        }
    }
    Ok(())
}

/// Notes the tools that [`refuse_foreign_tools`] lets pass, and that are not written.
pub(crate) fn note_foreign_tools(request: &Request, losses: &mut Losses) {
    for tool in &request.tools {
        if let Tool::Foreign { kind, .. } = tool {
            let field = format!("tools.{}", kind.as_str());
            losses.note(
                field,
                "the upstream does not run such a tool; others remain",
            );
        }
    }
}

fn is_foreign(tool: &Tool) -> bool {
    matches!(tool, Tool::Foreign { .. })
}

fn is_forced(request: &Request, name: &str) -> bool {
    match &request.tool_choice {
        Some(ToolChoice::Named(forced)) => forced == name,
        Some(ToolChoice::Allowed { names, .. }) => names.iter().any(|allowed| allowed == name),
        _ => false,
    }
}

/// Claude Code's first system block, meant for Anthropic alone: it changes with every
/// request, and would void another upstream's prompt cache.
pub(crate) fn is_billing_header(block: &Block) -> bool {
    let Content::Text(text) = &block.content else {
        return false;
    };
    text.begins_with("x-anthropic-billing-header")
}

/// Whether a block can be instructions: only text is, unless the caller's own dialect has it so.
pub(crate) fn is_prompt(block: &Block, own: bool, losses: &mut Losses) -> bool {
    let is_text = own || matches!(block.content, Content::Text(_) | Content::Refusal(_));
    if !is_text {
        losses.note("system", "system prompts are text here");
    }
    is_text
}

pub(crate) fn no_such_content(kind: &str) -> String {
    format!("Content of type '{kind}' cannot be sent to this model.")
}

/// Notes the fields of a message, block or tool as losses. `place` says where all
/// of its kind stand, so that a hundred of them are one loss.
pub(crate) fn note(extras: &[Extra], place: &str, losses: &mut Losses) {
    for extra in extras.iter().filter(|extra| !extra.mirrored) {
        let field = format!("{place}.{}", extra.key.as_str());
        losses.note(field, "the upstream's dialect has no such field");
    }
}

/// As [`write`], without what is a part of another one, and has a path for its name.
pub(crate) fn write_whole(extras: &[Extra], w: &mut JsonWriter<'_>) {
    for extra in extras.iter().filter(|extra| !extra.key.contains('.')) {
        w.field_raw(&extra.key, extra.value.as_str());
    }
}

/// Writes fields back in the dialect that they came from.
pub(crate) fn write(extras: &[Extra], w: &mut JsonWriter<'_>) {
    for extra in extras {
        w.field_raw(&extra.key, extra.value.as_str());
    }
}
