//! Prices as the API writes them: decimal USD per unit of tokens, exact in both directions.

mod condition;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tollgate_policy::price::{Conditional, Multiplier, NanoUsd, Part, Price, Rate, Tariff};

use super::ApiError;
use super::answer::Usd;
use super::fields::{Fields, decimal};
use crate::domain::ConditionFields;

const PER_REQUEST: &str = "per_request_price";
const CONDITIONAL: &str = "conditional_prices";

/// More conditions than this are a mistake.
const MAX_CONDITIONAL: usize = 100;

/// A tariff with all its fields.
#[derive(Clone)]
pub(super) struct TariffView(pub(super) Tariff);

/// One price; every part of it, or only those that it names.
pub(super) struct PriceView {
    price: Price,
    whole: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ConditionalPrice")]
struct ConditionalView {
    condition: ConditionFields,
    price: PriceView,
}

/// A decimal as a JSON number with every digit.
pub(super) struct MultiplierView(pub(super) Multiplier);

/// Reads the `price` object; a part that is left out is free, or inherited in a conditional price.
pub(super) fn read(fields: &mut Fields) -> Result<Option<Tariff>, ApiError> {
    let Some(mut price) = fields.nested("price")? else {
        return Ok(None);
    };
    tariff(&mut price)
        .and_then(|tariff| price.finish().map(|()| tariff))
        .map(Some)
        .map_err(|error| error.below("price."))
}

/// Reads a decimal from its digits.
pub(super) fn multiplier(fields: &mut Fields, name: &str) -> Result<Option<Multiplier>, ApiError> {
    let Some(digits) = digits(fields, name) else {
        return Ok(None);
    };
    let multiplier = digits.parse().map(Some);
    multiplier.map_err(|rule| ApiError::field(name, rule))
}

fn tariff(fields: &mut Fields) -> Result<Tariff, ApiError> {
    let mut tariff = Tariff::of(base(fields)?);
    let conditional = fields.list(CONDITIONAL, MAX_CONDITIONAL)?;
    for (at, each) in conditional.unwrap_or_default().into_iter().enumerate() {
        let read = conditional_price(each);
        let read = read.map_err(|error| error.below(&format!("{CONDITIONAL}[{at}].")))?;
        tariff.conditional.push(read);
    }
    tariff
        .check()
        .map_err(|error| ApiError::Invalid(error.to_string()))?;
    Ok(tariff)
}

/// A part that says nothing but zero has no price, as if it were not there.
fn base(fields: &mut Fields) -> Result<Price, ApiError> {
    let mut price = partial(fields)?;
    price.per_request = price.per_request.filter(|amount| amount.0 > 0);
    for part in Part::ALL {
        price.set(part, price.own(part).filter(|rate| *rate != Rate::FREE));
    }
    Ok(price)
}

fn conditional_price(mut fields: Fields) -> Result<Conditional, ApiError> {
    let condition = fields.nested("condition")?;
    let condition = condition.ok_or_else(|| ApiError::field("condition", "is required"))?;
    let condition = condition::read(condition).map_err(|error| error.below("condition."))?;
    let mut price = fields.nested("price")?.unwrap_or_default();
    let read = partial(&mut price)
        .and_then(|read| price.finish().map(|()| read))
        .map_err(|error| error.below("price."))?;
    fields.finish()?;
    Ok(Conditional {
        condition,
        price: read,
    })
}

/// The parts that are there.
fn partial(fields: &mut Fields) -> Result<Price, ApiError> {
    let mut price = Price::FREE;
    price.per_request = amount(fields, PER_REQUEST)?;
    for part in Part::ALL {
        let (name, unit_name) = part.field();
        let amount = amount(fields, name)?;
        let unit = fields.int(unit_name, 0, i64::from(Rate::MAX_UNIT))?;
        let unit = unit
            .and_then(|unit| u32::try_from(unit).ok())
            .filter(|unit| *unit > 0);
        if unit.is_some() && amount.is_none() {
            return Err(ApiError::field(
                unit_name,
                format!("is there without {name}"),
            ));
        }
        if amount.is_some() {
            let rate = Rate {
                price: amount.unwrap_or_default(),
                unit: unit.unwrap_or(Rate::DEFAULT_UNIT),
            };
            price.set(part, Some(rate));
        }
    }
    Ok(price)
}

fn amount(fields: &mut Fields, name: &str) -> Result<Option<NanoUsd>, ApiError> {
    let Some(digits) = digits(fields, name) else {
        return Ok(None);
    };
    let amount = digits.parse().map(Some);
    amount.map_err(|rule| ApiError::field(name, rule))
}

/// A number, or a text with one, as it is written: as a float, 0.1 would be something else.
fn digits(fields: &mut Fields, name: &str) -> Option<String> {
    fields.hears(name).is(decimal);
    let raw = fields.raw(name)?;
    let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).ok();
    Some(text(&raw).unwrap_or_else(|| raw.get().to_owned()))
}

// === impl PriceView ===

impl PriceView {
    pub(super) fn whole(price: Price) -> Self {
        Self { price, whole: true }
    }

    fn write<S: SerializeMap>(&self, map: &mut S) -> Result<(), S::Error> {
        if self.whole || self.price.per_request.is_some() {
            let amount = self.price.per_request.unwrap_or_default();
            map.serialize_entry(PER_REQUEST, &Usd(amount))?;
        }
        for part in Part::ALL {
            if self.whole || self.price.own(part).is_some() {
                let rate = self.price.rate(part);
                let (name, unit) = part.field();
                map.serialize_entry(name, &Usd(rate.price))?;
                map.serialize_entry(unit, &rate.unit)?;
            }
        }
        Ok(())
    }
}

impl JsonSchema for PriceView {
    fn schema_name() -> Cow<'static, str> {
        "Price".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let properties = properties();
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}

impl JsonSchema for TariffView {
    fn schema_name() -> Cow<'static, str> {
        "Tariff".into()
    }

    fn json_schema(schemas: &mut SchemaGenerator) -> Schema {
        let mut properties = properties();
        let conditional = schemas.subschema_for::<Vec<ConditionalView>>();
        properties.insert(CONDITIONAL.into(), conditional.into());
        let all: Vec<_> = properties.keys().cloned().collect();
        json_schema!({
            "type": "object", "properties": properties, "required": all, "additionalProperties": false
        })
    }
}

impl JsonSchema for MultiplierView {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Multiplier".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }
}

/// The fields of a price, as they are shown.
fn properties() -> Map<String, Value> {
    let mut properties = Map::new();
    properties.insert(PER_REQUEST.into(), json!({ "type": "number" }));
    for part in Part::ALL {
        let (name, unit) = part.field();
        properties.insert(
            name.into(),
            json!({ "type": "number", "description": "USD" }),
        );
        let description = "Tokens (or searches) that it is the price of";
        properties.insert(
            unit.into(),
            json!({ "type": "integer", "description": description }),
        );
    }
    properties
}

impl Serialize for PriceView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.write(&mut map)?;
        map.end()
    }
}

impl Serialize for TariffView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        PriceView::whole(self.0.base).write(&mut map)?;
        let conditional = self.0.conditional.iter().map(|each| ConditionalView {
            condition: ConditionFields::from(&each.condition),
            price: PriceView {
                price: each.price,
                whole: false,
            },
        });
        map.serialize_entry(CONDITIONAL, &conditional.collect::<Vec<_>>())?;
        map.end()
    }
}

impl Serialize for MultiplierView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string())
            .map_err(S::Error::custom)?
            .serialize(serializer)
    }
}
