//! What is known about a stream while it runs: the part that translating and
//! observing have in common.

use crate::error::ErrorInfo;
use crate::neutral::{StreamEvent, Usage};
use crate::stream::{Outcome, Status, empty_answer};

pub(super) struct Progress {
    pub(super) status: Status,
    pub(super) outcome: Outcome,
    pub(super) usage: Usage,
    pub(super) first_output_seen: bool,
    /// Text, thinking and arguments so far.
    pub(super) output_bytes: u64,
    /// The words among them that were not taken yet, where somebody wants them.
    pub(super) words: Option<String>,
    /// One bit per choice.
    begun: u64,
    finished: u64,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            status: Status::Undecided,
            outcome: Outcome::Running,
            usage: Usage::default(),
            first_output_seen: false,
            output_bytes: 0,
            words: None,
            begun: 0,
            finished: 0,
        }
    }

    /// Takes note of an event, before it is written.
    pub(super) fn note(&mut self, event: &StreamEvent<'_>) {
        match event {
            StreamEvent::Usage(usage) => self.usage.update(usage),
            StreamEvent::Error(error) => self.note_error(error),
            StreamEvent::End => self.note_end(),
            StreamEvent::Start { .. } => self.decide_answer(),
            StreamEvent::Finish { choice, .. } => {
                self.decide_answer();
                self.finished |= bit(*choice);
            }
            StreamEvent::BlockEnd { .. } | StreamEvent::Signature { .. } => {}
            StreamEvent::Text { choice, text }
            | StreamEvent::Refusal { choice, text }
            | StreamEvent::Thinking { choice, text }
            | StreamEvent::RedactedThinking { choice, data: text }
            | StreamEvent::Media {
                choice, data: text, ..
            }
            | StreamEvent::ToolCall {
                choice, name: text, ..
            }
            | StreamEvent::Arguments {
                choice, json: text, ..
            } => {
                self.decide_answer();
                self.begun |= bit(*choice);
                self.first_output_seen = true;
                let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
                self.output_bytes = self.output_bytes.saturating_add(bytes);
                let is_sealed = matches!(
                    event,
                    StreamEvent::Media { .. } | StreamEvent::RedactedThinking { .. }
                );
                if let Some(words) = self.words.as_mut().filter(|_| !is_sealed) {
                    words.push_str(text);
                }
            }
        }
    }

    /// An error before anything was decided makes the whole answer an error.
    pub(super) fn note_error(&mut self, error: &ErrorInfo) {
        if self.status == Status::Undecided {
            self.status = Status::Error(error.clone());
        }
        self.outcome = Outcome::Failed(error.kind);
    }

    fn note_end(&mut self) {
        if self.status == Status::Undecided {
            self.note_error(&empty_answer());
        } else {
            self.outcome = Outcome::Complete;
        }
    }

    fn decide_answer(&mut self) {
        if self.status == Status::Undecided {
            self.status = Status::Answer;
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.outcome == Outcome::Running
    }

    pub(super) fn is_answer(&self) -> bool {
        self.status == Status::Answer
    }

    /// Whether every choice said why it stopped: then the answer is whole, even if
    /// the upstream forgot the last formality.
    pub(super) fn all_choices_finished(&self) -> bool {
        self.finished != 0 && self.begun & !self.finished == 0
    }
}

fn bit(choice: u32) -> u64 {
    1_u64.checked_shl(choice).unwrap_or(0)
}

pub(super) fn html_answer() -> ErrorInfo {
    ErrorInfo::upstream("The upstream answered with a web page.")
}
