//! Walking validated JSON by skipping: strings by runs and blocks, containers by
//! counting brackets, and whatever has a mark by its mark. Nothing is validated again,
//! and nothing can fail: on text that were not valid the walk would merely end early.

use std::borrow::Cow;

use memchr::memchr2;

use super::block::Block;
use super::marks::Marks;
use super::{Json, Kind, word};

/// Iterates over the members of an object as (decoded key, value).
#[derive(Clone, Debug)]
pub struct Entries<'a>(Cursor<'a>);

/// Iterates over the elements of an array.
#[derive(Clone, Debug)]
pub struct Items<'a>(Cursor<'a>);

/// A place inside a container.
#[derive(Clone, Debug)]
struct Cursor<'a> {
    text: &'a str,
    at: usize,
    marks: Option<&'a Marks>,
}

// === impl Entries ===

impl<'a> Entries<'a> {
    pub(super) fn new(object: Json<'a>) -> Self {
        Self(Cursor::into(object, Kind::Object))
    }

    /// The next member, its key as it is written.
    pub(super) fn next_raw(&mut self) -> Option<(Json<'a>, Json<'a>)> {
        Some((self.0.value()?, self.0.value()?))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Cow<'a, str>, Json<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.next_raw()?;
        Some((key.as_str()?, value))
    }
}

// === impl Items ===

impl<'a> Items<'a> {
    pub(super) fn new(array: Json<'a>) -> Self {
        Self(Cursor::into(array, Kind::Array))
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.value()
    }
}

// === impl Cursor ===

impl<'a> Cursor<'a> {
    /// Into a container of that kind; there is nothing inside of other values.
    fn into(json: Json<'a>, kind: Kind) -> Self {
        Self {
            text: if json.kind() == kind { json.raw } else { "" },
            at: 1,
            marks: json.marks,
        }
    }

    /// The next value or key; nothing before the closing bracket.
    fn value(&mut self) -> Option<Json<'a>> {
        let mut rest = self.text.as_bytes().get(self.at..)?;
        let length = loop {
            let (first, after) = rest.split_first()?;
            match first {
                b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => rest = after,
                b'}' | b']' => return None,
                b'"' => break string_length(rest, self.marks),
                b'{' | b'[' => break container_length(rest, self.marks),
                b't' | b'n' => break 4,
                b'f' => break 5,
                _ => match rest.iter().take_while(|byte| is_of_number(**byte)).count() {
                    0 => return None,
                    digits => break digits,
                },
            }
        };
        let start = self.text.len() - rest.len();
        self.at = start + length;
        Some(Json {
            raw: self.text.get(start..self.at)?,
            marks: self.marks,
        })
    }
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
}

/// The length of the string at the front, quotes included. Plain runs, such as images, are left to
/// `memchr`; from the first escape on there are likely to be many.
fn string_length(bytes: &[u8], marks: Option<&Marks>) -> usize {
    let inside = bytes.get(1..).unwrap_or_default();
    if let Some(length) = short_length(inside) {
        return length + 2;
    }
    if let Some(marks) = marks {
        // Those that end soon have none.
        if let Ok(length) = Block::at_front_of(inside).end() {
            return length + 2;
        }
        if let Some(length) = marks.length_at(bytes) {
            return length;
        }
    }
    let mut at = match memchr2(b'"', b'\\', inside) {
        Some(run) if inside.get(run) == Some(&b'"') => return run + 2,
        Some(run) => run + 1,
        None => return bytes.len(),
    };
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match Block::at_front_of(rest).end() {
            Ok(length) => return at + length + 1,
            Err(length) => at += length,
        }
    }
    bytes.len()
}

/// The length of a string's inside if it is at most 31 plain bytes long, as keys and
/// words of the API are.
fn short_length(inside: &[u8]) -> Option<usize> {
    let (words, _) = inside.as_chunks();
    for (word, at) in words.iter().zip([0, 8, 16, 24]) {
        let word = u64::from_le_bytes(*word);
        let (quotes, backslashes) = (word::equal(word, b'"'), word::equal(word, b'\\'));
        if quotes | backslashes != 0 {
            let first = quotes.trailing_zeros();
            return (first < backslashes.trailing_zeros()).then_some(at + first as usize / 8);
        }
    }
    None
}

/// The length of the object or array at the front, brackets included.
fn container_length(bytes: &[u8], marks: Option<&Marks>) -> usize {
    if let Some(length) = marks.and_then(|marks| marks.length_at(bytes)) {
        return length;
    }
    let mut at = 0;
    let mut depth = 0_u32;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += string_length(bytes.get(at..).unwrap_or_default(), marks);
                continue;
            }
            b'{' | b'[' => {
                let rest = bytes.get(at..).unwrap_or_default();
                if let Some(length) = marks.and_then(|marks| marks.length_at(rest)) {
                    at += length;
                    continue;
                }
                depth += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}
