//! The text out of `{"input": "text"}`, while it comes in fragments.
//!
//! ```text
//! Before ──{"input":"──► Inside ──"──► After
//!    └──anything else──► Plain
//! ```

use std::borrow::Cow;

use crate::json::{decode, hex4};

/// What is unwrapped so far. Models that were told to write JSON may write the text
/// itself, or JSON of their own: that goes on as it is, so that nothing is lost.
#[derive(Default)]
pub(super) struct Unwrap {
    state: State,
    /// What is not understood yet: the beginning of the object, or of an escape.
    held: String,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Before,
    Inside,
    After,
    Plain,
}

/// White space beyond this before the text is somebody's joke.
const MAX_HELD_BYTES: usize = 256;

// === impl Unwrap ===

impl Unwrap {
    pub(super) fn push<'a>(&mut self, fragment: &'a str) -> Cow<'a, str> {
        match self.state {
            State::Plain => return fragment.into(),
            State::After => return "".into(),
            State::Before | State::Inside => self.held.push_str(fragment),
        }
        if self.state == State::Before {
            match opening(&self.held) {
                Opening::Whole(length) => {
                    self.state = State::Inside;
                    self.held.drain(..length);
                }
                Opening::Empty => {
                    self.state = State::After;
                    return "".into();
                }
                Opening::Unfinished if self.held.len() <= MAX_HELD_BYTES => return "".into(),
                Opening::Unfinished | Opening::Another => {
                    self.state = State::Plain;
                    return std::mem::take(&mut self.held).into();
                }
            }
        }
        self.inside().into()
    }

    /// What was held back and will get no end.
    pub(super) fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        match std::mem::replace(&mut self.state, State::After) {
            State::Before if held.trim_start().starts_with('{') => String::new(),
            State::Before => held,
            _ => String::new(),
        }
    }

    fn inside(&mut self) -> String {
        let (length, ended) = decodable(self.held.as_bytes());
        let rest = self.held.split_off(length.min(self.held.len()));
        let text = decode(&self.held).into_owned();
        self.held = rest;
        if ended {
            self.held.clear();
            self.state = State::After;
        }
        text
    }
}

enum Opening {
    /// So many bytes before the text begins.
    Whole(usize),
    Unfinished,
    /// The object ends before it holds anything: a call without a text.
    Empty,
    Another,
}

/// Compares the beginning with `{"input":"`, white space between the tokens.
fn opening(text: &str) -> Opening {
    const KEY: &str = "\"input\"";
    const TOKENS: [&str; 4] = ["{", KEY, ":", "\""];
    let mut rest = text;
    for token in TOKENS {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        match rest.strip_prefix(token) {
            Some(after) => rest = after,
            None if token.starts_with(rest) => return Opening::Unfinished,
            None if token == KEY && rest.starts_with('}') => return Opening::Empty,
            None => return Opening::Another,
        }
    }
    Opening::Whole(text.len() - rest.len())
}

/// How much of the inside of a string can be decoded because no escape is cut, and
/// whether its closing quote stands there.
fn decodable(bytes: &[u8]) -> (usize, bool) {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(run) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) else {
            return (bytes.len(), false);
        };
        at += run;
        if rest.get(run) == Some(&b'"') {
            return (at, true);
        }
        match escape_length(bytes.get(at..).unwrap_or_default()) {
            Some(length) => at += length,
            None => return (at, false),
        }
    }
}

/// The length of the escape at the front, of both halves of a surrogate pair;
/// nothing where it is cut.
fn escape_length(bytes: &[u8]) -> Option<usize> {
    if bytes.get(1)? != &b'u' {
        return Some(2);
    }
    let unit = hex4(bytes.get(2..6)?);
    if !matches!(unit, Some(0xD800..=0xDBFF)) {
        return Some(6);
    }
    match (bytes.get(6), bytes.get(7)) {
        (None, _) | (Some(b'\\'), None) => None,
        (Some(b'\\'), Some(b'u')) => bytes.get(..12).map(|_| 12),
        _ => Some(6),
    }
}
