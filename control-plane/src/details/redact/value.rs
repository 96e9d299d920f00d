//! The value that a telling name names: a text in quotes, a list of such, or what stands bare.
//!
//! JSON stands in JSON, as arguments of tools do: a text that begins with `\"` ends with `\"`, and
//! what is quoted within it has three backslashes. Whatever has no end goes on to the end of its line.

use super::{HIDDEN, is_scheme, is_word, split};

/// What of values is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Only {
    Anything,
    /// Numbers, flags and lists are not.
    Texts,
}

/// And the blank behind it.
const LONGEST_SCHEME: usize = "bearer ".len();

/// Writes all that follows the name but the value, and answers with what follows that. `None`: it
/// names nothing, or several things that have names of their own.
pub(super) fn hide<'a>(after: &'a str, only: Only, safe: &mut String) -> Option<&'a str> {
    let name_end = after.trim_start_matches(['\\', '"', '\'']);
    let is_quoted = name_end.len() < after.len();
    let separator = name_end.trim_start();
    if !separator.starts_with([':', '=']) {
        return None;
    }
    let is_form = separator.starts_with('=');
    let value = separator.trim_start_matches([':', '=', '>']);
    let value = match is_quoted {
        true => value.trim_start(),
        // The next line has nothing to do with it.
        false => value.trim_start_matches([' ', '\t']),
    };
    if !is_form && (value.starts_with('{') || only == Only::Texts && is_no_text(value)) {
        return None;
    }
    safe.push_str(before(after, value));
    if let Some(list) = value.strip_prefix('[').filter(|_| !is_form) {
        safe.push('[');
        return Some(hide_list(list, safe));
    }
    if let Some(rest) = hide_quoted(value, safe) {
        return Some(rest);
    }
    let value = shown_scheme(value, safe);
    let end = bare_end(value, is_form, is_quoted);
    hide_up_to(value, end, safe)
}

fn hide_list<'a>(mut list: &'a str, safe: &mut String) -> &'a str {
    loop {
        let item = list.trim_start_matches([',', ' ', '\t', '\r', '\n']);
        safe.push_str(before(list, item));
        let Some(rest) = hide_quoted(item, safe) else {
            return item;
        };
        let Some(next) = rest.trim_start_matches('\\').strip_prefix(is_quote) else {
            return rest;
        };
        safe.push_str(before(rest, next));
        list = next;
    }
}

fn hide_quoted<'a>(text: &'a str, safe: &mut String) -> Option<&'a str> {
    let unslashed = text.trim_start_matches('\\');
    let slashes = text.len().saturating_sub(unslashed.len());
    let quote = unslashed.chars().next().filter(|c| is_quote(*c))?;
    let (opening, inside) = text.split_at_checked(slashes.saturating_add(1))?;
    safe.push_str(opening);
    let inside = shown_scheme(inside, safe);
    let depth = depth(slashes);
    let mut run: usize = 0;
    let mut end = inside.len();
    for (at, c) in inside.char_indices() {
        if c == '\n' {
            end = at;
            break;
        }
        if c == quote && closes(run, depth) {
            end = at.saturating_sub(run.min(slashes));
            break;
        }
        run = if c == '\\' { run.saturating_add(1) } else { 0 };
    }
    hide_up_to(inside, end, safe)
}

fn hide_up_to<'a>(text: &'a str, end: usize, safe: &mut String) -> Option<&'a str> {
    let (hidden, rest) = text.split_at_checked(end)?;
    if !hidden.is_empty() {
        safe.push_str(HIDDEN);
    }
    Some(rest)
}

/// `Bearer` is no secret, and tells what the secret is.
fn shown_scheme<'a>(text: &'a str, safe: &mut String) -> &'a str {
    // Of several thousand names in one body each looks only so far.
    let end = text
        .bytes()
        .take(LONGEST_SCHEME)
        .position(|byte| !byte.is_ascii_alphabetic());
    match end.and_then(|end| text.split_at_checked(end)) {
        Some((scheme, rest)) if is_scheme(scheme) && rest.starts_with(' ') => {
            safe.push_str(scheme);
            safe.push(' ');
            rest.trim_start_matches(' ')
        }
        _ => text,
    }
}

/// How many texts in quotes a quote with so many backslashes stands in.
fn depth(mut slashes: usize) -> usize {
    let mut depth = 0;
    while slashes % 2 == 1 {
        slashes /= 2;
        depth += 1;
    }
    depth
}

/// Whether a quote with so many backslashes ends a text that began at this depth, or one that it
/// stands in.
fn closes(mut slashes: usize, depth: usize) -> bool {
    for _ in 0..depth {
        if slashes.is_multiple_of(2) {
            return true;
        }
        slashes /= 2;
    }
    slashes.is_multiple_of(2)
}

/// Where a value without quotes ends: at a blank, but for those in cookies, or at the end of the
/// text that it stands in; in a form at the next member, and in JSON it is a number or the like.
fn bare_end(text: &str, is_form: bool, is_json: bool) -> usize {
    let mut run: usize = 0;
    let mut last = ' ';
    for (at, c) in text.char_indices() {
        match c {
            c if is_quote(c) => return at.saturating_sub(run),
            'n' | 'r' | 't' if run % 2 == 1 => return at.saturating_sub(1),
            '&' if is_form => return at,
            ',' | '}' | ']' if is_json => return at,
            '\n' => return at,
            c if c.is_whitespace() && last != ';' => return at,
            _ => {}
        }
        run = if c == '\\' { run.saturating_add(1) } else { 0 };
        last = c;
    }
    text.len()
}

/// Whether it is one of JSON's other values.
fn is_no_text(value: &str) -> bool {
    let (word, _) = split(value, |c| !is_word(c));
    let is_of_number = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    let is_number = !word.is_empty() && word.bytes().all(is_of_number);
    value.starts_with('[') || is_number || matches!(word, "true" | "false" | "null")
}

/// Of a text, what stands before its end. The end is not compared: it may be long.
fn before<'a>(text: &'a str, end: &str) -> &'a str {
    let length = text.len().saturating_sub(end.len());
    text.get(..length).unwrap_or_default()
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'')
}
