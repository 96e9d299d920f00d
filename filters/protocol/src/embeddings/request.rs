//! A request for vectors, in neutral form.

use crate::embeddings::names::Names;
use crate::embeddings::{Purpose, Reply, Shape};
use crate::problem::{InvalidRequest, Loss, Losses, Unsupported};
use crate::text::{Raw, Text};

/// What OpenAI takes in one call, and more than anybody else does.
pub(super) const INPUTS_MAX: usize = 2_048;

/// A request in neutral form. Large texts stay ranges of the body that it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The shape that it was read from.
    pub shape: Shape,
    /// One vector is wanted for each.
    pub inputs: Vec<Input>,
    /// How many numbers a vector shall have.
    pub dimensions: Option<u64>,
    pub formats: Formats,
    pub purpose: Option<Purpose>,
    /// What becomes of texts that are too long for the model.
    pub truncate: Option<Truncate>,
    /// Whether vectors shall have the length 1.
    pub normalize: Option<bool>,
    /// The end user's id as the caller names it.
    pub user: Option<Text>,
    /// What only the caller's own shape can say, and others do without.
    pub losses: Vec<Loss>,
    /// What only the caller's own shape can say, and others must not leave out.
    pub refused: Option<Unsupported>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    Text(Text),
    /// A JSON array of token ids, which mean something to one provider only.
    Tokens(Raw),
}

/// The formats in which the caller wants its vectors; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Formats {
    /// JSON arrays of numbers.
    pub numbers: bool,
    /// Base64 of 32-bit floats, little endian.
    pub base64: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncate {
    /// Such a text is an error.
    Never,
    /// Its beginning is cut off.
    Start,
    /// Its end is cut off.
    End,
}

// === impl Request ===

impl Request {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            shape,
            inputs: Vec::new(),
            dimensions: None,
            formats: Formats::NUMBERS,
            purpose: None,
            truncate: None,
            normalize: None,
            user: None,
            losses: Vec::new(),
            refused: None,
        }
    }

    /// What the answer to it must be like.
    pub fn reply(&self, model: impl Into<String>, id: impl Into<String>) -> Reply {
        Reply {
            model: model.into(),
            id: id.into(),
            formats: self.formats,
            inputs: self.inputs.len(),
            dimensions: self.dimensions,
        }
    }

    /// All its text, in bytes, escapes included.
    pub fn text_bytes(&self) -> usize {
        let bytes = |input: &Input| match input {
            Input::Text(text) => text.most_bytes(),
            Input::Tokens(_) => 0,
        };
        self.inputs.iter().map(bytes).sum()
    }

    pub(super) fn names(&self) -> &'static Names {
        self.shape.form().names()
    }

    /// Adds one input, if it is not one too many.
    pub(super) fn push(&mut self, input: Input) -> Result<(), InvalidRequest> {
        if self.inputs.len() >= INPUTS_MAX {
            let message = format!("At most {INPUTS_MAX} texts can be embedded in one call.");
            return Err(InvalidRequest::new(self.names().inputs, message));
        }
        self.inputs.push(input);
        Ok(())
    }

    /// Notes a field that no other shape has and that they may do without.
    pub(super) fn lose(&mut self, field: impl Into<String>, reason: &'static str) {
        self.losses.push(Loss::new(field, reason));
    }

    /// Notes a field that no other shape has and that they must not leave out.
    pub(super) fn refuse(&mut self, field: impl Into<String>, message: &'static str) {
        let refused = || Unsupported::new(field, message);
        self.refused.get_or_insert_with(refused);
    }

    /// The texts, for an upstream that takes nothing else, and no more than `at_most`.
    pub(super) fn texts(&self, at_most: usize) -> Result<Vec<&Text>, Unsupported> {
        let field = self.names().inputs;
        if self.inputs.len() > at_most {
            let message = format!("This model embeds at most {at_most} text(s) in one call.");
            return Err(Unsupported::new(field, message));
        }
        let texts = self.inputs.iter().map(|input| match input {
            Input::Text(text) => Ok(text),
            Input::Tokens(_) => {
                let message = "This model takes texts, not token ids.";
                Err(Unsupported::new(field, message))
            }
        });
        texts.collect()
    }

    /// For an upstream that does with long texts as it sees fit, which is to refuse
    /// them.
    pub(super) fn lose_truncate(&self, losses: &mut Losses) {
        if matches!(self.truncate, Some(Truncate::Start | Truncate::End)) {
            let reason = "the upstream refuses texts that are too long";
            losses.note(self.names().truncate, reason);
        }
    }

    pub(super) fn lose_normalize(&self, losses: &mut Losses) {
        if self.normalize.is_some() {
            let reason = "the upstream decides on the length of vectors itself";
            losses.note(self.names().normalize, reason);
        }
    }

    pub(super) fn lose_purpose(&self, losses: &mut Losses) {
        if self.purpose.is_some() {
            let reason = "the upstream gives one kind of vector for all purposes";
            losses.note(self.names().purpose, reason);
        }
    }

    pub(super) fn lose_user(&self, losses: &mut Losses) {
        if self.user.is_some() {
            losses.note("user", "the upstream does not want to know");
        }
    }
}

// === impl Formats ===

impl Formats {
    pub const NUMBERS: Self = Self {
        numbers: true,
        base64: false,
    };
    pub const BASE64: Self = Self {
        numbers: false,
        base64: true,
    };

    /// Whether base64 alone serves, which then need not be converted.
    pub(super) fn only_base64(self) -> bool {
        self.base64 && !self.numbers
    }
}
