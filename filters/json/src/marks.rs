//! Where the large values of a text begin and end, so that a walk can step over them.
//!
//! The one pass that validates sees the end of everything anyway. It leaves a mark at
//! every value that a walk would have to read much of: a long string, or a container
//! that holds much beside what is marked itself. A container without a mark is read,
//! but then there is little to read.

/// A value gets a mark if stepping over it without one takes this many bytes.
const MIN_BYTES: u32 = 64;

/// What finding and following a mark costs, in bytes that are read.
const STEP_BYTES: u32 = 16;

/// The marks of one text. As every mark stands for [`MIN_BYTES`] of it, less the steps
/// over other marks, they never need more than a sixth of the text's own memory.
#[derive(Debug, Default)]
pub struct Marks {
    /// Sorted by `start`.
    list: Vec<Mark>,
    /// The address of the text.
    base: usize,
}

/// A value, as offsets in the text.
#[derive(Clone, Copy, Debug)]
struct Mark {
    start: u32,
    length: u32,
}

/// Leaves marks while a text is read from front to back.
pub(super) struct Marker {
    marks: Marks,
    open: Vec<Open>,
}

/// A container whose end has not come.
struct Open {
    start: u32,
    /// Its place among the marks.
    mark: usize,
    /// What the marks inside save.
    saved: u32,
}

// === impl Marks ===

impl Marks {
    /// The length of the value that begins at the front of `rest`, a part of the text,
    /// if it is marked.
    pub(super) fn length_at(&self, rest: &[u8]) -> Option<usize> {
        let start = (rest.as_ptr() as usize).checked_sub(self.base)?;
        let start = u32::try_from(start).ok()?;
        let found = self.list.binary_search_by_key(&start, |mark| mark.start);
        let mark = self.list.get(found.ok()?)?;
        usize::try_from(mark.length).ok()
    }
}

// === impl Marker ===

impl Marker {
    /// Nothing for a text whose offsets do not fit; it can be walked without.
    pub(super) fn new(text: &[u8]) -> Option<Self> {
        u32::try_from(text.len()).ok()?;
        Some(Self {
            marks: Marks {
                list: Vec::new(),
                base: text.as_ptr() as usize,
            },
            open: Vec::new(),
        })
    }

    pub(super) fn string(&mut self, start: usize, end: usize) {
        let mark = mark(start, end);
        if mark.length >= MIN_BYTES {
            self.marks.list.push(mark);
            self.save(mark.length.saturating_sub(STEP_BYTES));
        }
    }

    pub(super) fn open(&mut self, start: usize) {
        self.open.push(Open {
            start: mark(start, start).start,
            mark: self.marks.list.len(),
            saved: 0,
        });
    }

    pub(super) fn close(&mut self, end: usize) {
        let Some(open) = self.open.pop() else {
            return;
        };
        if self.open.is_empty() {
            // Nobody steps over the whole.
            return;
        }
        let start = usize::try_from(open.start).unwrap_or(end);
        let mark = mark(start, end);
        if mark.length.saturating_sub(open.saved) < MIN_BYTES {
            self.save(open.saved);
        } else if open.mark <= self.marks.list.len() {
            // Before those of its inside, which are few or belong to it alone.
            self.marks.list.insert(open.mark, mark);
            self.save(mark.length.saturating_sub(STEP_BYTES));
        }
    }

    pub(super) fn finish(mut self) -> Marks {
        self.marks.list.shrink_to_fit();
        self.marks
    }

    fn save(&mut self, bytes: u32) {
        if let Some(around) = self.open.last_mut() {
            around.saved = around.saved.saturating_add(bytes);
        }
    }
}

fn mark(start: usize, end: usize) -> Mark {
    let offset = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
    Mark {
        start: offset(start),
        length: offset(end.saturating_sub(start)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Json, Limits, Notes};

    fn notes(text: &str) -> Notes {
        Json::parse_noting(text, &Limits::response()).unwrap().1
    }

    /// Marked values of a text, given as what each begins with.
    #[test]
    fn what_is_large_is_marked() {
        let long = "x".repeat(200);
        let many = vec!["[1]"; 50].join(",");
        for (text, marked) in [
            ("{}".to_owned(), vec![]),
            (format!(r#"{{"a":"{}"}}"#, "x".repeat(61)), vec![]),
            (format!(r#"{{"a":"{long}","b":1}}"#), vec!["\"xxx"]),
            // Its inside is marked, so it can be read.
            (format!(r#"{{"a":["{long}"]}}"#), vec!["\"xxx"]),
            (format!(r#"{{"a":[{many}]}}"#), vec!["[[1]"]),
            (
                format!(r#"[{{"a":["{long}",{many}]}},"{long}"]"#),
                vec!["[\"xx", "\"xxx", "\"xxx"],
            ),
        ] {
            let notes = notes(&text);
            let starts = notes.marks.list.iter().map(|mark| mark.start as usize);
            let found: Vec<&str> = starts
                .map(|start| text.get(start..start + 4).unwrap())
                .collect();
            assert_eq!(found, marked, "{text}");
        }
    }

    #[test]
    fn marks_are_bounded() {
        let long = format!("\"{}\"", "x".repeat(62));
        for text in [
            format!("[{}]", vec![long.as_str(); 500].join(",")),
            format!("{}{long}{}", "[".repeat(120), "]".repeat(120)),
            (0..100).fold(long.clone(), |inside, _| format!("[{inside},{long}]")),
            format!("[{}]", vec!["[[],[]]"; 5_000].join(",")),
        ] {
            let notes = notes(&text);
            let bytes = notes.marks.list.len() * size_of::<super::Mark>();
            assert!(bytes * 6 <= text.len(), "{bytes} for {}", text.len());
        }
    }
}
