//! How a test of a channel went.

use tollgate_catalog::builtin;

use super::ModelConfig;

/// The last test of one model of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelTest {
    /// 0: the channel is not saved.
    pub channel_id: i64,
    /// As callers name it.
    pub model: String,
    pub test_at_ms: i64,
    /// As the provider names it.
    pub actual_model: String,
    /// The beginning of what came back, without keys.
    pub response: String,
    pub took_ms: i64,
    pub success: bool,
    pub kind: TestKind,
    /// HTTP status, the provider's own where it answered; 0 without any answer.
    pub code: i64,
}

/// What a model is asked for in a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestKind {
    /// A short answer.
    Chat = 1,
    /// One vector.
    Embeddings = 3,
}

impl TestKind {
    /// AI Proxy's number of a mode: of those that have a test, one stands for all that are asked
    /// in the same way.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        match number {
            // Chat, completions, Anthropic, Responses and Gemini: each is translated into any other.
            1 | 2 | 12 | 16 | 21 => Some(Self::Chat),
            3 => Some(Self::Embeddings),
            _ => None,
        }
    }

    #[must_use]
    pub fn number(self) -> i64 {
        self as i64
    }

    /// What to ask a model for: by its config's type, or where that says nothing by its name.
    /// `None` for models of a type that has no test.
    #[must_use]
    pub fn of(model: &str, config: Option<&ModelConfig>) -> Option<Self> {
        let told = config.map(|config| config.kind).filter(|kind| *kind != 0);
        let listed = || {
            builtin()
                .models()
                .find(|it| it.id.eq_ignore_ascii_case(model))
        };
        match told.or_else(|| Some(listed()?.kind)).unwrap_or(0) {
            0 if model.to_ascii_lowercase().contains("embed") => Some(Self::Embeddings),
            0 => Some(Self::Chat),
            kind => Self::from_number(kind),
        }
    }
}
