//! What a logged call cost, by part, as the API writes it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use tollgate_policy::price::{Amounts, NanoUsd, Part};

use crate::admin::answer::Usd;
use crate::domain::Log;

/// AI Proxy's `amount`, and beside its fields those of ours. All but `used_amount` add up to that.
pub(in crate::admin) struct AmountView(Amounts);

/// How many parts are told.
pub(super) const PARTS: usize = 12;

impl AmountView {
    /// Of a row whose parts are known.
    pub(in crate::admin) fn of(log: &Log) -> Option<Self> {
        log.amounts().map(Self)
    }
}

/// Cache writes are one part here, however long they live.
pub(super) fn parts(amounts: &Amounts) -> [(&'static str, NanoUsd); PARTS] {
    let short = amounts.part(Part::CacheCreation5m).0;
    let long = amounts.part(Part::CacheCreation1h).0;
    [
        ("per_request_amount", amounts.per_request),
        ("input_amount", amounts.part(Part::Input)),
        ("image_input_amount", amounts.part(Part::ImageInput)),
        ("audio_input_amount", amounts.part(Part::AudioInput)),
        ("video_input_amount", amounts.part(Part::VideoInput)),
        ("cached_amount", amounts.part(Part::Cached)),
        ("cache_creation_amount", NanoUsd(short.saturating_add(long))),
        ("output_amount", amounts.part(Part::Output)),
        ("image_output_amount", amounts.part(Part::ImageOutput)),
        ("audio_output_amount", amounts.part(Part::AudioOutput)),
        ("reasoning_amount", amounts.part(Part::Reasoning)),
        ("web_search_amount", amounts.part(Part::WebSearch)),
    ]
}

impl Serialize for AmountView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = parts(&self.0).into_iter();
        let whole = [("used_amount", self.0.total())];
        serializer.collect_map(parts.chain(whole).map(|(name, amount)| (name, Usd(amount))))
    }
}

impl JsonSchema for AmountView {
    fn schema_name() -> Cow<'static, str> {
        "LogAmount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let parts = parts(&Amounts::default());
        let names = parts.map(|(name, _)| name).into_iter();
        let names: Vec<_> = names.chain(["used_amount"]).collect();
        let number = json!({ "type": "number", "description": "USD, with every digit" });
        let properties: Map<String, Value> = names
            .iter()
            .map(|name| ((*name).to_owned(), number.clone()))
            .collect();
        json_schema!({
            "type": "object", "properties": properties, "required": names,
            "additionalProperties": false,
            "description": "The parts of used_amount, which add up to it exactly. Tokens without a \
                price of their own are in input_amount or output_amount. Of what rounding leaves of \
                a nano-dollar, each part hands on its rest to the next: per request; cached, cache \
                creation, image, audio, video and other input; reasoning, image, audio and other \
                output; searches."
        })
    }
}
