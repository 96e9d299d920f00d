//! The ways in which a provider breaks.

/// What goes wrong with a call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This status with an error as the vendor writes it.
    Status(u16),
    /// This status with exactly these words as the error's message, and further headers.
    Says(u16, String, Vec<(String, String)>),
    /// The connection is reset before any answer.
    Reset,
    /// The connection is closed before any answer.
    Close,
    /// 200 with a page in HTML.
    Html,
    /// 200 with nothing.
    Empty,
    /// 200 with the first half of an answer, properly framed.
    HalfJson,
    /// 200 with an error as the JSON body.
    ErrorInJson,
    /// 200 whose first event is an error.
    ErrorInStream,
    /// Bytes that are no HTTP.
    Garbage,
    /// A stream that begins well and has bytes in it that are neither UTF-8 nor JSON.
    GarbageInStream,
    /// A stream that stops after so many pieces.
    Cut(usize, Cut),
    /// A stream with an error event after so many pieces.
    ErrorAfter(usize),
}

/// How a stream stops that should go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The body's framing ends as it should: only its content is not complete.
    Clean,
    /// The connection is closed within a chunked body.
    Closed,
    /// The connection is reset.
    Reset,
}

impl Fault {
    /// How it looks to the caller's gateway: the status of the attempt, 0 when there is none.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Status(status) | Self::Says(status, ..) => *status,
            Self::Reset | Self::Close | Self::Garbage => 0,
            _ => 200,
        }
    }
}
