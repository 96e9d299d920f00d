//! What the model endpoints list.

/// One model as callers see it.
#[derive(Clone, Copy, Debug)]
pub struct ModelEntry<'a> {
    /// The name that callers use.
    pub id: &'a str,
    /// Seconds since 1970-01-01 UTC.
    pub created_unix_s: u64,
    pub owned_by: &'a str,
}
