//! Tools that an upstream knows otherwise than the caller: under another name, as a
//! function instead of a custom tool, outside of their namespace.
//!
//! The replacement of a name depends on the original alone, so it is the same in the
//! tool list, the tool choice, the history and every later turn, and prompt caches
//! stay warm.

use std::borrow::Cow;
use std::sync::Arc;

use crate::neutral::{CallKind, Tool};

/// What was changed about tools for an upstream, to be changed back in its answer.
/// Empty for nearly every request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases(Option<Arc<Vec<Alias>>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Alias {
    sent: String,
    original: String,
    kind: CallKind,
    /// Its namespace and its name there.
    namespace: Option<(String, String)>,
}

/// What an upstream accepts as a name or an id: `[A-Za-z0-9_-]{1,max_chars}`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charset {
    pub(crate) max_chars: usize,
    /// The first character is none of `[0-9-]`.
    pub(crate) begins_with_letter: bool,
}

// === impl Aliases ===

impl Aliases {
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The caller's own name of the tool that the upstream calls `sent`.
    pub fn original<'a>(&'a self, sent: &'a str) -> &'a str {
        self.find(sent).map_or(sent, |alias| &alias.original)
    }

    /// What the caller's tool takes that the upstream calls `sent`.
    pub(crate) fn kind(&self, sent: &str) -> CallKind {
        self.find(sent).map_or(CallKind::Function, |tool| tool.kind)
    }

    /// Namespace and name, where the caller's tool with this (original) name has a
    /// namespace.
    pub(crate) fn namespace(&self, original: &str) -> Option<(&str, &str)> {
        let mut tools = self.tools().iter();
        let tool = tools.find(|tool| tool.original == original)?;
        let (namespace, name) = tool.namespace.as_ref()?;
        Some((namespace, name))
    }

    /// Of the tools of a request, for an upstream that accepts names of `charset`.
    pub(crate) fn of_tools(tools: &[Tool], charset: Charset) -> Self {
        let mut known: Vec<Alias> = Vec::new();
        for tool in tools {
            let Some(original) = tool.name() else {
                continue;
            };
            let sent = charset.fit(original);
            let (kind, namespace) = (tool.kind(), tool.namespace());
            let changed =
                matches!(sent, Cow::Owned(_)) || kind == CallKind::Custom || namespace.is_some();
            if changed && !known.iter().any(|alias| alias.original == original) {
                known.push(Alias {
                    sent: sent.into_owned(),
                    original: original.to_owned(),
                    kind,
                    namespace,
                });
            }
        }
        Self((!known.is_empty()).then(|| Arc::new(known)))
    }

    fn tools(&self) -> &[Alias] {
        self.0.as_deref().map(Vec::as_slice).unwrap_or_default()
    }

    fn find(&self, sent: &str) -> Option<&Alias> {
        self.tools().iter().find(|alias| alias.sent == sent)
    }
}

// === impl Charset ===

impl Charset {
    pub(crate) const fn of(max_chars: usize) -> Self {
        Self {
            max_chars,
            begins_with_letter: false,
        }
    }

    /// `name` itself where it is acceptable, else a readable stand-in that ends in
    /// a hash of the original.
    pub(crate) fn fit<'a>(self, name: &'a str) -> Cow<'a, str> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let letter = |first: &u8| first.is_ascii_alphabetic() || *first == b'_';
        let begins = !self.begins_with_letter || name.as_bytes().first().is_some_and(letter);
        if !name.is_empty() && name.len() <= self.max_chars && name.bytes().all(plain) && begins {
            return Cow::Borrowed(name);
        }
        const HASH_CHARS: usize = 17;
        let before = if begins { "" } else { "_" };
        let mut fitted: String = before
            .chars()
            .chain(name.chars())
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

/// A tool call's id for upstreams that take exactly nine letters or digits.
pub(crate) fn nine_chars(id: &str) -> Cow<'_, str> {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Cow::Borrowed(id);
    }
    let mut hash = fnv1a(id.as_bytes());
    let digits = (0..9).filter_map(|_| {
        let digit = usize::try_from(hash % 62).ok()?;
        hash /= 62;
        DIGITS.get(digit).copied().map(char::from)
    });
    Cow::Owned(digits.collect())
}

/// FNV-1a, 64 bits (draft-eastlake-fnv, section 5).
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
