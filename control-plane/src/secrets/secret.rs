//! A string that does not end up in a log by accident.

use std::fmt;

use subtle::ConstantTimeEq;

/// A provider key, an admin key, a token. `Debug` and `Display` show `[redacted]`; whoever really
/// needs the text says [`Secret::expose`]. It has no `Serialize`.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Every use is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares in a time that depends on the lengths only.
    #[must_use]
    pub fn matches(&self, candidate: &str) -> bool {
        !self.0.is_empty() && bool::from(self.0.as_bytes().ct_eq(candidate.as_bytes()))
    }
}

/// Zeroed when dropped, so that it does not linger in freed memory.
impl Drop for Secret {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0).into_bytes();
        bytes.fill(0);
        std::hint::black_box(&mut bytes);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The last four characters, by which people tell their keys apart; nothing of a short secret,
/// of which four characters would be a good part.
#[must_use]
pub fn hint(secret: &str) -> String {
    const SHOWN: usize = 4;
    const LONG_ENOUGH: usize = 16;
    let count = secret.chars().count();
    if count < LONG_ENOUGH {
        return String::new();
    }
    secret.chars().skip(count - SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_print() {
        let secret = Secret::new("sk-canary");
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "[redacted] [redacted] Some([redacted])"
        );
    }

    #[test]
    fn only_the_same_text_matches() {
        let secret = Secret::new("abc");
        assert!(secret.matches("abc"));
        for other in ["", "ab", "abd", "abcd"] {
            assert!(!secret.matches(other), "{other}");
        }
        assert!(!Secret::default().matches(""));
    }

    #[test]
    fn a_hint_never_shows_much() {
        assert_eq!(hint("sk-proj-0123456789abcdef"), "cdef");
        assert_eq!(hint("short-key"), "");
        assert_eq!(hint(""), "");
    }
}
