//! What parts hold: media, calls and their results.

use std::collections::{BTreeMap, VecDeque};

use crate::dialect::Dialect;
use crate::gemini::fields::member;
use crate::gemini::read_parts::Parts;
use crate::json::{Json, Kind};
use crate::media;
use crate::neutral::{
    Block, CallKind, Content, Document, Image, Media, Source, ToolCall, ToolResult,
};
use crate::path::Path;
use crate::problem::InvalidRequest;
use crate::read::{self, Read};
use crate::text::Text;

/// Ids of calls that the caller did not give any; never sent to this dialect.
pub(super) const SYNTHETIC: &str = "gemini_call_";

/// Uploaded files, which only their own project can read.
const STORED: [&str; 3] = [
    "https://generativelanguage.googleapis.com/",
    "gs://",
    "files/",
];

/// The calls of a history that wait for their results, by name, in their order: ids are
/// optional on either side, and SDKs leave them out of results even where calls have one.
#[derive(Default)]
pub(super) struct Calls {
    made_up: u64,
    waiting: BTreeMap<String, VecDeque<Text>>,
    /// How many results named an id whose call still stands in line.
    answered: BTreeMap<String, u64>,
}

// === impl Calls ===

impl Calls {
    fn make_up(&mut self) -> Text {
        self.made_up += 1;
        format!("{SYNTHETIC}{}", self.made_up).into()
    }

    fn called(&mut self, name: &Text, id: Option<Text>) -> Text {
        let id = id.unwrap_or_else(|| self.make_up());
        let waiting = self.waiting.entry(name.to_string()).or_default();
        waiting.push_back(id.clone());
        id
    }

    fn answered(&mut self, name: &Text, id: Option<Text>) -> Text {
        if let Some(id) = id {
            *self.answered.entry(id.to_string()).or_default() += 1;
            return id;
        }
        while let Some(id) = self
            .waiting
            .get_mut(name.as_str())
            .and_then(VecDeque::pop_front)
        {
            match self
                .answered
                .get_mut(id.as_str())
                .filter(|count| **count > 0)
            {
                Some(count) => *count -= 1,
                None => return id,
            }
        }
        self.make_up()
    }
}

pub(super) fn foreign(read: Read<'_>, json: Json<'_>, kind: &str) -> Block {
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

pub(super) fn inline(
    read: Read<'_>,
    json: Json<'_>,
    at: &Path<'_>,
) -> Result<Block, InvalidRequest> {
    let media_type =
        text_of(read, json, "mimeType", at)?.ok_or_else(|| read::missing(&at.key("mimeType")))?;
    let data = text_of(read, json, "data", at)?.ok_or_else(|| read::missing(&at.key("data")))?;
    let data = media::base64(&data)
        .ok_or_else(|| InvalidRequest::must_be(at.key("data").to_string(), "valid base64"))?;
    let name = text_of(read, json, "displayName", at)?;
    let media_type = media::media_type(&media_type);
    let kind = media_type.clone();
    Ok(media_block(
        &kind,
        Source::Base64 { media_type, data },
        name,
    ))
}

pub(super) fn file(read: Read<'_>, json: Json<'_>, at: &Path<'_>) -> Result<Block, InvalidRequest> {
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

pub(super) fn call(
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
        id: match calls {
            Some(calls) => calls.called(&name, id),
            None => id.unwrap_or_default(),
        },
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

pub(super) fn result(
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
        call_id: match calls {
            Some(calls) => calls.answered(&name, id),
            None => id.unwrap_or_default(),
        },
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
