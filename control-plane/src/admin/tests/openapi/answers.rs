//! What operations answer: what is done, and what every refusal looks like.

use serde_json::Map;

use super::super::*;
use crate::admin::Access;

/// By status.
pub(super) fn responses(
    method: &Method,
    route: &str,
    access: Access,
    has_body: bool,
    contents: Vec<(&'static str, Value)>,
) -> Map<String, Value> {
    let content: Map<String, Value> = contents
        .into_iter()
        .map(|(kind, schema)| (kind.to_owned(), json!({ "schema": schema })))
        .collect();
    let content_is_elsewhere = content.is_empty();
    let mut all = Map::new();
    match content_is_elsewhere {
        true => all.insert(
            "303".into(),
            json!({ "description": "To the address in `Location`" }),
        ),
        false => all.insert(
            "200".into(),
            json!({ "description": "Done", "content": content }),
        ),
    };
    let guarded = access != Access::Anyone;
    let changes = *method != Method::GET || content_is_elsewhere;
    for (code, name, applies) in [
        ("400", "Invalid", true),
        ("401", "Unauthorized", guarded || changes),
        ("403", "Forbidden", guarded || changes),
        // Of what is one's own, too: a wallet, for one.
        (
            "404",
            "NotFound",
            changes || route.contains('{') || route.starts_with("/self"),
        ),
        ("409", "Conflict", changes),
        ("413", "TooLarge", has_body),
        ("429", "TooMany", true),
        ("503", "Unavailable", true),
    ] {
        if applies {
            let reference = format!("#/components/responses/{name}");
            all.insert(code.into(), json!({ "$ref": reference }));
        }
    }
    all
}

pub(super) fn refusals() -> Value {
    let refusal = |description: &str| {
        let schema = json!({ "$ref": "#/components/schemas/Refusal" });
        json!({ "description": description, "content": { "application/json": { "schema": schema } } })
    };
    json!({
        "Invalid": refusal("The message names the field and the rule that it breaks"),
        "Unauthorized": refusal("Nobody is known by what was sent, or nothing was"),
        "Forbidden": refusal("Who is asking may not do that"),
        "NotFound": refusal("There is no such thing, or none that who is asking may know of"),
        "Conflict": refusal("It does not go with what is there; the message names what"),
        "TooLarge": refusal("The body is larger than 2 MiB"),
        "TooMany": refusal("Too many requests or attempts; `Retry-After` says when to come back"),
        "Unavailable": refusal("The database, or a gateway that it takes, is not there; nothing was done"),
    })
}

pub(super) fn envelopes() -> Map<String, Value> {
    let envelope = |success: Value| {
        json!({
            "type": "object",
            "properties": { "success": success, "message": { "type": "string" } },
            "required": ["success", "message"],
        })
    };
    Map::from_iter([
        ("Envelope".into(), envelope(json!({ "type": "boolean" }))),
        ("Done".into(), envelope(json!({ "const": true }))),
        ("Refusal".into(), envelope(json!({ "const": false }))),
    ])
}
