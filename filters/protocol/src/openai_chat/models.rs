//! `GET /v1/models` and `GET /v1/models/{id}`.

use crate::json::{JsonWriter, object_bytes};
use crate::models::ModelEntry;

pub(crate) fn write_list(models: &[ModelEntry<'_>]) -> Vec<u8> {
    object_bytes(|w| {
        w.field_str("object", "list");
        w.field_array("data", |w| {
            for model in models {
                w.object(|w| members(w, model));
            }
        });
    })
}

pub(crate) fn write_one(model: &ModelEntry<'_>) -> Vec<u8> {
    object_bytes(|w| members(w, model))
}

fn members(w: &mut JsonWriter<'_>, model: &ModelEntry<'_>) {
    w.field_str("id", model.id);
    w.field_str("object", "model");
    w.field_u64("created", model.created_unix_s);
    w.field_str("owned_by", model.owned_by);
}
