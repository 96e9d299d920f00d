//! What a caller of each dialect says and hears.

use serde_json::{Value, json};

use crate::http::Event;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// OpenAI Chat Completions.
    OpenAi,
    /// Anthropic Messages.
    Anthropic,
}

impl Dialect {
    pub const ALL: [Self; 2] = [Self::OpenAi, Self::Anthropic];

    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::OpenAi => Self::Anthropic,
            Self::Anthropic => Self::OpenAi,
        }
    }

    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1/chat/completions",
            Self::Anthropic => "/v1/messages",
        }
    }

    /// Tollgate's name for it, as in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai-chat",
            Self::Anthropic => "anthropic",
        }
    }

    /// Type of a channel whose upstream speaks it.
    #[must_use]
    pub fn channel_type(self) -> i64 {
        match self {
            Self::OpenAi => 1,
            Self::Anthropic => 14,
        }
    }

    /// The smallest request of the dialect.
    #[must_use]
    pub fn ask(self, model: &str, text: &str, stream: bool) -> Value {
        let messages = json!([{"role": "user", "content": text}]);
        let mut body = json!({"model": model, "messages": messages});
        match self {
            Self::OpenAi if stream => body["stream_options"] = json!({"include_usage": true}),
            Self::OpenAi => {}
            Self::Anthropic => body["max_tokens"] = json!(256),
        }
        if stream {
            body["stream"] = json!(true);
        }
        body
    }

    /// The text of a whole answer.
    #[must_use]
    pub fn text_of(self, answer: &Value) -> String {
        match self {
            Self::OpenAi => string(&answer["choices"][0]["message"]["content"]),
            Self::Anthropic => array(&answer["content"])
                .iter()
                .filter(|block| block["type"] == "text")
                .map(|block| string(&block["text"]))
                .collect(),
        }
    }

    /// The text of a stream.
    #[must_use]
    pub fn text_of_stream(self, events: &[Event]) -> String {
        let data = events
            .iter()
            .filter_map(|e| serde_json::from_str::<Value>(&e.data).ok());
        match self {
            Self::OpenAi => data
                .map(|d| string(&d["choices"][0]["delta"]["content"]))
                .collect(),
            Self::Anthropic => data.map(|d| string(&d["delta"]["text"])).collect(),
        }
    }

    /// Whether a stream ended as the dialect demands.
    #[must_use]
    pub fn is_ended(self, events: &[Event]) -> bool {
        events.last().is_some_and(|last| match self {
            Self::OpenAi => last.data == "[DONE]",
            Self::Anthropic => last.name == "message_stop",
        })
    }

    /// The error inside a stream, if it ended with one.
    #[must_use]
    pub fn error_in_stream(self, events: &[Event]) -> Option<Value> {
        let parsed = events.iter().filter_map(|e| {
            let data: Value = serde_json::from_str(&e.data).ok()?;
            Some((e.name.as_str(), data))
        });
        parsed
            .filter(|(name, data)| match self {
                Self::OpenAi => data["error"].is_object(),
                Self::Anthropic => *name == "error" && data["type"] == "error",
            })
            .map(|(_, data)| data)
            .next_back()
    }

    /// Checks that a body is an error as the vendor's SDK reads it, and gives its type and text.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    #[track_caller]
    pub fn error_of(self, body: &Value) -> (String, String) {
        let error = &body["error"];
        assert!(
            error["message"].is_string() && error["type"].is_string(),
            "no error: {body}"
        );
        if self == Self::Anthropic {
            assert_eq!(body["type"], "error", "not Anthropic's envelope: {body}");
        } else {
            assert!(
                error.get("code").is_some(),
                "OpenAI's errors have a code: {body}"
            );
        }
        (string(&error["type"]), string(&error["message"]))
    }
}

/// The string, or "" where it is none.
#[must_use]
pub fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The elements, or none where it is no array.
#[must_use]
pub fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
