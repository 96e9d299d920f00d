//! The answer: vectors and what they cost.

use crate::embeddings::{Formats, Vector};
use crate::error::ErrorInfo;
use crate::neutral::Usage;

/// An answer in neutral form.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// One for each input, in its order.
    pub vectors: Vec<Vector>,
    pub input_tokens: Option<u64>,
}

/// What the gateway, not the upstream, decides about an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The model name that the caller asked for.
    pub model: String,
    /// Unique per request, `[A-Za-z0-9_-]`.
    pub id: String,
    pub formats: Formats,
    /// How many vectors there must be.
    pub inputs: usize,
    /// How many numbers each must have, where the caller said so.
    pub dimensions: Option<u64>,
}

/// An answer that is passed on in its own shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Passed {
    pub usage: Usage,
    /// The bytes for the caller, unless they are the upstream's own.
    pub edited: Option<Vec<u8>>,
}

pub(super) fn usage(input_tokens: Option<u64>) -> Usage {
    Usage {
        input_tokens,
        ..Usage::default()
    }
}

// === impl Response ===

impl Response {
    pub fn usage(&self) -> Usage {
        usage(self.input_tokens)
    }
}

// === impl Reply ===

impl Reply {
    /// A vector too few would give texts the vectors of other texts, and one of another
    /// size would not fit into the caller's index: neither may pass for an answer.
    pub(super) fn check(&self, vectors: &[Vector]) -> Result<(), ErrorInfo> {
        if vectors.len() != self.inputs {
            return Err(ErrorInfo::upstream(
                "The upstream gave another number of vectors than there were texts.",
            ));
        }
        let Some(wanted) = self.dimensions else {
            return Ok(());
        };
        let fits = |vector: &Vector| vector.dimensions() == usize::try_from(wanted).ok();
        if vectors.iter().all(fits) {
            return Ok(());
        }
        Err(ErrorInfo::upstream(
            "The upstream gave vectors of another size than was asked for.",
        ))
    }
}
