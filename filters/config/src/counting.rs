//! What the control plane's tokenizer counts: its tables are too large for the filter.
//!
//! Two things come to it. A request for a count that no provider of the model takes is one unary
//! gRPC call ([`Call`], [`Counted`]). A call whose provider never told its usage brings what it was
//! made of with its usage event ([`Uncounted`]); that is counted before the event is priced, and
//! never kept.
//!
//! Bodies travel whole up to a limit. Above it their long runs without a break, which are base64 of
//! pictures above all, are shortened so that the other side can tell how long they were
//! ([`Shortened`]).

use std::borrow::Cow;

use memchr::{memchr3, memrchr3};
use prost::Message;

/// gRPC service and method of the calls.
pub const SERVICE: &str = "tollgate.counting.v1.Counting";
pub const METHOD: &str = "Count";

/// What a [`Call`] holds at most of a request, in bytes.
pub const CALL_BYTES_MAX: usize = 4 << 20;

/// What an [`Uncounted`] holds at most of a request, and as much of its answer, in bytes.
pub const TEXT_BYTES_MAX: usize = 256 << 10;

/// How many tokens has this request?
#[derive(Clone, PartialEq, Message)]
pub struct Call {
    /// The caller's dialect, such as `anthropic`.
    #[prost(string, tag = "1")]
    pub dialect: String,
    /// As its provider calls it, else as the caller does.
    #[prost(string, tag = "2")]
    pub model: String,
    #[prost(message, optional, tag = "3")]
    pub request: Option<Shortened>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Counted {
    #[prost(uint64, tag = "1")]
    pub tokens: u64,
}

/// What a call was made of whose provider did not tell all of its usage. The usage of its event is a
/// rough estimate; what is here replaces it.
#[derive(Clone, PartialEq, Message)]
pub struct Uncounted {
    /// The caller's body; absent when the input was told.
    #[prost(message, optional, tag = "1")]
    pub request: Option<Shortened>,
    /// The shape of the body in a call for vectors; empty for one in the event's dialect.
    #[prost(string, tag = "2")]
    pub shape: String,
    /// The whole answer as the caller got it, in the event's dialect.
    #[prost(message, optional, tag = "3")]
    pub answer: Option<Shortened>,
    /// The words of an answer that streamed, as far as it came.
    #[prost(string, tag = "4")]
    pub said: String,
    /// How many bytes `said` would have without its limit.
    #[prost(uint64, tag = "5")]
    pub said_bytes: u64,
    /// Output that the provider told before the answer was cut; it is no less than that.
    #[prost(uint64, tag = "6")]
    pub told_output_tokens: u64,
}

/// JSON whose long runs were shortened.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Shortened {
    #[prost(string, tag = "1")]
    pub text: String,
    /// In their order in `text`.
    #[prost(message, repeated, tag = "2")]
    pub cuts: Vec<Cut>,
}

/// [`PIECE_BYTES`] times `pieces` bytes are missing.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Cut {
    /// Where in the shortened text.
    #[prost(uint64, tag = "1")]
    pub at: u64,
    #[prost(uint64, tag = "2")]
    pub pieces: u64,
}

/// A whole number of base64's quartets, so that what is left is base64 still.
const PIECE_BYTES: usize = 1 << 10;

/// A shorter run is left alone.
const RUN_BYTES_MIN: usize = 4 * PIECE_BYTES;

/// Of a run this much stays at its beginning, where a `data:` URI says what it is, and a piece at its
/// end, where base64 is padded.
const KEPT_BYTES: usize = 2 * PIECE_BYTES;

// === impl Shortened ===

impl Shortened {
    /// `body`, JSON, in `max` bytes.
    ///
    /// # Errors
    /// How long it would be, when it cannot be that short.
    pub fn new(body: &str, max: usize) -> Result<Self, usize> {
        if body.len() <= max {
            let text = body.to_owned();
            let cuts = Vec::new();
            return Ok(Self { text, cuts });
        }
        let mut short = Self::default();
        let mut taken = 0;
        let mut length = body.len();
        for (at, pieces) in runs(body.as_bytes()) {
            length -= pieces * PIECE_BYTES;
            // Past the limit only the length is of interest.
            if short.text.len() + (at - taken) <= max {
                short.text.push_str(body.get(taken..at).unwrap_or_default());
                let at = u64::try_from(short.text.len()).unwrap_or(0);
                let pieces = u64::try_from(pieces).unwrap_or(0);
                short.cuts.push(Cut { at, pieces });
            }
            taken = at + pieces * PIECE_BYTES;
        }
        if length > max {
            return Err(length);
        }
        short.text.push_str(body.get(taken..).unwrap_or_default());
        Ok(short)
    }

    /// JSON of the old length and form: where something is missing, what stands before it is
    /// repeated. Nothing where that would be longer than `max`, or the cuts are none of ours.
    #[must_use]
    pub fn restored(&self, max: usize) -> Option<Cow<'_, str>> {
        if self.cuts.is_empty() {
            return (self.text.len() <= max).then_some(Cow::Borrowed(&self.text));
        }
        let mut whole = String::new();
        let mut taken = 0;
        for cut in &self.cuts {
            let at = usize::try_from(cut.at).ok()?;
            let pieces = usize::try_from(cut.pieces).ok()?;
            let missing = pieces.checked_mul(PIECE_BYTES)?;
            whole.push_str(self.text.get(taken..at)?);
            let room = max.checked_sub(whole.len())?;
            let piece = self.text.get(at.checked_sub(PIECE_BYTES)?..at)?;
            if missing > room {
                return None;
            }
            whole.push_str(&piece.repeat(pieces));
            taken = at;
        }
        whole.push_str(self.text.get(taken..)?);
        (whole.len() <= max).then_some(Cow::Owned(whole))
    }
}

/// Where the long runs may be cut, and by how many pieces each.
fn runs(body: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut begin = 0;
    std::iter::from_fn(move || {
        loop {
            // From the back: in prose that takes few looks for the whole window.
            let window = body.get(begin..begin + RUN_BYTES_MIN)?;
            if let Some(at) = memrchr3(b'"', b'\\', b' ', window) {
                begin += at + 1;
                continue;
            }
            let rest = body.get(begin..)?;
            let length = memchr3(b'"', b'\\', b' ', rest).unwrap_or(rest.len());
            let (from, run) = (begin, rest.get(..length)?);
            begin += length + 1;
            if run.is_ascii() {
                let pieces = (length - KEPT_BYTES) / PIECE_BYTES - 1;
                return Some((from + KEPT_BYTES, pieces));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(length: usize) -> String {
        let data: String = (0..length)
            .map(|at| char::from(b'A' + u8::try_from(at % 26).unwrap()))
            .collect();
        format!(r#"{{"text":"what is this?","url":"data:image/png;base64,{data}","n":1}}"#)
    }

    #[test]
    fn what_is_short_stays_as_it_is() {
        let body = picture(50_000);
        let short = Shortened::new(&body, body.len()).unwrap();
        assert_eq!((short.text.as_str(), short.cuts.len()), (body.as_str(), 0));
        assert_eq!(short.restored(body.len()).unwrap(), body);
        assert_eq!(short.restored(body.len() - 1), None);
    }

    #[test]
    fn pictures_are_shortened_and_restored_to_their_length() {
        for length in [5_000, 50_000, 50_001, 50_002, 50_003, 1_000_000] {
            let body = format!("[{},{}]", picture(length), picture(2 * length));
            let short = Shortened::new(&body, 12_000).unwrap();
            assert!(short.text.len() <= 12_000, "{}", short.text.len());
            assert_eq!(short.cuts.len(), 2);
            let restored = short.restored(body.len()).unwrap();
            assert_eq!(restored.len(), body.len());
            // All but what was cut is there, and what was cut is of the same letters.
            for (kept, was) in [
                (restored.get(..2_000), body.get(..2_000)),
                (
                    restored.get(restored.len() - 900..),
                    body.get(body.len() - 900..),
                ),
            ] {
                assert_eq!(kept, was);
            }
            let colons = |text: &str| text.matches([':', ';', '"']).count();
            assert_eq!(colons(&restored), colons(&body));
            assert_eq!(short.restored(body.len() - 1), None);
        }
    }

    #[test]
    fn text_is_never_shortened() {
        let prose = r#"{"a":"some words and \"quotes\" "#.repeat(1_000);
        assert_eq!(Shortened::new(&prose, 1_000), Err(prose.len()));
        let japanese = "日本語".repeat(5_000);
        assert_eq!(Shortened::new(&japanese, 1_000), Err(japanese.len()));
        // What cannot be cut enough says how long it would be.
        let both = format!("{prose}{}", picture(100_000));
        let length = Shortened::new(&both, 1_000).unwrap_err();
        assert!((prose.len()..prose.len() + 5_000).contains(&length));
    }

    #[test]
    fn cuts_that_are_none_of_ours_are_refused() {
        let text = "x".repeat(3_000);
        for (at, pieces) in [
            (0, 1),
            (1_023, 1),
            (3_001, 1),
            (2_000, u64::MAX),
            (u64::MAX, 1),
        ] {
            let cuts = vec![Cut { at, pieces }];
            let text = text.clone();
            assert_eq!(Shortened { text, cuts }.restored(1 << 20), None, "{at}");
        }
        let cuts = vec![
            Cut {
                at: 2_000,
                pieces: 1,
            },
            Cut {
                at: 1_500,
                pieces: 1,
            },
        ];
        assert_eq!(Shortened { text, cuts }.restored(1 << 20), None);
    }
}
