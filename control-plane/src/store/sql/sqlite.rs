//! Statements of many values as SQLite binds them fast.
//!
//! A `$n` is a name to SQLite, and names are looked up one after the other: binding a thousand of them
//! takes a million steps. A `?` has no name; it stands for the value after the last one.

use std::borrow::Cow;

/// With fewer values, names cost nothing worth the writing of a new text.
const MANY: usize = 32;

/// The text with `?` for `$1`, `$2`, …, where that means the same: each is there once, in its turn.
pub(super) fn unnamed(text: Cow<'static, str>, values: usize) -> Cow<'static, str> {
    if values < MANY {
        return text;
    }
    without_names(&text, values).map_or(text, Cow::Owned)
}

fn without_names(text: &str, values: usize) -> Option<String> {
    let mut pieces = text.split('$');
    let mut unnamed = String::with_capacity(text.len());
    unnamed.push_str(pieces.next()?);
    let mut last = 0;
    for piece in pieces {
        let after = piece.trim_start_matches(|c: char| c.is_ascii_digit());
        let number: usize = piece.strip_suffix(after)?.parse().ok()?;
        if number != last + 1 {
            return None;
        }
        last = number;
        unnamed.push('?');
        unnamed.push_str(after);
    }
    (last == values).then_some(unnamed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_in_its_turn_goes_without_a_name() {
        for (text, values, expected) in [
            (
                "VALUES ($1, $2), ($3, $4)",
                4,
                Some("VALUES (?, ?), (?, ?)"),
            ),
            ("a = $1 AND b IN ($2,$3)", 3, Some("a = ? AND b IN (?,?)")),
            ("a = $1 OR b = $1", 1, None),
            ("a = $2 OR b = $1", 2, None),
            ("a = $1", 2, None),
            ("a = '$' OR b = $1", 1, None),
        ] {
            assert_eq!(without_names(text, values).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn few_values_keep_their_names() {
        let text = "a = $1";
        assert_eq!(unnamed(text.into(), 1), text);
    }
}
