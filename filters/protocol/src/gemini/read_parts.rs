//! Contents and parts, of requests and of answers.
//!
//! SDKs that stream hand every chunk back as a content of its own, so neighbours of
//! the same role are one message, and pieces of one thought one block. A signature on
//! a part becomes thinking without text before the block that the part becomes.

use std::collections::{BTreeMap, VecDeque};

use crate::dialect::Dialect;
use crate::gemini::fields::{elements, member, named};
use crate::gemini::signature::{self, Proof};
use crate::json::{Json, Kind};
use crate::media;
use crate::neutral::{
    Block, CallKind, Content, Document, Extra, Image, Media, Message, Role, Signature, Source,
    ToolCall, ToolResult,
};
use crate::path::Path;
use crate::problem::InvalidRequest;
use crate::read::{self, Read};
use crate::text::Text;

/// Ids of calls that the caller did not give any; never sent to this dialect.
pub(super) const SYNTHETIC: &str = "gemini_call_";

/// What a part may hold beside its signature, one of them.
const DATA: [&str; 9] = [
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
];

/// Uploaded files, which only their own project can read.
const STORED: [&str; 3] = [
    "https://generativelanguage.googleapis.com/",
    "gs://",
    "files/",
];

pub(super) fn contents(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
) -> Result<Vec<Message>, InvalidRequest> {
    let contents = elements(json)
        .ok_or_else(|| InvalidRequest::must_be(at.to_string(), "an array of contents"))?;
    let mut messages = Vec::new();
    let mut calls = Calls::default();
    let mut open: Option<(Role, Vec<Extra>, Parts)> = None;
    for (index, json) in contents.into_iter().enumerate() {
        let at = at.index(index);
        let role = role(read, read::object(json, &at)?, &at)?;
        let mut extras = Vec::new();
        for (key, value) in json.entries().filter(|(_, value)| !value.is_null()) {
            if !matches!(&*key, "role" | "parts") {
                extras.push(read.extra(&key, value));
            }
        }
        let (_, known, parts) = match &mut open {
            Some(open) if open.0 == role => open,
            _ => {
                let next = (role, Vec::new(), Parts::default());
                close(open.replace(next), &mut messages);
                match &mut open {
                    Some(open) => open,
                    None => continue,
                }
            }
        };
        known.extend(extras);
        if let Some(json) = member(json, "parts") {
            parts.read(read, json, &at.key("parts"), Some(&mut calls))?;
        }
    }
    close(open, &mut messages);
    Ok(messages)
}

fn close(open: Option<(Role, Vec<Extra>, Parts)>, messages: &mut Vec<Message>) {
    if let Some((role, extras, parts)) = open {
        messages.push(Message {
            role,
            content: parts.finish(),
            extras,
        });
    }
}

/// The blocks of one content that stands alone: a system instruction, an answer.
pub(super) fn content(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
) -> Result<Vec<Block>, InvalidRequest> {
    let mut parts = Parts::default();
    if let Some(json) = member(json, "parts") {
        parts.read(read, json, &at.key("parts"), None)?;
    }
    Ok(parts.finish())
}

fn role(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Role, InvalidRequest> {
    let role = read.optional_text(json, "role", at)?;
    match role.as_deref() {
        Some("model") => Ok(Role::Assistant),
        // The last is what results of functions once came as.
        None | Some("" | "user" | "function") => Ok(Role::User),
        Some(_) => Err(InvalidRequest::must_be(
            at.key("role").to_string(),
            "'user' or 'model'",
        )),
    }
}

/// The calls of a history that came without ids, by name, in their order.
#[derive(Default)]
struct Calls {
    count: u64,
    open: BTreeMap<String, VecDeque<Text>>,
}

/// Collects the blocks of one message.
#[derive(Default)]
struct Parts {
    blocks: Vec<Block>,
    /// A thought that may go on.
    thought: Option<String>,
}

// === impl Calls ===

impl Calls {
    fn id(&mut self) -> Text {
        self.count += 1;
        format!("{SYNTHETIC}{}", self.count).into()
    }

    fn called(&mut self, name: &str) -> Text {
        let id = self.id();
        let waiting = self.open.entry(name.to_owned()).or_default();
        waiting.push_back(id.clone());
        id
    }

    fn answered(&mut self, name: &str) -> Text {
        let waiting = self.open.get_mut(name).and_then(VecDeque::pop_front);
        waiting.unwrap_or_else(|| self.id())
    }
}

// === impl Parts ===

impl Parts {
    fn read(
        &mut self,
        read: Read<'_>,
        json: Json<'_>,
        at: &Path<'_>,
        mut calls: Option<&mut Calls>,
    ) -> Result<(), InvalidRequest> {
        let parts = elements(json)
            .ok_or_else(|| InvalidRequest::must_be(at.to_string(), "an array of parts"))?;
        let count = parts.len();
        for (index, json) in parts.into_iter().enumerate() {
            let ends = index + 1 == count;
            self.part(read, json, &at.index(index), calls.as_deref_mut(), ends)?;
        }
        Ok(())
    }

    fn part(
        &mut self,
        read: Read<'_>,
        json: Json<'_>,
        at: &Path<'_>,
        calls: Option<&mut Calls>,
        ends: bool,
    ) -> Result<(), InvalidRequest> {
        let mut data = None;
        let (mut is_thought, mut proof) = (false, None);
        let mut extras = Vec::new();
        let members = read::object(json, at)?.entries();
        for (key, value) in members.filter(|(_, value)| !value.is_null()) {
            if let Some(kind) = DATA.iter().find(|kind| named(&key, kind)) {
                data = Some((*kind, value));
            } else if named(&key, "thought") {
                is_thought = value.as_bool() == Some(true);
            } else if named(&key, "thoughtSignature") {
                let text = read.text(value, &at.key("thoughtSignature"))?;
                proof = (!text.is_empty()).then(|| signature::read(text));
            } else {
                extras.push(read.extra(&key, value));
            }
        }
        let Some((kind, value)) = data else {
            match extras.first() {
                Some(extra) => self.push(foreign(read, json, &extra.key), proof),
                None => self.prove(proof),
            }
            return Ok(());
        };
        let at = &at.key(kind);
        let mut block = match kind {
            "text" => {
                let text = read.text(value, at)?;
                if is_thought {
                    self.thought(&text, proof);
                    return Ok(());
                }
                if text.is_empty() && ends && proof.is_some() {
                    self.prove(proof);
                    return Ok(());
                }
                Block::text(text)
            }
            "inlineData" => inline(read, value, at)?,
            "fileData" => file(read, value, at)?,
            "functionCall" => call(read, value, at, calls)?,
            "functionResponse" => result(read, value, at, calls)?,
            kind => foreign(read, json, kind),
        };
        if !matches!(block.content, Content::Foreign { .. }) {
            if is_thought {
                // Pictures that the model drew for itself.
                extras.push(read.extra("thought", Json::trusted("true")));
            }
            block.extras.extend(extras);
        }
        self.push(block, proof);
        Ok(())
    }

    fn thought(&mut self, text: &str, proof: Option<Proof>) {
        self.thought.get_or_insert_default().push_str(text);
        match proof {
            None => {}
            Some(Proof::Signature(signature)) => {
                let text = self.thought.take().unwrap_or_default();
                self.blocks.push(thinking(text, Some(signature)));
            }
            Some(redacted) => self.prove(Some(redacted)),
        }
    }

    fn push(&mut self, block: Block, proof: Option<Proof>) {
        // What the provider's own tools leave keeps its signature inside.
        let foreign = matches!(block.content, Content::Foreign { .. });
        self.prove(proof.filter(|_| !foreign));
        self.end_thought();
        self.blocks.push(block);
    }

    /// A signature of what comes next.
    fn prove(&mut self, proof: Option<Proof>) {
        let Some(proof) = proof else {
            return;
        };
        self.end_thought();
        self.blocks.push(match proof {
            Proof::Signature(signature) => thinking(String::new(), Some(signature)),
            Proof::Redacted(data) => Block::new(Content::RedactedThinking { data }),
        });
    }

    fn end_thought(&mut self) {
        if let Some(text) = self.thought.take().filter(|text| !text.is_empty()) {
            self.blocks.push(thinking(text, None));
        }
    }

    fn finish(mut self) -> Vec<Block> {
        self.end_thought();
        self.blocks
    }
}

fn thinking(text: String, signature: Option<Signature>) -> Block {
    Block::new(Content::Thinking {
        text: text.into(),
        signature,
    })
}

fn foreign(read: Read<'_>, json: Json<'_>, kind: &str) -> Block {
    Block::new(Content::Foreign {
        dialect: Dialect::Gemini,
        kind: kind.into(),
        raw: read.raw(json),
    })
}

fn text_of(
    read: Read<'_>,
    object: Json<'_>,
    key: &str,
    at: &Path<'_>,
) -> Result<Option<Text>, InvalidRequest> {
    let value = member(object, key);
    value
        .map(|value| read.text(value, &at.key(key)))
        .transpose()
}

fn inline(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Block, InvalidRequest> {
    let media_type =
        text_of(read, json, "mimeType", at)?.ok_or_else(|| read::missing(&at.key("mimeType")))?;
    let data = text_of(read, json, "data", at)?.ok_or_else(|| read::missing(&at.key("data")))?;
    let data = media::base64(&data)
        .ok_or_else(|| InvalidRequest::must_be(at.key("data").to_string(), "valid base64"))?;
    let name = text_of(read, json, "displayName", at)?;
    let kind = media_type.clone();
    Ok(media_block(
        &kind,
        Source::Base64 { media_type, data },
        name,
    ))
}

fn file(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Block, InvalidRequest> {
    let uri =
        text_of(read, json, "fileUri", at)?.ok_or_else(|| read::missing(&at.key("fileUri")))?;
    let media_type = text_of(read, json, "mimeType", at)?;
    let name = text_of(read, json, "displayName", at)?;
    let source = match STORED.iter().any(|place| uri.starts_with(place)) {
        true => Source::File { id: uri },
        false => Source::Url(uri),
    };
    // Without a type it is a film on YouTube.
    let kind = media_type.as_deref().unwrap_or("video/*");
    let mut block = media_block(kind, source, name);
    if let Some(value) = member(json, "mimeType") {
        block.extras.push(read.mirrored("mimeType", value));
    }
    Ok(block)
}

fn media_block(media_type: &str, source: Source, name: Option<Text>) -> Block {
    let family = media_type.split('/').next().unwrap_or_default();
    Block::new(match &*family.to_ascii_lowercase() {
        "image" => Content::Image(Image { source }),
        "audio" => Content::Audio(Media { source }),
        "video" => Content::Video(Media { source }),
        _ => Content::Document(Document { source, name }),
    })
}

fn call(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
    calls: Option<&mut Calls>,
) -> Result<Block, InvalidRequest> {
    let name = read.text_of(read::object(json, at)?, "name", at)?;
    let id = read
        .optional_text(json, "id", at)?
        .filter(|id| !id.is_empty());
    let arguments = match json.get("args").and_then(Json::non_null) {
        Some(arguments) => read.raw(arguments).into_text(),
        None => Text::default(),
    };
    let mut block = Block::new(Content::ToolCall(ToolCall {
        id: id
            .or_else(|| calls.map(|calls| calls.called(&name)))
            .unwrap_or_default(),
        name,
        arguments,
        kind: CallKind::Function,
    }));
    let members = json.entries().filter(|(_, value)| !value.is_null());
    for (key, value) in members.filter(|(key, _)| !matches!(&**key, "id" | "name" | "args")) {
        block.extras.push(read.extra(&key, value));
    }
    Ok(block)
}

fn result(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
    calls: Option<&mut Calls>,
) -> Result<Block, InvalidRequest> {
    let name = read.text_of(read::object(json, at)?, "name", at)?;
    let id = read
        .optional_text(json, "id", at)?
        .filter(|id| !id.is_empty());
    let response = json.get("response").and_then(Json::non_null);
    let parts = match json.get("parts").and_then(Json::non_null) {
        Some(parts) => {
            let mut inside = Parts::default();
            inside.read(read, parts, &at.key("parts"), None)?;
            inside.finish()
        }
        None => Vec::new(),
    };
    let (text, is_error) = response.map_or((None, false), |json| said(read, json));
    let bare = parts.is_empty();
    let text = text.filter(|text| bare || text.as_str() != "{}");
    let mut content: Vec<Block> = text.map(Block::text).into_iter().collect();
    content.extend(parts);
    let mut block = Block::new(Content::ToolResult(ToolResult {
        call_id: id
            .or_else(|| calls.map(|calls| calls.answered(&name)))
            .unwrap_or_default(),
        content,
        is_error,
    }));
    for (key, value) in json.entries().filter(|(_, value)| !value.is_null()) {
        match &*key {
            "id" | "parts" => {}
            // As it was written: the text above is only what it says.
            "response" | "name" => block.extras.push(read.mirrored(&key, value)),
            _ => block.extras.push(read.extra(&key, value)),
        }
    }
    Ok(block)
}

/// The text that a `response` stands for, and whether it tells of a failure. Results
/// that are more than one text are told as JSON.
fn said(read: Read<'_>, response: Json<'_>) -> (Option<Text>, bool) {
    let mut members = response.entries();
    let (first, second) = (members.next(), members.next());
    if let (Some((key, value)), None) = (first, second)
        && matches!(&*key, "result" | "output" | "error")
    {
        let text = match value.kind() {
            Kind::String => read.text(value, &Path::Top("response")).ok(),
            _ => Some(read.raw(value).into_text()),
        };
        return (text, key == "error");
    }
    (Some(read.raw(response).into_text()), false)
}
