//! From the events of a stream to a whole answer.

use crate::dialect::Dialect;
use crate::error::ErrorInfo;
use crate::neutral::{
    Block, CallKind, Choice, Content, Response, Signature, StopReason, StreamEvent, ToolCall, Usage,
};
use crate::stream::{empty_answer, interrupted};
use crate::text::Text;

/// Collects a stream into the answer that it spells out.
#[derive(Debug, Default)]
pub struct Aggregate {
    started: bool,
    model: String,
    choices: Vec<Collected>,
    usage: Option<Usage>,
    ended: bool,
    error: Option<ErrorInfo>,
}

#[derive(Debug, Default)]
struct Collected {
    parts: Vec<Part>,
    /// Whether the last part is complete, so that more of its kind starts anew.
    closed: bool,
    finish: Option<(StopReason, Option<String>)>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Refusal(String),
    Thinking(String, Option<(Dialect, String)>),
    Redacted(String),
    Media(String, String),
    Call {
        call: u32,
        id: String,
        name: String,
        kind: CallKind,
        arguments: String,
    },
}

/// More choices than this are not collected.
const MAX_CHOICES: usize = 128;

// === impl Aggregate ===

impl Aggregate {
    pub fn add(&mut self, event: StreamEvent<'_>) {
        if self.ended || self.error.is_some() {
            return;
        }
        match event {
            StreamEvent::Start { model } => {
                self.started = true;
                self.model = model.into_owned();
            }
            StreamEvent::Usage(usage) => self.usage.get_or_insert_default().update(&usage),
            StreamEvent::End => self.ended = true,
            StreamEvent::Error(error) => self.error = Some(error),
            StreamEvent::Text { choice, text } => {
                self.grow(choice, Part::text, Part::Text, &text);
            }
            StreamEvent::Refusal { choice, text } => {
                self.grow(choice, Part::refusal, Part::Refusal, &text);
            }
            StreamEvent::Thinking { choice, text } => {
                self.grow(
                    choice,
                    Part::thinking,
                    |text| Part::Thinking(text, None),
                    &text,
                );
            }
            StreamEvent::Signature {
                choice,
                by,
                signature,
            } => self.sign(choice, by, &signature),
            StreamEvent::RedactedThinking { choice, data } => {
                self.append(choice, Part::Redacted(data.into_owned()));
            }
            StreamEvent::ToolCall {
                choice,
                call,
                id,
                name,
                kind,
            } => self.append(
                choice,
                Part::Call {
                    call,
                    id: id.into_owned(),
                    name: name.into_owned(),
                    kind,
                    arguments: String::new(),
                },
            ),
            StreamEvent::Arguments { choice, call, json } => {
                self.add_arguments(choice, call, &json)
            }
            StreamEvent::Media {
                choice,
                media_type,
                data,
            } => self.append(
                choice,
                Part::Media(media_type.into_owned(), data.into_owned()),
            ),
            StreamEvent::BlockEnd { choice } => {
                if let Some(collected) = self.choice(choice) {
                    collected.closed = true;
                }
            }
            StreamEvent::Finish {
                choice,
                stop,
                stop_sequence,
            } => {
                if let Some(collected) = self.choice(choice) {
                    let stop_sequence = stop_sequence.map(|sequence| sequence.into_owned());
                    collected.finish = Some((stop, stop_sequence));
                }
            }
        }
    }

    /// The whole answer, or the error that the stream held, or that it was cut.
    pub fn finish(mut self) -> Result<Response, ErrorInfo> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if !self.started {
            return Err(empty_answer());
        }
        if self.ended && self.choices.is_empty() {
            // An answer without content is one all the same.
            self.choices.push(Collected::default());
        }
        let all_finished = self.choices.iter().all(|choice| choice.finish.is_some());
        if !self.ended && (self.choices.is_empty() || !all_finished) {
            return Err(interrupted());
        }
        Ok(Response {
            model: self.model.into(),
            choices: self
                .choices
                .into_iter()
                .map(Collected::into_choice)
                .collect(),
            usage: self.usage,
        })
    }

    fn choice(&mut self, index: u32) -> Option<&mut Collected> {
        let index = usize::try_from(index)
            .ok()
            .filter(|index| *index < MAX_CHOICES)?;
        if self.choices.len() <= index {
            self.choices.resize_with(index + 1, Collected::default);
        }
        self.choices.get_mut(index)
    }

    fn append(&mut self, choice: u32, part: Part) {
        if let Some(collected) = self.choice(choice) {
            collected.parts.push(part);
            collected.closed = false;
        }
    }

    /// Adds to the open part if it is of the right kind, else opens one.
    fn grow(
        &mut self,
        choice: u32,
        same: fn(&mut Part) -> Option<&mut String>,
        open: fn(String) -> Part,
        more: &str,
    ) {
        let Some(collected) = self.choice(choice) else {
            return;
        };
        let last = collected.parts.last_mut().filter(|_| !collected.closed);
        match last.and_then(same) {
            Some(text) => text.push_str(more),
            None => self.append(choice, open(more.to_owned())),
        }
    }

    fn sign(&mut self, choice: u32, by: Dialect, signature: &str) {
        let Some(collected) = self.choice(choice) else {
            return;
        };
        if let Some(Part::Thinking(_, own)) =
            collected.parts.last_mut().filter(|_| !collected.closed)
        {
            own.get_or_insert((by, String::new())).1.push_str(signature);
        } else {
            let thinking = Part::Thinking(String::new(), Some((by, signature.to_owned())));
            collected.parts.push(thinking);
        }
        collected.closed = true;
    }

    fn add_arguments(&mut self, choice: u32, wanted: u32, json: &str) {
        let Some(collected) = self.choice(choice) else {
            return;
        };
        let arguments = collected
            .parts
            .iter_mut()
            .rev()
            .find_map(|part| match part {
                Part::Call {
                    call, arguments, ..
                } if *call == wanted => Some(arguments),
                _ => None,
            });
        if let Some(arguments) = arguments {
            arguments.push_str(json);
        }
    }
}

// === impl Part ===

impl Part {
    fn text(&mut self) -> Option<&mut String> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn refusal(&mut self) -> Option<&mut String> {
        match self {
            Self::Refusal(text) => Some(text),
            _ => None,
        }
    }

    fn thinking(&mut self) -> Option<&mut String> {
        match self {
            Self::Thinking(text, None) => Some(text),
            _ => None,
        }
    }

    fn into_block(self) -> Block {
        Block::new(match self {
            Self::Text(text) => Content::Text(text.into()),
            Self::Refusal(text) => Content::Refusal(text.into()),
            Self::Thinking(text, signature) => Content::Thinking {
                text: text.into(),
                signature: signature.map(|(by, data)| Signature {
                    by,
                    data: data.into(),
                }),
            },
            Self::Redacted(data) => Content::RedactedThinking { data: data.into() },
            Self::Media(media_type, data) => Content::media(media_type.into(), data.into()),
            Self::Call {
                id,
                name,
                kind,
                arguments,
                ..
            } => Content::ToolCall(ToolCall {
                id: id.into(),
                name: name.into(),
                arguments: arguments.into(),
                kind,
            }),
        })
    }
}

// === impl Collected ===

impl Collected {
    fn into_choice(self) -> Choice {
        let (stop, stop_sequence) = self.finish.unwrap_or_default();
        Choice {
            content: self.parts.into_iter().map(Part::into_block).collect(),
            stop,
            stop_sequence: stop_sequence.map(Text::from),
        }
    }
}
