//! The price that one call was booked with.

use serde::Deserialize;
use serde_json::{Error, Map, Value};
use tollgate_policy::price::{Condition, Multiplier, Price};

use super::{ConditionFields, json, price_from_map, price_to_map};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookedPrice {
    /// With all that it inherited.
    pub price: Price,
    /// Under which it applied; none: always.
    pub condition: Option<Condition>,
    /// What the group paid of it.
    pub multiplier: Multiplier,
    /// It was the group's own, not the model's.
    pub of_group: bool,
}

const CONDITION: &str = "condition";
const MULTIPLIER: &str = "multiplier_nano";
const OF_GROUP: &str = "of_group";

impl BookedPrice {
    /// The price's fields, and beside them whatever is not usual.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut stored = price_to_map(&self.price);
        if let Some(condition) = &self.condition {
            let condition = json(&ConditionFields::from(condition));
            stored.insert(CONDITION.to_owned(), condition);
        }
        if self.multiplier != Multiplier::ONE {
            stored.insert(MULTIPLIER.to_owned(), self.multiplier.nano().into());
        }
        if self.of_group {
            stored.insert(OF_GROUP.to_owned(), true.into());
        }
        Value::Object(stored).to_string()
    }

    /// # Errors
    /// When the text is not what [`BookedPrice::to_json`] writes.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let stored: Map<String, Value> = serde_json::from_str(text)?;
        let condition = stored.get(CONDITION).map(ConditionFields::deserialize);
        let multiplier = stored.get(MULTIPLIER).map(i64::deserialize);
        Ok(Self {
            price: price_from_map(&stored)?,
            condition: condition.transpose()?.map(Condition::from),
            multiplier: multiplier
                .transpose()?
                .map_or(Multiplier::ONE, Multiplier::from_nano),
            of_group: stored.get(OF_GROUP).and_then(Value::as_bool) == Some(true),
        })
    }
}
