//! `GET /v1beta/models` (one page holds them all) and `GET /v1beta/models/{id}`.

use crate::json::{JsonWriter, object_bytes};
use crate::models::ModelEntry;

pub(super) fn write_list(models: &[ModelEntry<'_>]) -> Vec<u8> {
    object_bytes(|w| {
        w.field_array("models", |w| {
            for model in models {
                w.object(|w| members(w, model));
            }
        });
    })
}

pub(super) fn write_one(model: &ModelEntry<'_>) -> Vec<u8> {
    object_bytes(|w| members(w, model))
}

fn members(w: &mut JsonWriter<'_>, model: &ModelEntry<'_>) {
    w.key("name");
    w.strings(&["models/", model.id]);
    w.field_str("displayName", model.id);
    w.field_array("supportedGenerationMethods", |w| {
        w.string("generateContent");
        w.string("streamGenerateContent");
    });
}
