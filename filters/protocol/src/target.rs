//! What a request is written for: facts about one model behind one channel. They
//! come from the model catalogue; none of them is guessed from a model's name.

use crate::alias::Aliases;
use crate::neutral::Effort;
use crate::problem::Loss;
use crate::text::Raw;

/// The upstream's model. Everything but `model` may be left at its default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Target<'a> {
    /// The model's name at the upstream.
    pub model: &'a str,
    /// The most tokens that the model can write; Anthropic's required
    /// `max_tokens` is filled from it when the caller set no limit.
    pub max_output_tokens: Option<u64>,
    /// The model rejects `temperature`, `top_p` and `top_k`.
    pub drops_sampling: bool,
    /// The model takes `temperature` or `top_p`, not both.
    pub one_of_sampling: bool,
    /// How the model is told to think.
    pub thinking: Thinking,
    /// The effort levels that the model knows; empty means all of them.
    pub efforts: &'a [Effort],
    /// Send `max_tokens` instead of `max_completion_tokens` (Chat Completions
    /// upstreams that know only the old name).
    pub legacy_max_tokens: bool,
    /// The upstream takes only plain strings as content of system, assistant and
    /// tool messages.
    pub string_content: bool,
    /// The upstream knows no `developer` role.
    pub no_developer_role: bool,
    /// Under which name earlier reasoning goes back to a Chat Completions upstream
    /// that wants it (DeepSeek: `reasoning_content`); nothing means it is left out.
    pub reasoning_field: Option<&'a str>,
    /// What of the thinking in a message may go back to an upstream of the caller's own
    /// dialect (Chat Completions).
    pub earlier_thinking: EarlierThinking,
    /// The upstream is Gemini's: calls come with what it signed them with, and go back
    /// with it.
    pub google_signatures: bool,
    /// The upstream passes `cache_control` on, though its dialect has none
    /// (OpenRouter).
    pub keeps_cache_control: bool,
    /// How a model behind Bedrock Converse is told what Converse has no words for.
    pub model_fields: ModelFields,
    /// Members that the channel adds to the body of every request, by name: guardrails,
    /// performance and service tier of Bedrock Converse.
    pub extra_body: &'a [(&'a str, Raw)],
    /// The upstream takes custom tools, and not only functions (Chat Completions).
    pub custom_tools: bool,
    /// The upstream takes the parameters that OpenAI added to Chat Completions and Responses alike.
    pub shared_fields: bool,
    /// The upstream takes `client_metadata` (Responses; OpenAI itself).
    pub client_metadata: bool,
    /// The upstream rejects `stream_options` (Mistral).
    pub no_stream_options: bool,
    /// The upstream takes only nine letters or digits as a tool call's id (Mistral).
    pub nine_char_call_ids: bool,
    /// How a Chat Completions upstream is told to think.
    pub thinking_words: ThinkingWords,
}

/// How a model is told to think.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Thinking {
    /// As the dialect does by default: `reasoning_effort` in Chat Completions,
    /// `thinking.budget_tokens` in Anthropic Messages, `thinkingBudget` in Gemini.
    #[default]
    Default,
    /// It cannot think: thinking parameters are dropped.
    Never,
    /// Anthropic models that take `thinking: {type: adaptive}` and
    /// `output_config.effort` instead of a budget; Gemini models that want a
    /// `thinkingLevel`.
    Adaptive,
}

/// Whose words a model understands in `additionalModelRequestFields`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelFields {
    /// It is not known, unless the model's id at Bedrock names its provider: how to think, and
    /// `top_k`, cannot be said.
    #[default]
    Unknown,
    /// `thinking`, `output_config` and `top_k`.
    Anthropic,
    /// `reasoning_effort`.
    OpenAi,
    /// Amazon's `reasoningConfig` and `inferenceConfig.topK`.
    Nova,
}

/// What is edited in a body that is passed on in its own dialect.
#[derive(Clone, Copy, Debug, Default)]
pub struct PassOn<'a> {
    /// The model's name at the upstream.
    pub model: &'a str,
    /// Ask an OpenAI upstream to report usage in its stream.
    pub include_usage: bool,
    /// The caller's `anthropic-beta`, for platforms that want it in the body.
    pub betas: &'a [&'a str],
    /// What the model and the upstream's quirks demand besides.
    pub target: Option<&'a Target<'a>>,
}

/// What a Chat Completions upstream calls thinking; the dialect itself has only
/// `reasoning_effort`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThinkingWords {
    /// `reasoning_effort`.
    #[default]
    Effort,
    /// It has none.
    None,
    /// `thinking: {"type": "enabled"}` or `"disabled"` (Zhipu, Moonshot, Doubao).
    Type,
    /// `enable_thinking` and `thinking_budget` (DashScope, SiliconFlow).
    Enable,
    /// `reasoning` with `effort`, `max_tokens` or `enabled` (OpenRouter).
    Object,
}

/// Which members of a message with thinking in them a Chat Completions upstream takes:
/// none is in its dialect, and some refuse what they do not know. That of
/// [`Target::reasoning_field`] always goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EarlierThinking {
    /// All but `thinking_blocks`, which is no provider's own; where a message has it,
    /// the text beside it is another provider's too, and stays away with it.
    #[default]
    OfProviders,
    /// `reasoning` (Groq, Cerebras).
    Reasoning,
    /// None (Mistral).
    None,
    /// All: it may be a gateway that gives and takes `thinking_blocks` (LiteLLM).
    All,
}

// === impl Thinking ===

impl Thinking {
    /// The name in configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Never => "never",
            Self::Adaptive => "adaptive",
        }
    }

    pub fn read(name: &str) -> Option<Self> {
        [Self::Default, Self::Never, Self::Adaptive]
            .into_iter()
            .find(|thinking| thinking.as_str() == name)
    }
}

/// A request in an upstream's dialect.
#[derive(Clone, Debug)]
pub struct Written {
    /// The JSON body. The same request gives the same bytes every time.
    pub body: Vec<u8>,
    /// What could not be said in this dialect.
    pub losses: Vec<Loss>,
    /// Tool names that had to be changed; belongs into the [`crate::Reply`].
    pub aliases: Aliases,
}
