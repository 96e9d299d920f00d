//! Texts into tokens, by the vocabulary of the model.

use bpe_openai::{cl100k_base, o200k_base};

use super::TEXT_BYTES_MAX;

/// Of text that is not counted: English and code have about so many.
const BYTES_PER_TOKEN: u64 = 4;

/// OpenAI's vocabularies.
/// <https://github.com/openai/tiktoken/blob/main/tiktoken/model.py>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Models before GPT-4o.
    Cl100k,
    /// Those since. Claude's and Gemini's are not published, and nearer to this one.
    O200k,
}

/// The families that use the older one; what follows a name there begins with one of `-`, `:`, `@`.
const CL100K: [&str; 9] = [
    "gpt-4",
    "gpt-3.5",
    "gpt-3.5-turbo",
    "gpt-35-turbo",
    "text-embedding-ada-002",
    "text-embedding-3-small",
    "text-embedding-3-large",
    "davinci-002",
    "babbage-002",
];

/// A sum of tokens.
#[derive(Debug)]
pub(super) struct Counter {
    pub(super) encoding: Encoding,
    tokens: u64,
    /// Bytes of text that may still be counted.
    left: usize,
}

// === impl Encoding ===

impl Encoding {
    pub(super) fn of(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        let name = name.strip_prefix("ft:").unwrap_or(name);
        let is_of = |family: &&str| {
            name.strip_prefix(*family)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', ':', '@']))
        };
        match CL100K.iter().any(is_of) {
            true => Self::Cl100k,
            false => Self::O200k,
        }
    }

    fn count(self, text: &str) -> u64 {
        let tokens = match self {
            Self::Cl100k => cl100k_base().count(text),
            Self::O200k => o200k_base().count(text),
        };
        u64::try_from(tokens).unwrap_or(u64::MAX)
    }
}

// === impl Counter ===

impl Counter {
    pub(super) fn new(model: &str) -> Self {
        Self {
            encoding: Encoding::of(model),
            tokens: 0,
            left: TEXT_BYTES_MAX,
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        let tokens = match self.left.checked_sub(text.len()) {
            Some(left) => {
                self.left = left;
                self.encoding.count(text)
            }
            None => {
                let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
                bytes.div_ceil(BYTES_PER_TOKEN)
            }
        };
        self.tokens(tokens);
    }

    pub(super) fn tokens(&mut self, tokens: u64) {
        self.tokens = self.tokens.saturating_add(tokens);
    }

    /// What a format saves.
    pub(super) fn saved(&mut self, tokens: u64) {
        self.tokens = self.tokens.saturating_sub(tokens);
    }

    pub(super) fn sum(&self) -> u64 {
        self.tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_have_vocabularies() {
        for (model, encoding) in [
            ("gpt-4", Encoding::Cl100k),
            ("gpt-4-0613", Encoding::Cl100k),
            ("gpt-4-turbo-2024-04-09", Encoding::Cl100k),
            ("openai/gpt-3.5-turbo", Encoding::Cl100k),
            ("ft:gpt-3.5-turbo:us::id", Encoding::Cl100k),
            ("gpt-35-turbo-16k", Encoding::Cl100k),
            ("text-embedding-3-small", Encoding::Cl100k),
            ("gpt-4o", Encoding::O200k),
            ("gpt-4o-mini", Encoding::O200k),
            ("gpt-4.1-nano", Encoding::O200k),
            ("gpt-4.5-preview", Encoding::O200k),
            ("gpt-5", Encoding::O200k),
            ("o3-mini", Encoding::O200k),
            ("claude-sonnet-4-5", Encoding::O200k),
            ("gemini-2.5-pro", Encoding::O200k),
            ("", Encoding::O200k),
        ] {
            assert_eq!(Encoding::of(model), encoding, "{model}");
        }
    }

    /// As `tiktoken` 0.9 has them.
    #[test]
    fn known_counts_of_known_strings() {
        for (text, cl100k, o200k) in [
            ("", 0, 0),
            ("hello", 1, 1),
            ("hello world", 2, 2),
            ("tiktoken is great!", 6, 6),
            ("antidisestablishmentarianism", 6, 6),
            ("2 + 2 = 4", 7, 7),
            ("お誕生日おめでとう", 9, 8),
            ("<|endoftext|>", 7, 7),
        ] {
            let counts = [Encoding::Cl100k, Encoding::O200k].map(|encoding| encoding.count(text));
            assert_eq!(counts, [cl100k, o200k], "{text:?}");
        }
    }

    #[test]
    fn past_the_limit_four_bytes_are_a_token() {
        let mut counter = Counter::new("m");
        counter.text(&"x ".repeat(TEXT_BYTES_MAX / 2 + 1));
        assert_eq!(counter.sum(), TEXT_BYTES_MAX as u64 / 4 + 1);
        counter.text("hello");
        assert_eq!(counter.sum(), TEXT_BYTES_MAX as u64 / 4 + 2);
    }

    /// Were one of them not linear, this would not end.
    #[test]
    fn hostile_texts_are_counted_all_the_same() {
        for unit in [
            "a", "A", " ", "\n", " \n", "é", "1", "'", "\u{300}", "a\u{300}", "🎉",
        ] {
            let text = unit.repeat((200 << 10) / unit.len());
            let tokens = Encoding::O200k.count(&text);
            assert!(tokens > 0 && tokens <= text.len() as u64, "{unit:?}");
        }
    }
}
