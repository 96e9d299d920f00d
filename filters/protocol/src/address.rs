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

/// A name as one segment of a URL's path: what is not unreserved (RFC 3986, section 2.3) is
/// escaped, such as the colon in Bedrock's model ids, but for the `@` before a version on
/// Vertex.
pub fn path_segment(name: &str) -> String {
    let mut segment = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}
