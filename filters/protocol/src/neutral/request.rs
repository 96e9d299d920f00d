//! A request for one answer (or several choices of it).

use crate::dialect::{Dialect, Names, caller};
use crate::json::{JsonWriter, object_bytes_within};
use crate::neutral::{CacheMark, CallKind, Content, Extra, Message};
use crate::text::{Raw, Text};

/// A request in neutral form. It owns what it needs (shared with its body), so it
/// can be kept and written once per upstream attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The dialect that it was read from; [`Extra`]s are its fields.
    pub dialect: Dialect,
    pub model: Text,
    /// How long the body was that it was read from.
    pub(crate) length: Length,
    pub stream: bool,
    /// Chat Completions callers say whether a stream ends with usage.
    pub include_usage: bool,
    /// System messages too, where the caller put them.
    pub messages: Vec<Message>,
    /// How many of the first messages stood in a field of their own (`system`), and
    /// so do not count in the caller's numbering.
    pub system_apart: usize,
    pub tools: Vec<Tool>,
    pub tool_choice: Option<ToolChoice>,
    pub parallel_tool_calls: Option<bool>,
    pub max_output_tokens: Option<u64>,
    /// How many choices; 1 unless said otherwise.
    pub choices: Option<u64>,
    pub sampling: Sampling,
    pub stop: Vec<Text>,
    pub reasoning: Option<Reasoning>,
    pub format: Option<Format>,
    /// The end user's id as the caller names it.
    pub user: Option<Text>,
    pub extras: Vec<Extra>,
}

/// Sampling parameters, as the numbers were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    pub temperature: Option<Raw>,
    pub top_p: Option<Raw>,
    pub top_k: Option<Raw>,
    pub seed: Option<Raw>,
    pub frequency_penalty: Option<Raw>,
    pub presence_penalty: Option<Raw>,
}

/// A tool that the caller runs itself, or one that the provider runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Tool {
    Function {
        name: Text,
        description: Option<Text>,
        /// JSON Schema of the arguments, verbatim.
        parameters: Option<Raw>,
        strict: Option<bool>,
        cache: Option<CacheMark>,
        extras: Vec<Extra>,
    },
    /// A tool that takes free text instead of JSON (OpenAI).
    Custom {
        name: Text,
        description: Option<Text>,
        /// The grammar of the text, as the Responses API has it:
        /// `{"type": "grammar", "syntax", "definition"}`.
        format: Option<Raw>,
        extras: Vec<Extra>,
    },
    /// A tool that only its own dialect knows, the whole object verbatim.
    Foreign { kind: Text, raw: Raw },
}

#[derive(Clone, Debug, PartialEq)]
pub enum ToolChoice {
    Mode(ToolMode),
    /// This one.
    Named(Text),
    /// Among these only.
    Allowed {
        mode: ToolMode,
        names: Vec<Text>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolMode {
    Auto,
    None,
    Required,
}

/// How much the model shall think.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reasoning {
    Off,
    /// As hard as this.
    Effort(Effort),
    /// With this many tokens.
    Budget(u64),
    /// As the model sees fit.
    Adaptive(Option<Effort>),
}

/// From none to all, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

/// What the answer must look like.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    Text,
    /// Any JSON object.
    JsonObject,
    JsonSchema {
        name: Option<Text>,
        description: Option<Text>,
        schema: Raw,
        strict: Option<bool>,
    },
}

/// A length that makes no difference between two requests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Length(pub(crate) usize);

impl PartialEq for Length {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

// === impl Request ===

impl Request {
    /// The bytes of an object that says the same, so is about as long.
    pub(crate) fn written(&self, members: impl FnOnce(&mut JsonWriter<'_>)) -> Vec<u8> {
        let Length(bytes) = self.length;
        object_bytes_within(bytes.saturating_add(bytes / 8 + 512), members)
    }

    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            model: Text::default(),
            length: Length::default(),
            stream: false,
            include_usage: false,
            messages: Vec::new(),
            system_apart: 0,
            tools: Vec::new(),
            tool_choice: None,
            parallel_tool_calls: None,
            max_output_tokens: None,
            choices: None,
            sampling: Sampling::default(),
            stop: Vec::new(),
            reasoning: None,
            format: None,
            user: None,
            extras: Vec::new(),
        }
    }

    /// The words of the caller's dialect.
    pub(crate) fn names(&self) -> &'static Names {
        caller(self.dialect).names()
    }

    /// Where the caller's body holds the message with this index here.
    pub(crate) fn field_of(&self, message: usize) -> String {
        let index = message.checked_sub(self.system_apart);
        match (self.dialect, index) {
            // Items are not messages there: their numbers differ.
            (Dialect::OpenaiResponses, Some(_)) => "input".to_owned(),
            (Dialect::OpenaiResponses, None) => "instructions".to_owned(),
            // Several contents may have become one message.
            (Dialect::Gemini, Some(_)) => "contents".to_owned(),
            (Dialect::Gemini, None) => "systemInstruction".to_owned(),
            (Dialect::OpenaiCompletions, _) => "prompt".to_owned(),
            (_, Some(index)) => format!("messages[{index}]"),
            (_, None) => "system".to_owned(),
        }
    }

    /// Whether something is lost where this block of thinking is left out. Gemini's callers send
    /// back what they were shown, and Gemini reads of it only what it has signed.
    pub(crate) fn misses(&self, thinking: &Content) -> bool {
        let is_unsigned = matches!(
            thinking,
            Content::Thinking {
                signature: None,
                ..
            }
        );
        !(is_unsigned && self.dialect == Dialect::Gemini)
    }
}

// === impl Tool ===

impl Tool {
    /// The name under which it is called; tools of one dialect have none.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Function { name, .. } | Self::Custom { name, .. } => Some(name),
            Self::Foreign { .. } => None,
        }
    }

    pub(crate) fn kind(&self) -> CallKind {
        match self {
            Self::Custom { .. } => CallKind::Custom,
            Self::Function { .. } | Self::Foreign { .. } => CallKind::Function,
        }
    }

    pub(crate) fn extras(&self) -> &[Extra] {
        match self {
            Self::Function { extras, .. } | Self::Custom { extras, .. } => extras,
            Self::Foreign { .. } => &[],
        }
    }

    /// The namespace that it belongs to (Responses API), and its name there; both
    /// are in its name.
    pub(crate) fn namespace(&self) -> Option<(String, String)> {
        let text = |key: &str| {
            let extra = self.extras().iter().find(|extra| extra.key == *key)?;
            Some(extra.value.json().as_str()?.into_owned())
        };
        Some((text(NAMESPACE)?, text(NAME_THERE)?))
    }
}

/// The (mirrored) extras of a tool that keep its namespace and its name there.
pub(crate) const NAMESPACE: &str = "namespace";
pub(crate) const NAME_THERE: &str = "namespace.name";

// === impl Effort ===

impl Effort {
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Minimal,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::XHigh,
        Self::Max,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.as_str() == name)
    }

    /// The nearest of the levels that a model knows; the higher one of two that
    /// are equally near. An empty list means that it knows them all.
    pub fn nearest(self, known: &[Self]) -> Self {
        let distance = |other: &Self| (*other as i32 - self as i32).abs();
        let best = known
            .iter()
            .min_by_key(|known| (distance(known), std::cmp::Reverse(**known)));
        best.copied().unwrap_or(self)
    }

    /// The thinking budget that stands for this effort, in tokens.
    pub const fn budget_tokens(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Minimal | Self::Low => 1_024,
            Self::Medium => 4_096,
            Self::High => 16_384,
            Self::XHigh => 32_768,
            Self::Max => 65_536,
        }
    }

    /// The effort that a thinking budget stands for.
    pub const fn of_budget(tokens: u64) -> Self {
        match tokens {
            0 => Self::None,
            1..=2_047 => Self::Low,
            2_048..=8_191 => Self::Medium,
            8_192..=24_575 => Self::High,
            24_576..=49_151 => Self::XHigh,
            _ => Self::Max,
        }
    }
}
