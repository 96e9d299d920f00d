//! Rules for texts that several resources have in common.

use super::ApiError;

pub(super) const MAX_GROUP: usize = 64;
pub(super) const MAX_TOKEN_NAME: usize = 32;
pub(super) const MAX_CHANNEL_NAME: usize = 64;
pub(super) const MAX_SET: usize = 64;
pub(super) const MAX_MODEL: usize = 256;
pub(super) const MAX_OWNER: usize = 32;
/// Entries of a list of models, sets or subnets.
pub(super) const MAX_NAMES: usize = 2000;

/// One line, perhaps empty, of at most `max` bytes.
pub(super) fn line(field: &str, text: &str, max: usize) -> Result<(), ApiError> {
    if text.len() > max {
        return Err(ApiError::field(
            field,
            format!("must not be longer than {max} bytes"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(ApiError::field(
            field,
            "must not contain control characters",
        ));
    }
    Ok(())
}

/// A line that names something, and can stand in a path.
pub(super) fn name(field: &str, text: &str, max: usize) -> Result<(), ApiError> {
    line(field, text, max)?;
    if text.trim() != text || text.is_empty() {
        let rule = "must not be empty, nor begin or end with a space";
        return Err(ApiError::field(field, rule));
    }
    // Proxies on the way resolve them.
    if text.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(ApiError::field(
            field,
            "must not contain . or .. as a path segment",
        ));
    }
    Ok(())
}
