//! What another dialect does not know: noted as a loss, or refused.

use crate::dialect::{Without, caller};
use crate::json::JsonWriter;
use crate::neutral::{Extra, Request, Tool};
use crate::problem::{Losses, Unsupported};

/// Stands in for JSON mode where a dialect has none.
pub(crate) const JSON_ONLY: &str =
    "Answer with one valid JSON object and nothing else: no words around it, no code fence.";

pub(crate) const STORED_FILE: &str =
    "Stored files belong to the provider that stores them; send the content instead.";

/// Accounts for the top-level fields that are not written in a foreign dialect.
pub(crate) fn settle(request: &Request, losses: &mut Losses) -> Result<(), Unsupported> {
    for extra in request.extras.iter().filter(|extra| !extra.mirrored) {
        match caller(request.dialect).without(extra) {
            Without::Loss(reason) => losses.note(extra.key.as_str(), reason),
            Without::Unsupported(message) => {
                return Err(Unsupported::new(extra.key.as_str(), message));
            }
        }
    }
    Ok(())
}

/// A tool of another dialect is never dropped silently: the model would be asked
/// to do without it.
pub(crate) fn refuse_foreign_tools(request: &Request) -> Result<(), Unsupported> {
    for (index, tool) in request.tools.iter().enumerate() {
        if let Tool::Foreign { kind, .. } = tool {
            let kind = kind.as_str();
            let message = format!("Tools of type '{kind}' are not available for this model.");
            return Err(Unsupported::new(format!("tools[{index}]"), message));
        }
    }
    Ok(())
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

/// Writes fields back in the dialect that they came from.
pub(crate) fn write(extras: &[Extra], w: &mut JsonWriter<'_>) {
    for extra in extras {
        w.field_raw(&extra.key, extra.value.as_str());
    }
}
