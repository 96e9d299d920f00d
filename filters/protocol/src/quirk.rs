//! In what providers differ from the dialect that they speak, by name.
//!
//! A provider's entry in the catalogue and a channel's configuration list names; what
//! each means for a request is decided here and nowhere else.

use std::fmt;
use std::str::FromStr;

use crate::target::{EarlierThinking, ModelFields, Target, ThinkingWords};

/// One difference. All of them are about Chat Completions upstreams unless they say
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quirk {
    /// Knows `max_tokens` and rejects or ignores `max_completion_tokens`.
    LegacyMaxTokens,
    /// Takes only strings as content of system, assistant and tool messages.
    StringContent,
    /// Knows no `developer` role.
    NoDeveloperRole,
    /// Rejects `stream_options`; its streams report usage unasked.
    NoStreamOptions,
    /// Wants earlier thinking back, as `reasoning_content`.
    ReasoningContent,
    /// Wants earlier thinking back, as `reasoning`.
    Reasoning,
    /// Rejects all earlier thinking in messages.
    NoEarlierThinking,
    /// Rejects earlier thinking in messages, but for `reasoning`.
    OnlyReasoning,
    /// Takes `thinking_blocks` in messages, as gateways do.
    ThinkingBlocks,
    /// Signs calls in `extra_content.google.thought_signature`, and wants that back.
    GoogleSignatures,
    /// Passes `cache_control` on to providers that know it.
    KeepsCacheControl,
    /// Rejects `temperature`, `top_p` and `top_k` (any dialect).
    NoSampling,
    /// Ids of tool calls are nine letters or digits.
    NineCharCallIds,
    /// Has no parameter that says how hard to think.
    NoReasoningEffort,
    /// Thinking is `thinking: {"type": "enabled" | "disabled"}`.
    ThinkingType,
    /// Thinking is `enable_thinking` and `thinking_budget`.
    EnableThinking,
    /// Thinking is `reasoning: {"effort" | "max_tokens" | "enabled"}`.
    ReasoningObject,
    /// Bedrock Converse: the models are Anthropic's, and take its words as additional fields.
    AnthropicFields,
    /// Bedrock Converse: the models are OpenAI's.
    OpenaiFields,
    /// Bedrock Converse: the models are Amazon's Nova.
    NovaFields,
    /// Takes custom tools, and not only functions.
    CustomTools,
    /// Responses: takes `client_metadata`, which Codex sends.
    ClientMetadata,
    /// Takes what callers of Responses say of caching, tier and verbosity.
    SharedFields,
}

/// The text names no quirk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownQuirk;

// === impl Quirk ===

impl Quirk {
    pub const ALL: [Self; 23] = [
        Self::LegacyMaxTokens,
        Self::StringContent,
        Self::NoDeveloperRole,
        Self::NoStreamOptions,
        Self::ReasoningContent,
        Self::Reasoning,
        Self::NoEarlierThinking,
        Self::OnlyReasoning,
        Self::ThinkingBlocks,
        Self::GoogleSignatures,
        Self::KeepsCacheControl,
        Self::NoSampling,
        Self::NineCharCallIds,
        Self::NoReasoningEffort,
        Self::ThinkingType,
        Self::EnableThinking,
        Self::ReasoningObject,
        Self::AnthropicFields,
        Self::OpenaiFields,
        Self::NovaFields,
        Self::CustomTools,
        Self::ClientMetadata,
        Self::SharedFields,
    ];

    /// The name in the catalogue and in configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LegacyMaxTokens => "legacy-max-tokens",
            Self::StringContent => "string-content",
            Self::NoDeveloperRole => "no-developer-role",
            Self::NoStreamOptions => "no-stream-options",
            Self::ReasoningContent => "reasoning-content",
            Self::Reasoning => "reasoning",
            Self::NoEarlierThinking => "no-earlier-thinking",
            Self::OnlyReasoning => "only-reasoning",
            Self::ThinkingBlocks => "thinking-blocks",
            Self::GoogleSignatures => "google-signatures",
            Self::KeepsCacheControl => "keeps-cache-control",
            Self::NoSampling => "no-sampling",
            Self::NineCharCallIds => "nine-char-call-ids",
            Self::NoReasoningEffort => "no-reasoning-effort",
            Self::ThinkingType => "thinking-type",
            Self::EnableThinking => "enable-thinking",
            Self::ReasoningObject => "reasoning-object",
            Self::AnthropicFields => "anthropic-fields",
            Self::OpenaiFields => "openai-fields",
            Self::NovaFields => "nova-fields",
            Self::CustomTools => "custom-tools",
            Self::ClientMetadata => "client-metadata",
            Self::SharedFields => "shared-fields",
        }
    }

    /// What it is, for whoever chooses it in a form.
    pub const fn help(self) -> &'static str {
        match self {
            Self::LegacyMaxTokens => "send max_tokens, not max_completion_tokens",
            Self::StringContent => "send plain strings to system, assistant and tool messages",
            Self::NoDeveloperRole => "send developer messages as system messages",
            Self::NoStreamOptions => "never send stream_options",
            Self::ReasoningContent => "send earlier thinking back as reasoning_content",
            Self::Reasoning => "send earlier thinking back as reasoning",
            Self::NoEarlierThinking => "send no earlier thinking, even if the caller does",
            Self::OnlyReasoning => {
                "send no earlier thinking but reasoning, even if the caller does"
            }
            Self::ThinkingBlocks => "send thinking_blocks that the caller sends",
            Self::GoogleSignatures => "send Gemini's signatures back with its calls",
            Self::KeepsCacheControl => "send cache_control marks",
            Self::NoSampling => "never send temperature, top_p and top_k",
            Self::NineCharCallIds => "make ids of tool calls nine letters or digits",
            Self::NoReasoningEffort => "never say how hard to think",
            Self::ThinkingType => "switch thinking with thinking.type",
            Self::EnableThinking => "switch thinking with enable_thinking and thinking_budget",
            Self::ReasoningObject => "switch thinking with the reasoning object",
            Self::AnthropicFields => "on Bedrock Converse: the models are Anthropic's",
            Self::OpenaiFields => "on Bedrock Converse: the models are OpenAI's",
            Self::NovaFields => "on Bedrock Converse: the models are Amazon's Nova",
            Self::CustomTools => "send custom tools as they are, not as functions",
            Self::ClientMetadata => "with Responses: send client_metadata",
            Self::SharedFields => "send prompt_cache_key, service_tier and verbosity of Responses",
        }
    }

    /// Writes the difference into what a request is written for.
    pub fn apply(self, target: &mut Target<'_>) {
        match self {
            Self::LegacyMaxTokens => target.legacy_max_tokens = true,
            Self::StringContent => target.string_content = true,
            Self::NoDeveloperRole => target.no_developer_role = true,
            Self::NoStreamOptions => target.no_stream_options = true,
            Self::ReasoningContent => target.reasoning_field = Some("reasoning_content"),
            Self::Reasoning => target.reasoning_field = Some("reasoning"),
            Self::NoEarlierThinking => target.earlier_thinking = EarlierThinking::None,
            Self::OnlyReasoning => target.earlier_thinking = EarlierThinking::Reasoning,
            Self::ThinkingBlocks => target.earlier_thinking = EarlierThinking::All,
            Self::GoogleSignatures => target.google_signatures = true,
            Self::KeepsCacheControl => target.keeps_cache_control = true,
            Self::NoSampling => target.drops_sampling = true,
            Self::NineCharCallIds => target.nine_char_call_ids = true,
            Self::NoReasoningEffort => target.thinking_words = ThinkingWords::None,
            Self::ThinkingType => target.thinking_words = ThinkingWords::Type,
            Self::EnableThinking => target.thinking_words = ThinkingWords::Enable,
            Self::ReasoningObject => target.thinking_words = ThinkingWords::Object,
            Self::AnthropicFields => target.model_fields = ModelFields::Anthropic,
            Self::OpenaiFields => target.model_fields = ModelFields::OpenAi,
            Self::NovaFields => target.model_fields = ModelFields::Nova,
            Self::CustomTools => target.custom_tools = true,
            Self::ClientMetadata => target.client_metadata = true,
            Self::SharedFields => target.shared_fields = true,
        }
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Quirk {
    type Err = UnknownQuirk;

    fn from_str(name: &str) -> Result<Self, UnknownQuirk> {
        Self::ALL
            .into_iter()
            .find(|quirk| quirk.as_str() == name)
            .ok_or(UnknownQuirk)
    }
}

// === impl UnknownQuirk ===

impl fmt::Display for UnknownQuirk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("unknown quirk")
    }
}

impl std::error::Error for UnknownQuirk {}
