//! What the path says of a call, in dialects that do not say it in the body.

use crate::neutral::Request;
use crate::reply::Framing;
use crate::text::Text;

/// A call as its path and query describe it (Gemini: `/models/{model}:{method}`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addressed {
    /// The model that the caller asks for.
    pub model: String,
    pub stream: bool,
    /// How a stream is to be cut into pieces.
    pub framing: Framing,
}

// === impl Addressed ===

impl Addressed {
    /// Puts what the body could not say into the request that was read from it.
    pub fn complete(&self, request: &mut Request) {
        request.model = Text::from(self.model.as_str());
        request.stream = self.stream;
    }
}
