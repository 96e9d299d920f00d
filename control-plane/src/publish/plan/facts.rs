//! What gateways must know of models: of those that callers name, and of those that providers are
//! sent in their place. By the facts of the caller's name alone, Gemini's model mapped to one of
//! OpenAI's would be sent what only Gemini's takes.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_config::{Channel, Model};
use tollgate_protocol::Thinking;
use tollgate_protocol::neutral::Effort;

use crate::domain::{ModelConfig, ceiling};

/// Those with a config, then those that only the catalogue knows: of each name one, for it means the
/// same in any case.
pub(super) fn models(configs: &[ModelConfig], channels: &[Channel]) -> Vec<Model> {
    let configs = distinct(configs);
    let mut known_names: BTreeSet<String> = configs.keys().cloned().collect();
    let named = channels
        .iter()
        .flat_map(|channel| channel.models.iter().chain(channel.model_mapping.values()))
        .map(String::as_str);
    let others: BTreeSet<&str> = named.collect();
    let mut catalogued: Vec<&str> = others.into_iter().collect();
    catalogued.retain(|name| known_names.insert(name.to_ascii_lowercase()));
    catalogued.retain(|name| known(name).is_some());
    configs
        .into_values()
        .map(model)
        .chain(catalogued.into_iter().map(|name| model(&bare(name))))
        .collect()
}

/// By their names in lower case. New ones are not let in beside others that differ in case alone; of
/// those that are there, the first with a price counts, so that no call is free by mistake.
fn distinct(configs: &[ModelConfig]) -> BTreeMap<String, &ModelConfig> {
    let mut distinct: BTreeMap<String, &ModelConfig> = BTreeMap::new();
    for config in configs {
        let known = distinct
            .entry(config.model.to_ascii_lowercase())
            .or_insert(config);
        if known.price.is_free() && !config.price.is_free() {
            *known = config;
        }
    }
    distinct
}

fn known(name: &str) -> Option<&'static tollgate_catalog::Model> {
    let mut models = tollgate_catalog::builtin().models();
    models.find(|known| known.id.eq_ignore_ascii_case(name))
}

/// A config that says nothing.
fn bare(name: &str) -> ModelConfig {
    ModelConfig {
        model: name.to_owned(),
        created_at_ms: 0,
        updated_at_ms: 0,
        owner: String::new(),
        kind: 0,
        price: Default::default(),
        retry_times: None,
        limits: Default::default(),
        config: Default::default(),
        settings: Default::default(),
    }
}

/// What the model's config says, else what the catalogue knows of a model with just this name.
fn model(config: &ModelConfig) -> Model {
    let known = known(&config.model);
    let ceiling = ceiling(&config.price);
    let timeouts = config.settings.timeout_config;
    let seconds = |given: i64| u32::try_from(given).unwrap_or(0);
    let efforts = || -> Vec<Effort> {
        let names = known.map(|known| known.efforts.iter());
        let names = names.into_iter().flatten();
        names.filter_map(|name| Effort::read(name)).collect()
    };
    Model {
        model: config.model.clone(),
        owner: config.owner.clone(),
        created_unix_s: config.created_at_ms / 1000,
        max_output_tokens: config
            .max_output_tokens()
            .or(known.map(|known| known.max_output_tokens)),
        max_input_tokens: config
            .max_input_tokens()
            .or_else(|| known?.max_context_tokens)
            .unwrap_or(0),
        retry_times: config.retry_times,
        request_timeout_s: seconds(timeouts.request_timeout),
        stream_timeout_s: seconds(timeouts.stream_request_timeout),
        thinking: config
            .thinking()
            .or_else(|| Thinking::read(known?.thinking.as_deref()?))
            .unwrap_or_default(),
        efforts: config.efforts().unwrap_or_else(efforts),
        drops_sampling: config
            .drops_sampling()
            .unwrap_or_else(|| known.is_some_and(|known| known.drops_sampling)),
        one_of_sampling: config
            .one_of_sampling()
            .unwrap_or_else(|| known.is_some_and(|known| known.one_of_sampling)),
        vision: config.vision().or_else(|| known?.vision),
        rpm: config.limits.rpm,
        tpm: config.limits.tpm,
        max_concurrency: config.limits.max_concurrency,
        details: None,
        request_nano_usd: ceiling.request,
        input_nano_usd: ceiling.input,
        output_nano_usd: ceiling.output,
        search_nano_usd: ceiling.search,
    }
}

#[cfg(test)]
mod tests {
    use tollgate_policy::price::{NanoUsd, Price, Tariff};

    use super::*;

    fn config(name: &str, config: serde_json::Value) -> ModelConfig {
        ModelConfig {
            config: config.as_object().cloned().unwrap(),
            ..bare(name)
        }
    }

    #[test]
    fn what_a_provider_is_sent_is_known_as_well() {
        let channel = Channel {
            models: vec!["alias".into(), "gpt-5".into(), "own".into()],
            model_mapping: [("alias".to_owned(), "claude-sonnet-4-6".to_owned())].into(),
            ..Channel::default()
        };
        let told = models(&[config("own", serde_json::json!({}))], &[channel]);
        let names: Vec<&str> = told.iter().map(|model| model.model.as_str()).collect();
        assert_eq!(names, ["own", "claude-sonnet-4-6", "gpt-5"]);
        assert_eq!(told[1].thinking, Thinking::Adaptive);
        assert!(told[2].drops_sampling);
    }

    #[test]
    fn a_model_is_told_once_in_whatever_cases_it_is_spelled() {
        let channel = Channel {
            models: vec!["GPT-5".into(), "OWN".into(), "Gpt-5".into()],
            ..Channel::default()
        };
        let nothing = || serde_json::json!({});
        let priced = ModelConfig {
            price: Tariff::of(Price::for_request(NanoUsd(1))),
            ..bare("own")
        };
        let told = models(&[config("Own", nothing()), priced], &[channel]);
        let names: Vec<&str> = told.iter().map(|model| model.model.as_str()).collect();
        assert_eq!(names, ["own", "GPT-5"]);
        assert!(told[1].drops_sampling, "it is the catalogue's gpt-5");
    }

    #[test]
    fn limits_are_the_configs_own() {
        let limited = ModelConfig {
            limits: crate::domain::Limits {
                rpm: 60,
                tpm: 7,
                max_concurrency: 3,
            },
            ..bare("own")
        };
        let told = model(&limited);
        assert_eq!((told.rpm, told.tpm, told.max_concurrency), (60, 7, 3));
    }

    #[test]
    fn a_models_config_goes_before_what_the_catalogue_knows() {
        let known = model(&config("claude-sonnet-4-6", serde_json::json!({})));
        assert_eq!(
            (known.thinking, known.vision),
            (Thinking::Adaptive, Some(true))
        );
        assert_eq!(known.max_output_tokens, Some(64_000));
        assert_eq!(known.max_input_tokens, 1_000_000);
        for (facts, expected) in [
            (serde_json::json!({"max_context_tokens": 9}), 9),
            (
                serde_json::json!({"max_context_tokens": 9, "max_input_tokens": 7}),
                7,
            ),
            (serde_json::json!({"max_input_tokens": "many"}), 400_000),
        ] {
            assert_eq!(model(&config("gpt-5", facts)).max_input_tokens, expected);
        }
        assert_eq!(known.efforts.len(), 4);
        let told = model(&config(
            "gpt-5",
            serde_json::json!({"thinking": "never", "vision": false, "drops_sampling": false,
                "efforts": ["low"], "max_output_tokens": 9}),
        ));
        assert_eq!((told.thinking, told.vision), (Thinking::Never, Some(false)));
        assert_eq!(
            (told.drops_sampling, told.max_output_tokens),
            (false, Some(9))
        );
        assert_eq!(told.efforts, [Effort::Low]);
        let unknown = model(&config("x", serde_json::json!({"vision": "yes"})));
        assert_eq!(
            (unknown.vision, unknown.thinking),
            (None, Thinking::Default)
        );
        assert!(!unknown.drops_sampling && unknown.efforts.is_empty());
    }
}
