//! Keys between `-----BEGIN` and `-----END` (RFC 7468).

use super::split;

pub(super) const BEGIN: &str = "-----BEGIN";
const END: &str = "-----END";

/// A line of one is this long at least, but for its last: 64 characters as a rule.
const LINE_BYTES: usize = 40;
/// What stands between two lines in source code has no word that is longer: `n`, `+`.
const JOINER_BYTES: usize = 2;

/// What follows a key that has begun: from its last line on, or from the end of the text that it stands
/// in, which nothing in it can be taken for. Source code may have each of its lines in a text of its own.
pub(super) fn after(text: &str) -> &str {
    let (inside, others) = split(text, is_quote);
    if let Some(end) = inside.find(END) {
        return text.get(end..).unwrap_or_default();
    }
    let next = after_others(others);
    match next.len() == others.len() {
        true => {
            let end = inside.trim_end_matches('\\').len();
            text.get(end..).unwrap_or_default()
        }
        false => next,
    }
}

/// The same where the text in which a key begins, or something else, was taken out.
pub(super) fn after_hidden<'a>(hidden: &str, next: &'a str) -> &'a str {
    match hidden.contains(BEGIN) && !hidden.contains(END) {
        true => after_others(next),
        false => next,
    }
}

/// What follows the lines that stand in further texts.
fn after_others(others: &str) -> &str {
    let mut next = others;
    let mut seen = others;
    loop {
        let line = seen.trim_start_matches(joins);
        if line.starts_with(END) {
            return line;
        }
        let (word, rest) = split(line, |c| !is_base64(c));
        let is_line = word.len() >= LINE_BYTES;
        let is_joiner = !word.is_empty() && word.len() <= JOINER_BYTES;
        if !is_line && !is_joiner {
            let is_cut = rest.is_empty() && next.len() < others.len();
            let end = rest.trim_start_matches(|c| joins(c) || matches!(c, 'n' | 'r' | '+'));
            return match end.starts_with(END) {
                true => end,
                false if is_cut => rest,
                false => next,
            };
        }
        seen = rest;
        if is_line {
            next = rest;
        }
    }
}

fn joins(c: char) -> bool {
    is_quote(c) || c.is_ascii_whitespace() || matches!(c, '\\' | ',' | '.' | '&' | '(' | ')')
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'')
}
