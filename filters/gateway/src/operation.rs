//! Calls that are not answered in words: vectors for texts, and the count of a prompt's tokens.
//!
//! They take the same way as model calls, through the same channels in the same order. What is
//! their own is here, in [`crate::gateway`]'s `operate` (the plan) and in [`crate::upstream`]'s
//! (one attempt).

use tollgate_config::Channel;
use tollgate_protocol::count::Counter;
use tollgate_protocol::embeddings::{self, Shape};
use tollgate_protocol::{Dialect, ErrorInfo, write_error};

use crate::call::percent_decoded;
use crate::state::first_dialect;

/// What is asked for, as far as the path tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    Embed {
        /// `None` until the body was read, on the path that several shapes share.
        shape: Option<Shape>,
        /// The model, where the path names it.
        model: Option<String>,
    },
    Count {
        dialect: Dialect,
        model: Option<String>,
    },
}

/// Where Gemini's clients find its models.
const GEMINI_MODELS: [&str; 2] = ["/v1beta/models/", "/v1/models/"];

impl Operation {
    pub(crate) fn of(path: &str) -> Option<Self> {
        let embed = |shape| Self::Embed { shape, model: None };
        let count = |dialect| Self::Count {
            dialect,
            model: None,
        };
        match path {
            "/v1/embeddings" => return Some(embed(None)),
            "/v2/embed" => return Some(embed(Some(Shape::Cohere))),
            "/v1/messages/count_tokens" => return Some(count(Dialect::Anthropic)),
            "/v1/responses/input_tokens" => return Some(count(Dialect::OpenaiResponses)),
            _ => {}
        }
        let mut bases = GEMINI_MODELS.iter();
        let rest = percent_decoded(bases.find_map(|base| path.strip_prefix(base))?);
        let (model, method) = rest.rsplit_once(':')?;
        let model = Some(model.trim_start_matches("models/").to_owned());
        let embed = |shape, model| Self::Embed {
            shape: Some(shape),
            model,
        };
        Some(match method {
            _ if model.as_deref() == Some("") => return None,
            "embedContent" => embed(Shape::Gemini, model),
            "batchEmbedContents" => embed(Shape::GeminiBatch, model),
            "countTokens" => Self::Count {
                dialect: Dialect::Gemini,
                model,
            },
            _ => return None,
        })
    }

    /// The chat dialect that is nearest to the caller's.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Embed {
                shape: Some(Shape::Gemini | Shape::GeminiBatch),
                ..
            } => Dialect::Gemini,
            Self::Embed { .. } => Dialect::OpenaiChat,
            Self::Count { dialect, .. } => *dialect,
        }
    }

    /// Status and body of an error, as the caller expects it.
    pub(crate) fn write_error(&self, error: &ErrorInfo) -> (u16, Vec<u8>) {
        match self {
            Self::Embed { shape, .. } => {
                embeddings::write_error(shape.unwrap_or(Shape::Openai), error)
            }
            Self::Count { dialect, .. } => write_error(*dialect, error),
        }
    }
}

/// How a channel is asked for vectors by a caller of shape `caller`. The configuration was
/// validated, so a name in it is always known.
pub(crate) fn shape(channel: &Channel, caller: Shape) -> Option<Shape> {
    let shape = match &channel.embeddings {
        Some(name) => name.parse().ok(),
        None => Shape::of(first_dialect(channel)),
    };
    shape.map(|shape: Shape| shape.for_caller(caller))
}

/// Whether and how a channel counts tokens. Vertex AI is known by how it makes vectors.
pub(crate) fn counter(channel: &Channel) -> Option<Counter> {
    let is_vertex = || shape(channel, Shape::Openai) == Some(Shape::Vertex);
    match Counter::of(first_dialect(channel))? {
        Counter::Gemini if is_vertex() => Some(Counter::Vertex),
        counter => Some(counter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_operations() {
        let embed = |shape, model: Option<&str>| {
            Some(Operation::Embed {
                shape,
                model: model.map(str::to_owned),
            })
        };
        for (path, operation) in [
            ("/v1/embeddings", embed(None, None)),
            ("/v2/embed", embed(Some(Shape::Cohere), None)),
            (
                "/v1beta/models/m:embedContent",
                embed(Some(Shape::Gemini), Some("m")),
            ),
            (
                "/v1/models/models%2Fa%20b%3AbatchEmbedContents",
                embed(Some(Shape::GeminiBatch), Some("a b")),
            ),
            (
                "/v1/messages/count_tokens",
                Some(Operation::Count {
                    dialect: Dialect::Anthropic,
                    model: None,
                }),
            ),
            (
                "/v1/models/m:countTokens",
                Some(Operation::Count {
                    dialect: Dialect::Gemini,
                    model: Some("m".to_owned()),
                }),
            ),
            ("/v1beta/models/:embedContent", None),
            ("/v1beta/models/m", None),
            ("/v1/models/ft:gpt:x", None),
            ("/v1/messages", None),
        ] {
            assert_eq!(Operation::of(path), operation, "{path}");
        }
    }
}
