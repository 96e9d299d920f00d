//! The items of an answer as they are written: whole, or while they grow.

use crate::json::JsonWriter;
use crate::neutral::{CallKind, StopReason, Usage};
use crate::openai_responses::{echo, reasoning, usage};
use crate::reply::Reply;

/// One item of `output`. Its position there is its `output_index`.
pub(super) struct Item {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) done: bool,
}

pub(super) enum Kind {
    Message(Vec<Part>),
    Reasoning {
        summary: String,
        encrypted: Option<String>,
    },
    /// A picture that the model drew.
    Picture {
        media_type: String,
        /// Standard base64.
        data: String,
    },
    Call {
        /// The upstream's number of the call.
        call: u32,
        kind: CallKind,
        call_id: String,
        namespace: Option<String>,
        name: String,
        arguments: String,
    },
}

/// A part of a message.
pub(super) struct Part {
    pub(super) refusal: bool,
    pub(super) text: String,
    pub(super) done: bool,
}

/// Where a response stands.
#[derive(Clone, Copy)]
pub(super) enum Status<'e> {
    InProgress,
    Ended(StopReason),
    /// With a code and a message.
    Failed(&'e str, &'e str),
}

// === impl Kind ===

impl Kind {
    /// Nothing where it is no picture: no item can hold it.
    pub(super) fn picture(media_type: &str, data: &str) -> Option<Self> {
        media_type.starts_with("image/").then(|| Self::Picture {
            media_type: media_type.to_owned(),
            data: data.to_owned(),
        })
    }
}

// === impl Item ===

impl Item {
    /// A new item with an id of its own: unique per answer, and of a legal length as
    /// long as the answer's id is.
    pub(super) fn new(kind: Kind, index: usize, reply: &Reply) -> Self {
        let prefix = match &kind {
            Kind::Message(_) => "msg",
            Kind::Reasoning { .. } => "rs",
            Kind::Picture { .. } => "ig",
            Kind::Call {
                kind: CallKind::Function,
                ..
            } => "fc",
            Kind::Call {
                kind: CallKind::Custom,
                ..
            } => "ctc",
        };
        Self {
            id: format!("{prefix}_{}_{index}", reply.id),
            kind,
            done: false,
        }
    }

    /// The members of the item, with what it holds by now. An item whose answer was
    /// cut is `incomplete`.
    pub(super) fn members(&self, cut: bool, w: &mut JsonWriter<'_>) {
        w.field_str("id", &self.id);
        let status = match (self.done, cut) {
            (_, true) => "incomplete",
            (true, false) => "completed",
            (false, false) => "in_progress",
        };
        match &self.kind {
            Kind::Message(parts) => {
                w.field_str("type", "message");
                w.field_str("status", status);
                w.field_str("role", "assistant");
                w.field_array("content", |w| {
                    for part in parts {
                        w.object(|w| part.members(&part.text, w));
                    }
                });
            }
            Kind::Reasoning { summary, encrypted } => {
                w.field_str("type", "reasoning");
                reasoning::summary(summary, w);
                if let Some(encrypted) = encrypted {
                    w.field_str("encrypted_content", encrypted);
                }
            }
            Kind::Picture { media_type, data } => {
                w.field_str("type", "image_generation_call");
                w.field_str("status", status);
                if let Some(format) = media_type.strip_prefix("image/") {
                    w.field_str("output_format", format);
                }
                match self.done {
                    true => w.field_str("result", data),
                    false => w.field_null("result"),
                }
            }
            Kind::Call {
                kind,
                call_id,
                namespace,
                name,
                arguments,
                ..
            } => {
                let (item, key) = call_names(*kind);
                w.field_str("type", item);
                w.field_str("status", status);
                w.field_str(key, arguments);
                w.field_str("call_id", call_id);
                if let Some(namespace) = namespace {
                    w.field_str("namespace", namespace);
                }
                w.field_str("name", name);
            }
        }
    }
}

/// The type of a call's item, and what it calls its arguments.
pub(super) fn call_names(kind: CallKind) -> (&'static str, &'static str) {
    match kind {
        CallKind::Function => ("function_call", "arguments"),
        CallKind::Custom => ("custom_tool_call", "input"),
    }
}

// === impl Part ===

impl Part {
    pub(super) fn new(refusal: bool) -> Self {
        Self {
            refusal,
            text: String::new(),
            done: false,
        }
    }

    pub(super) fn members(&self, text: &str, w: &mut JsonWriter<'_>) {
        if self.refusal {
            w.field_str("type", "refusal");
            w.field_str("refusal", text);
        } else {
            w.field_str("type", "output_text");
            w.field_array("annotations", |_| {});
            w.field_array("logprobs", |_| {});
            w.field_str("text", text);
        }
    }
}

/// The members of a response object.
pub(super) fn response(
    reply: &Reply,
    status: Status<'_>,
    items: &[Item],
    used: Option<&Usage>,
    w: &mut JsonWriter<'_>,
) {
    let (name, reason) = match status {
        Status::InProgress => ("in_progress", None),
        Status::Failed(..) => ("failed", None),
        Status::Ended(stop) => match stop {
            StopReason::MaxTokens | StopReason::ContextWindow => {
                ("incomplete", Some("max_output_tokens"))
            }
            StopReason::Refusal => ("incomplete", Some("content_filter")),
            StopReason::EndOfTurn
            | StopReason::StopSequence
            | StopReason::ToolUse
            | StopReason::Pause => ("completed", None),
        },
    };
    w.field_str("id", &format!("resp_{}", reply.id));
    w.field_str("object", "response");
    w.field_u64("created_at", reply.created_unix_s);
    w.field_str("status", name);
    w.field_bool("background", false);
    match status {
        Status::Failed(code, message) => w.field_object("error", |w| {
            w.field_str("code", code);
            w.field_str("message", message);
        }),
        _ => w.field_null("error"),
    }
    match reason {
        Some(reason) => w.field_object("incomplete_details", |w| w.field_str("reason", reason)),
        None => w.field_null("incomplete_details"),
    }
    w.field_str("model", &reply.model);
    let last = items.len().saturating_sub(1);
    w.field_array("output", |w| {
        for (index, item) in items.iter().enumerate() {
            // It is the last one that was cut.
            let cut = reason == Some("max_output_tokens") && index == last;
            w.object(|w| item.members(cut, w));
        }
    });
    match &reply.previous_response_id {
        Some(id) => w.field_str("previous_response_id", id),
        None => w.field_null("previous_response_id"),
    }
    if let Some(id) = &reply.conversation {
        w.field_object("conversation", |w| w.field_str("id", id));
    }
    w.field_bool("store", reply.stored);
    echo::members(reply.echo.as_deref(), w);
    match used {
        Some(used) => w.field_object("usage", |w| usage::members(used, w)),
        None => w.field_null("usage"),
    }
}
