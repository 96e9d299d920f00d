//! Proof of thinking: opaque, and readable only by the provider that wrote it.
//!
//! A caller of another dialect carries it in that dialect's own place for such
//! things. There it is marked with its origin, so that it goes back to its provider
//! unchanged and never to another one, which would refuse the whole request:
//!
//! ```text
//! marked = "tg." dialect "." data        ; data as the provider wrote it
//! ```

use std::borrow::Cow;

use crate::dialect::Dialect;
use crate::text::Text;

const MARK: &str = "tg.";

/// A signature and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    pub by: Dialect,
    pub data: Text,
}

// === impl Signature ===

impl Signature {
    /// What stands in a message of `dialect`: its own, unless it is marked.
    pub fn read(dialect: Dialect, text: Text) -> Self {
        let marked = text.strip_prefix(MARK).and_then(|rest| {
            let (name, data) = rest.split_once('.')?;
            Some((name.parse::<Dialect>().ok()?, text.slice(data)))
        });
        match marked {
            Some((by, data)) => Self { by, data },
            None => Self {
                by: dialect,
                data: text,
            },
        }
    }

    /// How a caller of `dialect` is given it to carry.
    pub fn shown_in(&self, dialect: Dialect) -> Cow<'_, str> {
        shown(self.by, &self.data, dialect)
    }

    /// What an upstream of `dialect` can read of it.
    pub fn readable_by(&self, dialect: Dialect) -> Option<&str> {
        (self.by == dialect).then_some(self.data.as_str())
    }
}

/// [`Signature::shown_in`] for a signature that was not kept.
pub(crate) fn shown(by: Dialect, data: &str, dialect: Dialect) -> Cow<'_, str> {
    if by == dialect {
        Cow::Borrowed(data)
    } else {
        Cow::Owned(format!("{MARK}{by}.{data}"))
    }
}

/// Whether a body holds, under `key`, what another provider signed. Its own provider
/// would refuse the whole request for that, so such a body cannot be passed on as it is.
///
/// The text is searched, not read: between quotes of its own, the name of a member
/// cannot be a piece of a string, where quotes are escaped.
pub(crate) fn holds_marked(body: &str, key: &str) -> bool {
    const OPENING: &str = "\"tg.";
    let mut places = memchr::memmem::find_iter(body.as_bytes(), OPENING);
    places.any(|at| {
        let before = body.get(..at).map(str::trim_ascii_end);
        let before = before.and_then(|before| before.strip_suffix(':'));
        let name = before.and_then(|before| before.trim_ascii_end().strip_suffix('"'));
        name.and_then(|name| name.strip_suffix(key))
            .is_some_and(|rest| rest.ends_with('"'))
    })
}
