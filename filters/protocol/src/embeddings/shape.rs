//! The shapes and the one registry that knows where each is implemented.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::address::path_segment;
use crate::dialect::Dialect;
use crate::embeddings::{Form, cohere, gemini, jina, ollama, openai, titan, vertex, voyage};

/// How a provider wants to be asked for vectors.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// OpenAI, `POST /v1/embeddings`, and what speaks like it.
    Openai,
    /// Gemini, one text: `POST /v1beta/models/{model}:embedContent`.
    Gemini,
    /// Gemini, several texts: `POST /v1beta/models/{model}:batchEmbedContents`.
    GeminiBatch,
    /// Cohere, `POST /v2/embed`.
    Cohere,
    /// Amazon Titan Text Embeddings V2, `POST /model/{model}/invoke`.
    Titan,
    /// Voyage AI, `POST /v1/embeddings`.
    Voyage,
    /// Jina AI, `POST /v1/embeddings`.
    Jina,
    /// Vertex AI, `POST …/models/{model}:predict`.
    Vertex,
    /// Ollama, `POST /api/embed`.
    Ollama,
}

/// Every shape, for tables and tests.
pub const ALL: &[Shape] = &[
    Shape::Openai,
    Shape::Gemini,
    Shape::GeminiBatch,
    Shape::Cohere,
    Shape::Titan,
    Shape::Voyage,
    Shape::Jina,
    Shape::Vertex,
    Shape::Ollama,
];

/// The text names no shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownShape;

/// A model's name without the collection before it, as Gemini's bodies have it.
fn bare_model(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

// === impl Shape ===

impl Shape {
    /// The name in configuration and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Gemini => "gemini-single",
            Self::GeminiBatch => "gemini",
            Self::Cohere => "cohere",
            Self::Titan => "bedrock-titan",
            Self::Voyage => "voyage",
            Self::Jina => "jina",
            Self::Vertex => "vertex",
            Self::Ollama => "ollama",
        }
    }

    /// The shape in which providers of a chat dialect give vectors; none where they
    /// give none.
    pub fn of(dialect: Dialect) -> Option<Self> {
        match dialect {
            Dialect::Gemini => Some(Self::GeminiBatch),
            Dialect::BedrockConverse => Some(Self::Titan),
            Dialect::Cohere => Some(Self::Cohere),
            Dialect::Ollama => Some(Self::Ollama),
            Dialect::Anthropic | Dialect::AnthropicBedrock | Dialect::AnthropicVertex => None,
            _ => Some(Self::Openai),
        }
    }

    /// How an upstream is best asked by a caller of shape `caller`: Gemini's two
    /// shapes are of one provider.
    pub fn for_caller(self, caller: Self) -> Self {
        match (self, caller) {
            (Self::Gemini | Self::GeminiBatch, Self::Gemini | Self::GeminiBatch) => caller,
            _ => self,
        }
    }

    /// The path below a provider's base URL.
    pub fn path(self, model: &str) -> String {
        match self {
            Self::Openai | Self::Voyage | Self::Jina => "/embeddings".to_owned(),
            Self::Gemini => format!("/models/{}:embedContent", path_segment(bare_model(model))),
            Self::GeminiBatch => {
                format!(
                    "/models/{}:batchEmbedContents",
                    path_segment(bare_model(model))
                )
            }
            Self::Cohere => "/embed".to_owned(),
            Self::Titan => format!("/model/{}/invoke", path_segment(model)),
            Self::Vertex => format!("/models/{}:predict", path_segment(bare_model(model))),
            Self::Ollama => "/api/embed".to_owned(),
        }
    }

    /// How its bodies name a model.
    pub(super) fn model_in_body(self, model: &str) -> Cow<'_, str> {
        match self {
            Self::Gemini | Self::GeminiBatch => format!("models/{}", bare_model(model)).into(),
            _ => model.into(),
        }
    }

    pub(super) fn is_same_model(self, name: &str, other: &str) -> bool {
        match self {
            Self::Gemini | Self::GeminiBatch => bare_model(name) == bare_model(other),
            _ => name == other,
        }
    }

    pub(super) fn form(self) -> &'static dyn Form {
        match self {
            Self::Openai => &openai::Openai,
            Self::Gemini => &gemini::Single,
            Self::GeminiBatch => &gemini::Batch,
            Self::Cohere => &cohere::Cohere,
            Self::Titan => &titan::Titan,
            Self::Voyage => &voyage::Voyage,
            Self::Jina => &jina::Jina,
            Self::Vertex => &vertex::Vertex,
            Self::Ollama => &ollama::Ollama,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Display for UnknownShape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("unknown shape of embeddings")
    }
}

impl std::error::Error for UnknownShape {}

impl FromStr for Shape {
    type Err = UnknownShape;

    fn from_str(name: &str) -> Result<Self, UnknownShape> {
        let mut shapes = ALL.iter().copied();
        shapes
            .find(|shape| shape.as_str() == name)
            .ok_or(UnknownShape)
    }
}
