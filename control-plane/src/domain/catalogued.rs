//! What the catalogue knows of a model, as a model config.

use serde_json::{Map, Value};
use tollgate_catalog::{ListPrice, Model, When};
use tollgate_policy::price::{
    Condition, Conditional, InvalidUsd, Part, Price, Range, Rate, Tariff,
};

use super::ModelConfigPatch;

/// What became of an import, by models.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportedModels {
    pub added: Vec<String>,
    pub updated: Vec<String>,
    pub unchanged: Vec<String>,
    /// Somebody changed them.
    pub kept: Vec<String>,
}

/// Why the catalogue's price of a model cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unpriced {
    #[error("{0} is nothing that has a price")]
    Part(String),
    #[error("{0}: {1}")]
    Amount(String, InvalidUsd),
}

/// Everything of it that a model config has a place for; no price where the catalogue has none.
///
/// # Errors
/// When the catalogue's data is wrong, which a test keeps from being released.
pub fn catalogued(model: &Model) -> Result<ModelConfigPatch, Unpriced> {
    let price = tariff(model)?;
    Ok(ModelConfigPatch {
        owner: Some(model.owner.clone()),
        kind: Some(model.kind),
        price: (!price.is_free()).then_some(price),
        config: Some(facts(model)),
        ..ModelConfigPatch::default()
    })
}

fn tariff(model: &Model) -> Result<Tariff, Unpriced> {
    let conditional = model.when.iter().map(conditional);
    Ok(Tariff {
        base: price(&model.price)?,
        conditional: conditional.collect::<Result<_, _>>()?,
    })
}

fn conditional(when: &When) -> Result<Conditional, Unpriced> {
    Ok(Conditional {
        condition: Condition {
            input_tokens: Range {
                min: when.input_token_min,
                max: when.input_token_max,
            },
            service_tier: when.service_tier.clone(),
            ..Condition::default()
        },
        price: price(&when.price)?,
    })
}

fn price(list: &ListPrice) -> Result<Price, Unpriced> {
    let mut price = Price::FREE;
    for (name, amount) in list {
        let mut parts = Part::ALL.into_iter();
        let part = parts.find(|part| part.name() == name);
        let part = part.ok_or_else(|| Unpriced::Part(name.clone()))?;
        let amount = amount.parse();
        let rate = Rate {
            price: amount.map_err(|why| Unpriced::Amount(name.clone(), why))?,
            unit: match part {
                Part::WebSearch => 1_000,
                _ => 1_000_000,
            },
        };
        price.set(part, Some(rate));
    }
    Ok(price)
}

/// What is known of it, where an administrator can see and change it.
fn facts(model: &Model) -> Map<String, Value> {
    let mut facts = Map::new();
    if let Some(limit) = model.max_context_tokens {
        facts.insert("max_context_tokens".into(), limit.into());
    }
    facts.insert("max_output_tokens".into(), model.max_output_tokens.into());
    if let Some(vision) = model.vision {
        facts.insert("vision".into(), vision.into());
    }
    if let Some(thinking) = &model.thinking {
        facts.insert("thinking".into(), thinking.clone().into());
    }
    if !model.efforts.is_empty() {
        facts.insert("efforts".into(), model.efforts.clone().into());
    }
    if model.drops_sampling {
        facts.insert("drops_sampling".into(), true.into());
    }
    if model.one_of_sampling {
        facts.insert("one_of_sampling".into(), true.into());
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_catalogue_price_is_exact_and_can_be_entered() {
        for model in tollgate_catalog::builtin().models() {
            let found = tariff(model).unwrap();
            assert_eq!(found.check(), Ok(()), "{}", model.id);
            let is_priced = !model.price.is_empty();
            assert_eq!(!found.is_free(), is_priced, "{}", model.id);
        }
    }

    #[test]
    fn units_are_those_of_price_lists() {
        let list = |name: &str, amount: &str| ListPrice::from([(name.into(), amount.into())]);
        let input = price(&list("input", "2.5")).unwrap().rate(Part::Input);
        assert_eq!(
            (input.price.to_string().as_str(), input.unit),
            ("2.5", 1_000_000)
        );
        let search = price(&list("web_search", "10")).unwrap();
        assert_eq!(search.rate(Part::WebSearch).unit, 1_000);
        assert_eq!(
            price(&list("inputs", "1")),
            Err(Unpriced::Part("inputs".into()))
        );
        assert!(matches!(
            price(&list("input", "x")),
            Err(Unpriced::Amount(..))
        ));
    }
}
