//! What the demo provider can be told.

use serde::Deserialize;
use serde_json::{Map, Value};

/// Channel type of the demo provider that always fails.
const FAKE_ERROR: i64 = 55;

/// The largest of each, so that a directive cannot be used to fill memory.
const MAX_CHUNKS: u32 = 10_000;
const MAX_WORDS: u32 = 100_000;
const MAX_DELAY_MS: u64 = 600_000;
/// Longer than any model's context, and far from where sums of it would end.
const MAX_TOKENS: u64 = 10_000_000;

/// How to answer. The fields are the keys of a channel's configs (as in AI Proxy) and of a
/// directive; what a directive says goes before what the channel says.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// The whole answer, instead of an echo of the question.
    #[serde(alias = "static_text")]
    pub text: Option<String>,
    pub prefix: Option<String>,
    pub suffix: Option<String>,
    /// An answer of this many words.
    pub words: Option<u32>,
    /// Thoughts before the answer.
    #[serde(alias = "reasoning_text")]
    pub reasoning: Option<String>,
    /// Pieces of the text when it is streamed; one per word by default.
    #[serde(alias = "stream_chunks")]
    pub chunks: Option<u32>,
    /// Before the answer, and when streaming before each of its pieces.
    pub delay_ms: Option<u64>,
    /// Calls these tools (names separated by commas).
    pub tool: Option<String>,
    /// Arguments of the calls; made from the tool's schema by default.
    pub args: Option<Value>,
    /// Why the answer ends: `stop` or `length`.
    pub finish: Option<String>,

    /// Usage figures; counted from the texts by default. `input_tokens` is gross: the two cache
    /// figures are part of it.
    pub input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    pub cached_tokens: Option<u64>,
    pub cache_creation_tokens: Option<u64>,
    pub reasoning_tokens: Option<u64>,

    /// Fails with this HTTP status.
    #[serde(alias = "error_status_code")]
    pub status: Option<u16>,
    #[serde(alias = "error_message")]
    pub error: Option<String>,
    #[serde(alias = "error_code")]
    pub code: Option<String>,
    /// `retry-after` in seconds, with `status`.
    pub retry_after: Option<u32>,
    /// Breaks the connection after so many pieces of the stream.
    pub cut: Option<u32>,
    /// Sends an error event after so many pieces of the stream, and ends it.
    pub fail_after: Option<u32>,
}

impl Behaviour {
    /// Reads a channel's configs.
    ///
    /// # Errors
    /// Names the field that is unknown or of the wrong type.
    pub fn read(configs: &Map<String, Value>) -> Result<Self, serde_json::Error> {
        let mut configs = configs.clone();
        // AI Proxy has the figures in an object of their own.
        if let Some(Value::Object(usage)) = configs.remove("usage") {
            configs.extend(usage);
        }
        serde_json::from_value(Value::Object(configs))
    }

    /// Of a channel with this type and these configs. Configs that cannot be read are ignored:
    /// this is a provider to play with.
    #[must_use]
    pub fn of_channel(kind: i64, configs: &Map<String, Value>) -> Self {
        let mut behaviour = Self::read(configs).unwrap_or_default();
        if kind == FAKE_ERROR && behaviour.status.is_none() {
            behaviour.status = Some(500);
        }
        behaviour.bounded()
    }

    /// With what a directive says.
    ///
    /// # Errors
    /// Says which key is unknown or has a value of the wrong kind.
    pub(super) fn with(self, directive: &Map<String, Value>) -> Result<Self, String> {
        let said: Self = serde_json::from_value(Value::Object(directive.clone()))
            .map_err(|error| format!("in the [demo …] directive: {error}"))?;
        Ok(Self {
            text: said.text.or(self.text),
            prefix: said.prefix.or(self.prefix),
            suffix: said.suffix.or(self.suffix),
            words: said.words.or(self.words),
            reasoning: said.reasoning.or(self.reasoning),
            chunks: said.chunks.or(self.chunks),
            delay_ms: said.delay_ms.or(self.delay_ms),
            tool: said.tool.or(self.tool),
            args: said.args.or(self.args),
            finish: said.finish.or(self.finish),
            input_tokens: said.input_tokens.or(self.input_tokens),
            output_tokens: said.output_tokens.or(self.output_tokens),
            cached_tokens: said.cached_tokens.or(self.cached_tokens),
            cache_creation_tokens: said.cache_creation_tokens.or(self.cache_creation_tokens),
            reasoning_tokens: said.reasoning_tokens.or(self.reasoning_tokens),
            status: said.status.or(self.status),
            error: said.error.or(self.error),
            code: said.code.or(self.code),
            retry_after: said.retry_after.or(self.retry_after),
            cut: said.cut.or(self.cut),
            fail_after: said.fail_after.or(self.fail_after),
        }
        .bounded())
    }

    fn bounded(mut self) -> Self {
        self.chunks = self.chunks.map(|chunks| chunks.clamp(1, MAX_CHUNKS));
        self.words = self.words.map(|words| words.min(MAX_WORDS));
        self.delay_ms = self.delay_ms.map(|delay| delay.min(MAX_DELAY_MS));
        for tokens in [
            &mut self.input_tokens,
            &mut self.output_tokens,
            &mut self.cached_tokens,
            &mut self.cache_creation_tokens,
            &mut self.reasoning_tokens,
        ] {
            *tokens = tokens.map(|tokens| tokens.min(MAX_TOKENS));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn a_channels_configs_are_ai_proxys() {
        let configs =
            json!({"static_text": "hi", "stream_chunks": 3, "usage": {"input_tokens": 5}});
        let behaviour = Behaviour::of_channel(53, &map(configs));
        let expected = Behaviour {
            text: Some("hi".into()),
            chunks: Some(3),
            input_tokens: Some(5),
            ..Behaviour::default()
        };
        assert_eq!(behaviour, expected);
        let failing = Behaviour::of_channel(55, &map(json!({"error_message": "no"})));
        assert_eq!(
            (failing.status, failing.error.as_deref()),
            (Some(500), Some("no"))
        );
    }

    #[test]
    fn a_directive_goes_before_the_channel_and_is_checked() {
        let channel = Behaviour {
            text: Some("a".into()),
            chunks: Some(2),
            ..Behaviour::default()
        };
        let told = channel
            .clone()
            .with(&map(json!({"text": "b", "chunks": 99_999_999})))
            .unwrap();
        assert_eq!(
            (told.text.as_deref(), told.chunks),
            (Some("b"), Some(MAX_CHUNKS))
        );
        assert!(
            channel
                .clone()
                .with(&map(json!({"chonks": 1})))
                .unwrap_err()
                .contains("chonks")
        );
        assert!(channel.with(&map(json!({"status": "x"}))).is_err());
    }
}
