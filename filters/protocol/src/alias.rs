//! Names and ids that an upstream would reject, made acceptable.
//!
//! The replacement depends on the original alone, so it is the same in the tool
//! list, the tool choice, the history and every later turn, and prompt caches
//! stay warm.

use std::borrow::Cow;
use std::sync::Arc;

/// Tool names that were changed for an upstream, to be changed back in its answer.
/// Empty for nearly every request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases(Option<Arc<Vec<Alias>>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Alias {
    sent: String,
    original: String,
}

/// What an upstream accepts as a name or an id: `[A-Za-z0-9_-]{1,max_chars}`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charset {
    pub(crate) max_chars: usize,
}

// === impl Aliases ===

impl Aliases {
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The caller's own name of the tool that the upstream calls `sent`.
    pub fn original<'a>(&'a self, sent: &'a str) -> &'a str {
        let pairs = self.0.as_deref().map(Vec::as_slice).unwrap_or_default();
        pairs
            .iter()
            .find(|alias| alias.sent == sent)
            .map_or(sent, |alias| &alias.original)
    }

    pub(crate) fn collect<'a>(names: impl Iterator<Item = &'a str>, charset: Charset) -> Self {
        let mut pairs: Vec<Alias> = Vec::new();
        for original in names {
            if let Cow::Owned(sent) = charset.fit(original)
                && !pairs.iter().any(|alias| alias.original == original)
            {
                let original = original.to_owned();
                pairs.push(Alias { sent, original });
            }
        }
        Self((!pairs.is_empty()).then(|| Arc::new(pairs)))
    }
}

// === impl Charset ===

impl Charset {
    /// `name` itself where it is acceptable, else a readable stand-in that ends in
    /// a hash of the original.
    pub(crate) fn fit<'a>(self, name: &'a str) -> Cow<'a, str> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if !name.is_empty() && name.len() <= self.max_chars && name.bytes().all(plain) {
            return Cow::Borrowed(name);
        }
        const HASH_CHARS: usize = 17;
        let mut fitted: String = name
            .chars()
            .take(self.max_chars.saturating_sub(HASH_CHARS))
            .map(|char| {
                u8::try_from(char)
                    .ok()
                    .filter(|byte| plain(*byte))
                    .map_or('_', char::from)
            })
            .collect();
        fitted.push_str(&format!("_{:016x}", fnv1a(name.as_bytes())));
        Cow::Owned(fitted)
    }
}

/// FNV-1a, 64 bits (draft-eastlake-fnv, section 5).
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
