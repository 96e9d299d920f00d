//! Messages and the blocks that they are made of.

use crate::base64;
use crate::dialect::Dialect;
use crate::neutral::Signature;
use crate::text::{Raw, Text};

/// One turn, or a part of one: neighbours of the same role may be merged by a
/// dialect that wants them so.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub role: Role,
    pub content: Vec<Block>,
    pub extras: Vec<Extra>,
}

/// Tool results are blocks of user messages, as the model sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    System,
    /// OpenAI's name for system messages to reasoning models.
    Developer,
    User,
    Assistant,
}

/// A piece of content with what is attached to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub content: Content,
    pub cache: Option<CacheMark>,
    pub extras: Vec<Extra>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Text(Text),
    Refusal(Text),
    Image(Image),
    Document(Document),
    Audio(Media),
    Video(Media),
    /// `signature` proves the text to the provider that wrote it; without one it
    /// can be shown but not sent back. Without text the provider keeps the words to
    /// itself, or the signature belongs to the block after it (Gemini signs calls
    /// and texts too).
    Thinking {
        text: Text,
        signature: Option<Signature>,
    },
    RedactedThinking {
        data: Text,
    },
    ToolCall(ToolCall),
    ToolResult(ToolResult),
    /// A block that only its own dialect understands, the whole object verbatim.
    Foreign {
        dialect: Dialect,
        kind: Text,
        raw: Raw,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    pub source: Source,
}

/// Sound, or moving pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Media {
    pub source: Source,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub source: Source,
    /// Title or file name.
    pub name: Option<Text>,
}

/// Where bytes come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    Url(Text),
    /// Standard base64 with padding (RFC 4648, section 4), of `media_type`.
    Base64 {
        media_type: Text,
        data: Text,
    },
    /// Plain text given inline.
    Text(Text),
    /// A file stored at one provider's account.
    File {
        id: Text,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    pub id: Text,
    pub name: Text,
    /// What the model wrote: JSON if all went well, but cut or broken JSON too,
    /// and nothing at all for a tool without parameters.
    /// For a custom tool the text that it is given.
    pub arguments: Text,
    pub kind: CallKind,
}

/// What a tool takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallKind {
    /// JSON.
    #[default]
    Function,
    /// Free text (OpenAI's custom tools).
    Custom,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ToolResult {
    pub call_id: Text,
    pub content: Vec<Block>,
    pub is_error: bool,
}

/// A prompt-cache breakpoint after the block that carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheMark {
    /// The provider's default lifetime.
    Default,
    FiveMinutes,
    OneHour,
}

/// A field as its dialect wrote it: written back in that dialect, a loss in others.
#[derive(Clone, Debug, PartialEq)]
pub struct Extra {
    pub key: Text,
    pub value: Raw,
    /// Its meaning stands in a neutral field as well, so nothing is lost elsewhere;
    /// it is kept because its own dialect has several words for the same.
    pub mirrored: bool,
}

// === impl Block ===

impl Block {
    pub fn new(content: Content) -> Self {
        Self {
            content,
            cache: None,
            extras: Vec::new(),
        }
    }

    pub fn text(text: impl Into<Text>) -> Self {
        Self::new(Content::Text(text.into()))
    }
}

// === impl Content ===

impl Content {
    /// What bytes of this type are to the model.
    pub(crate) fn media(media_type: Text, data: Text) -> Self {
        let family = media_type.split('/').next().unwrap_or_default();
        let family = family.to_ascii_lowercase();
        let source = Source::Base64 { media_type, data };
        match &*family {
            "image" => Self::Image(Image { source }),
            "audio" => Self::Audio(Media { source }),
            "video" => Self::Video(Media { source }),
            _ => Self::Document(Document { source, name: None }),
        }
    }
}

// === impl Document ===

impl Document {
    /// What it says, where it is plain text, inline or in base64.
    pub(crate) fn text(&self) -> Option<Text> {
        match &self.source {
            Source::Text(text) => Some(text.clone()),
            Source::Base64 { media_type, data } if media_type.begins_with("text/") => {
                String::from_utf8(base64::decode(data)?)
                    .ok()
                    .map(Text::from)
            }
            _ => None,
        }
    }
}

// === impl Message ===

impl Message {
    pub fn new(role: Role, content: Vec<Block>) -> Self {
        Self {
            role,
            content,
            extras: Vec::new(),
        }
    }
}

// === impl Extra ===

impl Extra {
    pub fn new(key: impl Into<Text>, value: Raw) -> Self {
        Self {
            key: key.into(),
            value,
            mirrored: false,
        }
    }

    pub fn mirrored(key: impl Into<Text>, value: Raw) -> Self {
        Self {
            mirrored: true,
            ..Self::new(key, value)
        }
    }
}

// === impl CacheMark ===

impl CacheMark {
    /// The value of `cache_control`, as Anthropic defines it.
    pub(crate) fn as_json(self) -> &'static str {
        match self {
            Self::Default => r#"{"type":"ephemeral"}"#,
            Self::FiveMinutes => r#"{"type":"ephemeral","ttl":"5m"}"#,
            Self::OneHour => r#"{"type":"ephemeral","ttl":"1h"}"#,
        }
    }

    /// Reads a `cache_control` object; nothing where it is null or of another type.
    pub(crate) fn read(json: crate::json::Json<'_>) -> Option<Self> {
        if json.get("type")?.as_str()? != "ephemeral" {
            return None;
        }
        let ttl = json.get("ttl").and_then(crate::json::Json::as_str);
        Some(match ttl.as_deref() {
            Some("1h") => Self::OneHour,
            Some("5m") => Self::FiveMinutes,
            _ => Self::Default,
        })
    }
}
