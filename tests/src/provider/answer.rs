//! What a provider says when all is well.

use std::ops::AddAssign;
use std::time::Duration;

use serde_json::Value;

/// One answer, in no dialect yet.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) text: String,
    /// Text and, where the dialect has one, its signature.
    pub(super) thinking: Option<(String, String)>,
    /// Asked for until the request holds tool results; then the text is the answer.
    pub(super) tools: Vec<Tool>,
    pub(super) usage: Told,
    /// How many pieces the text (and the arguments of each tool) comes in when streamed.
    pub(super) chunks: usize,
    /// Before the first byte of the answer.
    pub(super) first_byte_delay: Duration,
    /// Before each further piece of a stream.
    pub(super) delay: Duration,
    /// Overrides the dialect's own name of a natural end.
    pub(super) stop_reason: Option<&'static str>,
    pub(super) headers: Vec<(String, String)>,
    /// Instead of all this, whatever is asked.
    pub(super) verbatim: Option<Box<Value>>,
    /// Usage is never told (only OpenAI's dialect allows that).
    pub(super) is_silent: bool,
}

#[derive(Debug, Clone)]
pub struct Tool {
    pub id: String,
    pub name: String,
    pub arguments: Value,
}

/// Token counts as a provider tells them. `input` is net: what was neither read from nor written
/// to a cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Usage figures that were told.
    pub answers: u64,
    pub input: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub output: u64,
    /// Part of `output`.
    pub reasoning: u64,
}

impl Answer {
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self {
            text: text.into(),
            thinking: None,
            tools: Vec::new(),
            usage: Told {
                input: 11,
                output: 7,
                ..Told::default()
            },
            chunks: 3,
            first_byte_delay: Duration::ZERO,
            delay: Duration::ZERO,
            stop_reason: None,
            headers: Vec::new(),
            verbatim: None,
            is_silent: false,
        }
    }

    /// This JSON as it is, for what is no model call.
    #[must_use]
    pub fn verbatim(json: Value) -> Self {
        Self {
            verbatim: Some(Box::new(json)),
            ..Self::text("")
        }
    }

    /// Without ever telling the usage.
    #[must_use]
    pub fn silent(mut self) -> Self {
        self.is_silent = true;
        self.usage = Told::default();
        self
    }

    #[must_use]
    pub fn thinking(mut self, text: &str, signature: &str) -> Self {
        self.thinking = Some((text.into(), signature.into()));
        self
    }

    #[must_use]
    pub fn tool(mut self, id: &str, name: &str, arguments: Value) -> Self {
        self.tools.push(Tool {
            id: id.into(),
            name: name.into(),
            arguments,
        });
        self
    }

    #[must_use]
    pub fn usage(mut self, usage: Told) -> Self {
        self.usage = usage;
        self
    }

    #[must_use]
    pub fn chunks(mut self, chunks: usize) -> Self {
        self.chunks = chunks;
        self
    }

    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    #[must_use]
    pub fn first_byte_after(mut self, delay: Duration) -> Self {
        self.first_byte_delay = delay;
        self
    }

    /// The dialect's own word, such as `length` or `max_tokens`.
    #[must_use]
    pub fn stops_for(mut self, reason: &'static str) -> Self {
        self.stop_reason = Some(reason);
        self
    }

    /// A response header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

impl Told {
    #[must_use]
    pub fn gross_input(&self) -> u64 {
        self.input + self.cache_read + self.cache_write
    }
}

impl AddAssign for Told {
    fn add_assign(&mut self, other: Self) {
        self.answers += other.answers;
        self.input += other.input;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.output += other.output;
        self.reasoning += other.reasoning;
    }
}

/// Cuts a text into `n` pieces at character boundaries; fewer when it has fewer characters.
pub(super) fn pieces(text: &str, n: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let size = characters.len().div_ceil(n.max(1)).max(1);
    characters
        .chunks(size)
        .map(|piece| piece.iter().collect())
        .collect()
}
