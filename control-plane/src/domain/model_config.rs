//! What is known of a model beside who serves it: price and limits.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tollgate_policy::price::Tariff;
use tollgate_protocol::Thinking;
use tollgate_protocol::neutral::Effort;

use super::{Limits, LimitsPatch, ModelSettings};

#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// The name that callers use.
    pub model: String,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
    pub owner: String,
    /// AI Proxy's mode number, 0 when it does not matter; `type` in the API.
    pub kind: i64,
    pub price: Tariff,
    /// Further attempts after a failed one; `None`: as many as there are channels.
    pub retry_times: Option<u32>,
    /// Of what each group asks of it.
    pub limits: Limits,
    /// AI Proxy's `config` object: facts such as `max_output_tokens`, kept as they were given.
    pub config: Map<String, Value>,
    pub settings: ModelSettings,
}

/// What a request wants a model config to be.
#[derive(Debug, Clone, Default)]
pub struct ModelConfigPatch {
    pub owner: Option<String>,
    pub kind: Option<i64>,
    pub price: Option<Tariff>,
    pub retry_times: Option<Option<u32>>,
    pub limits: LimitsPatch,
    pub config: Option<Map<String, Value>>,
    /// Fields of [`ModelSettings`], those that are to change.
    pub settings: Map<String, Value>,
}

impl ModelConfig {
    /// A member of the config, if it holds one that can be read as such.
    fn fact<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.config.get(name)?).ok()
    }

    /// Whether it sees images, if its config tells.
    #[must_use]
    pub fn vision(&self) -> Option<bool> {
        self.fact("vision")
    }

    /// Whether it rejects sampling parameters, if its config tells.
    #[must_use]
    pub fn drops_sampling(&self) -> Option<bool> {
        self.fact("drops_sampling")
    }

    /// Whether it takes only one of temperature and `top_p`, if its config tells.
    #[must_use]
    pub fn one_of_sampling(&self) -> Option<bool> {
        self.fact("one_of_sampling")
    }

    /// How it is told to think, if its config tells.
    #[must_use]
    pub fn thinking(&self) -> Option<Thinking> {
        Thinking::read(&self.fact::<String>("thinking")?)
    }

    /// The effort levels that it knows, if its config tells.
    #[must_use]
    pub fn efforts(&self) -> Option<Vec<Effort>> {
        let names: Vec<String> = self.fact("efforts")?;
        names.iter().map(|name| Effort::read(name)).collect()
    }

    /// The model's limit of output tokens, if its config tells.
    #[must_use]
    pub fn max_output_tokens(&self) -> Option<u32> {
        self.tokens("max_output_tokens")
    }

    /// The model's limit of input tokens, if its config tells; less than its context, which holds the
    /// answer as well.
    #[must_use]
    pub fn max_input_tokens(&self) -> Option<u32> {
        let context = || self.tokens("max_context_tokens");
        self.tokens("max_input_tokens").or_else(context)
    }

    fn tokens(&self, name: &str) -> Option<u32> {
        let limit = self.config.get(name)?.as_u64()?;
        u32::try_from(limit).ok().filter(|limit| *limit > 0)
    }
}
