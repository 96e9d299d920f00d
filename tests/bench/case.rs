//! What is sent: three sizes of prompt, four ways.

use serde_json::{Value, json};
use tollgate_tests::Dialect;
use tollgate_tests::http::Request;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    prompt_bytes: usize,
    /// Kept busy at the same time.
    pub(crate) connections: usize,
    stream: bool,
}

/// The way that a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// Through Envoy without Tollgate.
    Bare,
    /// OpenAI's dialect on both sides.
    Same,
    /// An Anthropic caller before an OpenAI upstream.
    FromAnthropic,
    /// An OpenAI caller before an Anthropic upstream.
    FromOpenAi,
}

impl Case {
    pub(crate) fn all() -> [Self; 3] {
        let case = |name, prompt_bytes, connections| Self {
            name,
            prompt_bytes,
            connections,
            stream: false,
        };
        [
            case("300 B", 300, 32),
            case("64 KB", 64 << 10, 16),
            case("1 MB", 1 << 20, 4),
        ]
    }

    pub(crate) fn streaming() -> Self {
        Self {
            name: "stream",
            prompt_bytes: 300,
            connections: 0,
            stream: true,
        }
    }

    /// A conversation of the size, in turns of a page of code each, as coding agents send it.
    pub(crate) fn request(self, caller: Dialect, model: &str) -> Request {
        let mut body = caller.ask(model, "", self.stream);
        let page = "fn main() {\n\tprintln!(\"café: {}\", r\"C:\\dir\");\n}\n".repeat(40);
        let mut messages = Vec::new();
        let mut left = self.prompt_bytes;
        while left > 0 {
            let role = if messages.len() % 2 == 0 {
                "user"
            } else {
                "assistant"
            };
            let text: String = page.chars().take(left).collect();
            left = left.saturating_sub(page.len());
            messages.push(json!({"role": role, "content": text}));
        }
        if messages.len() % 2 == 0 {
            messages.push(json!({"role": "user", "content": "Go on."}));
        }
        body["messages"] = Value::from(messages);
        Request::post(caller.path(), &body)
    }
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [
        Self::Bare,
        Self::Same,
        Self::FromAnthropic,
        Self::FromOpenAi,
    ];

    pub(crate) fn caller(self) -> Dialect {
        if self == Self::FromAnthropic {
            Dialect::Anthropic
        } else {
            Dialect::OpenAi
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare Envoy",
            Self::Same => "Tollgate, same dialect",
            Self::FromAnthropic => "Tollgate, Anthropic → OpenAI",
            Self::FromOpenAi => "Tollgate, OpenAI → Anthropic",
        }
    }
}
