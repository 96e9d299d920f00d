//! What the shapes call the same things.

/// Fields of a request body by their meaning, so that what is said about a request is
/// said in its caller's words.
pub(crate) struct Names {
    pub(crate) inputs: &'static str,
    pub(crate) formats: &'static str,
    pub(crate) purpose: &'static str,
    pub(crate) truncate: &'static str,
    pub(crate) normalize: &'static str,
}
