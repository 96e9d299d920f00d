//! What an upstream's quirks demand of a body that otherwise passes as it is: its
//! caller speaks the same dialect, but not quite the same.
//!
//! Each mend is an edit of a span; all bytes around it stay. A member whose key is
//! written with escapes is left alone: no client does that.

use std::ops::Range;

use crate::alias;
use crate::body::Body;
use crate::gemini::BYPASS;
use crate::json::{Json, JsonWriter, Kind};
use crate::openai_chat::thinking;
use crate::peek::span;
use crate::problem::Losses;
use crate::target::{PassOn, Target, Thinking};

/// Spans with what takes their place; they do not overlap, and have no particular order.
pub(crate) type Edits = Vec<(Range<usize>, Vec<u8>)>;

/// For a Chat Completions upstream.
pub(crate) fn chat(body: &Body, edits: &PassOn<'_>, losses: &mut Losses) -> Edits {
    let Some(target) = edits.target else {
        return Edits::new();
    };
    let mut mender = Mender::new(body, target, losses);
    mender.members(chat_drops);
    if target.legacy_max_tokens {
        mender.rename("max_completion_tokens", "max_tokens");
    }
    if target.no_developer_role || target.string_content || target.nine_char_call_ids {
        mender.messages();
    }
    if target.google_signatures {
        mender.google_signatures();
    }
    if thinking::may_hold(body.as_str()) {
        mender.thinking();
    }
    mender.edits
}

/// For an Anthropic upstream.
pub(crate) fn anthropic(body: &Body, edits: &PassOn<'_>, losses: &mut Losses) -> Edits {
    let Some(target) = edits.target else {
        return Edits::new();
    };
    let mut mender = Mender::new(body, target, losses);
    mender.members(anthropic_drops);
    mender.edits
}

/// For a Responses upstream.
pub(crate) fn responses(body: &Body, edits: &PassOn<'_>, losses: &mut Losses) -> Edits {
    let Some(target) = edits.target else {
        return Edits::new();
    };
    let mut mender = Mender::new(body, target, losses);
    mender.members(responses_drops);
    mender.edits
}

/// Why this upstream must not get this top-level member.
type Drops = fn(key: &str, body: Json<'_>, target: &Target<'_>) -> Option<&'static str>;

fn chat_drops(key: &str, body: Json<'_>, target: &Target<'_>) -> Option<&'static str> {
    match key {
        "stream_options" if target.no_stream_options => Some("the upstream rejects it"),
        "reasoning_effort" if target.thinking == Thinking::Never => Some(CANNOT_THINK),
        // The newer name wins where both are given.
        "max_tokens" if target.legacy_max_tokens => {
            let newer = body.get("max_completion_tokens").and_then(Json::non_null);
            newer.map(|_| "max_completion_tokens goes before it")
        }
        _ => sampling(key, target),
    }
}

/// Why a Responses upstream must not get this top-level member.
pub(crate) fn responses_drops(key: &str, _: Json<'_>, target: &Target<'_>) -> Option<&'static str> {
    let unknown = key == "client_metadata" && !target.client_metadata;
    unknown.then_some("only OpenAI itself takes it")
}

/// Why an Anthropic upstream must not get this top-level member.
pub(crate) fn anthropic_drops(key: &str, _: Json<'_>, target: &Target<'_>) -> Option<&'static str> {
    match key {
        "thinking" if target.thinking == Thinking::Never => Some(CANNOT_THINK),
        _ => sampling(key, target),
    }
}

fn sampling(key: &str, target: &Target<'_>) -> Option<&'static str> {
    let is_sampling = matches!(key, "temperature" | "top_p" | "top_k");
    (target.drops_sampling && is_sampling).then_some("the model takes no sampling parameters")
}

const CANNOT_THINK: &str = "the model cannot think";

struct Mender<'b> {
    body: &'b Body,
    target: &'b Target<'b>,
    edits: Edits,
    losses: &'b mut Losses,
}

// === impl Mender ===

impl<'b> Mender<'b> {
    fn new(body: &'b Body, target: &'b Target<'b>, losses: &'b mut Losses) -> Self {
        Self {
            body,
            target,
            edits: Edits::new(),
            losses,
        }
    }

    /// Removes the top-level members that `drops` names, each with one comma.
    fn members(&mut self, drops: Drops) {
        let (json, target) = (self.body.json(), self.target);
        self.members_of(json, "", |key| drops(key, json, target));
    }

    /// The same for an object inside, whose name goes before those of its members.
    fn members_of(
        &mut self,
        json: Json<'_>,
        name: &str,
        drops: impl Fn(&str) -> Option<&'static str>,
    ) {
        let mut end = span(self.body, json.raw()).start + 1;
        let mut kept = false;
        for (key, value) in json.entries() {
            let value = span(self.body, value.raw());
            let Some(reason) = drops(&key) else {
                kept = true;
                end = value.end;
                continue;
            };
            self.losses.note(format!("{name}{key}"), reason);
            // The comma before it, or after it where nothing stands before.
            let until = if kept {
                value.end
            } else {
                self.after_comma(value.end)
            };
            self.edits.push((end..until, Vec::new()));
            end = until;
        }
    }

    /// Removes what a gateway gave the caller and no provider takes, and what this one does not.
    fn thinking(&mut self) {
        let messages = self.body.json().get("messages");
        for message in messages.into_iter().flat_map(Json::items) {
            let target = self.target;
            let blocks = message.get("thinking_blocks").and_then(Json::non_null);
            let blocks = blocks.map(Json::raw);
            let refuses = |key: &str| thinking::refuses(key, blocks, target);
            self.members_of(message, "messages.", refuses);
        }
    }

    /// The first call of a turn gets the documented bypass where another model made it, or the
    /// client lost what signed it: without, Gemini 3 refuses the whole request.
    fn google_signatures(&mut self) {
        let messages = self.body.json().get("messages");
        for message in messages.into_iter().flat_map(Json::items) {
            let calls = message.get("tool_calls").into_iter().flat_map(Json::items);
            let Some(call) = calls.clone().next() else {
                continue;
            };
            let is_signed = |call: Json<'_>| call.get("extra_content").is_some();
            if call.get("function").is_some() && !calls.clone().any(is_signed) {
                let at = span(self.body, call.raw()).end - 1;
                let member = format!(
                    ",\"extra_content\":{{\"google\":{{\"thought_signature\":\"{BYPASS}\"}}}}"
                );
                self.edits.push((at..at, member.into_bytes()));
            }
        }
    }

    fn after_comma(&self, at: usize) -> usize {
        let rest = self.body.as_str().get(at..).unwrap_or_default();
        let trimmed = rest.trim_start_matches(WHITE);
        match trimmed.strip_prefix(',') {
            Some(after) => at + (rest.len() - after.len()),
            None => at,
        }
    }

    fn rename(&mut self, from: &str, to: &str) {
        let Some(value) = self.body.json().get(from).and_then(Json::non_null) else {
            return;
        };
        let start = span(self.body, value.raw()).start;
        let before = self.body.as_str().get(..start).unwrap_or_default();
        let before = before.trim_end_matches([' ', '\t', '\n', '\r', ':']);
        if let Some(head) = before.strip_suffix(&format!("\"{from}\"")) {
            let edit = format!("\"{to}\"").into_bytes();
            self.edits.push((head.len()..before.len(), edit));
        }
    }

    fn messages(&mut self) {
        let Some(messages) = self.body.json().get("messages") else {
            return;
        };
        for message in messages.items() {
            let [role, content, calls, call_id] =
                message.members(["role", "content", "tool_calls", "tool_call_id"]);
            let name = role.and_then(Json::as_str).unwrap_or_default();
            if let Some(role) = role
                && self.target.no_developer_role
                && name == "developer"
            {
                self.replace(role, "system");
            }
            if let Some(content) = content
                && self.target.string_content
                && name != "user"
            {
                let joint = if name == "tool" { "\n" } else { "\n\n" };
                let joint = if name == "assistant" { "" } else { joint };
                self.flatten(content, joint);
            }
            if self.target.nine_char_call_ids {
                let calls = calls.into_iter().flat_map(Json::items);
                let ids = calls.filter_map(|call| call.get("id")).chain(call_id);
                for id in ids {
                    self.call_id(id);
                }
            }
        }
    }

    /// Parts of text become one string; with any other part among them they stay.
    fn flatten(&mut self, content: Json<'_>, joint: &str) {
        if content.kind() != Kind::Array {
            return;
        }
        let text = |part: Json<'_>| {
            let [kind, text] = part.members(["type", "text"]);
            let is_text = kind.and_then(Json::as_str).as_deref() == Some("text");
            let text = text.filter(|_| is_text)?.as_str()?;
            Some(text.into_owned())
        };
        let texts: Option<Vec<String>> = content.items().map(text).collect();
        if let Some(texts) = texts {
            self.replace(content, &texts.join(joint));
        }
    }

    fn call_id(&mut self, id: Json<'_>) {
        if let Some(text) = id.as_str()
            && let std::borrow::Cow::Owned(fitted) = alias::nine_chars(&text)
        {
            self.replace(id, &fitted);
        }
    }

    fn replace(&mut self, value: Json<'_>, with: &str) {
        let mut quoted = Vec::new();
        JsonWriter::new(&mut quoted).string(with);
        self.edits.push((span(self.body, value.raw()), quoted));
    }
}

const WHITE: [char; 4] = [' ', '\t', '\n', '\r'];
