//! What a caller of each dialect says and hears.

use serde_json::{Value, json};

use crate::http::Event;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// OpenAI Chat Completions.
    OpenAi,
    /// OpenAI's legacy Completions: text goes on, and that is all. It is in neither list below, for
    /// most of what is tried there it cannot say.
    Completions,
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Responses.
    Responses,
    /// Gemini's `generateContent`.
    Gemini,
    /// Bedrock's `Converse`; nobody calls Tollgate in it, nor in those below.
    Bedrock,
    /// Cohere's second version.
    Cohere,
    /// Ollama's own, at `/api/chat`.
    Ollama,
    /// Anthropic Messages in Bedrock's envelope (`InvokeModel`).
    BedrockClaude,
    /// Anthropic Messages in Vertex AI's envelope (`rawPredict`).
    VertexClaude,
}

impl Dialect {
    /// The two that nearly everybody speaks: what holds for every dialect alike is tried with them.
    pub const ALL: [Self; 2] = [Self::OpenAi, Self::Anthropic];
    /// In which Tollgate can be called.
    pub const CALLERS: [Self; 4] = [Self::OpenAi, Self::Anthropic, Self::Responses, Self::Gemini];
    /// In which Tollgate can call.
    pub const UPSTREAMS: [Self; 9] = [
        Self::OpenAi,
        Self::Anthropic,
        Self::Responses,
        Self::Gemini,
        Self::Bedrock,
        Self::Cohere,
        Self::Ollama,
        Self::BedrockClaude,
        Self::VertexClaude,
    ];

    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Anthropic => Self::OpenAi,
            _ => Self::Anthropic,
        }
    }

    /// The upstream's dialect after this one, round and round.
    #[must_use]
    pub fn next(self) -> Self {
        let at = Self::UPSTREAMS.iter().position(|it| *it == self);
        Self::UPSTREAMS[at.map_or(0, |at| (at + 1) % Self::UPSTREAMS.len())]
    }

    /// Where it is called; for those whose path names the model, see [`Dialect::path_to`].
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Anthropic => "/v1/messages",
            Self::Responses => "/v1/responses",
            Self::Gemini => "/v1beta/models",
            Self::Bedrock | Self::BedrockClaude => "/model",
            Self::VertexClaude => "/v1/projects/p-1/locations/l-1/publishers/anthropic/models",
            Self::Cohere => "/v2/chat",
            Self::Ollama => "/api/chat",
        }
    }

    /// The path (and query) of a call for this model.
    #[must_use]
    pub fn path_to(self, model: &str, stream: bool) -> String {
        let path = self.path();
        match (self, stream) {
            (Self::Gemini, false) => format!("{path}/{model}:generateContent"),
            (Self::Gemini, true) => format!("{path}/{model}:streamGenerateContent?alt=sse"),
            (Self::Bedrock, false) => format!("{path}/{model}/converse"),
            (Self::Bedrock, true) => format!("{path}/{model}/converse-stream"),
            (Self::BedrockClaude, false) => format!("{path}/{model}/invoke"),
            (Self::BedrockClaude, true) => {
                format!("{path}/{model}/invoke-with-response-stream")
            }
            (Self::VertexClaude, false) => format!("{path}/{model}:rawPredict"),
            (Self::VertexClaude, true) => format!("{path}/{model}:streamRawPredict"),
            _ => path.to_owned(),
        }
    }

    /// What the base URL of a channel ends with.
    #[must_use]
    pub fn base_path(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Completions | Self::Anthropic | Self::Responses => "/v1",
            Self::Gemini => "/v1beta",
            Self::Cohere => "/v2",
            Self::Bedrock | Self::Ollama | Self::BedrockClaude => "",
            Self::VertexClaude => "/v1/projects/p-1/locations/l-1",
        }
    }

    /// Tollgate's name for it, as in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai-chat",
            Self::Completions => "openai-completions",
            Self::Anthropic => "anthropic",
            Self::Responses => "openai-responses",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock-converse",
            Self::Cohere => "cohere",
            Self::Ollama => "ollama",
            Self::BedrockClaude => "anthropic-bedrock",
            Self::VertexClaude => "anthropic-vertex",
        }
    }

    /// Type of a channel whose upstream speaks it.
    #[must_use]
    pub fn channel_type(self) -> i64 {
        match self {
            Self::OpenAi => 1,
            Self::Completions => 1014,
            Self::Anthropic => 14,
            Self::Responses => 1013,
            Self::Gemini => 24,
            Self::Bedrock => 1012,
            Self::Cohere => 35,
            Self::Ollama => 30,
            Self::BedrockClaude => 33,
            Self::VertexClaude => 1011,
        }
    }

    /// The header in which a provider of the dialect takes its key.
    #[must_use]
    pub fn key_header(self) -> &'static str {
        match self {
            Self::Anthropic => "x-api-key",
            Self::Gemini | Self::VertexClaude => "x-goog-api-key",
            _ => "authorization",
        }
    }

    /// The smallest request of the dialect.
    #[must_use]
    pub fn ask(self, model: &str, text: &str, stream: bool) -> Value {
        let messages = json!([{"role": "user", "content": text}]);
        let mut body = match self {
            Self::OpenAi | Self::Cohere => json!({"model": model, "messages": messages}),
            Self::Ollama => json!({"model": model, "messages": messages, "stream": false}),
            Self::Completions => json!({"model": model, "prompt": text, "max_tokens": 256}),
            Self::Anthropic => json!({"model": model, "messages": messages, "max_tokens": 256}),
            Self::Responses => json!({"model": model, "input": text}),
            Self::Gemini => {
                return json!({"contents": [{"role": "user", "parts": [{"text": text}]}]});
            }
            Self::Bedrock => {
                return json!({"messages": [{"role": "user", "content": [{"text": text}]}]});
            }
            Self::BedrockClaude => {
                let version = "bedrock-2023-05-31";
                return json!({"anthropic_version": version, "messages": messages, "max_tokens": 9});
            }
            Self::VertexClaude => {
                let version = "vertex-2023-10-16";
                json!({"anthropic_version": version, "messages": messages, "max_tokens": 9})
            }
        };
        if stream {
            body["stream"] = json!(true);
            if matches!(self, Self::OpenAi | Self::Completions) {
                body["stream_options"] = json!({"include_usage": true});
            }
        }
        body
    }

    /// The text of a whole answer.
    #[must_use]
    pub fn text_of(self, answer: &Value) -> String {
        let texts = |blocks: &Value| -> String {
            array(blocks)
                .iter()
                .filter(|block| block["thought"] != true)
                .map(|block| string(&block["text"]))
                .collect()
        };
        match self {
            Self::OpenAi => string(&answer["choices"][0]["message"]["content"]),
            Self::Completions => string(&answer["choices"][0]["text"]),
            Self::Anthropic | Self::BedrockClaude | Self::VertexClaude => texts(&answer["content"]),
            Self::Responses => array(&answer["output"])
                .iter()
                .map(|item| texts(&item["content"]))
                .collect(),
            Self::Gemini => texts(&answer["candidates"][0]["content"]["parts"]),
            Self::Bedrock => texts(&answer["output"]["message"]["content"]),
            Self::Cohere => texts(&answer["message"]["content"]),
            Self::Ollama => string(&answer["message"]["content"]),
        }
    }

    /// The text of a stream of events (not of AWS's frames or Ollama's lines).
    #[must_use]
    pub fn text_of_stream(self, events: &[Event]) -> String {
        let data = events
            .iter()
            .filter_map(|e| serde_json::from_str::<Value>(&e.data).ok());
        match self {
            Self::OpenAi => data
                .map(|d| string(&d["choices"][0]["delta"]["content"]))
                .collect(),
            Self::Anthropic | Self::VertexClaude => {
                data.map(|d| string(&d["delta"]["text"])).collect()
            }
            Self::Responses => data
                .filter(|d| d["type"] == "response.output_text.delta")
                .map(|d| string(&d["delta"]))
                .collect(),
            Self::Cohere => data
                .map(|d| string(&d["delta"]["message"]["content"]["text"]))
                .collect(),
            _ => data.map(|d| self.text_of(&d)).collect(),
        }
    }

    /// Whether a stream of events ended as the dialect demands.
    #[must_use]
    pub fn is_ended(self, events: &[Event]) -> bool {
        events.last().is_some_and(|last| match self {
            Self::OpenAi | Self::Completions => last.data == "[DONE]",
            Self::Anthropic | Self::VertexClaude => last.name == "message_stop",
            Self::Responses => {
                ["response.completed", "response.incomplete"].contains(&last.name.as_str())
            }
            Self::Gemini => {
                let data: Value = serde_json::from_str(&last.data).unwrap_or_default();
                data["candidates"][0]["finishReason"].is_string()
            }
            Self::Cohere => last.data.contains("message-end"),
            Self::Bedrock | Self::Ollama | Self::BedrockClaude => false,
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
                Self::Anthropic => *name == "error" && data["type"] == "error",
                Self::Responses => data["type"] == "error" || data["response"]["error"].is_object(),
                _ => data["error"].is_object(),
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
        // In a stream of Responses it is the event itself, or within the response that failed.
        let error = match self {
            Self::Responses if body["type"] == "error" => {
                assert!(body["message"].is_string(), "no error: {body}");
                return (string(&body["code"]), string(&body["message"]));
            }
            Self::Responses if body["response"].is_object() => {
                let error = &body["response"]["error"];
                assert!(error["message"].is_string(), "no error: {body}");
                return (string(&error["code"]), string(&error["message"]));
            }
            _ => &body["error"],
        };
        if self == Self::Gemini {
            assert!(
                error["code"].is_u64() && error["message"].is_string(),
                "no error of Google's: {body}"
            );
            return (string(&error["status"]), string(&error["message"]));
        }
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
