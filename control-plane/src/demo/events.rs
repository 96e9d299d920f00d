//! A stream before it is sent: what comes, after how long, and how it ends.

use serde_json::Value;

use super::answer::Answer;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Comes at once.
    Now(String),
    /// A piece of the answer: comes after the answer's delay.
    Piece(String),
    /// The connection breaks.
    Break,
}

/// Puts the pieces between beginning and end, unless the answer is to break off in between.
pub(super) fn script(
    answer: &Answer,
    beginning: Vec<String>,
    pieces: Vec<String>,
    end: Vec<String>,
    failure: impl FnOnce() -> String,
) -> Vec<Step> {
    let mut steps: Vec<_> = beginning.into_iter().map(Step::Now).collect();
    let stop = answer
        .cut
        .or(answer.fail_after)
        .and_then(|after| usize::try_from(after).ok());
    let pieces = pieces.into_iter().map(Step::Piece);
    match stop {
        None => {
            steps.extend(pieces);
            steps.extend(end.into_iter().map(Step::Now));
        }
        Some(after) => {
            steps.extend(pieces.take(after));
            steps.push(if answer.cut.is_some() {
                Step::Break
            } else {
                Step::Now(failure())
            });
        }
    }
    steps
}

/// A data-only event, as OpenAI sends them.
pub(super) fn data(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// A named event, as Anthropic sends them: its name is the data's `type`.
pub(super) fn named(data: &Value) -> String {
    let name = data.get("type").and_then(Value::as_str).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n")
}
