//! Models with their list prices, for first starts and price forms.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use tollgate_protocol::Thinking;
use tollgate_protocol::neutral::Effort;

use crate::{InvalidCatalog, Provider};

/// A model and what its provider asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Channel type of the provider.
    pub provider: i64,
    pub id: String,
    pub owner: String,
    /// AI Proxy's mode number; 0 where any will do.
    #[serde(default, rename = "type")]
    pub kind: i64,
    #[serde(default)]
    pub max_context_tokens: Option<u32>,
    pub max_output_tokens: u32,
    /// How it is told to think, by the name of a `tollgate_protocol::Thinking`.
    #[serde(default)]
    pub thinking: Option<String>,
    /// The effort levels that it knows, by their names; empty: all of them.
    #[serde(default)]
    pub efforts: Vec<String>,
    /// It rejects `temperature`, `top_p` and `top_k`.
    #[serde(default)]
    pub drops_sampling: bool,
    /// It takes `temperature` or `top_p`, not both.
    #[serde(default)]
    pub one_of_sampling: bool,
    /// Whether it sees images.
    #[serde(default)]
    pub vision: Option<bool>,
    /// Year and month of these facts.
    #[serde(default)]
    pub as_of: Option<String>,
    /// Empty where nobody is sure of it.
    #[serde(default)]
    pub price: ListPrice,
    /// Other prices, of what they say only.
    #[serde(default)]
    pub when: Vec<When>,
}

/// USD as decimal text, because this crate does no arithmetic with money: per 1,000,000 tokens, and
/// per 1,000 searches. By what is counted: `input`, `output`, `cached`, `cache_creation_1h`, …
pub type ListPrice = BTreeMap<String, String>;

/// A price under a condition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Prompts of at least so many tokens, and at most; 0: of any length.
    #[serde(default)]
    pub input_token_min: u64,
    #[serde(default)]
    pub input_token_max: u64,
    /// By OpenAI's name; empty: any.
    #[serde(default)]
    pub service_tier: String,
    pub price: ListPrice,
}

pub(crate) fn parse(
    text: &str,
    providers: &BTreeMap<i64, Provider>,
) -> Result<Vec<Model>, InvalidCatalog> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        model: Vec<Model>,
    }

    let file: File = toml::from_str(text).map_err(|error| InvalidCatalog(error.to_string()))?;
    let mut ids = HashSet::new();
    for model in &file.model {
        let refuse = |why| {
            Err(InvalidCatalog::entry(
                &format_args!("model {:?}", model.id),
                why,
            ))
        };
        if !ids.insert(&model.id) {
            return refuse("the id stands twice");
        }
        if model.id.is_empty() || model.owner.is_empty() || model.max_output_tokens == 0 {
            return refuse("id, owner and max_output_tokens must not be empty");
        }
        if !providers.contains_key(&model.provider) {
            return refuse("unknown provider");
        }
        let mut thinking = model.thinking.iter();
        if !thinking.all(|name| Thinking::read(name).is_some()) {
            return refuse("unknown kind of thinking");
        }
        if !model
            .efforts
            .iter()
            .all(|name| Effort::read(name).is_some())
        {
            return refuse("unknown effort");
        }
        let conditional = model.when.iter().map(|when| &when.price);
        let mut prices = conditional.chain([&model.price]).flat_map(BTreeMap::values);
        if !prices.all(|price| is_decimal(price)) {
            return refuse("prices are decimal USD such as \"0.15\"");
        }
    }
    Ok(file.model)
}

fn is_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    [whole, fraction]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}
