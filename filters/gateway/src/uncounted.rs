//! What a call is counted from when its upstream never tells its usage: kept while the call runs,
//! because nobody knows before its end whether it is told, and sent to the control plane with the
//! usage event only if it was not.
//!
//! Memory: [`TEXT_BYTES_MAX`] of the request and as much of the answer, from what the requests of a
//! worker may hold; where that is scarce, the estimate from the lengths has to do.

use tollgate_config::counting::{Shortened, TEXT_BYTES_MAX, Uncounted};
use tollgate_protocol::neutral::Usage;

use crate::memory::Hold;

/// What there is to count.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    request: Option<Shortened>,
    /// The shape of a call for vectors.
    shape: &'static str,
    answer: Option<Shortened>,
    said: String,
    said_bytes: u64,
    /// The memory of all this.
    hold: Option<Hold>,
}

/// What the upstream did not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) input: bool,
    pub(crate) output: bool,
}

impl Missing {
    /// Of a whole answer. There is no prompt without a token, but there are providers that say so.
    pub(crate) fn of(told: &Usage) -> Self {
        let input = told.input_tokens.unwrap_or(0) == 0;
        Self {
            input,
            output: match told.output_tokens {
                None => true,
                Some(tokens) => input && tokens == 0,
            },
        }
    }
}

impl Evidence {
    /// Keeps the request, and says how long it is when pictures and the like do not count.
    pub(crate) fn requested(&mut self, body: &str, shape: &'static str) -> usize {
        match Shortened::new(body, TEXT_BYTES_MAX) {
            Ok(short) => {
                let length = short.text.len();
                self.shape = shape;
                self.hold = Hold::spare(length);
                self.request = self.hold.is_some().then_some(short);
                length
            }
            Err(length) => length,
        }
    }

    /// Keeps a whole answer, if it is needed.
    pub(crate) fn answered(&mut self, told: &Usage, body: &[u8]) {
        if Missing::of(told).output
            && let Ok(body) = std::str::from_utf8(body)
            && let Ok(short) = Shortened::new(body, TEXT_BYTES_MAX)
            && self.holds(short.text.len())
        {
            self.answer = Some(short);
        }
    }

    /// Keeps the next words of an answer that streams.
    pub(crate) fn said(&mut self, words: &str) {
        self.said_bytes += u64::try_from(words.len()).unwrap_or(0);
        let fits = self.said.len() + words.len() <= TEXT_BYTES_MAX;
        // What is kept is the beginning: nothing follows a gap.
        let is_gapless = u64::try_from(self.said.len() + words.len()) == Ok(self.said_bytes);
        if fits && is_gapless && self.holds(words.len()) {
            self.said.push_str(words);
        }
    }

    /// For the control plane; nothing where there is nothing to count from.
    pub(crate) fn uncounted(self, missing: Missing, told: &Usage) -> Option<Uncounted> {
        let said = Some(self.said).filter(|_| missing.output);
        let uncounted = Uncounted {
            request: self.request.filter(|_| missing.input),
            shape: self.shape.to_owned(),
            answer: self.answer.filter(|_| missing.output),
            said_bytes: said.as_ref().map_or(0, |_| self.said_bytes),
            said: said.unwrap_or_default(),
            told_output_tokens: told.output_tokens.unwrap_or(0),
        };
        let is_empty =
            uncounted.request.is_none() && uncounted.answer.is_none() && uncounted.said.is_empty();
        (!is_empty).then_some(uncounted)
    }

    fn holds(&mut self, more: usize) -> bool {
        match &mut self.hold {
            Some(hold) => hold.grow(more),
            none => {
                *none = Hold::spare(more);
                none.is_some()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Missing = Missing {
        input: true,
        output: true,
    };

    fn told(input: Option<u64>, output: Option<u64>) -> Usage {
        Usage {
            input_tokens: input,
            output_tokens: output,
            ..Usage::default()
        }
    }

    #[test]
    fn what_was_not_told() {
        for (input, output, missing) in [
            (None, None, (true, true)),
            (Some(3), Some(2), (false, false)),
            (Some(3), Some(0), (false, false)),
            (Some(3), None, (false, true)),
            (None, Some(2), (true, false)),
            (Some(0), Some(0), (true, true)),
            (Some(0), Some(2), (true, false)),
        ] {
            let (input, output) = {
                let of = Missing::of(&told(input, output));
                (of.input, of.output)
            };
            assert_eq!((input, output), missing);
        }
    }

    #[test]
    fn only_what_is_missing_is_sent() {
        let evidence = || {
            let mut evidence = Evidence::default();
            assert_eq!(evidence.requested("{}", ""), 2);
            evidence.said("a word");
            evidence.said(" more");
            evidence
        };
        let none = told(None, Some(9));
        let all = evidence().uncounted(ALL, &none).unwrap();
        assert_eq!(all.request.unwrap().text, "{}");
        assert_eq!((all.said.as_str(), all.said_bytes), ("a word more", 11));
        assert_eq!(all.told_output_tokens, 9);
        let input = Missing {
            output: false,
            ..ALL
        };
        let sent = evidence().uncounted(input, &none).unwrap();
        assert_eq!((sent.said.as_str(), sent.said_bytes), ("", 0));
        assert_eq!(evidence().uncounted(Missing::default(), &none), None);
    }

    #[test]
    fn an_answer_is_kept_only_where_nobody_counted_it() {
        for (told, kept) in [(told(Some(1), Some(1)), false), (told(None, None), true)] {
            let mut evidence = Evidence::default();
            evidence.answered(&told, b"{}");
            assert_eq!(evidence.answer.is_some(), kept);
        }
    }

    #[test]
    fn memory_is_bounded_and_given_back() {
        let mut evidence = Evidence::default();
        for _ in 0..1_000 {
            evidence.said(&"x".repeat(1_000));
        }
        assert!((TEXT_BYTES_MAX - 1_000..=TEXT_BYTES_MAX).contains(&evidence.said.len()));
        // After the first that did not fit, a shorter one must not either.
        evidence.said("y");
        assert!(!evidence.said.contains('y'));
        assert_eq!(evidence.said_bytes, 1_000_001);
        let text = "words and words ".repeat(TEXT_BYTES_MAX / 8);
        assert_eq!(evidence.requested(&text, ""), text.len());
        assert!(evidence.request.is_none());

        // Where memory is scarce, it is the requests'.
        drop(evidence);
        let most = Hold::take(300 << 20).unwrap();
        let mut evidence = Evidence::default();
        assert_eq!(evidence.requested("{}", ""), 2);
        evidence.said("a word");
        assert_eq!(evidence.uncounted(ALL, &told(None, None)), None);
        drop(most);
        assert!(Hold::take(512 << 20).is_some(), "all memory was given back");
    }
}
