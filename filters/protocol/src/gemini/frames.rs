//! The pieces of a stream: server-sent events, or elements of one JSON array.
//!
//! ```text
//! events = *( "data: " chunk lf lf )
//! array  = "[" chunk *( "," lf chunk ) "]"
//! ```

use crate::reply::Framing;

/// Puts chunks into their frames.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Frames {
    framing: Framing,
    begun: bool,
    ended: bool,
}

// === impl Frames ===

impl Frames {
    pub(crate) fn new(framing: Framing) -> Self {
        Self {
            framing,
            begun: false,
            ended: false,
        }
    }

    pub(crate) fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        match self.framing {
            Framing::Events => {
                out.extend_from_slice(b"data: ");
                out.extend_from_slice(chunk);
                out.extend_from_slice(b"\n\n");
            }
            Framing::Array => {
                let before: &[u8] = match std::mem::replace(&mut self.begun, true) {
                    true => b",\n",
                    false => b"[",
                };
                out.extend_from_slice(before);
                out.extend_from_slice(chunk);
            }
        }
    }

    /// White space between elements or events. Not a comment: Google's Python SDK takes every line
    /// that is neither empty nor data for JSON.
    pub(crate) fn keep_alive(&self, out: &mut Vec<u8>) {
        match self.framing {
            Framing::Events => out.push(b'\n'),
            Framing::Array if self.begun => out.push(b'\n'),
            Framing::Array => {}
        }
    }

    /// The last formality of a stream that has begun, whether it succeeded or not.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) {
        let open = self.begun && !std::mem::replace(&mut self.ended, true);
        if self.framing == Framing::Array && open {
            out.push(b']');
        }
    }
}
