//! Ratios, which are prices here: a ratio of 1 is 2 USD for a million tokens of input.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tollgate_catalog::builtin;
use tollgate_policy::price::NanoUsd;

use super::parts;
use crate::store::Tables;

/// Of a ratio of 1.
const NANO_USD_PER_MILLION: f64 = 2e9;
const MILLION: u32 = 1_000_000;
/// A million dollars for a million tokens is a mistake.
const HIGHEST: f64 = 1e6;

type Ratios = BTreeMap<String, f64>;

/// Configs of the models that channels serve and that have a ratio.
pub(super) fn models(tables: &Tables, left_out: &mut Vec<String>) -> Vec<Value> {
    let served: BTreeSet<String> = tables
        .channels
        .iter()
        .flat_map(|channel| parts(&channel.models))
        .collect();
    let input = ratios(tables, "ModelRatio", left_out);
    let output = ratios(tables, "CompletionRatio", left_out);
    let mut models = Vec::new();
    let (mut unpriced, mut guessed) = (Vec::new(), Vec::new());
    for model in served {
        let Some(ratio) = input.get(&model).filter(|ratio| sound(**ratio)) else {
            unpriced.push(format!("{model:?}"));
            continue;
        };
        let factor = output.get(&model).copied().filter(|factor| sound(*factor));
        let factor = factor.or_else(|| {
            let known = catalogued(&model);
            if known.is_none() {
                guessed.push(format!("{model:?}"));
            }
            known
        });
        let price = json!({
            "input_price": usd(*ratio), "input_price_unit": MILLION,
            "output_price": usd(ratio * factor.unwrap_or(1.0)), "output_price_unit": MILLION,
        });
        models.push(json!({ "model": model, "price": price }));
    }
    if !unpriced.is_empty() {
        left_out.push(format!(
            "prices of {}: ModelRatio does not have them (one-api's program may); set them, or \
             import the catalogue's (POST /api/models/builtin/import)",
            unpriced.join(", ")
        ));
    }
    if !guessed.is_empty() {
        left_out.push(format!(
            "prices of output of {}: CompletionRatio does not have them (one-api's program may); \
             they are those of input until you set them",
            guessed.join(", ")
        ));
    }
    models
}

/// How much more output costs than input, where the catalogue knows.
fn catalogued(model: &str) -> Option<f64> {
    let known = builtin().models().find(|known| known.id == model)?;
    let amount = |part: &str| known.price.get(part)?.parse::<f64>().ok();
    let factor = amount("output")? / amount("input")?;
    sound(factor).then_some(factor)
}

fn ratios(tables: &Tables, name: &str, left_out: &mut Vec<String>) -> Ratios {
    let option = tables.options.iter().find(|(option, _)| option == name);
    let Some((_, text)) = option else {
        return Ratios::new();
    };
    serde_json::from_str(text).unwrap_or_else(|_| {
        left_out.push(format!("{name}: it is not JSON"));
        Ratios::new()
    })
}

fn sound(number: f64) -> bool {
    (0.0..=HIGHEST).contains(&number)
}

/// Rounded once, to the nano-dollar for a million tokens.
#[expect(
    clippy::cast_possible_truncation,
    reason = "within bounds that were checked"
)]
fn usd(ratio: f64) -> String {
    let nano = (ratio * NANO_USD_PER_MILLION).round();
    NanoUsd(nano.clamp(0.0, 1e18) as i64).to_string()
}
