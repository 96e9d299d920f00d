//! Fields that another dialect does not know: noted as losses, or refused.

use crate::dialect::{Without, codec};
use crate::json::JsonWriter;
use crate::neutral::{Extra, Request};
use crate::path::Path;
use crate::problem::{Losses, Unsupported};

/// Accounts for the top-level fields that are not written in a foreign dialect.
pub(crate) fn settle(request: &Request, losses: &mut Losses) -> Result<(), Unsupported> {
    for extra in request.extras.iter().filter(|extra| !extra.mirrored) {
        match codec(request.dialect).without(extra) {
            Without::Loss(reason) => losses.note(extra.key.as_str(), reason),
            Without::Unsupported(message) => {
                return Err(Unsupported::new(extra.key.as_str(), message));
            }
        }
    }
    Ok(())
}

/// Notes the fields of a message, block or tool as losses.
pub(crate) fn note(extras: &[Extra], at: &Path<'_>, losses: &mut Losses) {
    for extra in extras.iter().filter(|extra| !extra.mirrored) {
        losses.note(
            at.key(&extra.key).to_string(),
            "the upstream's dialect has no such field",
        );
    }
}

/// Writes fields back in the dialect that they came from; elsewhere nothing.
pub(crate) fn write(extras: &[Extra], same_dialect: bool, w: &mut JsonWriter<'_>) {
    for extra in extras.iter().filter(|_| same_dialect) {
        w.field_raw(&extra.key, extra.value.as_str());
    }
}
