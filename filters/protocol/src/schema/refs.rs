//! References within a schema, `{"$ref": "#/$defs/name"}`.

use std::borrow::Cow;

use crate::json::Json;

/// What a reference of this schema stands for, unless it leads out of the schema.
pub(super) fn resolve<'a>(root: Json<'a>, reference: &str) -> Option<Json<'a>> {
    let path = reference.strip_prefix('#')?;
    let mut steps = path.split('/').skip(1);
    steps.try_fold(root, |at, step| {
        at.get(&step.replace("~1", "/").replace("~0", "~"))
    })
}

/// The reference of a schema that is one.
pub(super) fn reference<'a>(schema: Json<'a>) -> Option<Cow<'a, str>> {
    schema.get("$ref")?.as_str()
}
