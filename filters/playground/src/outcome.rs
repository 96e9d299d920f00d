//! What the page shows of one translation.

use serde::Serialize;
use tollgate_protocol::neutral::Usage;
use tollgate_protocol::{Dialect, ErrorInfo, Loss, write_error};

/// The result of one translation, ready to be shown.
#[derive(Debug, PartialEq, Serialize)]
pub struct Outcome {
    pub verdict: Verdict,
    /// HTTP status that the caller would get; nothing for a request that goes on.
    pub status: Option<u16>,
    /// The body, or the error's body in the caller's dialect. Bytes that are not UTF-8
    /// are shown as U+FFFD.
    pub body: String,
    pub losses: Vec<LostField>,
    /// Tokens and the like as the answer reports them; empty where it reports none.
    pub usage: Vec<Count>,
}

/// What became of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Byte for byte as it came.
    Passed,
    /// In its own dialect, with the model's name or the like replaced.
    Edited,
    Translated,
    /// A stream that the upstream broke off or that failed in the middle: the caller
    /// was told, in its own dialect.
    Interrupted,
    /// The caller gets an error instead.
    Refused,
    /// The playground was asked for something that is not there.
    Mistake,
}

/// A field that the other dialect cannot express.
#[derive(Debug, PartialEq, Serialize)]
pub struct LostField {
    /// Path in the caller's body.
    pub field: String,
    pub reason: String,
}

/// One counter of an answer's usage.
#[derive(Debug, PartialEq, Serialize)]
pub struct Count {
    pub name: &'static str,
    pub count: u64,
}

// === impl Outcome ===

impl Outcome {
    pub(crate) fn new(verdict: Verdict, body: &[u8]) -> Self {
        Self {
            verdict,
            status: None,
            body: String::from_utf8_lossy(body).into_owned(),
            losses: Vec::new(),
            usage: Vec::new(),
        }
    }

    /// An answer of status 200.
    pub(crate) fn answer(verdict: Verdict, body: &[u8], usage: &Usage) -> Self {
        Self {
            status: Some(200),
            usage: counts(usage),
            ..Self::new(verdict, body)
        }
    }

    /// The error as a caller of `dialect` sees it.
    pub(crate) fn refused(dialect: Dialect, error: &ErrorInfo) -> Self {
        let (status, body) = write_error(dialect, error);
        Self {
            status: Some(status),
            ..Self::new(Verdict::Refused, &body)
        }
    }

    pub(crate) fn mistake(message: String) -> Self {
        Self::new(Verdict::Mistake, message.as_bytes())
    }

    pub(crate) fn with_losses(mut self, losses: Vec<Loss>) -> Self {
        let lost = |loss: Loss| LostField {
            field: loss.field,
            reason: loss.reason.into_owned(),
        };
        self.losses = losses.into_iter().map(lost).collect();
        self
    }
}

/// The counters that the answer reported, under their names in usage logs.
fn counts(usage: &Usage) -> Vec<Count> {
    let all = [
        ("input_tokens", usage.input_tokens),
        ("uncached_input_tokens", usage.uncached_input_tokens()),
        ("cache_read_tokens", usage.cache_read_tokens),
        ("cache_write_5m_tokens", usage.cache_write_5m_tokens),
        ("cache_write_1h_tokens", usage.cache_write_1h_tokens),
        ("output_tokens", usage.output_tokens),
        ("reasoning_tokens", usage.reasoning_tokens),
        ("input_audio_tokens", usage.input_audio_tokens),
        ("output_audio_tokens", usage.output_audio_tokens),
        ("output_image_tokens", usage.output_image_tokens),
        ("web_searches", usage.web_searches),
    ];
    all.into_iter()
        .filter_map(|(name, count)| count.map(|count| Count { name, count }))
        .collect()
}
