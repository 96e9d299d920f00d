//! Which schemas OpenAI takes as strict: every property required, every object closed, and no
//! keyword besides the ones that it knows. Others are answered with 400.
//!
//! <https://platform.openai.com/docs/guides/structured-outputs#supported-schemas>

use super::{is_of_type, says_something};
use crate::dialect::Dialect;
use crate::json::{Json, Kind};
use crate::neutral::Request;
use crate::problem::Losses;
use crate::text::Raw;

const KNOWN: [&str; 17] = [
    "type",
    "required",
    "additionalProperties",
    "enum",
    "const",
    "description",
    "title",
    "pattern",
    "format",
    "multipleOf",
    "maximum",
    "minimum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "minItems",
    "maxItems",
    "$schema",
];
const FORMATS: [&str; 9] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uuid",
];

/// Whether a schema can be strict.
pub(crate) fn is_strict(schema: Json<'_>) -> bool {
    if !says_something(schema) {
        return false;
    }
    let [properties, required, additional] =
        schema.members(["properties", "required", "additionalProperties"]);
    if properties.is_some() || is_of_type(schema, "object") {
        let required: Vec<_> = required
            .map(Json::items)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        // In the order of the properties, as generators write them, or in any.
        let mut properties = properties
            .map(Json::entries)
            .into_iter()
            .flatten()
            .enumerate();
        let is_closed = additional.and_then(Json::as_bool) == Some(false);
        let is_required = |(index, (name, _)): (usize, (_, _))| {
            required.get(index) == Some(&name) || required.contains(&name)
        };
        if !is_closed || !properties.all(is_required) {
            return false;
        }
    }
    schema.entries().all(|(key, value)| match &*key {
        "properties" | "$defs" | "definitions" => {
            value.entries().all(|(_, schema)| is_strict(schema))
        }
        "items" => value.kind() == Kind::Object && is_strict(value),
        "anyOf" => value.items().all(is_strict),
        // It stands alone.
        "$ref" => schema.entries().nth(1).is_none(),
        "format" => value.as_str().is_some_and(|name| FORMATS.contains(&&*name)),
        key => KNOWN.contains(&key),
    })
}

/// What to tell OpenAI of a schema: as its own callers said, and else strict where the caller's
/// provider keeps to schemas (`wanted`) and this one can be.
pub(crate) fn strict_for(
    request: &Request,
    said: Option<bool>,
    wanted: bool,
    schema: Option<&Raw>,
    field: &str,
    losses: &mut Losses,
) -> Option<bool> {
    let is_openai = matches!(
        request.dialect,
        Dialect::OpenaiChat | Dialect::OpenaiResponses
    );
    if is_openai || !wanted {
        return said;
    }
    let fits = schema.map(|schema| schema.json());
    let fits = fits.is_some_and(|root| is_of_type(root, "object") && is_strict(root));
    if !fits {
        losses.note(field, "OpenAI cannot promise to keep to this schema");
    }
    if fits {
        Some(true)
    } else {
        said.map(|_| false)
    }
}
