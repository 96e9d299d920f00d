//! Custom tools for those who know only functions: a function with one string.
//!
//! ```text
//! custom tool   calls with free text              apply_patch(*** Begin Patch …)
//! function      calls with {"input": free text}   apply_patch({"input":"*** Begin …"})
//! ```
//!
//! An upstream that knows only functions is given the function, and its call becomes
//! the custom tool's again before the caller sees it; [`Aliases`] knows which tools
//! those are. For a caller that knows only functions it is the other way round.

mod unwrap;

use std::borrow::Cow;

use crate::alias::Aliases;
use crate::custom::unwrap::Unwrap;
use crate::json::{JsonWriter, push_escaped};
use crate::neutral::{Block, CallKind, Content, Response, StreamEvent, ToolCall};
use crate::text::Text;

/// JSON Schema of the function that stands for a custom tool.
pub(crate) const PARAMETERS: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// The arguments of a call as JSON, as functions have them; empty where the model
/// wrote none.
pub(crate) fn arguments(call: &ToolCall) -> Cow<'_, str> {
    match call.kind {
        CallKind::Function => Cow::Borrowed(call.arguments.as_str()),
        CallKind::Custom => {
            let mut json = Vec::with_capacity(call.arguments.most_bytes() + 16);
            JsonWriter::new(&mut json).object(|w| w.field_text("input", &call.arguments));
            Cow::Owned(String::from_utf8(json).unwrap_or_default())
        }
    }
}

/// A whole answer whose calls are of the kinds that the caller knows. `knows_custom`
/// tells whether the caller's dialect has custom calls.
pub(crate) fn fit<'a>(
    response: &'a Response,
    aliases: &Aliases,
    knows_custom: bool,
) -> Cow<'a, Response> {
    let call = |block: &Block| match &block.content {
        Content::ToolCall(call) => fit_call(call, aliases, knows_custom),
        _ => None,
    };
    let mut blocks = response.choices.iter().flat_map(|choice| &choice.content);
    if blocks.all(|block| call(block).is_none()) {
        return Cow::Borrowed(response);
    }
    let mut fitted = response.clone();
    for choice in &mut fitted.choices {
        for block in &mut choice.content {
            if let Some(call) = call(block) {
                block.content = Content::ToolCall(call);
            }
        }
    }
    Cow::Owned(fitted)
}

/// The call in its other kind; nothing where it is right as it is.
fn fit_call(call: &ToolCall, aliases: &Aliases, knows_custom: bool) -> Option<ToolCall> {
    let (kind, arguments) = match call.kind {
        CallKind::Function if knows_custom && aliases.kind(&call.name) == CallKind::Custom => {
            let mut unwrap = Unwrap::default();
            let mut text = unwrap.push(&call.arguments).into_owned();
            text.push_str(&unwrap.finish());
            (CallKind::Custom, Text::from(text))
        }
        CallKind::Custom if !knows_custom => {
            (CallKind::Function, arguments(call).into_owned().into())
        }
        _ => return None,
    };
    Some(ToolCall {
        kind,
        arguments,
        ..call.clone()
    })
}

/// As [`fit`], for a stream. Holds back what may be half of an escape, and the few
/// characters of JSON before the text.
///
/// ```text
/// ToolCall(function, alias of a custom tool) ──► Unwrap: Arguments without their JSON
/// ToolCall(custom), unknown to the caller    ──► Wrap: Arguments as a JSON string,
///                                                closed at BlockEnd or Finish
/// ```
pub(crate) struct Fitter {
    aliases: Aliases,
    knows_custom: bool,
    calls: Vec<Fitted>,
}

struct Fitted {
    choice: u32,
    call: u32,
    how: How,
}

enum How {
    Unwrap(Unwrap),
    Wrap,
}

/// Calls beyond these pass as they are: something is kept of each.
const MAX_CALLS: usize = 256;

// === impl Fitter ===

impl Fitter {
    pub(crate) fn new(aliases: Aliases, knows_custom: bool) -> Self {
        Self {
            aliases,
            knows_custom,
            calls: Vec::new(),
        }
    }

    pub(crate) fn fit(&mut self, event: StreamEvent<'_>, emit: &mut dyn FnMut(StreamEvent<'_>)) {
        match event {
            StreamEvent::ToolCall {
                choice,
                call,
                id,
                name,
                kind,
            } => {
                let how = self.begin(choice, call, kind, &name);
                let kind = match how {
                    Some(How::Unwrap(_)) => CallKind::Custom,
                    Some(How::Wrap) => CallKind::Function,
                    None => kind,
                };
                let opens = matches!(how, Some(How::Wrap));
                emit(StreamEvent::ToolCall {
                    choice,
                    call,
                    id,
                    name,
                    kind,
                });
                if opens {
                    let json = r#"{"input":""#.into();
                    emit(StreamEvent::Arguments { choice, call, json });
                }
            }
            StreamEvent::Arguments { choice, call, json } => {
                let json = match self.find(choice, call) {
                    Some(How::Unwrap(unwrap)) => unwrap.push(&json).into_owned().into(),
                    Some(How::Wrap) => escaped(&json).into(),
                    None => json,
                };
                if !json.is_empty() {
                    emit(StreamEvent::Arguments { choice, call, json });
                }
            }
            StreamEvent::BlockEnd { choice } => {
                if let Some(last) = self.calls.iter().rposition(|call| call.choice == choice) {
                    self.calls.remove(last).end(emit);
                }
                emit(StreamEvent::BlockEnd { choice });
            }
            StreamEvent::Finish { choice, .. } => {
                let (ended, rest) = std::mem::take(&mut self.calls)
                    .into_iter()
                    .partition::<Vec<_>, _>(|call| call.choice == choice);
                self.calls = rest;
                for mut fitted in ended {
                    fitted.end(emit);
                }
                emit(event);
            }
            event => emit(event),
        }
    }

    /// How the call must be changed, if it must.
    fn begin(&mut self, choice: u32, call: u32, kind: CallKind, name: &str) -> Option<&How> {
        let how = match kind {
            CallKind::Function
                if self.knows_custom && self.aliases.kind(name) == CallKind::Custom =>
            {
                How::Unwrap(Unwrap::default())
            }
            CallKind::Custom if !self.knows_custom => How::Wrap,
            _ => return None,
        };
        if self.calls.len() >= MAX_CALLS {
            return None;
        }
        self.calls.push(Fitted { choice, call, how });
        self.calls.last().map(|fitted| &fitted.how)
    }

    fn find(&mut self, choice: u32, call: u32) -> Option<&mut How> {
        let mut calls = self.calls.iter_mut().rev();
        let fitted = calls.find(|known| (known.choice, known.call) == (choice, call))?;
        Some(&mut fitted.how)
    }
}

// === impl Fitted ===

impl Fitted {
    fn end(&mut self, emit: &mut dyn FnMut(StreamEvent<'_>)) {
        let json: Cow<'_, str> = match &mut self.how {
            How::Wrap => r#""}"#.into(),
            How::Unwrap(unwrap) => unwrap.finish().into(),
        };
        if !json.is_empty() {
            emit(StreamEvent::Arguments {
                choice: self.choice,
                call: self.call,
                json,
            });
        }
    }
}

fn escaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    push_escaped(text, &mut out);
    String::from_utf8(out).unwrap_or_default()
}
