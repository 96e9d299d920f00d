//! Telling the tool calls of a streamed choice apart.
//!
//! By the book, the first chunk of a call holds index, id, type and name, later ones
//! its index alone. In the field, ids and names are repeated in every chunk or empty
//! in later ones, every call claims to be number 0, there is no index or no id, or
//! the name comes late.

use std::borrow::Cow;

use crate::dialect::Dialect;
use crate::error::ErrorInfo;
use crate::json::{Json, Kind};
use crate::neutral::{CallKind, StreamEvent};

type Emit<'e> = dyn FnMut(StreamEvent<'_>) + 'e;

/// Calls beyond these are ignored: something is kept of each.
const MAX_CALLS: usize = 256;
/// Longer ids are cut, both when compared and when passed on.
const MAX_ID_CHARS: usize = 256;
/// Arguments that come before the name of their call.
const MAX_EARLY_BYTES: usize = 64 << 10;

/// The calls of one choice; a call's number is its position.
#[derive(Default)]
pub(super) struct Calls(Vec<Call>);

struct Call {
    index: Option<u64>,
    id: String,
    /// What Gemini signed the call with, until the call is announced.
    proof: Option<String>,
    /// Arguments that came before the name did; nothing once the call is announced.
    early: Option<String>,
}

/// What one chunk says about one call.
struct Fragment<'a> {
    index: Option<u64>,
    id: String,
    name: Option<Cow<'a, str>>,
    arguments: Option<Cow<'a, str>>,
    kind: CallKind,
    proof: Option<Cow<'a, str>>,
}

// === impl Calls ===

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn read(&mut self, choice: u32, json: Json<'_>, emit: &mut Emit<'_>) {
        let fragment = Fragment::read(json);
        let position = self.position(&fragment).unwrap_or(self.0.len());
        if position == self.0.len() && position < MAX_CALLS {
            self.0.push(Call {
                index: fragment.index,
                id: fragment.id.clone(),
                proof: None,
                early: Some(String::new()),
            });
        }
        if let (Some(call), Ok(number)) = (self.0.get_mut(position), u32::try_from(position)) {
            call.take(choice, number, fragment, emit);
        }
    }

    /// The known call that a fragment belongs to: a new id is a new call; without
    /// an id the index tells; without either a name begins a call, and anything
    /// else continues the last one.
    fn position(&self, fragment: &Fragment<'_>) -> Option<usize> {
        let last = |belongs: &dyn Fn(&Call) -> bool| self.0.iter().rposition(belongs);
        let same_index = |call: &Call| call.index == fragment.index;
        match (fragment.id.as_str(), fragment.index) {
            ("", Some(_)) => last(&same_index),
            ("", None) if fragment.name.is_some() => None,
            ("", None) => self.0.len().checked_sub(1),
            (id, _) => last(&|call| call.id == id || call.id.is_empty() && same_index(call)),
        }
    }
}

// === impl Call ===

impl Call {
    /// Announces the call as soon as its name is known, and passes arguments on.
    fn take(&mut self, choice: u32, call: u32, fragment: Fragment<'_>, emit: &mut Emit<'_>) {
        if let Some(proof) = fragment.proof.filter(|_| self.early.is_some()) {
            self.proof = Some(proof.into_owned());
        }
        if let Some(name) = fragment.name
            && let Some(early) = self.early.take()
        {
            if let Some(signature) = self.proof.take() {
                emit(StreamEvent::Signature {
                    choice,
                    by: Dialect::Gemini,
                    signature: signature.into(),
                });
            }
            let id = self.id.as_str().into();
            emit(StreamEvent::ToolCall {
                choice,
                call,
                id,
                name,
                kind: fragment.kind,
            });
            if !early.is_empty() {
                let json = early.into();
                emit(StreamEvent::Arguments { choice, call, json });
            }
        }
        let Some(json) = fragment.arguments else {
            return;
        };
        match &mut self.early {
            None => emit(StreamEvent::Arguments { choice, call, json }),
            Some(early) if early.len() + json.len() <= MAX_EARLY_BYTES => early.push_str(&json),
            Some(_) => {
                let message = "The upstream sent a tool call without a name.";
                emit(StreamEvent::Error(ErrorInfo::upstream(message)));
            }
        }
    }
}

// === impl Fragment ===

impl<'a> Fragment<'a> {
    fn read(json: Json<'a>) -> Self {
        let [index, id, function, custom] = json.members(["index", "id", "function", "custom"]);
        let custom = custom.and_then(Json::non_null);
        let kind = match custom {
            Some(_) => CallKind::Custom,
            None => CallKind::Function,
        };
        let [name, arguments] = match (custom, function) {
            (Some(custom), _) => custom.members(["name", "input"]),
            (None, Some(function)) => function.members(["name", "arguments"]),
            (None, None) => [None; 2],
        };
        let id = id.and_then(Json::as_str).unwrap_or_default();
        Self {
            index: index.and_then(Json::as_u64),
            id: id.chars().take(MAX_ID_CHARS).collect(),
            kind,
            proof: google_signature(json),
            name: non_empty(name),
            arguments: match arguments.filter(|arguments| arguments.kind() == Kind::Object) {
                // Some send the object itself.
                Some(object) => Some(object.raw().into()),
                None => non_empty(arguments),
            },
        }
    }
}

/// What Gemini signed a call with, where its OpenAI endpoint tells it.
/// <https://ai.google.dev/gemini-api/docs/thought-signatures>
pub(super) fn google_signature(call: Json<'_>) -> Option<Cow<'_, str>> {
    let google = call.get("extra_content")?.get("google")?;
    non_empty(google.get("thought_signature"))
}

pub(super) fn non_empty(json: Option<Json<'_>>) -> Option<Cow<'_, str>> {
    json?.as_str().filter(|text| !text.is_empty())
}
