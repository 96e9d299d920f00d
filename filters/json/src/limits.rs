//! What a JSON text may cost, and what is said of one that costs more.

/// The deepest nesting that any [`Limits`] can allow.
pub const MAX_DEPTH: u32 = 128;

/// What a JSON text may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the whole text.
    pub max_bytes: usize,
    /// Containers inside each other; never more than [`MAX_DEPTH`].
    pub max_depth: u32,
    /// Characters of one number.
    pub max_number_chars: usize,
    /// Whether `\ud800` without its other half may pass. Requests must not carry
    /// one; providers cut their deltas anywhere, so answers may.
    pub lone_surrogates: bool,
}

impl Limits {
    /// For what callers send: strict, at most `max_bytes` long.
    pub const fn request(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            max_depth: MAX_DEPTH,
            max_number_chars: 1_000,
            lone_surrogates: false,
        }
    }

    /// For what providers send.
    pub const fn response() -> Self {
        Self {
            max_bytes: usize::MAX,
            max_depth: MAX_DEPTH,
            max_number_chars: 1_000,
            lone_surrogates: true,
        }
    }
}

/// Where and why a text is not acceptable JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidJson {
    /// Byte offset of the fault.
    pub at: usize,
    /// Follows "the text" in a sentence: "holds a control character …".
    pub reason: &'static str,
}
